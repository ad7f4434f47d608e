//! Benchmarks automated medical coding against labelled charts.
//!
//! Gold and predictions come in as streams; of each chart only a [`ChartRecord`] is kept: which
//! codes were gold, which suggested, and at which ranks the gold codes stand. Every figure but the
//! areas under curves is a function of records and a weight a chart, so that a bootstrap is the
//! same function with other weights.
//!
//! Nothing here knows what computed the scores: a bundle, or any other system's output in a file.
//! No error and no `Debug` shows a word of a chart.
//!
//! # Example
//!
//! The crate's README, whose example is compiled with the documentation tests:
#![doc = include_str!("../README.md")]

mod agreement;
mod auc;
mod automation;
mod bootstrap;
mod calibration;
mod chart;
mod chart_counts;
mod code;
mod code_list;
mod collapse;
mod compare;
mod compare_runs;
mod confusion;
mod error;
mod evaluator;
mod evidence;
mod gold;
mod gold_set;
mod groups;
mod hierarchy;
mod histogram;
pub mod html;
mod issues;
mod label_charts;
mod label_set;
mod mapping;
mod metric;
mod metrics;
mod operations;
mod outcome;
mod predicted;
mod predictions;
mod rank;
mod record;
mod row;
mod rows;
mod run_file;
mod scored;
mod spool;
mod summary;
mod table;
pub mod tune;
mod view;

pub use agreement::{AgreementLevel, AgreementSummary};
pub use auc::{AreaUnderCurve, AucBuilder, AucScope};
pub use bootstrap::{Bootstrap, Interval, Linearised};
pub use calibration::ece_suggested;
pub use chart::{GoldEvidence, LabelledChart, Span};
pub use code::Code;
pub use code_list::KnownCodes;
pub use compare::{Comparing, Comparison, MetricComparison, Run as ComparedRun};
pub use compare_runs::compare_runs;
pub use confusion::{Confusions, worst_charts};
pub use error::{Error, Result};
pub use evaluator::{Evaluator, EvaluatorSetup, Frequencies};
pub use evidence::{EvidenceCase, Shown, words};
pub use gold::{
    Columns, GoldOptions, GoldReader, Layout, SplitChoice, SplitReader, Splits, guess_system,
    open as open_gold,
};
pub use gold_set::{GoldChart, GoldSet};
pub use groups::Groups;
pub use hierarchy::{Chapter, category, chapter};
pub use histogram::ScoreHistogram;
pub use issues::Issues;
pub use label_set::LabelSet;
pub use mapping::{Mapping, Targets};
pub use metric::{Estimate, Metric, MetricTable};
pub use metrics::{Evaluation, LabelSpace, RANKS, Rule};
pub use outcome::Outcome;
pub use predicted::{Listed, PredictedChart, Scale, Scores};
pub use predictions::{
    PredictionOptions, PredictionReader, ScoresWriter, open as open_predictions, read_labels,
};
pub use rank::ranks;
pub use record::{ChartRecord, Suggestion};
pub use row::RowScores;
pub use run_file::{Run, RunChart};
pub use scored::{Scored, Scorer, USUAL_THRESHOLD, resolve};
pub use spool::{Block, Blocks, Spool};
pub use summary::*;
