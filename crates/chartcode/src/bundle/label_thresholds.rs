//! `label_thresholds.tsv`: review thresholds of labels that have one of their own.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::labels::{Labels, inconsistent, text_of};
use crate::error::Result;

/// What the file is called in the bundles that are written here.
pub(super) const LABEL_THRESHOLDS: &str = "label_thresholds.tsv";

/// Reads thresholds, by label; see [`Manifest::label_thresholds`](super::Manifest) for the form.
pub(super) fn parse(path: &Path, bytes: &[u8], labels: &Labels) -> Result<BTreeMap<usize, f64>> {
    let text = text_of(path, bytes)?;
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map_or(vec![], |(_, line)| line.split('\t').collect());
    let column = |name| {
        header.iter().position(|&field| field == name).ok_or_else(|| {
            inconsistent(path, format!("line 1 (the header) has no column {name:?}"))
        })
    };
    let (code_column, threshold_column) = (column("code")?, column("threshold")?);
    let numbers: HashMap<&str, usize> = labels.codes().zip(0..).collect();
    let mut thresholds = BTreeMap::new();
    for (number, line) in lines {
        let at = |problem: String| inconsistent(path, format!("line {}: {problem}", number + 1));
        let fields: Vec<&str> = line.split('\t').collect();
        let (Some(&code), Some(&written)) = (fields.get(code_column), fields.get(threshold_column))
        else {
            return Err(at("it has no code or no threshold".to_owned()));
        };
        let label = numbers.get(code).ok_or_else(|| at(format!("{code:?} is no label")))?;
        let threshold = written
            .parse()
            .ok()
            .filter(|threshold| (0.0..=1.0).contains(threshold))
            .ok_or_else(|| at(format!("threshold {written:?} is no number between 0 and 1")))?;
        if thresholds.insert(*label, threshold).is_some() {
            return Err(at(format!("code {code} is there twice")));
        }
    }
    Ok(thresholds)
}

/// As [`parse`] reads it, in the order of the codes.
pub(super) fn to_tsv(thresholds: &BTreeMap<String, f64>) -> String {
    let line = |(code, threshold): (&String, &f64)| format!("{code}\t{threshold}\n");
    let lines: String = thresholds.iter().map(line).collect();
    format!("code\tthreshold\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<usize, f64>> {
        let labels = Labels::from_codes(Path::new("labels.tsv"), ["I10", "E11.9", "J44.1"])?;
        parse(Path::new("label_thresholds.tsv"), text.as_bytes(), &labels)
    }

    #[test]
    fn thresholds_come_by_label() {
        let read = read("threshold\tnote\tcode\n0.25\ta\tJ44.1\n1\t\tI10\n").unwrap();
        assert_eq!(read, BTreeMap::from([(0, 1.0), (2, 0.25)]));
    }

    #[test]
    fn what_is_written_is_read_back_to_the_last_bit() {
        let thresholds = [("E11.9", 0.1 + 0.2), ("I10", 1.0 / 3.0), ("J44.1", f64::MIN_POSITIVE)];
        let written = to_tsv(&thresholds.map(|(code, p)| (code.to_owned(), p)).into());
        let expected = BTreeMap::from([(1, 0.1 + 0.2), (0, 1.0 / 3.0), (2, f64::MIN_POSITIVE)]);
        assert_eq!(read(&written).unwrap(), expected);
    }

    #[test]
    fn a_bad_file_names_line_and_problem() {
        for (text, problem) in [
            ("", "no column \"code\""),
            ("code\tthresholds\n", "no column \"threshold\""),
            ("code\tthreshold\nI10\n", "line 2: it has no code or no threshold"),
            ("code\tthreshold\nI10\t0.5\nI11\t0.5\n", "line 3: \"I11\" is no label"),
            ("code\tthreshold\nI10\t0.5\nI10\t0.6\n", "line 3: code I10 is there twice"),
            ("code\tthreshold\nI10\t1.5\n", "\"1.5\" is no number between 0 and 1"),
            ("code\tthreshold\nI10\tNaN\n", "\"NaN\" is no number between 0 and 1"),
            ("code\tthreshold\nI10\t\n", "\"\" is no number between 0 and 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("label_thresholds.tsv"), "{error}");
        }
    }
}
