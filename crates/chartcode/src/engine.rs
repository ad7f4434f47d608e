//! The route as one object: load a bundle once, code any number of charts.

use std::path::Path;

use rayon::prelude::*;

use crate::batch::{self, Window};
use crate::bundle::{Bundle, Labels, Manifest};
use crate::chart::Chart;
use crate::code_batch::CodeBatch;
use crate::decide::{self, Decision, Thresholds};
use crate::embedding::Embedding;
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::evidence;
use crate::head::{Cut, Head, PooledSpan, State, Support, WindowFeatures};
use crate::options::Options;
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
    stamp: Stamp,
    path: std::path::PathBuf,
    threads: rayon::ThreadPool,
}

/// A chart on its way: its tokens, and the windows they were cut into.
pub(crate) struct Prepared {
    pub(crate) tokens: Tokens,
    pub(crate) windows: Vec<Window>,
}

/// A chart's logits with what is needed to find the passages behind them.
struct Scored {
    logits: Vec<f32>,
    state: State,
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
        let (encoder, head) = threads.install(|| {
            let config = bundle.config.clone();
            let encoder = Encoder::load(&bundle.encoder_weights, config, &device)?;
            Ok::<_, Error>((encoder, Head::load(&bundle, &device)?))
        })?;
        let special = bundle.tokenizer.prefix().len() + bundle.tokenizer.suffix().len();
        setup::check_windows(&bundle, &encoder, special)?;
        Ok(Self {
            stamp: setup::stamp(&bundle, thresholds, options),
            top: options.top,
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
        self.threads.install(|| self.tokenizer.encode(chart))
    }

    /// Runs `work` on the engine's own threads.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.install(work)
    }

    /// Steps 2 and 3: tokens and windows.
    pub(crate) fn prepare(&self, chart: &Chart) -> Result<Prepared> {
        let tokens = self.tokenizer.encode(chart)?;
        if tokens.is_empty() {
            return Err(Error::NoTokens { id: chart.id().to_owned() });
        }
        let (prefix, suffix) = (self.tokenizer.prefix(), self.tokenizer.suffix());
        let windows = self
            .manifest
            .windows
            .cut(chart.text(), &tokens, prefix.len() + suffix.len())
            .into_iter()
            .map(|window| {
                let ids = [prefix, &tokens.ids[window.clone()], suffix].concat();
                let cut = Cut { ids: &ids, window: window.clone(), lead: prefix.len() };
                let spans = self.spans(&cut);
                Window { ids, tokens: window, spans }
            })
            .collect();
        Ok(Prepared { tokens, windows })
    }

    fn spans(&self, cut: &Cut<'_>) -> Vec<PooledSpan> {
        self.head.as_ref().map_or_else(|| vec![cut.whole()], |head| head.spans(cut))
    }

    /// Steps 4 to 6 for one chart.
    fn score(&self, chart: &Chart, prepared: &Prepared) -> Result<Scored> {
        let head = self.head()?;
        let mut state = head.start();
        for segment in segments(&prepared.windows) {
            let windows: Vec<&Window> = segment.iter().collect();
            head.absorb(&mut state, &self.features(head, &windows)?)?;
        }
        self.finish(chart, head, state)
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
        let mut rest = features.as_slice();
        let mut reports = Vec::with_capacity(charts.len());
        for (chart, prepared) in charts.iter().zip(prepared) {
            reports.push(prepared.and_then(|prepared| {
                let (own, behind) = rest.split_at(prepared.windows.len());
                rest = behind;
                let head = self.head()?;
                let mut state = head.start();
                head.absorb(&mut state, own)?;
                let scored = self.finish(chart, head, state)?;
                self.report(chart, &prepared, &scored)
            }));
        }
        reports
    }

    fn head(&self) -> Result<&Head> {
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
                let ids: Vec<&[u32]> = members.iter().map(|w| w.ids.as_slice()).collect();
                let pooled = pool(&self.encoder.forward(&ids)?, &members)?;
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

    fn finish(&self, chart: &Chart, head: &Head, state: State) -> Result<Scored> {
        let logits = head.logits(&state);
        match logits.iter().position(|logit| !logit.is_finite()) {
            None => Ok(Scored { logits, state }),
            Some(label) => Err(Error::NotFiniteLogit {
                id: chart.id().to_owned(),
                label: self.labels.code(label).to_owned(),
            }),
        }
    }

    /// Steps 7 to 10.
    fn report(&self, chart: &Chart, prepared: &Prepared, scored: &Scored) -> Result<Report> {
        let codes = decide::select(&scored.logits, self.top, |logit| self.suggests(logit))
            .into_iter()
            .map(|label| self.code_report(chart, prepared, scored, label))
            .collect::<Result<_>>()?;
        Ok(Report {
            format: report::FORMAT,
            id: chart.id().to_owned(),
            codes,
            read: ReadStats {
                bytes: chart.text().len(),
                characters: chart.text().chars().count(),
                tokens: prepared.tokens.len(),
                windows: prepared.windows.len(),
            },
            made_by: self.stamp.clone(),
        })
    }

    /// Whether a code of this logit is suggested.
    fn suggests(&self, logit: f32) -> bool {
        let probability = self.manifest.calibration.probability(logit);
        self.thresholds.decide(probability) != Decision::Drop
    }

    fn code_report(
        &self,
        chart: &Chart,
        prepared: &Prepared,
        scored: &Scored,
        label: usize,
    ) -> Result<CodeReport> {
        let logit = scored.logits[label];
        let probability = self.manifest.calibration.probability(logit);
        let spans = &prepared.tokens.spans;
        let passages: Vec<_> = self
            .head()?
            .support(&scored.state, label)
            .into_iter()
            .enumerate()
            // The best passage is always shown, others where they would be enough by themselves.
            .filter(|(rank, passage)| *rank == 0 || self.suggests(passage.logit_alone))
            .map(|(_, Support { tokens, contribution, .. })| {
                (spans[tokens.start].cover(spans[tokens.end - 1]), contribution)
            })
            .collect();
        Ok(CodeReport {
            system: self.manifest.labels.as_ref().map_or_else(String::new, |l| l.system.clone()),
            code: self.labels.code(label).to_owned(),
            title: self.labels.title(label).to_owned(),
            logit,
            probability,
            decision: self.thresholds.decide(probability),
            evidence: evidence::gather(chart.text(), &passages),
        })
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
