//! How much could be accepted without a look at a given precision.

use crate::bootstrap::{Bootstrap, Interval};
use crate::chart_counts::{ChartCounts, is_gold};
use crate::record::ChartRecord;
use crate::summary::{AutomationCurve, AutomationPoint, AutomationSummary, AutomationTarget};

/// The precisions asked for.
const TARGETS: [f64; 2] = [0.95, 0.98];

/// Points of a curve at most.
const POINTS: usize = 200;

impl AutomationSummary {
    /// The curves of some charts; none where no suggestion has a probability. Suggestions without
    /// one, charts with such and charts without a suggestion are never accepted, yet count in the
    /// whole of which shares are taken.
    #[must_use]
    pub fn new(records: &[ChartRecord], bootstrap: Bootstrap) -> Option<Self> {
        let codes = Ranked::new(records.iter().enumerate().flat_map(|(chart, record)| {
            record.suggested.iter().map(move |entry| Item {
                chart: chart as u32,
                probability: entry.probability,
                right: is_gold(record, entry.label),
            })
        }));
        let charts = Ranked::new(records.iter().enumerate().map(|(chart, record)| Item {
            chart: chart as u32,
            probability: least(record),
            right: ChartCounts::of(record).errors() == 0,
        }));
        (codes.accepted > 0).then(|| Self {
            codes: codes.curve(records.len(), bootstrap),
            charts: charts.curve(records.len(), bootstrap),
        })
    }
}

/// The least probability among a chart's suggestions; none where one has none or there is none.
fn least(record: &ChartRecord) -> Option<f32> {
    let mut least: Option<f32> = None;
    for entry in &record.suggested {
        let probability = entry.probability?;
        least = Some(least.map_or(probability, |least| least.min(probability)));
    }
    least
}

/// A code or a chart that could be accepted.
#[derive(Clone, Copy, Debug)]
struct Item {
    chart: u32,
    probability: Option<f32>,
    right: bool,
}

/// Items by falling probability, those without one at the end.
struct Ranked {
    items: Vec<Item>,
    /// How many have a probability.
    accepted: usize,
}

impl Ranked {
    fn new(items: impl Iterator<Item = Item>) -> Self {
        let mut items: Vec<Item> = items.collect();
        let key = |item: &Item| item.probability.unwrap_or(f32::NEG_INFINITY);
        items.sort_by(|a, b| key(b).total_cmp(&key(a)));
        let accepted = items.partition_point(|item| item.probability.is_some());
        Self { items, accepted }
    }

    /// Whether a tie ends with item `at`, so that a threshold can lie behind it.
    fn ends_tie(&self, at: usize) -> bool {
        at + 1 >= self.accepted || self.items[at].probability != self.items[at + 1].probability
    }

    /// The threshold that accepts the items up to `at` and no further: the next lower
    /// probability, or 0.
    fn threshold(&self, at: usize) -> f64 {
        let next = self.items.get(at + 1).and_then(|item| item.probability);
        next.map_or(0.0, f64::from)
    }

    /// For each target the largest share whose precision reaches it, and the last item in it.
    fn shares(&self, weights: &[u32]) -> [(f64, Option<usize>); TARGETS.len()] {
        let (mut taken, mut right) = (0_u64, 0_u64);
        let mut best = [(0, None); TARGETS.len()];
        for (at, item) in self.items[..self.accepted].iter().enumerate() {
            let weight = u64::from(weights[item.chart as usize]);
            taken += weight;
            right += weight * u64::from(item.right);
            if taken > 0 && self.ends_tie(at) {
                for (best, target) in best.iter_mut().zip(TARGETS) {
                    if right as f64 >= target * taken as f64 {
                        *best = (taken, Some(at));
                    }
                }
            }
        }
        let rest = self.items[self.accepted..].iter();
        let all = taken + rest.map(|item| u64::from(weights[item.chart as usize])).sum::<u64>();
        best.map(
            |(taken, at)| if all > 0 { (taken as f64 / all as f64, at) } else { (f64::NAN, at) },
        )
    }

    fn curve(&self, charts: usize, bootstrap: Bootstrap) -> AutomationCurve {
        let kinds = [Interval::Percentile; TARGETS.len()];
        let estimates = bootstrap.intervals(charts, &kinds, |weights| {
            self.shares(weights).iter().map(|&(share, _)| share).collect()
        });
        let best = self.shares(&vec![1; charts]);
        let target = |((precision, share), &(_, last)): ((f64, _), &(f64, Option<usize>))| {
            AutomationTarget { precision, share, threshold: last.map(|at| self.threshold(at)) }
        };
        AutomationCurve {
            targets: TARGETS.into_iter().zip(estimates).zip(&best).map(target).collect(),
            points: self.points(),
        }
    }

