//! What a system said of a chart.

use std::sync::Arc;

use crate::code::Code;
use crate::evidence::Shown;

/// What the numbers of a system mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Probabilities in `[0, 1]`.
    Probability,
    /// Logits; σ turns them into probabilities.
    Logit,
    /// None were given: codes are suggested, in the order of the list, and nothing more is known.
    Order,
}

/// One system's answer for one chart.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedChart {
    /// The chart's id.
    pub id: String,
    /// The scores.
    pub scores: Scores,
}

/// Scores of labels for one chart.
#[derive(Clone, Debug, PartialEq)]
pub enum Scores {
    /// Only some codes are listed; all others rank behind them, tied.
    Listed(Vec<Listed>),
    /// A score for each of `labels`. Charts of one source share the same `Arc`, so that a consumer
    /// maps labels to columns once.
    Dense {
        /// The labels, without repetition.
        labels: Arc<[Code]>,
        /// As many finite numbers.
        scores: Vec<f32>,
    },
}

/// One code that a system lists for a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The code.
    pub code: Code,
    /// Its score, finite; with [`Scale::Order`] minus its place in the list.
    pub score: f64,
    /// What the system itself decided, where it says: `Some(true)` suggested, `Some(false)` not.
    pub suggested: Option<bool>,
    /// Whether the system accepted it without review.
    pub accepted: bool,
    /// The passages it shows for the code; none where it shows none.
    pub evidence: Vec<Shown>,
}
