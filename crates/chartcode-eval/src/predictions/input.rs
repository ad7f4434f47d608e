//! What kind of file it is, and its text.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::table::{file_error, is_table};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BUFFER: usize = 1 << 18;

/// The kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Table,
    Json(JsonForm),
    /// Cells parted by this byte.
    Delimited(u8),
}

/// How JSON holds many records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonForm {
    /// One a line.
    Lines,
    /// The elements of one array.
    Array,
}

impl Input {
    /// Tells a file's kind by its first bytes; CSV and TSV by their first line.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut text = text(path)?;
        let start = text.fill_buf().map_err(read)?;
        if is_table(start) {
            return Ok(Self::Table);
        }
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(file_error(path, "is UTF-16; save it as UTF-8"));
        }
        match start.trim_ascii_start() {
            [] => Err(file_error(path, "is empty")),
            [b'{', ..] => Ok(Self::Json(JsonForm::Lines)),
            [b'[', ..] => Ok(Self::Json(JsonForm::Array)),
            start => Ok(Self::Delimited(delimiter(path, start))),
        }
    }
}

/// The text of a file, unpacked where it is packed, without a byte order mark.
pub(super) fn text(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(read)?);
    let packed = file.fill_buf().map_err(read)?.starts_with(&GZIP);
    let mut text: Box<dyn BufRead + Send> = if packed {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    if text.fill_buf().map_err(read)?.starts_with(b"\xef\xbb\xbf") {
        text.consume(3);
    }
    Ok(text)
}

/// A whole text file, for small ones.
pub(super) fn whole_text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    text(path)?
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|_| file_error(path, "is not UTF-8"))
}

/// The file's ending says it; the header where that does not.
fn delimiter(path: &Path, start: &[u8]) -> u8 {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if [".tsv", ".tab"].iter().any(|ending| name.ends_with(ending)) {
        return b'\t';
    }
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.split(|&byte| byte == delimiter).count();
    // The most frequent; a comma where none is.
    let [best, ..] = {
        let mut delimiters = [b',', b'\t', b';', b'|'];
        delimiters.sort_by_key(|&delimiter| std::cmp::Reverse(count(delimiter)));
        delimiters
    };
    best
}
