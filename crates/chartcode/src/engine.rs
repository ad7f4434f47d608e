//! The route as one object: load a bundle once, code any number of charts.

use std::path::Path;

use rayon::prelude::*;

use crate::attribution::{self, TokenSupport};
use crate::batch::{self, Window};
use crate::bundle::{Bundle, Labels, Manifest};
use crate::chart::Chart;
use crate::code_batch::CodeBatch;
use crate::decide::{self, Decision, Thresholds};
use crate::embedding::Embedding;
use crate::encoder::{Encoder, Input};
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::explain;
use crate::head::{Head, State, WindowFeatures};
use crate::options::{EvidenceKind, Options};
use crate::prepare::{Preparation, Prepared};
use crate::report::{self, CodeReport, ReadStats, Report, Stamp};
use crate::setup;
use crate::tokens::{Tokenizer, Tokens};

/// Tokens that one thread encodes at a time. More would not make the products faster, only
/// push their operands out of the cache.
const BATCH_TOKENS: usize = 1024;

/// Tokens whose features are held at a time: memory stays bounded however long a chart is.
const SEGMENT_TOKENS: usize = 16 * 1024;

/// A bundle loaded and ready to code charts. One engine serves any number of threads.
#[derive(Debug)]
pub struct Engine {
    manifest: Manifest,
    labels: Labels,
    tokenizer: Tokenizer,
    encoder: Encoder,
    head: Option<Head>,
    thresholds: Thresholds,
    top: Option<usize>,
    evidence: EvidenceKind,
    stamp: Stamp,
    path: std::path::PathBuf,
    threads: rayon::ThreadPool,
}

/// A chart's logits with what is needed to find the passages behind them.
pub(crate) struct Scored {
    pub(crate) logits: Vec<f32>,
    pub(crate) state: State,
    /// The windows' features, where the chart was short enough to keep them.
    pub(crate) features: Option<Vec<WindowFeatures>>,
}

