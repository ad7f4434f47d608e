//! The gold of a whole set of charts, without their text.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::chart::LabelledChart;
use crate::code::Code;
use crate::error::Error;
use crate::issues::Issues;

/// The codes of one chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldChart {
    /// The chart's id.
    pub id: String,
    /// Its codes as indices of [`GoldSet::codes`], without repetition, in the source's order.
    pub codes: Vec<u32>,
    /// Whether the source holds a note that is not blank.
    pub has_text: bool,
    /// Whether the source marks passages.
    pub has_evidence: bool,
}

/// The gold of a set of charts: ids and codes, some 100 bytes a chart.
#[derive(Clone, Debug, Default)]
pub struct GoldSet {
    charts: Vec<GoldChart>,
    codes: Vec<Code>,
    index: HashMap<Code, u32>,
    ids: HashMap<String, u32>,
    read: usize,
    issues: Issues,
}

impl GoldSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chart in; of charts with the same id only the first counts. Gives whether it counts.
    pub fn add(&mut self, chart: &LabelledChart) -> bool {
        self.read += 1;
        if self.ids.contains_key(&chart.id) {
            self.issues.add("duplicate_id", &chart.id);
            return false;
        }
        let mut seen = HashSet::new();
        let mut codes = Vec::with_capacity(chart.codes.len());
        for code in &chart.codes {
            let code = self.intern(code);
            if seen.insert(code) {
                codes.push(code);
            } else {
                self.issues.add("repeated_code", &chart.id);
            }
        }
        if codes.is_empty() {
            self.issues.add("no_codes", &chart.id);
        }
        let has_text =
            chart.text.as_ref().is_some_and(|text| !text.chars().all(char::is_whitespace));
        if chart.text.is_some() && !has_text {
            self.issues.add("empty_text", &chart.id);
        }
        self.ids.insert(chart.id.clone(), self.charts.len() as u32);
        let has_evidence = !chart.evidence.is_empty();
        self.charts.push(GoldChart { id: chart.id.clone(), codes, has_text, has_evidence });
        true
    }

    /// Counts a record that cannot be used.
    pub fn add_error(&mut self, error: &Error) {
        self.read += 1;
        let place = match error {
            Error::Record { place, .. } => place.clone(),
            other => other.to_string(),
        };
        self.issues.add("bad_record", &place);
    }

    /// The charts that count, in the order of the source.
    #[must_use]
    pub fn charts(&self) -> &[GoldChart] {
        &self.charts
    }

    /// All codes there are in the set.
    #[must_use]
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// The place of a chart among [`GoldSet::charts`].
    #[must_use]
    pub fn find(&self, id: &str) -> Option<usize> {
        self.ids.get(id).map(|&chart| chart as usize)
    }

    /// Records read, those that do not count included.
    #[must_use]
    pub fn read(&self) -> usize {
        self.read
    }

    /// What could not be used as it stands.
    #[must_use]
    pub fn issues(&self) -> &Issues {
        &self.issues
    }

    /// How many codes of each system there are, repetitions within a chart not counted.
    #[must_use]
    pub fn systems(&self) -> BTreeMap<String, usize> {
        let mut systems = BTreeMap::new();
        for code in self.charts.iter().flat_map(|chart| &chart.codes) {
            *systems.entry(self.codes[*code as usize].system.clone()).or_default() += 1;
        }
        systems
    }

    /// In how many charts each code occurs, as many as [`GoldSet::codes`].
    #[must_use]
    pub fn occurrences(&self) -> Vec<u32> {
        let mut occurrences = vec![0; self.codes.len()];
        for code in self.charts.iter().flat_map(|chart| &chart.codes) {
            occurrences[*code as usize] += 1;
        }
        occurrences
    }

    fn intern(&mut self, code: &Code) -> u32 {
        if let Some(&index) = self.index.get(code) {
            return index;
        }
        let index = self.codes.len() as u32;
        self.codes.push(code.clone());
        self.index.insert(code.clone(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(id: &str, text: &str, codes: &[&str]) -> LabelledChart {
        LabelledChart {
            id: id.to_owned(),
            text: Some(text.to_owned()),
            codes: codes.iter().map(|code| Code::new("icd10cm", code)).collect(),
            evidence: Vec::new(),
            split: None,
        }
    }

    #[test]
    fn nothing_is_dropped_in_silence() {
        let mut gold = GoldSet::new();
        assert!(gold.add(&chart("a", "text", &["I10", "i10", "E11.9"])));
        assert!(gold.add(&chart("b", " \n", &["I10"])));
        assert!(!gold.add(&chart("a", "text", &["J44.1"])));
        assert!(gold.add(&chart("c", "text", &[])));
        assert_eq!((gold.read(), gold.charts().len()), (4, 3));
        assert_eq!(gold.charts()[0].codes, [0, 1]);
        assert_eq!(gold.occurrences(), [2, 1]);
        let counts: Vec<(String, usize)> =
            gold.issues().list().into_iter().map(|issue| (issue.kind, issue.count)).collect();
        let expected =
            [("duplicate_id", 1), ("empty_text", 1), ("no_codes", 1), ("repeated_code", 1)];
        assert_eq!(counts, expected.map(|(kind, count)| (kind.to_owned(), count)));
    }
}
