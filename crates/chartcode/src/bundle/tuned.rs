//! What a bundle's thresholds and calibration rest on.

use serde::{Deserialize, Serialize};

/// The labelled charts that thresholds and calibration were fitted on, and what was found there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// Labelled charts.
    pub charts: usize,
    /// Gold codes of these charts.
    pub codes: usize,
    /// The day, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Whose codes they were, in one line for people.
    pub gold: String,
    /// What the review threshold makes best, e.g. `micro F1`.
    pub objective: String,
    /// Micro F1 on charts that the thresholds were not chosen on (cross-validated), in `[0, 1]`.
    pub micro_f1: f64,
    /// What was promised of accepted codes, where there is a threshold for acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<AcceptPromise>,
}

/// What is promised of codes that are accepted without a look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptPromise {
    /// At most this share of them is wrong, in `[0, 1]` ...
    pub error_at_most: f64,
    /// ... with this confidence, in `[0, 1]`, on charts like those that it was found on.
    pub confidence: f64,
    /// Charts that it was found on.
    pub charts: usize,
    /// Accepted codes that it was found on.
    pub codes: usize,
    /// Share of the suggested codes that is accepted, in `[0, 1]`.
    pub automation_rate: f64,
}

impl Tuned {
    /// What the numbers alone rule out.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut shares = vec![("micro_f1", self.micro_f1)];
        if let Some(accept) = &self.accept {
            shares.push(("accept.error_at_most", accept.error_at_most));
            shares.push(("accept.confidence", accept.confidence));
            shares.push(("accept.automation_rate", accept.automation_rate));
        }
        match shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((name, share)) => Err(format!("tuned.{name} is {share}, not between 0 and 1")),
            None => Ok(()),
        }
    }
}
