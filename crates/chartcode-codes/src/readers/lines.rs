//! Lines of tables of fixed columns.

use std::path::Path;

use crate::code_key::CodeKey;
use crate::error::{Error, Result};

/// A line of a file, for errors.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) path: &'a Path,
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    /// All lines that are not blank.
    pub(super) fn all(path: &'a Path, text: &'a str) -> impl Iterator<Item = Line<'a>> {
        let lines = text.lines().enumerate();
        lines
            .map(move |(index, text)| Self { path, number: index + 1, text })
            .filter(|line| !line.text.trim().is_empty())
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> Error {
        let path = self.path.to_owned();
        Error::Line { path, line: self.number, problem: problem.into() }
    }

    /// The code in these columns, without blanks around it.
    pub(super) fn code(&self, text: Option<&str>) -> Result<CodeKey> {
        let text = text.unwrap_or_default().trim();
        CodeKey::parse(text).ok_or_else(|| match text.len() {
            0..=8 => self.error(format!("{text:?} is no code")),
            // Whatever was taken for a table may be a chart.
            _ => self.error("no code at its beginning"),
        })
    }
}

/// The first year from 1990 to 2199 in a file's name.
pub(super) fn year_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let mut digits = name.split(|c: char| !c.is_ascii_digit());
    let year = digits.find(|part| {
        part.len() == 4 && part.parse::<u16>().is_ok_and(|year| (1990..2200).contains(&year))
    })?;
    Some(year.to_owned())
}
