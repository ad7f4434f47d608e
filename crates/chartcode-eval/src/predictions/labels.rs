//! Files of labels.

use std::path::Path;
use std::sync::Arc;

use csv::ReaderBuilder;
use serde::Deserialize;

use super::context::{Checked, distinct};
use super::input::whole_text;
use crate::code::Code;
use crate::error::Result;
use crate::table::{column, file_error, record_error};

/// Reads a file of labels, in its order: a code a line; CSV or TSV with a column `code`, and
/// `system` where there are several; or a JSON list of codes or of `{"system", "code"}`.
///
/// Codes without a system are of `system`, or of the empty one where that is not given either.
///
/// # Errors
///
/// The file cannot be read, has no labels, one twice, or a line that is no code.
pub fn read_labels(path: &Path, system: Option<&str>) -> Result<Arc<[Code]>> {
    let text = whole_text(path)?;
    let system = system.unwrap_or_default();
    let labels = match table_delimiter(&text) {
        _ if text.trim_start().starts_with('[') => {
            return labels_of_json(&text, system).map_err(|problem| file_error(path, problem));
        }
        Some(delimiter) => of_table(path, &text, delimiter, system)?,
        None => of_lines(path, &text, system)?,
    };
    distinct(labels).map_err(|problem| file_error(path, problem))
}

/// Labels as JSON: a list of codes, or of objects with `code` and `system`.
pub(super) fn labels_of_json(json: &str, system: &str) -> Checked<Arc<[Code]>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Label {
        Bare(String),
        Full { system: Option<String>, code: String },
    }
    let labels: Vec<Label> = serde_json::from_str(json).map_err(|_| {
        "labels are not a JSON list of codes, or of objects with \"system\" and \"code\"".to_owned()
    })?;
    let code = |label: &Label| match label {
        Label::Bare(code) => Code::new(system, code),
        Label::Full { system: own, code } => Code::new(own.as_deref().unwrap_or(system), code),
    };
    distinct(labels.iter().map(code).collect())
}

/// The delimiter, where the first line is a header with `code`.
fn table_delimiter(text: &str) -> Option<u8> {
    let header = text.lines().next()?;
    let delimiters = [b'\t', b',', b';', b'|'].into_iter();
    let has_code = |&delimiter: &u8| column(header.trim().split(char::from(delimiter)), "code");
    delimiters.clone().find(|delimiter| has_code(delimiter).is_some())
}

fn of_lines(path: &Path, text: &str, system: &str) -> Result<Vec<Code>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let code = line.trim();
            if code.contains(|c: char| c.is_whitespace() || c == ',' || c == ';') {
                let problem = "is no code; give a code a line, or a header with \"code\"";
                return Err(record_error(path, format!("line {}", index + 1), problem));
            }
            Ok(Code::new(system, code))
        })
        .collect()
}

fn of_table(path: &Path, text: &str, delimiter: u8, system: &str) -> Result<Vec<Code>> {
    let mut rows = ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let unusable = |_| file_error(path, "is not CSV: a row has not as many cells as the header");
    let header = rows.headers().map_err(unusable)?.clone();
    let own = column(header.iter(), "system");
    let code = column(header.iter(), "code");
    rows.into_records()
        .map(|row| {
            let row = row.map_err(unusable)?;
            let cell = |column: Option<usize>| row.get(column?).map(str::trim);
            let own = cell(own).filter(|own| !own.is_empty());
            let line = row.position().map_or(0, csv::Position::line);
            let no_code = || record_error(path, format!("line {line}"), "has no code");
            let code = cell(code).filter(|code| !code.is_empty()).ok_or_else(no_code)?;
            Ok(Code::new(own.unwrap_or(system), code))
        })
        .collect()
}
