//! The labels of a head: code and title of each column.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};

/// A label file may unpack to this many bytes; more is taken for an attack or a mistake.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Code and title of each label, in the order of the head's columns.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// `code TAB title NEWLINE` for each label.
    text: String,
    /// Where each label's line starts and where its title starts.
    starts: Vec<(u32, u32)>,
    /// Whether each label can be billed; empty where the file does not say.
    billable: Vec<bool>,
}

impl Labels {
    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The code of a label, e.g. `E11.9`.
    ///
    /// # Panics
    /// Where `label` is not below [`Labels::len`].
    #[must_use]
    pub fn code(&self, label: usize) -> &str {
        let (line, title) = self.starts[label];
        &self.text[line as usize..title as usize - 1]
    }

    /// The official title of a label's code, or nothing where the bundle has none.
    ///
    /// # Panics
    /// Where `label` is not below [`Labels::len`].
    #[must_use]
    pub fn title(&self, label: usize) -> &str {
        let end = match self.starts.get(label + 1) {
            Some(&(next, _)) => next as usize,
            None => self.text.len(),
        };
        &self.text[self.starts[label].1 as usize..end - 1]
    }

    /// Whether a label's code can be billed, as a category cannot; nothing where the bundle does
    /// not say.
    #[must_use]
    pub fn is_billable(&self, label: usize) -> Option<bool> {
        self.billable.get(label).copied()
    }

    /// All codes in label order.
    #[must_use]
    pub fn codes(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|label| self.code(label))
    }

    /// Reads a label file; see [`LabelSource`](super::LabelSource) for its form.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let text = text_of(path, bytes)?;
        let mut lines = text.lines().enumerate();
        let header: Vec<&str> = lines.next().map_or(vec![], |(_, line)| line.split('\t').collect());
        let column = |name| {
            header.iter().position(|&field| field == name).ok_or_else(|| {
                inconsistent(path, format!("line 1 (the header) has no column {name:?}"))
            })
        };
        let (code_column, title_column) = (column("code")?, column("title")?);
        let billable_column = column("billable").ok();
        let mut labels = Self::default();
        for (number, line) in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            match (fields.get(code_column), fields.get(title_column)) {
                (Some(code), Some(title)) if !code.is_empty() => labels.push(code, title),
                _ => {
                    let problem = format!("line {} has no code or no title", number + 1);
                    return Err(inconsistent(path, problem));
                }
            }
            if let Some(column) = billable_column {
                let billable = match fields.get(column) {
                    Some(&"1") => true,
                    Some(&"0") => false,
                    _ => {
                        let problem = format!("line {}: billable is neither 1 nor 0", number + 1);
                        return Err(inconsistent(path, problem));
                    }
                };
                labels.billable.push(billable);
            }
        }
        labels.check_unique(path)?;
        Ok(labels)
    }

    /// Labels without titles, in this order; `path` is for errors.
    pub(crate) fn from_codes<'c>(
        path: &Path,
        codes: impl IntoIterator<Item = &'c str>,
    ) -> Result<Self> {
        let pairs: Vec<(&str, &str)> = codes.into_iter().map(|code| (code, "")).collect();
        Self::from_pairs(path, &pairs)
    }

    /// Labels from code and title, in this order; `path` is for errors.
    pub(super) fn from_pairs(
        path: &Path,
        pairs: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Self> {
        let mut labels = Self::default();
        for (code, title) in pairs {
            let (code, title) = (code.as_ref(), title.as_ref());
            if code.is_empty() || [code, title].iter().any(|s| s.contains(['\t', '\n', '\r'])) {
                let problem = format!("label {} is empty or has a tab or line end", labels.len());
                return Err(inconsistent(path, problem));
            }
            labels.push(code, title);
        }
        labels.check_unique(path)?;
        Ok(labels)
    }

    /// Labels of these codes and titles, in this order; `path` is for errors.
    pub(super) fn from_rows(path: &Path, rows: &[(String, String)]) -> Result<Self> {
        let mut labels = Self::default();
        for (code, title) in rows {
            let is_cell = |text: &str| !text.contains(['\t', '\n', '\r']);
            if code.is_empty() || !is_cell(code) || !is_cell(title) {
                let problem =
                    format!("label {} has no code, or a tab or line end in it", labels.len());
                return Err(inconsistent(path, problem));
            }
            labels.push(code, title);
        }
        labels.check_unique(path)?;
        Ok(labels)
    }

    /// As a label file.
    pub(crate) fn to_tsv(&self) -> String {
        if self.billable.is_empty() {
            return format!("code\ttitle\n{}", self.text);
        }
        let rows = self.text.lines().zip(&self.billable);
        let mut text = "code\ttitle\tbillable\n".to_owned();
        rows.for_each(|(row, &paid)| text.extend([row, "\t", if paid { "1" } else { "0" }, "\n"]));
        text
    }

    fn push(&mut self, code: &str, title: &str) {
        let line = self.text.len() as u32;
        self.starts.push((line, line + code.len() as u32 + 1));
        self.text.extend([code, "\t", title, "\n"]);
    }

    fn check_unique(&self, path: &Path) -> Result<()> {
        let mut seen = HashSet::with_capacity(self.len());
        match self.codes().find(|&code| !seen.insert(code)) {
            None => Ok(()),
            Some(code) => Err(inconsistent(path, format!("code {code} is there twice"))),
        }
    }
}

/// A file of labels or words whose content cannot be right.
pub(super) fn inconsistent(path: &Path, problem: String) -> Error {
    Error::Inconsistent { path: path.to_owned(), problem }
}

/// The text of a file, unpacked if its name ends in `.gz`.
pub(super) fn text_of(path: &Path, bytes: &[u8]) -> Result<String> {
    if path.extension().is_some_and(|extension| extension == "gz") {
        return unpack(path, bytes);
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| inconsistent(path, "it is not UTF-8".to_owned()))
}

fn unpack(path: &Path, bytes: &[u8]) -> Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if text.len() as u64 > MOST_BYTES {
        return Err(inconsistent(path, format!("it unpacks to more than {MOST_BYTES} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Labels> {
        Labels::parse(Path::new("labels.tsv"), text.as_bytes())
    }

    #[test]
    fn codes_and_titles_come_in_file_order() {
        let labels =
            parse("code\ttitle\tconcept\nI10\tHypertension\tI10\nE11.9\t\tE11.9\n").unwrap();
        let rows: Vec<_> = (0..labels.len()).map(|l| (labels.code(l), labels.title(l))).collect();
        assert_eq!(rows, [("I10", "Hypertension"), ("E11.9", "")]);
    }

    #[test]
    fn what_can_be_billed_is_kept() {
        let text = "code\ttitle\tbillable\nI10\tHypertension\t1\nE11\tDiabetes\t0\n";
        let labels = parse(text).unwrap();
        assert_eq!((labels.is_billable(0), labels.is_billable(1)), (Some(true), Some(false)));
        assert_eq!(labels.to_tsv(), text);
        assert_eq!(parse("code\ttitle\nI10\ta\n").unwrap().is_billable(0), None);
    }

    #[test]
    fn a_bad_file_names_the_line() {
        for (text, problem) in [
            ("", "line 1"),
            ("code\tname\n", "title"),
            ("code\ttitle\nI10\n", "line 2"),
            ("code\ttitle\nI10\ta\nI10\tb\n", "I10 is there twice"),
            ("code\ttitle\tbillable\nI10\ta\tyes\n", "line 2: billable"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
