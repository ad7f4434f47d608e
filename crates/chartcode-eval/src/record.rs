//! What is kept of each chart.

use serde::{Deserialize, Serialize};

/// One chart's outcome over a label space of L labels, numbered from 0 in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChartRecord {
    /// The chart's id.
    pub id: String,
    /// Gold labels, ascending, without repetition.
    pub gold: Vec<u32>,
    /// Gold codes of the evaluated systems that are no labels: the model cannot find them.
    pub outside: u32,
    /// Labels above the threshold, most probable first.
    pub suggested: Vec<Suggestion>,
    /// Places of the gold labels in the ranking of all labels, from 1, ascending; as many as
    /// `gold`. Equal scores rank in label order.
    pub ranks: Vec<u32>,
    /// The same in the ranking of those labels alone that are gold in at least one chart.
    pub present_ranks: Vec<u32>,
}

/// A suggested label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The label.
    pub label: u32,
    /// Its calibrated probability; none where the system gives no scores.
    pub probability: Option<f32>,
    /// Accepted without review.
    pub accepted: bool,
}
