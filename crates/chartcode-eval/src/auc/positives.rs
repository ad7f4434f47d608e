//! The gold pairs of all charts with their scores.

use std::borrow::Cow;

use super::AucScope;

/// The gold pairs in scope, by chart. Unlisted ones have the score `f32::NEG_INFINITY`.
#[derive(Debug)]
pub(super) struct Positives<'a> {
    labels: usize,
    /// Where each chart's pairs begin, and where the last one's end.
    offsets: Cow<'a, [usize]>,
    gold: Cow<'a, [u32]>,
    scores: Cow<'a, [f32]>,
    scope: AucScope<'a>,
    /// The labels in scope, where not all are.
    kept: Option<Vec<u32>>,
}

impl<'a> Positives<'a> {
    /// Those of `gold` and `scores`, cut into charts by `offsets`, that are in scope.
    pub(super) fn new(
        labels: usize,
        offsets: &'a [usize],
        (gold, scores): (&'a [u32], &'a [f32]),
        scope: AucScope<'a>,
    ) -> Self {
        let kept = scope.labels.map(|mask| {
            (0..labels as u32).filter(|&label| mask[label as usize]).collect::<Vec<_>>()
        });
        let whole = Self {
            labels,
            offsets: Cow::Borrowed(offsets),
            gold: Cow::Borrowed(gold),
            scores: Cow::Borrowed(scores),
            scope,
            kept,
        };
        if scope.labels.is_none() && scope.charts.is_none() { whole } else { whole.within() }
    }

    /// Without the pairs out of scope.
    fn within(self) -> Self {
        let mut offsets = vec![0];
        let (mut kept_gold, mut kept_scores) = (Vec::new(), Vec::new());
        for chart in 0..self.charts() {
            let (gold, scores) = self.chart(chart);
            for (&label, &score) in gold.iter().zip(scores) {
                if self.chart_in_scope(chart) && self.label_in_scope(label) {
                    kept_gold.push(label);
                    kept_scores.push(score);
                }
            }
            offsets.push(kept_gold.len());
        }
        let (gold, scores) = (Cow::Owned(kept_gold), Cow::Owned(kept_scores));
        Self { offsets: Cow::Owned(offsets), gold, scores, ..self }
    }

    /// All charts, in scope or not.
    pub(super) fn charts(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether a chart is in scope.
    pub(super) fn chart_in_scope(&self, chart: usize) -> bool {
        self.scope.charts.is_none_or(|mask| mask[chart])
    }

    /// How many charts are.
    pub(super) fn charts_in_scope(&self) -> usize {
        (0..self.charts()).filter(|&chart| self.chart_in_scope(chart)).count()
    }

    /// All labels, in scope or not.
    pub(super) fn labels(&self) -> usize {
        self.labels
    }

    /// Whether a label is in scope.
    pub(super) fn label_in_scope(&self, label: u32) -> bool {
        self.scope.labels.is_none_or(|mask| mask[label as usize])
    }

    /// The labels in scope; none where all are.
    pub(super) fn scope_labels(&self) -> Option<&[u32]> {
        self.kept.as_deref()
    }

    /// How many labels are in scope.
    pub(super) fn labels_in_scope(&self) -> usize {
        self.kept.as_ref().map_or(self.labels, Vec::len)
    }

    /// A chart's gold labels, ascending, and their scores.
    pub(super) fn chart(&self, chart: usize) -> (&[u32], &[f32]) {
        let pairs = self.offsets[chart]..self.offsets[chart + 1];
        (&self.gold[pairs.clone()], &self.scores[pairs])
    }

    /// The labels of all pairs.
    pub(super) fn gold(&self) -> &[u32] {
        &self.gold
    }

    /// The scores of all pairs.
    pub(super) fn scores(&self) -> &[f32] {
        &self.scores
    }
}
