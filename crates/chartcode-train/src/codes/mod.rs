//! Fine-tuning of an encoder with a new label-attention head on labelled charts.

mod data;
mod head;
mod judge;
mod labels;
mod source;
mod task;
mod tune;
mod write;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use candle_core::Device;
use chartcode::{Bundle, WindowRule};
use chartcode_eval::DataIssue;
use serde::{Deserialize, Serialize};

use crate::encoder::{EncoderOptions, TrainableEncoder};
use crate::error::{Error, Result};
use crate::run::{
    Event, LoopOptions, OnEvent, RunFolder, Settings, Trainer, digest_of, finish, note, on_threads,
    tell,
};

use data::Charts;
use head::LaatHead;
pub use source::ChartsFile;
use task::Coder;

/// How a coder is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodesOptions {
    /// The loop; a step is one of the optimizer.
    pub training: LoopOptions,
    /// Charts of each step, whose gradients are added up.
    pub batch: usize,
    /// What the head's learning rate is, times the encoder's.
    pub head_rate: f64,
    /// Targets are moved so far towards ½: `y (1 − s) + s / 2`.
    pub label_smoothing: f64,
    /// Weight of R-drop's penalty (Liang et al. 2021); at 0 a chart is read once, not twice.
    pub r_drop: f64,
    /// Width of the head's keys; the encoder's own where none is given.
    pub head_width: Option<usize>,
    /// Windows of so many tokens cut from the chart as a whole, as PLM-ICD has them; the bundle's
    /// own windows where none is given.
    pub window_tokens: Option<usize>,
    /// Of a training chart only the windows within so many tokens are learnt from; how many that
    /// concerns is told. Held-out charts are read to their end.
    pub most_tokens: usize,
    /// Codes in fewer training charts are no labels, where labels are not listed.
    pub least_charts: usize,
    /// Dropout of hidden states and of attention.
    pub dropout: f32,
    /// Leave the embeddings as they are.
    pub freeze_embeddings: bool,
    /// Leave so many of the lowest layers as they are.
    pub freeze_layers: usize,
}

impl Default for CodesOptions {
    /// The settings of PLM-ICD (Huang et al. 2022), with a faster head.
    fn default() -> Self {
        Self {
            training: LoopOptions::default(),
            batch: 8,
            head_rate: 10.0,
            label_smoothing: 0.0,
            r_drop: 0.0,
            head_width: None,
            window_tokens: None,
            most_tokens: 6144,
            least_charts: 1,
            dropout: 0.1,
            freeze_embeddings: false,
            freeze_layers: 0,
        }
    }
}

/// What is read and where the result goes.
#[derive(Clone, Debug)]
pub struct CodesFiles {
    /// Charts to learn from.
    pub charts: ChartsFile,
    /// Charts to judge by, and to set the threshold on.
    pub dev: ChartsFile,
    /// A list of labels, a code a line with or without a title behind a tab; without it the codes
    /// of the training charts.
    pub labels: Option<PathBuf>,
    /// The code system, where the charts have several.
    pub system: Option<String>,
    /// The folder: the bundle goes into its `bundle`, beside the log and the checkpoints.
    pub output: PathBuf,
    /// The result's name.
    pub id: String,
    /// What the user says of the data and their licence.
    pub data_note: Option<String>,
    /// The day, `YYYY-MM-DD`, for the record of what thresholds rest on.
    pub date: Option<String>,
    /// Threads to compute with; all of the machine's where none is given.
    pub threads: Option<NonZeroUsize>,
}

/// What a training came to.
#[derive(Clone, Debug, Serialize)]
pub struct CodesSummary {
    /// Where the bundle is.
    pub bundle: PathBuf,
    /// Labels, and their system.
    pub labels: usize,
    /// Their system.
    pub system: String,
    /// Charts that were learnt from.
    pub charts: usize,
    /// Charts that were judged by.
    pub dev_charts: usize,
    /// Charts of those with the id of a training chart: figures are too good by them.
    pub shared_charts: usize,
    /// Training charts longer than the limit, of which only the beginning was learnt from.
    pub cut_charts: usize,
    /// Tokens of those that were not.
    pub cut_tokens: usize,
    /// What could not be used as it stands, of the training charts and of the others.
    pub issues: Vec<DataIssue>,
    /// Of the held-out charts.
    pub dev_issues: Vec<DataIssue>,
    /// Steps made.
    pub steps: u64,
    /// Whether early stopping ended it.
    pub stopped_early: bool,
    /// The step it was taken up at; 0 where it was not interrupted.
    pub resumed_at: u64,
    /// The step whose weights were kept.
    pub best_step: u64,
    /// The held-out figures of that step.
    pub dev: BTreeMap<String, f64>,
    /// The threshold: the highest micro-F1 on the held-out charts.
    pub threshold: f64,
    /// Micro-F1 with it on the charts it was chosen on.
    pub micro_f1: Option<f64>,
    /// Micro-F1 on charts it was not chosen on, cross-validated over the held-out charts.
    pub cross_validated_micro_f1: Option<f64>,
}

/// Trains an encoder and a label-attention head (LAAT) on labelled charts.
///
/// The same call goes on with a training that was interrupted, and ends with the bytes that an
/// uninterrupted one with as many threads ends with.
///
/// # Errors
/// Every way in which files, options and checkpoints can be wrong; see [`Error`].
pub fn train_codes(
    bundle: &Bundle,
    files: &CodesFiles,
    options: &CodesOptions,
    on_event: OnEvent<'_>,
) -> Result<CodesSummary> {
    on_threads(files.threads, || train(bundle, files, options, on_event))
}

