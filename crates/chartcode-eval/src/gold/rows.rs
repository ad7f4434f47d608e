//! Rows of CSV and TSV files. Fields may be quoted and hold line breaks.

use std::io::{BufRead as _, Chain, Read as _};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use crate::error::{Error, Result};

use super::input::{self, Bytes, NOT_UTF8};

/// A row of its own behind the last one, in a file whose lines end in LF and in CR LF. Where a
/// quotation is never closed it is swallowed like everything else behind it, and its absence tells.
const ENDS: [&[u8]; 2] = [b"\n\x02end of file\x03\n", b"\r\n\x02end of file\x03\r\n"];

/// Rows of one file.
pub(super) struct Rows {
    path: PathBuf,
    reader: csv::Reader<Chain<Bytes, &'static [u8]>>,
    record: ByteRecord,
    /// Whether lines end in CR LF.
    crlf: bool,
    /// Fields of each row, as the first one has them.
    width: Option<usize>,
    done: bool,
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    path: &'a Path,
    record: &'a ByteRecord,
    /// Line of the file where it begins, from 1.
    pub(super) line: u64,
}

impl Rows {
    /// A file whose fields are separated as its name says: by tabs in `.tsv`, else by commas.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let delimiter = if input::ending(path) == "tsv" { b'\t' } else { b',' };
        Self::new(path, delimiter, true)
    }

    /// Fields separated by tabs, in which quotation marks mean nothing.
    pub(super) fn open_plain_tabs(path: &Path) -> Result<Self> {
        Self::new(path, b'\t', false)
    }

    fn new(path: &Path, delimiter: u8, quoting: bool) -> Result<Self> {
        let mut bytes = input::open(path)?;
        let start = bytes.fill_buf().map_err(input::read(path))?;
        let mut quoted = false;
        let first = start.iter().position(|&byte| {
            quoted ^= quoting && byte == b'"';
            byte == b'\n' && !quoted
        });
        let crlf = first.is_some_and(|first| start[..first].ends_with(b"\r"));
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(quoting)
            .from_reader(bytes.chain(ENDS[usize::from(crlf)]));
        let path = path.to_owned();
        Ok(Self { path, reader, record: ByteRecord::new(), crlf, width: None, done: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The first row, which names the columns and sets the number of fields of the others.
    pub(super) fn header(&mut self) -> Result<Vec<String>> {
        let Some(row) = self.next()? else {
            return Err(input::file(&self.path, "is empty; a row with column names is expected"));
        };
        let names: Vec<String> =
            (0..row.len()).map(|i| row.field(i).map(str::to_owned)).collect::<Result<_>>()?;
        self.width = Some(names.len());
        Ok(names)
    }

    /// The next row; none behind the last. Behind an error that is no `Error::Record` there is
    /// none.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>> {
        if self.done {
            return Ok(None);
        }
        if let Err(error) = self.reader.read_byte_record(&mut self.record) {
            self.done = true;
            return Err(self.damaged(error));
        }
        let line = self.line();
        let end = ENDS[usize::from(self.crlf)];
        let last = self.record.iter().next_back().unwrap_or_default();
        if self.record.len() == 1 && last == end.trim_ascii() {
            self.done = true;
            return Ok(None);
        }
        if last.ends_with(end) {
            self.done = true;
            let problem = format!("a quotation that begins in the row of line {line} never ends");
            return Err(input::file(&self.path, problem));
        }
        match self.width {
            Some(width) if width != self.record.len() => {
                let problem = format!("has {} fields, the first row {width}", self.record.len());
                Err(input::record(&self.path, line, problem))
            }
            _ => Ok(Some(Row { path: &self.path, record: &self.record, line })),
        }
    }

    /// The line in which the record begins that has just been read. The reader is behind the
    /// record then, but still in front of the LF of a CR LF.
    fn line(&self) -> u64 {
        let within = self.record.as_slice().split(|&byte| byte == b'\n').count() as u64 - 1;
        self.reader.position().line().saturating_sub(within + u64::from(!self.crlf))
    }

    fn damaged(&self, error: csv::Error) -> Error {
        match error.into_kind() {
            csv::ErrorKind::Io(source) => Error::Read { path: self.path.clone(), source },
            _ => input::file(&self.path, "cannot be split into fields"),
        }
    }
}

impl<'a> Row<'a> {
    /// Its number of fields.
    pub(super) fn len(self) -> usize {
        self.record.len()
    }

    /// One of its fields; empty where the row is too short.
    pub(super) fn field(self, index: usize) -> Result<&'a str> {
        let bytes = self.record.get(index).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| self.error(NOT_UTF8))
    }

    /// An error that names this row.
    pub(super) fn error(self, problem: impl Into<String>) -> Error {
        input::record(self.path, self.line, problem)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Fields as they were written, and each row at the line where it begins.
        #[test]
        fn rows_come_back_with_their_lines(
            rows in prop::collection::vec(prop::collection::vec("[a\\n\",ñ\t]{0,5}", 2..4), 0..8),
            crlf: bool,
            blank: bool,
            cut: bool,
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let (mut text, mut lines) = (String::new(), Vec::new());
            for row in &rows {
                if blank {
                    text.push_str(end);
                }
                lines.push(text.matches('\n').count() as u64 + 1);
                let quoted: Vec<String> =
                    row.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
                write!(text, "{}{end}", quoted.join(",")).unwrap();
            }
            if cut {
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.csv");
            fs::write(&path, &text).unwrap();
            let mut read = Rows::open(&path).unwrap();
            let mut found = Vec::new();
            while let Some(row) = read.next().unwrap() {
                let fields: Vec<String> =
                    (0..row.len()).map(|i| row.field(i).unwrap().to_owned()).collect();
                found.push((row.line, fields));
            }
            let expected: Vec<_> = lines.into_iter().zip(rows).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
