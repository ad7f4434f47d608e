//! Everything an evaluation found, as it is printed: the schema of `--format json`.

use serde::Serialize;

use crate::code::Code;
use crate::metric::{Estimate, MetricTable};

/// Version of the schema. It grows when a field changes its meaning or goes away.
pub const SUMMARY_FORMAT: u32 = 1;

/// The result of an evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Version of this form; see [`SUMMARY_FORMAT`].
    pub format: u32,
    /// The headline: all labels of the chosen systems.
    pub metrics: MetricTable,
    /// The same charts by other rules of the label space: `all` (the headline), `present`,
    /// `honest`, `category`.
    pub variants: Vec<Variant>,
    /// Each code system apart, where there are several.
    pub systems: Vec<Variant>,
    /// By chapter of the code set.
    pub chapters: Vec<Group>,
    /// By how often a code occurs in the training charts, where those were given.
    pub frequency: Vec<Group>,
    /// What a coding manager asks.
    pub operations: Operations,
    /// How far probabilities can be taken at their word; none without probabilities.
    pub calibration: Option<CalibrationSummary>,
    /// What can be accepted without a look; none without probabilities.
    pub automation: Option<AutomationSummary>,
    /// Precision against recall for falling thresholds; empty without scores.
    pub precision_recall: Vec<PrPoint>,
    /// Codes suggested where a sibling was right, most frequent first.
    pub confusions: Vec<Confusion>,
    /// Agreement of the passages with gold passages, where the gold has them.
    pub evidence: Option<EvidenceSummary>,
    /// The charts with most errors, worst first.
    pub worst_charts: Vec<ChartErrors>,
    /// What was read, and what of it could not be used.
    pub data: DataSummary,
    /// What was run, and how.
    pub run: RunSummary,
}

/// Metrics over one label space.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// Its key, e.g. `present` or `icd10pcs`.
    pub name: String,
    /// Its rule in one line, for people.
    pub rule: String,
    /// Charts that count.
    pub charts: usize,
    /// Labels that count.
    pub labels: usize,
    /// Gold codes that count.
    pub gold: usize,
    /// The metrics.
    pub metrics: MetricTable,
}

/// Counts over a group of codes.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Its key, e.g. `9` (a chapter) or `11-100` (occurrences in training).
    pub name: String,
    /// Its title, e.g. `Diseases of the circulatory system (I00-I99)`.
    pub title: String,
    /// Gold codes, those outside the labels included.
    pub gold: usize,
    /// Suggested codes.
    pub suggested: usize,
    /// Suggested codes that are gold.
    pub correct: usize,
    /// Share of the suggested that is gold.
    pub precision: Estimate,
    /// Share of the gold that was suggested.
    pub recall: Estimate,
    /// Their harmonic mean.
    pub f1: Estimate,
}

/// What a coding manager asks. Gold codes outside the labels count as missed throughout.
#[derive(Clone, Debug, Serialize)]
pub struct Operations {
    /// Codes right / codes assigned by the reviewer: the health information managers' code-level
    /// accuracy.
    pub code_accuracy: Estimate,
    /// Codes right / all codes that either assigned.
    pub code_over_code_accuracy: Estimate,
    /// Charts without any error / charts.
    pub chart_accuracy: Estimate,
    /// Suggested codes that the reviewer kept / suggested codes.
    pub suggestions_kept: Estimate,
    /// Final codes that had been suggested / final codes.
    pub codes_suggested: Estimate,
    /// Charts in which all suggestions were accepted without review, and there was one / charts.
    pub charts_untouched: Estimate,
    /// Of those, the share without any error.
    pub charts_untouched_right: Estimate,
    /// Codes accepted without review / suggested codes.
    pub codes_accepted: Estimate,
    /// Of those, the share that is gold.
    pub codes_accepted_right: Estimate,
    /// Corrections (codes to add or to strike) a chart.
    pub corrections_per_chart: Estimate,
    /// Suggested codes a chart.
    pub suggested_per_chart: f64,
    /// Gold codes a chart.
    pub gold_per_chart: f64,
}

/// Calibration of probabilities.
#[derive(Clone, Debug, Serialize)]
pub struct CalibrationSummary {
    /// Expected calibration error over suggested codes, 15 bins of equal width (Guo et al. 2017).
    pub ece_suggested: Estimate,
    /// The same over all pairs of chart and label that have a probability.
    pub ece_all: f64,
    /// Mean squared difference of probability and truth over the same pairs.
    pub brier: f64,
    /// The bins of the reliability diagram, over all pairs with a probability.
    pub bins: Vec<ReliabilityBin>,
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Lower edge; the bin is `(low, high]`, the first `[low, high]`.
    pub low: f64,
    /// Upper edge.
    pub high: f64,
    /// Pairs in it.
    pub count: u64,
    /// Their mean probability; 0 where there are none.
    pub mean_probability: f64,
    /// The share of gold among them; 0 where there are none.
    pub share_gold: f64,
}

