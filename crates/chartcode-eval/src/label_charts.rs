//! For every label the charts in which it was found, wrongly suggested and missed.

use crate::record::ChartRecord;

/// What a label is to a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Gold and suggested.
    Found,
    /// Suggested, not gold.
    Wrong,
    /// Gold, not suggested.
    Missed,
}

/// A label's counts over weighted charts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LabelCounts {
    /// Charts in which it is gold and suggested.
    pub(crate) found: f64,
    /// Charts in which it is suggested and not gold.
    pub(crate) wrong: f64,
    /// Charts in which it is gold and not suggested.
    pub(crate) missed: f64,
}

/// Lists of charts by label and outcome. Summing weights along a list reads them at random from a
/// small array, which is several times faster than counting charts into an array of labels, and
/// needs nothing cleared between replicates.
#[derive(Clone, Debug)]
pub(crate) struct LabelCharts {
    /// Charts, by label and within it by outcome.
    charts: Vec<u32>,
    /// Where the lists begin, three a label, and the end.
    starts: Vec<usize>,
}

impl LabelCharts {
    /// The lists of the charts that `counts` keeps; `column` says which suggestions count.
    pub(crate) fn new(
        labels: usize,
        records: &[ChartRecord],
        counts: impl Fn(usize) -> bool,
        column: impl Fn(u32) -> bool,
    ) -> Self {
        let mut starts = vec![0; 3 * labels + 1];
        let visit = |see: &mut dyn FnMut(usize, usize)| {
            for (chart, record) in records.iter().enumerate().filter(|(chart, _)| counts(*chart)) {
                outcomes(record, |label, outcome| {
                    if column(label) {
                        see(3 * label as usize + outcome as usize, chart);
                    }
                });
            }
        };
        visit(&mut |list, _| starts[list + 1] += 1);
        for list in 1..starts.len() {
            starts[list] += starts[list - 1];
        }
        let mut charts = vec![0; starts.last().copied().unwrap_or(0)];
        let mut next = starts.clone();
        visit(&mut |list, chart| {
            charts[next[list]] = chart as u32;
            next[list] += 1;
        });
        Self { charts, starts }
    }

    /// Labels in all.
    pub(crate) fn labels(&self) -> usize {
        self.starts.len() / 3
    }

    /// The counts of a label.
    pub(crate) fn counts(&self, label: usize, weights: &[u32]) -> LabelCounts {
        let starts = &self.starts[3 * label..3 * label + 4];
        if starts[0] == starts[3] {
            return LabelCounts::default();
        }
        let sum = |outcome: usize| {
            let list = &self.charts[starts[outcome]..starts[outcome + 1]];
            list.iter().map(|&chart| u64::from(weights[chart as usize])).sum::<u64>() as f64
        };
        LabelCounts {
            found: sum(Outcome::Found as usize),
            wrong: sum(Outcome::Wrong as usize),
            missed: sum(Outcome::Missed as usize),
        }
    }
}

/// Tells every label of a chart that is gold or suggested, in no particular order.
fn outcomes(record: &ChartRecord, mut see: impl FnMut(u32, Outcome)) {
    let mut suggested: Vec<u32> = record.suggested.iter().map(|entry| entry.label).collect();
    suggested.sort_unstable();
    for &label in &record.gold {
        let found = suggested.binary_search(&label).is_ok();
        see(label, if found { Outcome::Found } else { Outcome::Missed });
    }
    for label in suggested {
        if record.gold.binary_search(&label).is_err() {
            see(label, Outcome::Wrong);
        }
    }
}
