//! Gold codes as labels of a space.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::code_list::KnownCodes;
use crate::gold_set::{GoldChart, GoldSet};
use crate::issues::Issues;
use crate::label_set::LabelSet;

/// What a gold code is to a label space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A label.
    Label(u32),
    /// A code of an evaluated system that is no label.
    Outside,
    /// A code of a system that is not evaluated.
    OtherSystem,
}

/// One chart's gold over a label space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Gold labels, ascending.
    pub labels: Vec<u32>,
    /// Gold codes of the evaluated systems that are no labels, as indices of [`GoldSet::codes`].
    pub outside: Vec<u32>,
}

/// What each code of a gold set is to a label space.
#[derive(Clone, Debug)]
pub struct Mapping {
    targets: Vec<Target>,
    issues: Issues,
}

impl Mapping {
    /// Maps the gold's codes of `systems`. A code that is no label is *retired* where `known` has
    /// it, *not billable* where labels have it as their beginning, else *unknown*.
    #[must_use]
    pub fn new(
        gold: &GoldSet,
        space: &LabelSet,
        systems: &BTreeSet<String>,
        known: &KnownCodes,
    ) -> Self {
        let beginnings = Beginnings::of(space);
        let occurrences = gold.occurrences();
        let mut issues = Issues::default();
        let mut targets = Vec::with_capacity(gold.codes().len());
        for (code, &count) in gold.codes().iter().zip(&occurrences) {
            let target = match space.label(code) {
                _ if !systems.contains(&code.system) => Target::OtherSystem,
                Some(label) => Target::Label(label),
                None => Target::Outside,
            };
            targets.push(target);
            match target {
                Target::Label(_) => {}
                Target::OtherSystem => {
                    issues.add_many("other_system", count as usize, &code.system);
                }
                Target::Outside if known.has(code) => {
                    issues.add_many("retired_code", count as usize, &code.code);
                }
                Target::Outside if beginnings.have(code) => {
                    issues.add_many("not_billable", count as usize, &code.code);
                }
                Target::Outside => issues.add_many("unknown_code", count as usize, &code.code),
            }
        }
        Self { targets, issues }
    }

    /// A chart's gold as labels.
    #[must_use]
    pub fn targets(&self, chart: &GoldChart) -> Targets {
        let mut targets = Targets::default();
        for &code in &chart.codes {
            match self.targets[code as usize] {
                Target::Label(label) => targets.labels.push(label),
                Target::Outside => targets.outside.push(code),
                Target::OtherSystem => {}
            }
        }
        targets.labels.sort_unstable();
        targets
    }

    /// Which labels are gold in at least one chart.
    #[must_use]
    pub fn present(&self, labels: usize) -> Vec<bool> {
        let mut present = vec![false; labels];
        for target in &self.targets {
            if let Target::Label(label) = target {
                present[*label as usize] = true;
            }
        }
        present
    }

    /// Gold codes that are no labels or not evaluated.
    #[must_use]
    pub fn issues(&self) -> &Issues {
        &self.issues
    }
}

/// The labels in alphabetical order without dots, to find those that begin with a code.
struct Beginnings(Vec<(String, String)>);

impl Beginnings {
    fn of(space: &LabelSet) -> Self {
        let mut labels: Vec<_> =
            space.codes().iter().map(|code| (code.system.clone(), bare(code))).collect();
        labels.sort_unstable();
        Self(labels)
    }

    fn have(&self, code: &Code) -> bool {
        let wanted = (code.system.clone(), bare(code));
        let place = self.0.partition_point(|label| *label < wanted);
        self.0
            .get(place)
            .is_some_and(|(system, label)| *system == wanted.0 && label.starts_with(&wanted.1))
    }
}

fn bare(code: &Code) -> String {
    code.code.replace('.', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::LabelledChart;

    #[test]
    fn codes_that_are_no_labels_are_told_apart() {
        let code = |code: &str| Code::new("icd10cm", code);
        let mut gold = GoldSet::new();
        gold.add(&LabelledChart {
            id: "a".to_owned(),
            text: None,
            codes: vec![
                code("E11.9"),
                code("I10"),
                code("E11"),
                code("Z99.99"),
                code("F10.1"),
                Code::new("icd10pcs", "0DTJ4ZZ"),
            ],
            evidence: Vec::new(),
            split: None,
        });
        let labels = ["I10", "E11.65", "E11.9"].map(code);
        let space = LabelSet::new(labels).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("old.txt");
        std::fs::write(&list, "F101 Alcohol abuse\n").unwrap();
        let mut known = KnownCodes::default();
        known.add_file(&list).unwrap();
        let systems = BTreeSet::from(["icd10cm".to_owned()]);
        let mapping = Mapping::new(&gold, &space, &systems, &known);
        let targets = mapping.targets(&gold.charts()[0]);
        assert_eq!(targets, Targets { labels: vec![0, 2], outside: vec![2, 3, 4] });
        assert_eq!(mapping.present(3), [true, false, true]);
        let kinds: Vec<(String, Vec<String>)> =
            mapping.issues().list().into_iter().map(|i| (i.kind, i.examples)).collect();
        let expected = [
            ("not_billable", "E11"),
            ("other_system", "icd10pcs"),
            ("retired_code", "F10.1"),
            ("unknown_code", "Z99.99"),
        ];
        assert_eq!(kinds, expected.map(|(k, e)| (k.to_owned(), vec![e.to_owned()])));
    }
}
