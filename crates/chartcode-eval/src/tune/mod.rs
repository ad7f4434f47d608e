//! Thresholds, calibration and risk-controlled acceptance, fitted on labelled charts.
//!
//! Everything is a pure function of a [`TuningSet`]: the best-ranking labels of each chart, with
//! their logits and whether they are gold. What is fitted is judged by cross-validation over
//! charts, so that the caller can refuse a fit that does not do better.
//!
//! Order of use: [`cross_validate_calibration`] and [`CalibrationFit::fit`] (logit → probability),
//! then [`fit_threshold`] or [`fit_label_thresholds`] (what is suggested), then [`fit_accept`]
//! (what of it stands without a look).

mod accept;
mod bound;
mod calibration;
mod fold;
mod isotonic;
mod logistic;
mod per_label;
mod ranking;
mod refusal;
mod reliability;
mod risk;
mod set;
mod summary;
mod threshold;

pub use accept::AcceptRule;
pub use bound::{ErrorBound, clopper_pearson_upper};
pub(crate) use calibration::sigmoid;
pub use calibration::{CalibrationFit, CalibrationKind};
pub use fold::Folds;
pub use per_label::{
    LabelCut, LabelThresholds, PerLabelOptions, ThresholdTrial, count_suggestions,
    cross_validate_thresholds, fit_label_thresholds,
};
pub use ranking::{Counts, Cut};
pub use refusal::Refusal;
pub use reliability::{
    CalibrationScores, CalibrationTrial, best_calibration, cross_validate_calibration,
};
pub use risk::{RiskOptions, fit_accept};
pub use set::{Candidate, TuningSet};
pub use summary::{CountsSummary, ThresholdSummary, TuningSummary};
pub use threshold::{Objective, ThresholdFit, fit_threshold};
