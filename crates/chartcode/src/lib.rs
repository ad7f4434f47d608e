//! Automated medical coding on the local machine.
//!
//! A clinical chart goes in; medical codes come out, each with a calibrated probability, the
//! passages that support it, and a decision. Nothing about a patient leaves the process: this
//! library has no network code, writes no log and prints nothing, and no error or `Debug` shows
//! a word of a chart.
//!
//! The route of a chart, one module a step:
//!
//! 1. `chart`: bytes → [`Chart`]
//! 2. `tokens`: chart → ids, each with its span of the original text
//! 3. `windows`: ids → windows ([`WindowRule`])
//! 4. `batch`: windows of many charts → batches under a token budget
//! 5. `encoder`: windows → hidden states ([`Encoder`])
//! 6. `head`: hidden states → one logit a label ([`HeadSpec`])
//! 7. `score`: logits → probabilities ([`Calibration`])
//! 8. `decide`: probabilities → decisions ([`Thresholds`], [`Decision`])
//! 9. `evidence`: attention → passages ([`Evidence`])
//! 10. `report`: → [`Report`]
//!
//! # Example
//!
//! The crate's README, whose example is compiled with the documentation tests:
#![doc = include_str!("../README.md")]

mod attribution;
mod batch;
mod bundle;
mod chart;
mod code_batch;
mod cuts;
mod cutter;
mod decide;
mod embedding;
mod encoder;
mod engine;
mod error;
mod evidence;
mod explain;
mod head;
mod limit;
#[doc(hidden)]
pub mod math;
mod options;
mod padding;
mod passages;
mod prepare;
mod preprocess;
mod report;
mod score;
mod setup;
mod slow_tokenizer;
mod span;
mod tokens;
mod weighed;
mod windows;

pub use attribution::TokenSupport;
pub use bundle::{
    AcceptPromise, Bundle, BundleChanges, BundleHead, DataSource, FORMAT as BUNDLE_FORMAT,
    Findings, HeadTensor, Import, ImportOptions, KeyProblems, LabelSource, Labels, Manifest,
    MeasuredPrecision, NOT_STATED, PickleError, Precisions, Profile, StoredAs, Trained,
    TrainedLabels, TrainedTensor, Tuned,
};
pub use chart::Chart;
pub use chartcode_kernels::{Isa, Precision};
pub use code_batch::CodeBatch;
pub use cutter::{ChartCutter, ChartWindows};
pub use decide::{Decision, Thresholds};
pub use embedding::{Embedding, WindowEmbedding};
pub use encoder::{Activation, Config, Encoder, EncoderTensor, Family};
pub use engine::{Engine, PrunedLabels, StageSeconds};
pub use error::{Error, Result};
pub use evidence::{Evidence, Quote};
pub use explain::Explanation;
pub use head::{
    Aggregate, Feature, HeadSpec, LabelSets, ProblemRule, RerankSpec, SpanRule, TextFeatures,
    TextRule,
};
pub use limit::ReadLimit;
pub use options::{Device, EvidenceKind, Options};
pub use padding::PaddingMode;
pub use preprocess::Preprocess;
pub use report::{CodeReport, FORMAT as REPORT_FORMAT, ReadStats, Report, Stamp};
pub use score::Calibration;
pub use span::Span;
pub use tokens::{Tokenizer, Tokens};
pub use windows::WindowRule;
