//! How many labels were ruled out.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::head::Counted;

/// Labels of charts that were coded with [`Options::prune`](crate::Options::prune), a label counting
/// once a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PrunedLabels {
    /// All of them.
    pub labels: u64,
    /// Those that were computed in bf16, being left over by the bounds of groups of tokens.
    pub screened: u64,
    /// Those that were computed in full.
    pub computed: u64,
}

impl PrunedLabels {
    /// The share of labels that were not computed in full, in `[0, 1]`.
    #[must_use]
    pub fn skipped(&self) -> f64 {
        1.0 - self.computed as f64 / self.labels.max(1) as f64
    }
}

/// Running totals.
#[derive(Debug, Default)]
pub(super) struct Totals {
    labels: AtomicU64,
    screened: AtomicU64,
    computed: AtomicU64,
}

impl Totals {
    pub(super) fn add(&self, counted: Counted) {
        for (total, count) in [
            (&self.labels, counted.labels),
            (&self.screened, counted.screened),
            (&self.computed, counted.computed),
        ] {
            total.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Option<PrunedLabels> {
        let [labels, screened, computed] = [&self.labels, &self.screened, &self.computed]
            .map(|total| total.load(Ordering::Relaxed));
        (labels > 0).then_some(PrunedLabels { labels, screened, computed })
    }
}