impl Engine {
    /// Reads the bundle at `path`, a folder, and gets ready to compute.
    ///
    /// # Errors
    /// What [`Bundle::open`] gives, tensors that do not fit the configuration, a device that is
    /// not there, an option out of range.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::from_bundle(Bundle::open(path)?, options)
    }

    /// As [`Engine::load`], from a bundle that was opened before.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn from_bundle(bundle: Bundle, options: Options) -> Result<Self> {
        let device = options.device.open()?;
        let threads = setup::thread_pool(options)?;
        let thresholds = setup::thresholds(&bundle.manifest, options)?;
        let (encoder, head) = threads.install(|| bundle.build(&device))?;
        let special = bundle.tokenizer.prefix().len() + bundle.tokenizer.suffix().len();
        setup::check_windows(&bundle, &encoder, special)?;
        Ok(Self {
            stamp: setup::stamp(&bundle, thresholds, options),
            top: options.top,
            evidence: options.evidence,
            path: bundle.path().to_owned(),
            manifest: bundle.manifest,
            labels: bundle.labels,
            tokenizer: bundle.tokenizer,
            encoder,
            head,
            thresholds,
            threads,
        })
    }

    /// What the bundle says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Code and title of each label, in the order of [`Engine::logits`].
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The encoder, for hidden states.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Fails at once where no chart could be coded, only embedded.
    ///
    /// # Errors
    /// [`Error::NoHead`] where the bundle is an encoder only.
    pub fn require_head(&self) -> Result<()> {
        self.head().map(drop)
    }

    /// What every report of this engine is stamped with.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Codes one chart, of any length, with all threads.
    ///
    /// # Errors
    /// [`Error::NoHead`] where the bundle is an encoder only, [`Error::NoTokens`],
    /// [`Error::NotFiniteLogit`], [`Error::Tensor`].
    pub fn code(&self, chart: &Chart) -> Result<Report> {
        self.threads.install(|| {
            let prepared = self.prepare(chart)?;
            let scored = self.score(chart, &prepared)?;
            self.report(chart, &prepared, &scored)
        })
    }

    /// Codes a stream of charts in bounded memory, in their order. A chart that fails does not
    /// stop the others; each chart's answer is the one that [`Engine::code`] gives.
    pub fn code_batch<I: IntoIterator<Item = Chart>>(
        &self,
        charts: I,
    ) -> CodeBatch<'_, I::IntoIter> {
        CodeBatch::new(self, charts.into_iter())
    }

    /// One logit a label, in the order of [`Engine::labels`].
    ///
    /// # Errors
    /// As [`Engine::code`].
    pub fn logits(&self, chart: &Chart) -> Result<Vec<f32>> {
        self.threads.install(|| {
            let prepared = self.prepare(chart)?;
            Ok(self.score(chart, &prepared)?.logits)
        })
    }

    /// Vectors of a chart and of its windows: hidden states mean-pooled and scaled to length 1.
    ///
    /// # Errors
    /// [`Error::NoTokens`], [`Error::Tensor`].
    pub fn embed(&self, chart: &Chart) -> Result<Embedding> {
        self.threads.install(|| {
            let prepared = self.prepare(chart)?;
            Embedding::of(self, &prepared)
        })
    }

    /// The tokens of a chart, as the encoder reads them.
    ///
    /// # Errors
    /// [`Error::Tokenize`].
    pub fn tokens(&self, chart: &Chart) -> Result<Tokens> {
        self.threads.install(|| Ok(self.preparation().tokens(chart)?.0))
    }

    /// What every token of a chart is to a label, special tokens and padding included, in the
    /// order in which the head reads them; nothing for a description head, which weighs passages.
    ///
    /// # Errors
    /// As [`Engine::code`]; [`Error::Option`] where there is no such label.
    pub fn token_support(&self, chart: &Chart, label: usize) -> Result<Option<Vec<TokenSupport>>> {
        attribution::token_support(self, chart, label)
    }

    /// Runs `work` on the engine's own threads.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.install(work)
    }

    /// Steps 2 and 3: tokens and windows.
    pub(crate) fn prepare(&self, chart: &Chart) -> Result<Prepared> {
        self.preparation().prepare(chart)
    }

    fn preparation(&self) -> Preparation<'_> {
        Preparation {
            manifest: &self.manifest,
            tokenizer: &self.tokenizer,
            head: self.head.as_ref(),
            padding: self.encoder.config().pad_token_id,
            extra_rows: self.encoder.config().extra_rows(),
        }
    }

    /// Steps 4 to 6 for one chart.
    pub(crate) fn score(&self, chart: &Chart, prepared: &Prepared) -> Result<Scored> {
        let head = self.head()?;
        let mut state = head.start();
        let mut features = Vec::new();
        for segment in segments(&prepared.windows) {
            features = self.segment_features(head, segment)?;
            head.absorb(&mut state, &features)?;
        }
        let is_whole = features.len() == prepared.windows.len();
        self.finish(chart, head, state, is_whole.then_some(features))
    }

    /// Steps 4 to 10 for several charts at once: their windows share batches.
    pub(crate) fn code_group(&self, charts: &[Chart]) -> Vec<Result<Report>> {
        let prepared: Vec<Result<Prepared>> =
            charts.par_iter().map(|chart| self.prepare(chart)).collect();
        let windows: Vec<&Window> =
            prepared.iter().flatten().flat_map(|prepared| &prepared.windows).collect();
        let Ok(features) = self.head().and_then(|head| self.features(head, &windows)) else {
            // Of one chart's failure the others must not suffer: each is tried alone.
            return charts.iter().map(|chart| self.code(chart)).collect();
        };
        let mut rest = features.into_iter();
        let mut reports = Vec::with_capacity(charts.len());
        for (chart, prepared) in charts.iter().zip(prepared) {
            reports.push(prepared.and_then(|prepared| {
                let own: Vec<WindowFeatures> = rest.by_ref().take(prepared.windows.len()).collect();
                let scored = self.score_features(chart, &prepared, own)?;
                self.report(chart, &prepared, &scored)
            }));
        }
        reports
    }

    /// Step 6 for one chart whose windows are encoded, in the same segments as [`Engine::score`].
    fn score_features(
        &self,
        chart: &Chart,
        prepared: &Prepared,
        features: Vec<WindowFeatures>,
    ) -> Result<Scored> {
        let head = self.head()?;
        let mut state = head.start();
        let mut rest = features.as_slice();
        for segment in segments(&prepared.windows) {
            let (own, behind) = rest.split_at(segment.len());
            rest = behind;
            head.absorb(&mut state, own)?;
        }
        self.finish(chart, head, state, Some(features))
    }

    /// The features of one segment's windows.
    pub(crate) fn segment_features(
        &self,
        head: &Head,
        segment: &[Window],
    ) -> Result<Vec<WindowFeatures>> {
        let windows: Vec<&Window> = segment.iter().collect();
        self.features(head, &windows)
    }

    pub(crate) fn head(&self) -> Result<&Head> {
        self.head.as_ref().ok_or_else(|| Error::NoHead { path: self.path.clone() })
    }

    /// Encodes windows in batches, on all threads; the features come back in the windows' order.
    fn features(&self, head: &Head, windows: &[&Window]) -> Result<Vec<WindowFeatures>> {
        self.in_batches(windows, |hidden, batch| head.features(hidden, batch))
    }

    /// Encodes windows in batches and applies `pool` to each batch's hidden states `[rows, H]`,
    /// which gives one value a window; they come back in the windows' order.
    pub(crate) fn in_batches<T: Send>(
        &self,
        windows: &[&Window],
        pool: impl Fn(&candle_core::Tensor, &[&Window]) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let lengths: Vec<usize> = windows.iter().map(|window| window.ids.len()).collect();
        let batches = batch::pack(&lengths, BATCH_TOKENS, rayon::current_num_threads());
        let pooled: Vec<(usize, T)> = batches
            .into_par_iter()
            .map(|batch| {
                let members: Vec<&Window> = batch.iter().map(|&index| windows[index]).collect();
                let inputs: Vec<Input<'_>> = members.iter().map(|w| w.input()).collect();
                let pooled = pool(&self.encoder.encode(&inputs)?, &members)?;
                Ok(batch.into_iter().zip(pooled).collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        let mut ordered: Vec<Option<T>> = (0..windows.len()).map(|_| None).collect();
        for (index, value) in pooled {
            ordered[index] = Some(value);
        }
        Ok(ordered.into_iter().flatten().collect())
    }

    fn finish(
        &self,
        chart: &Chart,
        head: &Head,
        state: State,
        features: Option<Vec<WindowFeatures>>,
    ) -> Result<Scored> {
        let logits = head.logits(&state);
        match logits.iter().position(|logit| !logit.is_finite()) {
            None => Ok(Scored { logits, state, features }),
            Some(label) => Err(Error::NotFiniteLogit {
                id: chart.id().to_owned(),
                label: self.labels.code(label).to_owned(),
            }),
        }
    }

    /// Steps 7 to 10.
    fn report(&self, chart: &Chart, prepared: &Prepared, scored: &Scored) -> Result<Report> {
        let labels = decide::select(&scored.logits, self.top, |logit| self.suggests(logit));
        let evidence = explain::evidence(self, chart, prepared, scored, &labels)?;
        let codes = labels
            .into_iter()
            .zip(evidence)
            .map(|(label, evidence)| self.code_report(label, scored.logits[label], evidence))
            .collect();
        Ok(Report {
            format: report::FORMAT,
            id: chart.id().to_owned(),
            codes,
            read: ReadStats {
                bytes: chart.text().len(),
                characters: chart.text().chars().count(),
                tokens: prepared.tokens.len(),
                unread_tokens: prepared.unread,
                windows: prepared.windows.len(),
            },
            made_by: self.stamp.clone(),
        })
    }

    /// By what passages are chosen.
    pub(crate) fn evidence_kind(&self) -> EvidenceKind {
        self.evidence
    }

    /// Whether a code of this logit is suggested.
    pub(crate) fn suggests(&self, logit: f32) -> bool {
        let probability = self.manifest.calibration.probability(logit);
        self.thresholds.decide(probability) != Decision::Drop
    }

    fn code_report(&self, label: usize, logit: f32, evidence: Vec<Evidence>) -> CodeReport {
        let probability = self.manifest.calibration.probability(logit);
        CodeReport {
            system: self.manifest.labels.as_ref().map_or_else(String::new, |l| l.system.clone()),
            code: self.labels.code(label).to_owned(),
            title: self.labels.title(label).to_owned(),
            logit,
            probability,
            decision: self.thresholds.decide(probability),
            evidence,
        }
    }
}

/// Runs of windows of at most [`SEGMENT_TOKENS`] tokens.
pub(crate) fn segments(windows: &[Window]) -> impl Iterator<Item = &[Window]> {
    let mut rest = windows;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |window: &Window| {
            tokens += window.ids.len();
            tokens <= SEGMENT_TOKENS
        };
        let count = rest.iter().map(fits).take_while(|&fits| fits).count().max(1).min(rest.len());
        let (segment, behind) = rest.split_at(count);
        rest = behind;
        (!segment.is_empty()).then_some(segment)
    })
}
