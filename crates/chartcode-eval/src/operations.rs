//! What a coding manager asks: how many codes and charts come out right, and how many are accepted
//! without review.

use crate::bootstrap::{Bootstrap, Interval};
use crate::chart_counts::{ChartCounts, is_gold};
use crate::record::ChartRecord;
use crate::rows::{Rows, share};
use crate::summary::Operations;

/// Numbers in a chart's row.
const WIDTH: usize = 9;

/// Figures that have an interval.
const FIGURES: usize = 10;

impl Operations {
    /// The figures of some charts, all of which count; gold codes outside the labels are missed.
    #[must_use]
    pub fn new(records: &[ChartRecord], bootstrap: Bootstrap) -> Self {
        let mut rows = Rows::new(WIDTH, records.len());
        for record in records {
            rows.push(&row(record));
        }
        let kinds = [Interval::Percentile; FIGURES];
        let estimates = bootstrap.intervals(records.len(), &kinds, |weights| {
            figures(&Sums::of(&rows, weights)).to_vec()
        });
        let sums = Sums::of(&rows, &vec![1; records.len()]);
        let a_chart = |sum: f64| if sums.charts > 0.0 { sum / sums.charts } else { 0.0 };
        Self {
            code_accuracy: estimates[0],
            code_over_code_accuracy: estimates[1],
            chart_accuracy: estimates[2],
            suggestions_kept: estimates[3],
            codes_suggested: estimates[4],
            charts_untouched: estimates[5],
            charts_untouched_right: estimates[6],
            codes_accepted: estimates[7],
            codes_accepted_right: estimates[8],
            corrections_per_chart: estimates[9],
            suggested_per_chart: a_chart(sums.suggested),
            gold_per_chart: a_chart(sums.gold),
        }
    }
}

/// What a chart adds to the sums, in the order of [`Sums`].
fn row(record: &ChartRecord) -> [f64; WIDTH] {
    let counts = ChartCounts::of(record);
    let accepted = || record.suggested.iter().filter(|entry| entry.accepted);
    let right = counts.errors() == 0;
    let untouched = counts.suggested > 0 && accepted().count() == counts.suggested;
    [
        1,
        counts.gold,
        counts.suggested,
        counts.correct,
        usize::from(right),
        usize::from(untouched),
        usize::from(untouched && right),
        accepted().count(),
        accepted().filter(|entry| is_gold(record, entry.label)).count(),
    ]
    .map(|count| count as f64)
}

/// Sums over charts.
struct Sums {
    charts: f64,
    gold: f64,
    suggested: f64,
    correct: f64,
    right: f64,
    untouched: f64,
    untouched_right: f64,
    accepted: f64,
    accepted_right: f64,
}

impl Sums {
    fn of(rows: &Rows, weights: &[u32]) -> Self {
        let sums = rows.sums(weights);
        Self {
            charts: sums[0],
            gold: sums[1],
            suggested: sums[2],
            correct: sums[3],
            right: sums[4],
            untouched: sums[5],
            untouched_right: sums[6],
            accepted: sums[7],
            accepted_right: sums[8],
        }
    }
}

/// The figures, in the order of the fields of [`Operations`].
fn figures(sums: &Sums) -> [f64; FIGURES] {
    [
        share(sums.correct, sums.gold),
        share(sums.correct, sums.gold + sums.suggested - sums.correct),
        share(sums.right, sums.charts),
        share(sums.correct, sums.suggested),
        share(sums.correct, sums.gold),
        share(sums.untouched, sums.charts),
        share(sums.untouched_right, sums.untouched),
        share(sums.accepted, sums.suggested),
        share(sums.accepted_right, sums.accepted),
        share(sums.gold + sums.suggested - 2.0 * sums.correct, sums.charts),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Suggestion;

    fn record(gold: &[u32], outside: u32, suggested: &[(u32, bool)]) -> ChartRecord {
        let suggestion =
            |&(label, accepted): &(u32, bool)| Suggestion { label, probability: None, accepted };
        ChartRecord {
            gold: gold.to_vec(),
            outside,
            suggested: suggested.iter().map(suggestion).collect(),
            ..ChartRecord::default()
        }
    }

    #[test]
    fn figures_of_four_charts() {
        let records = [
            record(&[0, 1], 0, &[(0, true), (1, true)]),
            record(&[0, 1], 1, &[(0, true), (2, false)]),
            record(&[3], 0, &[(2, true)]),
            record(&[], 0, &[]),
        ];
        let operations =
            Operations::new(&records, Bootstrap { replicates: 20, seed: 1, level: 0.9 });
        for (estimate, value) in [
            (operations.code_accuracy, 3.0 / 6.0),
            (operations.code_over_code_accuracy, 3.0 / 8.0),
            (operations.chart_accuracy, 2.0 / 4.0),
            (operations.suggestions_kept, 3.0 / 5.0),
            (operations.codes_suggested, 3.0 / 6.0),
            (operations.charts_untouched, 2.0 / 4.0),
            (operations.charts_untouched_right, 1.0 / 2.0),
            (operations.codes_accepted, 4.0 / 5.0),
            (operations.codes_accepted_right, 3.0 / 4.0),
            (operations.corrections_per_chart, 5.0 / 4.0),
        ] {
            assert_eq!(estimate.value, Some(value));
            assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
        }
        assert_eq!(operations.suggested_per_chart, 1.25);
        assert_eq!(operations.gold_per_chart, 1.5);
    }

    #[test]
    fn no_charts_no_figures() {
        let operations = Operations::new(&[], Bootstrap::default());
        assert_eq!(operations.code_accuracy.value, None);
        assert_eq!(operations.gold_per_chart, 0.0);
    }
}
