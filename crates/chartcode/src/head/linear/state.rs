//! What a linear head keeps of one chart.

use std::collections::BTreeMap;

use crate::span::Span;

/// The chart's features so far, of a size that the head's own features bound.
#[derive(Debug)]
pub(crate) struct LinearState {
    /// Features of the text that the head knows, each with the place where it stands first.
    pub(super) present: BTreeMap<u32, Span>,
    /// Sum of the windows' vectors, `[H]`; empty where the head does not take them.
    pub(super) sum: Vec<f64>,
    /// Windows in the sum.
    pub(super) windows: usize,
}

impl LinearState {
    /// The mean of the windows' vectors, `[H]`; zeros where there was none.
    pub(super) fn mean(&self) -> impl Iterator<Item = f64> {
        let windows = self.windows.max(1) as f64;
        self.sum.iter().map(move |sum| sum / windows)
    }
}