/// What could be accepted without a look, were the threshold chosen on these very charts.
#[derive(Clone, Debug, Serialize)]
pub struct AutomationSummary {
    /// Codes, most probable first.
    pub codes: AutomationCurve,
    /// Charts, by their least probable suggestion; a chart is right where it has no error.
    pub charts: AutomationCurve,
}

/// The largest share that can be accepted at a precision.
#[derive(Clone, Debug, Serialize)]
pub struct AutomationCurve {
    /// The targets, 0.95 and 0.98.
    pub targets: Vec<AutomationTarget>,
    /// The curve, at most some hundred points, in falling order of threshold.
    pub points: Vec<AutomationPoint>,
}

/// One target of automation.
#[derive(Clone, Debug, Serialize)]
pub struct AutomationTarget {
    /// The precision asked for.
    pub precision: f64,
    /// The largest share of suggested codes (or charts) that keeps it.
    pub share: Estimate,
    /// The probability above which it does; none where no threshold keeps the precision.
    pub threshold: Option<f64>,
}

/// One point of an automation curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AutomationPoint {
    /// All above this probability are accepted.
    pub threshold: f64,
    /// Their share of all suggested codes (or of all charts).
    pub share: f64,
    /// The share of right ones among them.
    pub precision: f64,
}

/// One point of a precision-recall curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PrPoint {
    /// Probabilities above this are suggested.
    pub threshold: f64,
    /// Precision there.
    pub precision: f64,
    /// Recall there, gold outside the labels counted as missed.
    pub recall: f64,
}

/// A code that was missed where a sibling of the same category was wrongly suggested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The gold code that was not suggested.
    pub missed: Code,
    /// Its title, empty where unknown.
    pub missed_title: String,
    /// The code that was suggested and is not gold.
    pub suggested: Code,
    /// Its title, empty where unknown.
    pub suggested_title: String,
    /// In how many charts.
    pub charts: usize,
}

/// Agreement of passages with gold passages, over the gold codes that are labels and have gold
/// passages (Edin et al. 2024, explainable-medical-coding).
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceSummary {
    /// What tokens are: `tokens of the bundle` or `words`.
    pub tokens: String,
    /// All such codes, whether suggested or not.
    pub all: EvidenceScores,
    /// Only those that were suggested.
    pub suggested: EvidenceScores,
}

/// Evidence scores over some code mentions.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceScores {
    /// Codes with gold passages.
    pub codes: usize,
    /// Their gold passages.
    pub spans: usize,
    /// Charts they are from.
    pub charts: usize,
    /// Share of the shown tokens that are gold.
    pub token_precision: Estimate,
    /// Share of the gold tokens that are shown.
    pub token_recall: Estimate,
    /// Their harmonic mean.
    pub token_f1: Estimate,
    /// Mean over codes of |shown ∩ gold| / |shown ∪ gold|.
    pub iou: Estimate,
    /// Mean over codes of the same for the n strongest tokens, n the number of gold tokens.
    pub iou_at_gold_size: Estimate,
    /// Share of gold passages of which at least one token is shown.
    pub span_recall: Estimate,
    /// Share of codes for which no passage was shown.
    pub empty: Estimate,
}

/// A chart with errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChartErrors {
    /// The chart's id.
    pub id: String,
    /// Gold codes that were not suggested, those outside the labels included.
    pub missed: Vec<Code>,
    /// Suggested codes that are not gold.
    pub wrong: Vec<Code>,
    /// Suggested codes that are gold.
    pub right: Vec<Code>,
    /// The note, only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DataSummary {
    /// The gold, as it was named.
    pub gold: String,
    /// Its layout, e.g. `jsonl` or `codiesp`.
    pub layout: String,
    /// Charts read.
    pub charts: usize,
    /// Charts evaluated.
    pub evaluated: usize,
    /// Gold codes of the evaluated systems.
    pub codes: usize,
    /// All that could not be used as it stands, each with its count; nothing is dropped in
    /// silence.
    pub issues: Vec<DataIssue>,
}

/// Something about the data that a reader of the figures should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataIssue {
    /// Its key, e.g. `duplicate_id`, `empty_text`, `retired_code`.
    pub kind: String,
    /// What it is and what was done about it, for people.
    pub what: String,
    /// How often.
    pub count: usize,
    /// Some of the ids or codes.
    pub examples: Vec<String>,
}

/// What was run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunSummary {
    /// `chartcode` and its version.
    pub engine: String,
    /// The bundle's id and version, or the predictions file.
    pub model: String,
    /// sha256 over the bundle's files, where it is one.
    pub bundle_digest: Option<String>,
    /// The code set of its labels, where it says.
    pub code_set: Option<String>,
    /// The systems evaluated.
    pub systems: Vec<String>,
    /// How suggestions were made, e.g. `probability > 0.213`.
    pub threshold: String,
    /// Replicates of the bootstrap.
    pub bootstrap: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Wall-clock seconds a chart, from text to scores; none for a predictions file.
    pub seconds_per_chart: Option<f64>,
    /// Threads computing.
    pub threads: Option<usize>,
    /// When it was made, RFC 3339, UTC.
    pub date: String,
}