    /// The curve at places evenly far from each other.
    fn points(&self) -> Vec<AutomationPoint> {
        let (mut right, mut points) = (0_usize, Vec::new());
        for (at, item) in self.items[..self.accepted].iter().enumerate() {
            right += usize::from(item.right);
            let due = (points.len() + 1) * self.accepted / POINTS;
            if self.ends_tie(at) && (at + 1 >= due || at + 1 == self.accepted) {
                points.push(AutomationPoint {
                    threshold: self.threshold(at),
                    share: (at + 1) as f64 / self.items.len() as f64,
                    precision: right as f64 / (at + 1) as f64,
                });
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Suggestion;

    fn record(gold: &[u32], suggested: &[(u32, Option<f32>)]) -> ChartRecord {
        let suggestion = |&(label, probability): &(u32, Option<f32>)| Suggestion {
            label,
            probability,
            accepted: false,
        };
        ChartRecord {
            gold: gold.to_vec(),
            suggested: suggested.iter().map(suggestion).collect(),
            ..ChartRecord::default()
        }
    }

    const FEW: Bootstrap = Bootstrap { replicates: 40, seed: 3, level: 0.95 };

    #[test]
    fn the_largest_prefix_that_keeps_the_precision() {
        // By falling probability: right, right, wrong, then 57 right: 59 of 60 in all.
        let mut records =
            vec![record(&[0, 1], &[(0, Some(0.99)), (1, Some(0.98)), (2, Some(0.97))])];
        records.extend((0..57).map(|i| record(&[0], &[(0, Some(0.9 - 0.01 * i as f32))])));
        records.push(record(&[0], &[(1, Some(0.2)), (2, Some(0.1))]));
        let summary = AutomationSummary::new(&records, FEW).unwrap();
        let [first, second] = &summary.codes.targets[..] else { panic!("two targets") };
        // 59 right of 62 are 0.952; 59 of 61 are 0.967, of 60 0.983.
        assert_eq!((first.precision, first.share.value), (0.95, Some(1.0)));
        assert_eq!(first.threshold, Some(0.0));
        assert_eq!((second.precision, second.share.value), (0.98, Some(60.0 / 62.0)));
        assert_eq!(second.threshold, Some(f64::from(0.2_f32)));
        assert!(second.share.low < second.share.value && second.share.value <= second.share.high);
    }

    #[test]
    fn ties_stay_together() {
        let records = [record(&[0], &[(0, Some(0.5)), (1, Some(0.5))])];
        let summary = AutomationSummary::new(&records, FEW).unwrap();
        assert_eq!(summary.codes.targets[0].share.value, Some(0.0));
        assert_eq!(summary.codes.targets[0].threshold, None);
        let point = AutomationPoint { threshold: 0.0, share: 1.0, precision: 0.5 };
        assert_eq!(summary.codes.points, [point]);
    }

    #[test]
    fn charts_go_by_their_least_probable_suggestion() {
        let mut outside = record(&[0], &[(0, Some(0.6))]);
        outside.outside = 1;
        let records = [
            record(&[0, 1], &[(0, Some(0.9)), (1, Some(0.8))]),
            record(&[0], &[(0, Some(0.7))]),
            outside,
            record(&[], &[]),
            record(&[0, 1], &[(0, Some(0.99)), (1, None)]),
        ];
        let charts = AutomationSummary::new(&records, FEW).unwrap().charts;
        assert_eq!(charts.targets[0].share.value, Some(2.0 / 5.0));
        assert_eq!(charts.targets[0].threshold, Some(f64::from(0.6_f32)));
        assert_eq!(charts.points.len(), 3);
        assert_eq!(charts.points[2].precision, 2.0 / 3.0);
    }

    #[test]
    fn curves_are_short_and_nothing_comes_of_no_probability() {
        let records: Vec<_> =
            (0..1000).map(|i| record(&[0], &[(i % 2, Some(0.001 * i as f32))])).collect();
        let summary = AutomationSummary::new(&records, FEW).unwrap();
        assert_eq!(summary.codes.points.len(), POINTS);
        assert_eq!(summary.codes.points[POINTS - 1].share, 1.0);
        assert!(AutomationSummary::new(&[record(&[0], &[(0, None)])], FEW).is_none());
    }
}
