//! Files, gzipped or not, as bytes and lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// Bytes of a file, decompressed.
pub(super) type Bytes = BufReader<Box<dyn Read + Send>>;

/// No line of a chart is longer; what is, is no text file.
const LONGEST_LINE: u64 = 1 << 28;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens a file. It is taken for gzip by its first bytes, or by its name.
pub(super) fn open(path: &Path) -> Result<Bytes> {
    if path.is_dir() {
        return Err(file(path, "is a folder; a file is expected"));
    }
    let mut raw = BufReader::with_capacity(1 << 16, File::open(path).map_err(read(path))?);
    let zipped = raw.fill_buf().map_err(read(path))?.starts_with(&GZIP) || is_gz(path);
    let bytes: Box<dyn Read + Send> =
        if zipped { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
    Ok(BufReader::with_capacity(1 << 16, bytes))
}

/// Whether the file's name ends in `.gz`.
pub(super) fn is_gz(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"))
}

/// The ending of the file's name in lower case, `.gz` left out of account.
pub(super) fn ending(path: &Path) -> String {
    let stem = if is_gz(path) { path.with_extension("") } else { path.to_owned() };
    stem.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The whole of a small file as text.
pub(super) fn text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(read(path))?;
    String::from_utf8(bytes).map_err(|error| {
        let place = format!("byte {}", error.utf8_error().valid_up_to() + 1);
        Error::Record { path: path.to_owned(), place, problem: NOT_UTF8.to_owned() }
    })
}

pub(super) const NOT_UTF8: &str = "is not UTF-8; convert the file";

pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Read { path, source }
}

pub(super) fn file(path: &Path, problem: impl Into<String>) -> Error {
    Error::File { path: path.to_owned(), problem: problem.into() }
}

pub(super) fn record(path: &Path, line: u64, problem: impl Into<String>) -> Error {
    Error::Record { path: path.to_owned(), place: format!("line {line}"), problem: problem.into() }
}

/// Lines of a text file with their numbers, from 1.
pub(super) struct Lines {
    path: PathBuf,
    bytes: Bytes,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), bytes: open(path)?, number: 0, line: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next line that is not blank, without its end; none behind the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = (&mut self.bytes).take(LONGEST_LINE);
            let n = limited.read_until(b'\n', &mut self.line).map_err(read(&self.path))?;
            if n == 0 {
                return Ok(None);
            }
            if n as u64 == LONGEST_LINE {
                let problem = format!("line {} is longer than 256 MiB", self.number);
                return Err(file(&self.path, problem));
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some((self.number, line.trim_end_matches(['\r', '\n'])))),
            Err(_) => Err(record(&self.path, self.number, NOT_UTF8)),
        }
    }
}
