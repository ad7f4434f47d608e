//! The route as one object: load a bundle once, code any number of charts.

mod pruned;
mod scoring;

use std::path::Path;

use chartcode_kernels::Precision;
pub use pruned::PrunedLabels;
use pruned::Totals;
pub use scoring::StageSeconds;
use scoring::{ALL_LOGITS, REPORT};
pub(crate) use scoring::{Answer, Needs, Scored, segments};

use crate::attribution::{self, TokenSupport};
use crate::bundle::{Bundle, Labels, Manifest};
use crate::chart::Chart;
use crate::code_batch::CodeBatch;
use crate::cuts::Cuts;
use crate::decide::{self, Decision};
use crate::embedding::Embedding;
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::explain::{self, Explanation};
use crate::head::{Head, TextFeatures, TextRule};
use crate::options::{EvidenceKind, Options};
use crate::prepare::{Preparation, Prepared};
use crate::report::{self, CodeReport, ReadStats, Report, Stamp};
use crate::setup;
use crate::tokens::{Tokenizer, Tokens};

/// A bundle loaded and ready to code charts. One engine serves any number of threads.
#[derive(Debug)]
pub struct Engine {
    manifest: Manifest,
    labels: Labels,
    tokenizer: Tokenizer,
    encoder: Encoder,
    head: Option<Head>,
    cuts: Cuts,
    top: Option<usize>,
    evidence: EvidenceKind,
    /// Whether labels that cannot be in a report are ruled out before they are computed.
    prune: bool,
    pruned: Totals,
    stamp: Stamp,
    path: std::path::PathBuf,
    threads: rayon::ThreadPool,
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
    pub fn from_bundle(mut bundle: Bundle, options: Options) -> Result<Self> {
        if options.threshold.is_some() {
            bundle.label_thresholds.clear();
        }
        let device = options.device.open()?;
        let threads = setup::thread_pool(options)?;
        let thresholds = setup::thresholds(&bundle.manifest, options)?;
        let (encoder, head) = threads.install(|| bundle.build((&device, options.precision)))?;
        let special = bundle.tokenizer.prefix().len() + bundle.tokenizer.suffix().len();
        setup::check_windows(&bundle, &encoder, special)?;
        Ok(Self {
            cuts: setup::cuts(&bundle, thresholds),
            stamp: setup::stamp(&bundle, thresholds, options),
            top: options.top,
            evidence: options.evidence,
            prune: options.prune,
            pruned: Totals::default(),
            path: bundle.path().to_owned(),
            manifest: bundle.manifest,
            labels: bundle.labels,
            tokenizer: bundle.tokenizer,
            encoder,
            head,
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
        self.answer_one(chart, REPORT)
    }

    /// Codes a stream of charts in bounded memory, in their order. A chart that fails does not
    /// stop the others; each chart's answer is the one that [`Engine::code`] gives.
    pub fn code_batch<I: IntoIterator<Item = Chart>>(
        &self,
        charts: I,
    ) -> CodeBatch<'_, I::IntoIter> {
        CodeBatch::new(self, charts.into_iter(), REPORT)
    }

    /// One logit a label, in the order of [`Engine::labels`].
    ///
    /// # Errors
    /// As [`Engine::code`].
    pub fn logits(&self, chart: &Chart) -> Result<Vec<f32>> {
        self.answer_one(chart, ALL_LOGITS)
    }

    /// The logits of a stream of charts, as [`Engine::code_batch`] codes them: in bounded memory,
    /// in their order, for each chart what [`Engine::logits`] gives.
    pub fn logits_batch<I: IntoIterator<Item = Chart>>(
        &self,
        charts: I,
    ) -> CodeBatch<'_, I::IntoIter, Vec<f32>> {
        CodeBatch::new(self, charts.into_iter(), ALL_LOGITS)
    }

    /// All logits of a chart, and the passages behind `labels`, whatever their probability.
    ///
    /// # Errors
    /// As [`Engine::code`]; [`Error::Option`] where there is no such label.
    pub fn explain(&self, chart: &Chart, labels: &[usize]) -> Result<Explanation> {
        labels.iter().try_for_each(|&label| self.check_label(label))?;
        self.answer(chart, Needs::All, |engine, chart, prepared, scored| {
            let evidence = explain::evidence(engine, chart, prepared, scored, labels)?;
            Ok(Explanation { logits: scored.logits.clone(), evidence })
        })
    }

    /// The calibrated probability of a logit, in `[0, 1]`.
    #[must_use]
    pub fn probability(&self, logit: f32) -> f64 {
        self.manifest.calibration.probability(logit)
    }

    /// What is to happen with a label of this logit, by the thresholds of this engine.
    #[must_use]
    pub fn decide(&self, label: usize, logit: f32) -> Decision {
        self.cuts.decide(label, logit)
    }

    /// How many threads it computes with.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// What large products are computed in.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.stamp.precision
    }

    /// How many labels bounds have ruled out so far, of all charts together; nothing where no label
    /// was to be ruled out, or none could be: see [`Options::prune`].
    #[must_use]
    pub fn pruned(&self) -> Option<PrunedLabels> {
        self.pruned.get()
    }

    /// Computes a chart's logits with all threads and says where the time went.
    ///
    /// # Errors
    /// As [`Engine::code`].
    pub fn time_stages(&self, chart: &Chart) -> Result<StageSeconds> {
        self.threads.install(|| self.time(chart))
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

    /// The features that a linear head with this rule reads in a chart, in as much of it as the
    /// engine reads.
    ///
    /// # Errors
    /// [`Error::Tokenize`], [`Error::NoTokens`].
    pub fn text_features(&self, chart: &Chart, rule: &TextRule) -> Result<TextFeatures> {
        self.threads.install(|| Ok(rule.features(self.prepare(chart)?.read(chart.text()))))
    }

    /// What every token of a chart is to a label, special tokens and padding included, in the
    /// order in which the head reads them; nothing for description and linear heads, which weigh
    /// passages.
    ///
    /// # Errors
    /// As [`Engine::code`]; [`Error::Option`] where there is no such label.
    pub fn token_support(&self, chart: &Chart, label: usize) -> Result<Option<Vec<TokenSupport>>> {
        attribution::token_support(self, chart, label)
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

    pub(crate) fn head(&self) -> Result<&Head> {
        self.head.as_ref().ok_or_else(|| Error::NoHead { path: self.path.clone() })
    }

    /// Steps 7 to 10.
    fn report(&self, chart: &Chart, prepared: &Prepared, scored: &Scored) -> Result<Report> {
        let labels =
            decide::select(&scored.logits, self.top, |label, logit| self.suggests(label, logit));
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

    /// Whether a label of this logit is suggested.
    pub(crate) fn suggests(&self, label: usize, logit: f32) -> bool {
        self.cuts.suggests(label, logit)
    }

    pub(crate) fn check_label(&self, label: usize) -> Result<()> {
        if label < self.labels.len() {
            return Ok(());
        }
        let range = "the labels of the bundle";
        Err(Error::Option { option: "the label", value: label as f64, range })
    }

    fn code_report(&self, label: usize, logit: f32, evidence: Vec<Evidence>) -> CodeReport {
        CodeReport {
            system: self.manifest.labels.as_ref().map_or_else(String::new, |l| l.system.clone()),
            code: self.labels.code(label).to_owned(),
            title: self.labels.title(label).to_owned(),
            logit,
            probability: self.probability(logit),
            decision: self.decide(label, logit),
            billable: self.labels.is_billable(label),
            evidence,
        }
    }
}
