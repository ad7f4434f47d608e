//! Precision and recall by groups of codes: by chapter, by frequency in training.

use std::collections::BTreeSet;

use crate::bootstrap::{Bootstrap, Interval};
use crate::chart_counts::is_gold;
use crate::code::Code;
use crate::hierarchy::place;
use crate::record::ChartRecord;
use crate::rows::{f1, share};
use crate::summary::Group;

/// How often codes occur in training: the upper ends of the bins and their names.
const FREQUENCIES: [(usize, &str); 7] = [
    (0, "0"),
    (5, "1-5"),
    (10, "6-10"),
    (50, "11-50"),
    (100, "51-100"),
    (500, "101-500"),
    (usize::MAX, ">500"),
];

/// Groups of codes, and the group of each label and each gold code outside the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Keys and titles, in the order in which they are shown.
    names: Vec<(String, String)>,
    /// The group of each label.
    labels: Vec<u32>,
    /// The groups of each chart's gold codes outside the labels.
    outside: Vec<Vec<u32>>,
}

impl Groups {
    /// Chapters and sections; codes without one are a group of their own. `outside` has each
    /// chart's gold codes outside the labels.
    #[must_use]
    pub fn by_chapter(labels: &[Code], outside: &[Vec<Code>]) -> Self {
        let codes = || labels.iter().chain(outside.iter().flatten());
        let systems: BTreeSet<&str> = codes().map(|code| code.system.as_str()).collect();
        let keys: BTreeSet<ChapterKey<'_>> = codes().map(chapter_key).collect();
        let keys: Vec<ChapterKey<'_>> = keys.into_iter().collect();
        let group = |code: &Code| keys.partition_point(|key| *key < chapter_key(code)) as u32;
        Self {
            names: keys.iter().map(|key| key.name(systems.len() > 1)).collect(),
            labels: labels.iter().map(group).collect(),
            outside: outside.iter().map(|codes| codes.iter().map(group).collect()).collect(),
        }
    }

    /// Bins by how many training charts have a code.
    pub fn by_frequency(
        labels: &[Code],
        outside: &[Vec<Code>],
        occurrences: impl Fn(&Code) -> usize,
    ) -> Self {
        let name = |&(_, name): &(usize, &str)| {
            let title = match name {
                "0" => "not in the training charts".to_owned(),
                _ => format!("in {name} training charts"),
            };
            (name.to_owned(), title)
        };
        let group = |code: &Code| {
            let times = occurrences(code);
            FREQUENCIES.partition_point(|&(end, _)| end < times) as u32
        };
        Self {
            names: FREQUENCIES.iter().map(name).collect(),
            labels: labels.iter().map(group).collect(),
            outside: outside.iter().map(|codes| codes.iter().map(group).collect()).collect(),
        }
    }

    /// Groups of the caller's own: `(key, title)` of each, the group of each label, and the groups
    /// of each chart's gold codes outside the labels. Groups beyond those named are left out.
    #[must_use]
    pub fn new(names: Vec<(String, String)>, labels: Vec<u32>, outside: Vec<Vec<u32>>) -> Self {
        Self { names, labels, outside }
    }

    /// Counts and figures of the groups that have a gold or suggested code.
    #[must_use]
    pub fn evaluate(&self, records: &[ChartRecord], bootstrap: Bootstrap) -> Vec<Group> {
        let counts = self.counts(records);
        let kinds = vec![Interval::Percentile; 3 * counts.len()];
        let estimates = bootstrap.intervals(records.len(), &kinds, |weights| {
            counts.iter().flat_map(|charts| figures(sum(charts, weights))).collect()
        });
        let all = vec![1; records.len()];
        let groups = self.names.iter().zip(&counts).zip(estimates.chunks_exact(3));
        let group = |((name, charts), estimates): ((&(String, String), &GroupCharts), _)| {
            let [correct, suggested, gold] = sum(charts, &all);
            let [precision, recall, f1] = *<&[_; 3]>::try_from(estimates).ok()?;
            (gold + suggested > 0).then(|| Group {
                name: name.0.clone(),
                title: name.1.clone(),
                gold: gold as usize,
                suggested: suggested as usize,
                correct: correct as usize,
                precision,
                recall,
                f1,
            })
        };
        groups.filter_map(group).collect()
    }

    /// The counts of each group's charts.
    fn counts(&self, records: &[ChartRecord]) -> Vec<GroupCharts> {
        let mut groups = vec![GroupCharts::new(); self.names.len()];
        for (chart, record) in records.iter().enumerate() {
            let mut add = |group: Option<&u32>, counts: [u32; 3]| {
                if let Some(charts) = group.and_then(|&group| groups.get_mut(group as usize)) {
                    count(charts, chart as u32, counts);
                }
            };
            for &label in &record.gold {
                add(self.labels.get(label as usize), [0, 0, 1]);
            }
            for group in self.outside.get(chart).into_iter().flatten() {
                add(Some(group), [0, 0, 1]);
            }
            for entry in &record.suggested {
                let correct = u32::from(is_gold(record, entry.label));
                add(self.labels.get(entry.label as usize), [correct, 1, 0]);
            }
        }
        groups
    }
}

