//! Areas under ROC curves over all pairs of chart and label, without the matrix in memory, and
//! how much each chart weighs in them.

mod by_label;
mod ladder;
mod overall;
mod positives;

use crate::error::{Error, Result};
use crate::row::RowScores;
use crate::spool::{Block, Spool};
use by_label::ByLabel;
use overall::Overall;
use positives::Positives;

/// Areas under ROC curves, exact: the share of pairs of a positive and a negative in which the
/// positive has the higher score, ties counting one half.
///
/// The influence of a chart is the derivative of the area by the chart's weight, where all weights
/// are 1: with other weights w the area is about area + Σ (w - 1) influence, summed over charts.
/// The influences sum to 0; those of charts out of scope are 0, and all are where there is no area.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AreaUnderCurve {
    /// Over all pairs of chart and label; none without a positive or without a negative.
    pub micro: Option<f64>,
    /// Mean over the labels that have positives and negatives; none where no label has.
    pub macro_mean: Option<f64>,
    /// For each chart, its influence on `micro`.
    pub micro_influence: Vec<f64>,
    /// For each chart, its influence on `macro_mean`.
    pub macro_influence: Vec<f64>,
    /// The labels that have positives and negatives, ascending, with their areas.
    pub by_label: Vec<(u32, f64)>,
    /// How many these are.
    pub labels: usize,
}

/// What counts: the charts and labels that are marked, or all.
#[derive(Clone, Copy, Debug, Default)]
pub struct AucScope<'a> {
    /// One mark a chart.
    pub charts: Option<&'a [bool]>,
    /// One mark a label.
    pub labels: Option<&'a [bool]>,
}

/// Collects the positives in a first pass, and meets them with the negatives in a second one.
#[derive(Clone, Debug)]
pub struct AucBuilder {
    labels: usize,
    offsets: Vec<usize>,
    gold: Vec<u32>,
    scores: Vec<f32>,
}

impl AucBuilder {
    /// For charts over `labels` labels.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self { labels, offsets: vec![0], gold: Vec::new(), scores: Vec::new() }
    }

    /// The next chart: its row and its gold labels, ascending, without repetition, below the
    /// number of labels. It may have none.
    pub fn add_positives(&mut self, row: RowScores<'_>, gold: &[u32]) {
        self.gold.extend_from_slice(gold);
        let score = |&label| row.get(label).unwrap_or(f32::NEG_INFINITY);
        self.scores.extend(gold.iter().map(score));
        self.offsets.push(self.gold.len());
    }

    /// The areas over the charts and labels in scope. The spool holds the same rows in the same
    /// order. It runs on the threads of the current rayon pool; its result has the same bits for
    /// any number of them.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where the spool or the scope does not fit what was added, or a gold
    /// label is none; [`Error::File`] where the spool cannot be read.
    pub fn finish(&self, spool: &mut Spool, scope: AucScope<'_>) -> Result<AreaUnderCurve> {
        self.check(spool, scope)?;
        let pairs = (&self.gold[..], &self.scores[..]);
        let positives = Positives::new(self.labels, &self.offsets, pairs, scope);
        let mut overall = Overall::new(&positives);
        let mut by_label = ByLabel::new(&positives);
        for block in spool.blocks()? {
            let block = block?;
            self.check_block(&block)?;
            overall.add(&block);
            by_label.add(&block);
        }
        let (micro, micro_influence) = overall.finish();
        let (by_label, macro_influence) = by_label.finish();
        let labels = by_label.len();
        let sum: f64 = by_label.iter().map(|(_, area)| area).sum();
        let macro_mean = (labels > 0).then(|| sum / labels as f64);
        Ok(AreaUnderCurve { micro, macro_mean, micro_influence, macro_influence, by_label, labels })
    }

    fn check(&self, spool: &Spool, scope: AucScope<'_>) -> Result<()> {
        let charts = self.offsets.len() - 1;
        let fits = |mask: Option<&[bool]>, len| mask.is_none_or(|mask| mask.len() == len);
        let problem = if (spool.len(), spool.labels()) != (charts, self.labels) {
            "the spool does not hold the rows of the charts that were added"
        } else if !fits(scope.charts, charts) || !fits(scope.labels, self.labels) {
            "the scope has not one mark a chart and label"
        } else if self.gold.iter().any(|&label| label as usize >= self.labels) {
            "a gold label is not below the number of labels"
        } else if !self
            .offsets
            .windows(2)
            .all(|ends| self.gold[ends[0]..ends[1]].is_sorted_by(|a, b| a < b))
        {
            "gold labels do not ascend"
        } else {
            return Ok(());
        };
        Err(Error::Request(format!("areas under curves: {problem}")))
    }

    /// Positives that the spool scores otherwise could not be told from negatives.
    fn check_block(&self, block: &Block) -> Result<()> {
        for index in 0..block.len() {
            let (chart, row) = (block.first() + index, block.row(index));
            for pair in self.offsets[chart]..self.offsets[chart + 1] {
                let score = row.get(self.gold[pair]).unwrap_or(f32::NEG_INFINITY);
                if score != self.scores[pair] {
                    return Err(Error::Request(format!(
                        "areas under curves: chart number {} has other scores in the spool",
                        chart + 1
                    )));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;