fn train(
    bundle: &Bundle,
    files: &CodesFiles,
    options: &CodesOptions,
    on_event: OnEvent<'_>,
) -> Result<CodesSummary> {
    options.check()?;
    let folder = RunFolder::open(&files.output)?;
    let rule = options.windows(bundle);
    let cutter = bundle.cutter(rule)?;
    tell(on_event, Event::Stage("reading charts", None), 0)?;
    let train = Charts::read(&files.charts, &cutter)?;
    let dev = Charts::read(&files.dev, &cutter)?;
    let labels = labels::choose(bundle, &train, files, options.least_charts)?;
    let mut charts = train.examples(&labels.set);
    let dev_charts = dev.examples(&labels.set);
    labels::check(&charts, &dev_charts, &labels, files)?;
    let (cut_charts, cut_tokens) = data::limit(&mut charts, options.most_tokens);
    if cut_charts > 0 {
        let most = options.most_tokens;
        let what = format!("{cut_charts} training charts have more than {most} tokens");
        note(on_event, format!("{what}: {cut_tokens} tokens behind are not learnt from"))?;
    }
    let shared_charts = data::shared(&charts, &dev_charts);
    if shared_charts > 0 {
        let what = "held-out charts have the id of a training chart";
        note(on_event, format!("{shared_charts} {what}: held-out figures are too good by them"))?;
    }
    tell_issues(&train, "training", &mut *on_event)?;
    tell_issues(&dev, "held-out", &mut *on_event)?;
    if let Some(head) = &bundle.manifest().head {
        note(on_event, format!("the bundle's head ({}) is replaced by a new one", head.name()))?;
    }
    let encoder = TrainableEncoder::from_bundle(bundle, &options.encoder())?;
    let width = options.head_width.unwrap_or(encoder.hidden_size());
    let head = LaatHead::new(&encoder, width, &charts, labels.set.len(), options.training.seed)?;
    let task = Coder { encoder, head, charts, dev: dev_charts, options: *options };
    let settings = settings(bundle, files, options)?;
    let outcome = Trainer::new(&task, &folder, settings, options.training)?.run(&mut *on_event)?;
    let mut summary = CodesSummary {
        bundle: folder.bundle(),
        labels: labels.set.len(),
        system: labels.system.clone(),
        charts: task.charts.len(),
        dev_charts: task.dev.len(),
        shared_charts,
        cut_charts,
        cut_tokens,
        issues: train.issues(),
        dev_issues: dev.issues(),
        steps: outcome.steps,
        stopped_early: outcome.stopped_early,
        resumed_at: outcome.resumed_at,
        best_step: outcome.best.step,
        dev: outcome.best.figures,
        threshold: 0.0,
        micro_f1: None,
        cross_validated_micro_f1: None,
    };
    let result = write::Writing { bundle, task: &task, labels: &labels, files, rule };
    result.write(&dev, &folder, &mut summary, on_event)?;
    finish(&folder)?;
    Ok(summary)
}

/// Says what could not be used.
fn tell_issues(charts: &Charts, whose: &str, on_event: OnEvent<'_>) -> Result<()> {
    for issue in charts.issues() {
        let examples = issue.examples.join(", ");
        note(on_event, format!("{whose} charts: {} {} ({examples})", issue.count, issue.what))?;
    }
    Ok(())
}

impl CodesOptions {
    fn check(&self) -> Result<()> {
        let counts = [
            ("batch", self.batch),
            ("most_tokens", self.most_tokens),
            ("head_width", self.head_width.unwrap_or(1)),
            ("window_tokens", self.window_tokens.unwrap_or(1)),
        ];
        if let Some((option, _)) = counts.into_iter().find(|&(_, count)| count == 0) {
            return Err(Error::Option { option, value: 0.0, range: "the numbers from 1" });
        }
        let is_smooth = (0.0..1.0).contains(&self.label_smoothing);
        for (option, value, is_good, range) in [
            ("head_rate", self.head_rate, self.head_rate > 0.0, "the numbers above 0"),
            ("r_drop", self.r_drop, self.r_drop >= 0.0, "0 and the numbers above"),
            ("label_smoothing", self.label_smoothing, is_smooth, "0 to 1, 1 excluded"),
        ] {
            if !(is_good && value.is_finite()) {
                return Err(Error::Option { option, value, range });
            }
        }
        Ok(())
    }

    fn windows(&self, bundle: &Bundle) -> WindowRule {
        match self.window_tokens {
            Some(max_tokens) => WindowRule::Document { max_tokens },
            None => bundle.manifest().windows,
        }
    }

    fn encoder(&self) -> EncoderOptions {
        EncoderOptions {
            dropout: self.dropout,
            attention_dropout: self.dropout,
            freeze_embeddings: self.freeze_embeddings,
            freeze_layers: self.freeze_layers,
            device: Device::Cpu,
        }
    }
}

fn settings(bundle: &Bundle, files: &CodesFiles, options: &CodesOptions) -> Result<Settings> {
    let mut settings = Settings::default()
        .with("command", &"codes")
        .with("bundle", &bundle.digest())
        .with("id", &files.id)
        .with("system", &files.system)
        .with("charts (sha256)", &digest_of(&files.charts.path)?)
        .with("dev (sha256)", &digest_of(&files.dev.path)?)
        .with("split", &files.charts.split)
        .with("dev split", &files.dev.split)
        .with("options", options);
    if let Some(labels) = &files.labels {
        settings = settings.with("labels (sha256)", &digest_of(labels)?);
    }
    Ok(settings)
}