/// A chapter of a system, in the order of systems and chapters; those without one come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ChapterKey<'a> {
    system: &'a str,
    place: usize,
    number: &'a str,
    title: &'a str,
}

/// The chapter of a code.
fn chapter_key(code: &Code) -> ChapterKey<'_> {
    let system = code.system.as_str();
    match place(code) {
        Some((place, chapter)) => {
            ChapterKey { system, place, number: chapter.number, title: chapter.title }
        }
        None => ChapterKey { system, place: usize::MAX, number: "other", title: "Other codes" },
    }
}

impl ChapterKey<'_> {
    /// Key and title; the key names the system where there are several.
    fn name(&self, several: bool) -> (String, String) {
        let prefix = if several { format!("{}:", self.system) } else { String::new() };
        (format!("{prefix}{}", self.number), self.title.to_owned())
    }
}

/// Charts in ascending order, each with its correct, suggested and gold codes of one group.
type GroupCharts = Vec<(u32, [u32; 3])>;

/// Adds to a chart's counts; charts come in ascending order.
fn count(charts: &mut GroupCharts, chart: u32, counts: [u32; 3]) {
    match charts.last_mut() {
        Some((last, sums)) if *last == chart => {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        _ => charts.push((chart, counts)),
    }
}

/// Correct, suggested and gold codes over weighted charts.
fn sum(charts: &GroupCharts, weights: &[u32]) -> [u64; 3] {
    let mut sums = [0; 3];
    for (chart, counts) in charts {
        let weight = u64::from(weights[*chart as usize]);
        for (sum, &count) in sums.iter_mut().zip(counts) {
            *sum += weight * u64::from(count);
        }
    }
    sums
}

/// Precision, recall and F1.
fn figures(sums: [u64; 3]) -> [f64; 3] {
    let [correct, suggested, gold] = sums.map(|sum| sum as f64);
    [share(correct, suggested), share(correct, gold), f1(correct, suggested, gold)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Suggestion;

    fn code(code: &str) -> Code {
        Code::new("icd10cm", code)
    }

    fn record(gold: &[u32], suggested: &[u32], outside: u32) -> ChartRecord {
        let suggestion = |&label: &u32| Suggestion { label, probability: None, accepted: false };
        ChartRecord {
            gold: gold.to_vec(),
            outside,
            suggested: suggested.iter().map(suggestion).collect(),
            ..ChartRecord::default()
        }
    }

    /// Labels E11.9, I10, I50.9 and an outside I11.0.
    fn charts() -> (Vec<Code>, Vec<Vec<Code>>, Vec<ChartRecord>) {
        let labels = vec![code("E11.9"), code("I10"), code("I50.9")];
        let outside = vec![vec![], vec![code("I11.0")], vec![]];
        let records =
            vec![record(&[0, 1], &[1, 2], 0), record(&[2], &[2], 1), record(&[], &[1], 0)];
        (labels, outside, records)
    }

    #[test]
    fn chapters_count_outside_gold_as_missed() {
        let (labels, outside, records) = charts();
        let bootstrap = Bootstrap { replicates: 50, ..Bootstrap::default() };
        let groups = Groups::by_chapter(&labels, &outside).evaluate(&records, bootstrap);
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["4", "9"]);
        assert_eq!((groups[0].gold, groups[0].suggested, groups[0].correct), (1, 0, 0));
        assert_eq!(groups[0].precision.value, None);
        assert_eq!(groups[0].recall.value, Some(0.0));
        let heart = &groups[1];
        assert_eq!(heart.title, "Diseases of the circulatory system (I00-I99)");
        assert_eq!((heart.gold, heart.suggested, heart.correct), (3, 4, 2));
        assert_eq!(heart.precision.value, Some(0.5));
        assert_eq!(heart.recall.value, Some(2.0 / 3.0));
        assert_eq!(heart.f1.value, Some(4.0 / 7.0));
        assert!(heart.precision.low < heart.precision.value);
        assert!(heart.precision.high > heart.precision.value);
    }

    #[test]
    fn frequencies_fall_into_their_bins() {
        let times = [0, 1, 5, 6, 10, 11, 50, 51, 100, 101, 500, 501];
        let labels: Vec<Code> = (0..times.len()).map(|i| code(&format!("A{i:02}"))).collect();
        let index = |code: &Code| code.code[1..].parse::<usize>().unwrap();
        let groups = Groups::by_frequency(&labels, &[], |code| times[index(code)]);
        assert_eq!(groups.labels, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
        assert_eq!(groups.names[6].0, ">500");
    }

    #[test]
    fn keys_name_the_system_where_there_are_several() {
        let labels = [code("A00.0"), Code::new("icd10pcs", "0DTJ4ZZ"), Code::new("local", "x")];
        let groups = Groups::by_chapter(&labels, &[]);
        let names: Vec<&str> = groups.names.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(names, ["icd10cm:1", "icd10pcs:0", "local:other"]);
        assert_eq!(groups.labels, [0, 1, 2]);
    }
}
