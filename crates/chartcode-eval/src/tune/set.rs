//! The scores a tuning sees.

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// A pair of chart and label that may be suggested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The chart, numbered from 0 in the order of reading.
    pub chart: u32,
    /// The label's column.
    pub label: u32,
    /// Its uncalibrated score; finite.
    pub logit: f32,
    /// Whether a human assigned it.
    pub gold: bool,
}

/// Labelled charts with the scores of their best-ranking labels.
///
/// Of each chart the `keep` highest-ranking labels are kept, no more: what ranks behind them is
/// never suggested. Labels tied with the first one dropped are dropped too, so that above
/// [`Self::floor`] the set holds every pair of every chart, and counts there are exact. Gold codes
/// that were dropped or are no labels count as missed.
#[derive(Clone, Debug)]
pub struct TuningSet {
    keep: usize,
    labels: Option<usize>,
    candidates: Vec<Candidate>,
    /// Gold labels that are no candidates.
    dropped: Vec<(u32, u32)>,
    /// Gold codes of each chart, those outside the labels included.
    gold: Vec<u32>,
    /// Highest dropped logit of each chart.
    floors: Vec<f32>,
}

impl TuningSet {
    /// An empty set that keeps at least one and at most `keep` labels a chart; some hundreds do.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            keep: keep.max(1),
            labels: None,
            candidates: Vec::new(),
            dropped: Vec::new(),
            gold: Vec::new(),
            floors: Vec::new(),
        }
    }

    /// Adds a chart with a logit for each label. `gold` are the gold labels' columns; `outside`
    /// counts gold codes that are no labels.
    ///
    /// # Errors
    ///
    /// A logit is not finite, a gold column is beyond the labels, or the number of labels is not
    /// that of the charts before.
    pub fn add(&mut self, logits: &[f32], gold: &[u32], outside: u32) -> Result<()> {
        let labels = *self.labels.get_or_insert(logits.len());
        if logits.len() != labels {
            return Err(Error::Request(format!(
                "tuning chart {}: {} scores, where charts before it have {labels}",
                self.charts(),
                logits.len()
            )));
        }
        let columns = (0_u32..).zip(logits.iter().copied()).collect();
        self.push(columns, gold, outside, Some(labels))
    }

    /// Adds a chart of a system that lists some labels only, each at most once. Labels that are
    /// not listed are never suggested.
    ///
    /// # Errors
    ///
    /// A logit is not finite, or a label is listed twice.
    pub fn add_listed(&mut self, listed: &[(u32, f32)], gold: &[u32], outside: u32) -> Result<()> {
        let mut labels: Vec<u32> = listed.iter().map(|&(label, _)| label).collect();
        labels.sort_unstable();
        if let Some((twice, _)) = labels.iter().zip(labels.iter().skip(1)).find(|(a, b)| a == b) {
            return Err(Error::Request(format!(
                "tuning chart {}: label {twice} is listed twice",
                self.charts()
            )));
        }
        self.push(listed.to_vec(), gold, outside, None)
    }

    fn push(
        &mut self,
        mut listed: Vec<(u32, f32)>,
        gold: &[u32],
        outside: u32,
        labels: Option<usize>,
    ) -> Result<()> {
        let chart = self.gold.len() as u32;
        if let Some((label, logit)) = listed.iter().find(|(_, logit)| !logit.is_finite()) {
            return Err(Error::Request(format!(
                "tuning chart {chart}: the logit of label {label} is {logit}; finite numbers are \
                 needed (give probabilities of 0 and 1 a bound)"
            )));
        }
        let mut gold = gold.to_vec();
        gold.sort_unstable();
        gold.dedup();
        if let (Some(&last), Some(labels)) = (gold.last(), labels)
            && last as usize >= labels
        {
            return Err(Error::Request(format!(
                "tuning chart {chart}: gold label {last} of {labels} labels"
            )));
        }
        let floor = keep_best(&mut listed, self.keep);
        self.candidates.extend(listed.iter().map(|&(label, logit)| Candidate {
            chart,
            label,
            logit,
            gold: gold.binary_search(&label).is_ok(),
        }));
        let mut kept: Vec<u32> = listed.iter().map(|&(label, _)| label).collect();
        kept.sort_unstable();
        let lost = gold.iter().filter(|label| kept.binary_search(label).is_err());
        self.dropped.extend(lost.map(|&label| (chart, label)));
        self.gold.push(gold.len() as u32 + outside);
        self.floors.push(floor);
        Ok(())
    }

    /// Number of charts.
    #[must_use]
    pub fn charts(&self) -> usize {
        self.gold.len()
    }

    /// The candidates, chart by chart.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Gold codes of each chart, those that are no candidates included.
    #[must_use]
    pub fn chart_gold(&self) -> &[u32] {
        &self.gold
    }

    /// Gold codes of all charts, those that are no candidates included.
    #[must_use]
    pub fn gold(&self) -> u64 {
        self.gold.iter().map(|&count| u64::from(count)).sum()
    }

    /// Gold pairs of chart and label that rank too low to be candidates.
    #[must_use]
    pub fn dropped_gold(&self) -> &[(u32, u32)] {
        &self.dropped
    }

    /// The logit above which no pair is missing; minus infinity where nothing was dropped.
    #[must_use]
    pub fn floor(&self) -> f32 {
        self.floors.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// What ranks below the candidates: the lowest of the charts' highest dropped logits, how many
    /// pairs of chart and label were dropped, and how many of them are gold. Nothing where none
    /// was, or where a system lists some labels only.
    #[must_use]
    pub(super) fn tail(&self) -> Option<(f32, u64, u64)> {
        let dropped = (self.labels? as u64 * self.charts() as u64)
            .checked_sub(self.candidates.len() as u64)
            .filter(|&dropped| dropped > 0)?;
        let floors = self.floors.iter().copied().filter(|floor| floor.is_finite());
        Some((floors.reduce(f32::min)?, dropped, self.dropped.len() as u64))
    }

    /// The charts that `keep` chooses by number, numbered anew.
    #[must_use]
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut next = 0;
        let number: Vec<Option<u32>> = (0..self.charts())
            .map(|chart| {
                keep(chart).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let anew = |chart: u32| number[chart as usize];
        let pick = |chart: &usize| number[*chart].is_some();
        Self {
            keep: self.keep,
            labels: self.labels,
            candidates: self
                .candidates
                .iter()
                .filter_map(|&c| Some(Candidate { chart: anew(c.chart)?, ..c }))
                .collect(),
            dropped: self.dropped.iter().filter_map(|&(c, l)| Some((anew(c)?, l))).collect(),
            gold: (0..self.charts()).filter(pick).map(|chart| self.gold[chart]).collect(),
            floors: (0..self.charts()).filter(pick).map(|chart| self.floors[chart]).collect(),
        }
    }
}

/// Keeps the labels that rank before place `keep` and are not tied with it; returns the highest
/// logit dropped.
fn keep_best(listed: &mut Vec<(u32, f32)>, keep: usize) -> f32 {
    if listed.len() <= keep {
        return f32::NEG_INFINITY;
    }
    let falling = |a: &(u32, f32), b: &(u32, f32)| -> Ordering { b.1.total_cmp(&a.1) };
    listed.select_nth_unstable_by(keep, falling);
    let floor = listed[keep].1;
    listed.retain(|&(_, logit)| logit > floor);
    listed.sort_unstable_by_key(|&(label, _)| label);
    floor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_labels_are_kept_and_the_rest_accounted_for() {
        let mut set = TuningSet::new(2);
        set.add(&[0.5, 3.0, -1.0, 2.0], &[1, 2], 3).unwrap();
        set.add(&[0.0, 1.0, 1.0, 1.0], &[3], 0).unwrap();
        set.add(&[-4.0, -5.0, -5.0, -5.0], &[], 0).unwrap();
        let kept: Vec<_> = set.candidates().iter().map(|c| (c.chart, c.label, c.gold)).collect();
        assert_eq!(kept, [(0, 1, true), (0, 3, false), (2, 0, false)]);
        assert_eq!(set.dropped_gold(), [(0, 2), (1, 3)]);
        assert_eq!(set.chart_gold(), [5, 1, 0]);
        assert_eq!(set.floor(), 1.0);
    }

    #[test]
    fn a_subset_is_the_set_of_its_charts() {
        let charts: [(&[f32], &[u32]); 3] =
            [(&[1.0, 2.0, 3.0], &[0]), (&[3.0, 2.0, 1.0], &[1]), (&[0.0, 9.0, 5.0], &[0, 2])];
        let build = |numbers: &[usize]| {
            let mut set = TuningSet::new(2);
            for &n in numbers {
                set.add(charts[n].0, charts[n].1, 1).unwrap();
            }
            set
        };
        let part = build(&[0, 1, 2]).subset(|chart| chart != 1);
        let whole = build(&[0, 2]);
        assert_eq!(part.candidates(), whole.candidates());
        assert_eq!(part.dropped_gold(), whole.dropped_gold());
        assert_eq!(part.chart_gold(), whole.chart_gold());
        assert_eq!(part.floor(), whole.floor());
    }

    #[test]
    fn bad_charts_are_refused() {
        let refused = |result: Result<()>, part: &str| {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        let mut set = TuningSet::new(8);
        set.add(&[0.0, 1.0], &[0], 0).unwrap();
        refused(set.add(&[0.0, f32::NAN], &[], 0), "label 1 is NaN");
        refused(set.add(&[0.0, f32::INFINITY], &[], 0), "label 1 is inf");
        refused(set.add(&[0.0], &[], 0), "1 scores, where charts before it have 2");
        refused(set.add(&[0.0, 1.0], &[2], 0), "gold label 2 of 2");
        refused(set.add_listed(&[(4, 1.0), (4, 2.0)], &[], 0), "label 4 is listed twice");
        assert_eq!(set.charts(), 1);
    }
}
