//! Where a training stands, its tensors apart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where a training stands. Random numbers and the place in the data follow from the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Steps made.
    pub(crate) step: u64,
    /// The best figures on held-out data, and after which step they were found.
    pub(crate) best: Option<Best>,
    /// Looks at held-out data since then.
    pub(crate) without_gain: u32,
    /// Whether early stopping ended it.
    pub(crate) stopped_early: bool,
}

/// The best figures on held-out data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) step: u64,
    pub(crate) score: f64,
    pub(crate) figures: BTreeMap<String, f64>,
}
