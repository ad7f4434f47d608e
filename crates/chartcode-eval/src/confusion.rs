//! Which code was suggested in place of which, and the charts with most errors.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart_counts::{ChartCounts, is_gold};
use crate::code::Code;
use crate::hierarchy::category;
use crate::record::ChartRecord;
use crate::summary::{ChartErrors, Confusion};

/// Counts in how many charts a gold code was missed where another of its category was wrongly
/// suggested.
#[derive(Clone, Debug)]
pub struct Confusions<'a> {
    labels: &'a [Code],
    charts: BTreeMap<(&'a Code, &'a Code), usize>,
}

impl<'a> Confusions<'a> {
    /// No chart yet, over these labels.
    #[must_use]
    pub fn new(labels: &'a [Code]) -> Self {
        Self { labels, charts: BTreeMap::new() }
    }

    /// The next chart and its gold codes outside the labels.
    pub fn add(&mut self, record: &ChartRecord, outside: &'a [Code]) {
        let errors = Errors::of(record, self.labels, outside);
        let missed: BTreeSet<&Code> = errors.missed.into_iter().collect();
        for missed in missed {
            for &wrong in &errors.wrong {
                if wrong.system == missed.system && category(wrong) == category(missed) {
                    *self.charts.entry((missed, wrong)).or_default() += 1;
                }
            }
        }
    }

    /// The `count` most frequent, equally frequent ones in the order of codes; `title` knows the
    /// titles of codes, empty where it does not.
    pub fn most_frequent(&self, count: usize, title: impl Fn(&Code) -> String) -> Vec<Confusion> {
        let mut pairs: Vec<_> = self.charts.iter().collect();
        pairs.sort_by_key(|&(codes, &charts)| (std::cmp::Reverse(charts), codes));
        let confusion = |(&(missed, suggested), &charts): (&(&Code, &Code), &usize)| Confusion {
            missed: missed.clone(),
            missed_title: title(missed),
            suggested: suggested.clone(),
            suggested_title: title(suggested),
            charts,
        };
        pairs.into_iter().take(count).map(confusion).collect()
    }
}

/// The `count` charts with most errors, worst first; of equally many errors those with the lower
/// F1, then the earlier ones. `outside` has each chart's gold codes outside the labels.
#[must_use]
pub fn worst_charts(
    records: &[ChartRecord],
    labels: &[Code],
    outside: &[Vec<Code>],
    count: usize,
) -> Vec<ChartErrors> {
    let mut order: Vec<(usize, ChartCounts)> =
        records.iter().map(ChartCounts::of).enumerate().collect();
    order.retain(|(_, counts)| counts.errors() > 0);
    order.sort_by(|(_, a), (_, b)| b.errors().cmp(&a.errors()).then(a.f1().total_cmp(&b.f1())));
    let errors = |(chart, _): (usize, ChartCounts)| {
        let outside = outside.get(chart).map_or(&[][..], Vec::as_slice);
        let errors = Errors::of(&records[chart], labels, outside);
        let owned = |codes: Vec<&Code>| codes.into_iter().cloned().collect();
        ChartErrors {
            id: records[chart].id.clone(),
            missed: owned(errors.missed),
            wrong: owned(errors.wrong),
            right: owned(errors.right),
            text: None,
        }
    };
    order.into_iter().take(count).map(errors).collect()
}

/// A chart's codes by outcome.
struct Errors<'a> {
    missed: Vec<&'a Code>,
    wrong: Vec<&'a Code>,
    right: Vec<&'a Code>,
}

impl<'a> Errors<'a> {
    /// Gold in the order of labels, those outside behind; suggestions as they are listed.
    fn of(record: &ChartRecord, labels: &'a [Code], outside: &'a [Code]) -> Self {
        let code = |label: u32| labels.get(label as usize);
        let suggested: BTreeSet<u32> = record.suggested.iter().map(|entry| entry.label).collect();
        let missed = record.gold.iter().filter(|&label| !suggested.contains(label));
        let (right, wrong): (Vec<u32>, Vec<u32>) =
            record.suggested.iter().map(|entry| entry.label).partition(|&l| is_gold(record, l));
        Self {
            missed: missed.filter_map(|&label| code(label)).chain(outside).collect(),
            wrong: wrong.into_iter().filter_map(code).collect(),
            right: right.into_iter().filter_map(code).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Suggestion;

    fn codes(codes: &[&str]) -> Vec<Code> {
        codes.iter().map(|code| Code::new("icd10cm", code)).collect()
    }

    fn record(id: &str, gold: &[u32], suggested: &[u32], outside: u32) -> ChartRecord {
        let suggestion = |&label: &u32| Suggestion { label, probability: None, accepted: false };
        ChartRecord {
            id: id.to_owned(),
            gold: gold.to_vec(),
            outside,
            suggested: suggested.iter().map(suggestion).collect(),
            ..ChartRecord::default()
        }
    }

    #[test]
    fn siblings_are_counted_over_charts() {
        let labels = codes(&["E11.9", "E11.65", "I10", "I50.9"]);
        let outside = codes(&["E11.69", "I50.22"]);
        let mut confusions = Confusions::new(&labels);
        confusions.add(&record("a", &[0], &[1, 2], 0), &[]);
        confusions.add(&record("b", &[0, 2], &[1, 2], 0), &[]);
        confusions.add(&record("c", &[0, 1], &[0, 3], 2), &outside);
        confusions.add(&record("d", &[0, 1], &[0, 1], 0), &[]);
        let found = confusions.most_frequent(9, |code| format!("title of {code}"));
        let found: Vec<_> = found
            .iter()
            .map(|c| (c.missed.code.as_str(), c.suggested.code.as_str(), c.charts))
            .collect();
        assert_eq!(found, [("E11.9", "E11.65", 2), ("I50.22", "I50.9", 1)]);
        let first = confusions.most_frequent(1, |code| format!("title of {code}")).remove(0);
        assert_eq!(first.missed_title, "title of E11.9");
        assert_eq!(first.suggested_title, "title of E11.65");
    }

    #[test]
    fn the_worst_charts_come_first() {
        let labels = codes(&["E11.9", "E11.65", "I10"]);
        let outside = vec![vec![], codes(&["I50.22"]), vec![], vec![]];
        let records = [
            record("right", &[0], &[0], 0),
            record("one of two", &[0, 1], &[2, 1], 1),
            record("none", &[0, 1], &[2], 0),
            record("one", &[0], &[0, 1], 0),
        ];
        let worst = worst_charts(&records, &labels, &outside, 2);
        assert_eq!(worst.len(), 2);
        assert_eq!(worst[0].id, "none");
        assert_eq!(worst[1].id, "one of two");
        assert_eq!(worst[1].missed, codes(&["E11.9", "I50.22"]));
        assert_eq!(worst[1].wrong, codes(&["I10"]));
        assert_eq!(worst[1].right, codes(&["E11.65"]));
        assert_eq!(worst_charts(&records, &labels, &outside, 9).len(), 3);
    }
}
