//! Step 10: → the report, the result for one chart.

use chartcode_kernels::Precision;
use serde::{Deserialize, Serialize};

use crate::decide::{Decision, Thresholds};
use crate::evidence::Evidence;
use crate::options::EvidenceKind;

/// Version of the report's form. It grows when a field changes its meaning or goes away.
pub const FORMAT: u32 = 1;

/// Everything the engine has to say of one chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Version of this form; see [`FORMAT`].
    pub format: u32,
    /// The chart's id.
    pub id: String,
    /// The codes, most probable first.
    pub codes: Vec<CodeReport>,
    /// How much of the chart was read: all of it, but for bundles that are to be given less.
    pub read: ReadStats,
    /// What gave the answer.
    pub made_by: Stamp,
}

/// One code of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeReport {
    /// Code system, e.g. `icd10cm`.
    pub system: String,
    /// The code, e.g. `E11.9`.
    pub code: String,
    /// Its official title, empty where the bundle has none.
    pub title: String,
    /// The head's logit.
    pub logit: f32,
    /// The calibrated probability, in `[0, 1]`.
    pub probability: f64,
    /// What is to happen with it.
    pub decision: Decision,
    /// Whether the code can be billed, as a category cannot; left out where the bundle does not
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billable: Option<bool>,
    /// The passages that support it, strongest first.
    pub evidence: Vec<Evidence>,
}

/// How much of a chart was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadStats {
    /// Bytes of the chart's text.
    pub bytes: usize,
    /// Unicode code points of the chart's text.
    pub characters: usize,
    /// Tokens, special tokens not counted.
    pub tokens: usize,
    /// Tokens that were not read: more than the bundle is to be given.
    #[serde(default)]
    pub unread_tokens: usize,
    /// Windows they were encoded in.
    pub windows: usize,
}

/// What gave an answer: the same stamp and the same chart, the same report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stamp {
    /// `chartcode` and its version.
    pub engine: String,
    /// The bundle's name.
    pub bundle: String,
    /// The bundle's version.
    pub bundle_version: String,
    /// sha256 over the bundle's files.
    pub bundle_digest: String,
    /// The code set the labels belong to.
    pub code_set: String,
    /// The decision profile, where the bundle has more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The thresholds the decisions were made with.
    pub thresholds: Thresholds,
    /// Whether labels have review thresholds of their own, which the bundle tells.
    #[serde(default)]
    pub label_thresholds: bool,
    /// How many codes were asked for, where a number was given.
    pub top: Option<usize>,
    /// By what passages were chosen.
    #[serde(default)]
    pub evidence: EvidenceKind,
    /// What large products were computed in.
    #[serde(default)]
    pub precision: Precision,
}
