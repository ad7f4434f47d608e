//! What the description head keeps of one chart.

use std::ops::Range;
use std::sync::OnceLock;

use super::super::rerank::{ChartWords, Reranked};
use super::super::running::Running;

/// Online softmax over the spans of one chart, for every concept.
#[derive(Debug)]
pub(crate) struct DescriptionState {
    pub(super) concepts: Vec<Running>,
    /// Token range of each span seen so far.
    pub(super) spans: Vec<Range<usize>>,
    /// Highest similarity plus prior that any concept has to each span.
    pub(super) span_best: Vec<f32>,
    /// Kept for a second look only: span vectors `[n, D]` and the chart's words.
    pub(super) vectors: Vec<f32>,
    pub(super) words: ChartWords,
    /// What the second look arrived at, by concept.
    pub(super) reranked: OnceLock<Vec<Reranked>>,
}

impl DescriptionState {
    /// Tokens of each span.
    pub(in crate::head) fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// Span vectors `[n, D]`, row after row.
    pub(in crate::head) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    pub(in crate::head) fn words(&self) -> &ChartWords {
        &self.words
    }

    /// Highest similarity plus prior that any concept has to a span.
    pub(in crate::head) fn span_best(&self, span: usize) -> f32 {
        self.span_best[span]
    }

    /// Each concept's highest similarity with any span.
    pub(in crate::head) fn similarities(&self) -> impl Iterator<Item = f32> {
        self.concepts.iter().map(Running::attended)
    }
}
