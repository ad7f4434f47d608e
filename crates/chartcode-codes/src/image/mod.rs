//! The table of a code set as bytes: written once, mapped and checked when it is opened, then read
//! in place.
//!
//! Little endian. `CODESET1`, then crc32 of all that follows, the header's length, the header in
//! JSON, and behind it each section. A section is an array of records of a fixed number of `u32`s;
//! `text` holds all strings.

mod map;
mod write;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::draft::Source;
use crate::error::{Error, Result};
use crate::in_force::InForce;
use crate::system::System;
pub(crate) use map::Bytes;
pub(crate) use write::write;

const MAGIC: &[u8; 8] = b"CODESET1";
const START: usize = MAGIC.len() + 8;

/// Codes, in the order of their keys: the key in two halves, big endian so that it compares as text;
/// start and length of the title, flags, the parent or [`NONE`], the first note, the first seventh
/// character.
pub(crate) const CODE: usize = 8;
/// Chapters and sections: kind, id (start, length), title (start, length), first and last key,
/// first note.
pub(crate) const GROUP: usize = 10;
/// Notes, by owner: kind, start and length of the text.
pub(crate) const NOTE: usize = 3;
/// Seventh characters, by code: the character, start and length of the text.
pub(crate) const SEVENTH: usize = 3;
const WIDTHS: [usize; 4] = [CODE, GROUP, NOTE, SEVENTH];
/// No parent.
pub(crate) const NONE: u32 = u32::MAX;
/// A flag: the code can be billed.
pub(crate) const BILLABLE: u32 = 1;
/// A flag: it was said whether it can be.
pub(crate) const STATED: u32 = 2;

/// What is told of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) system: System,
    pub(crate) version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_force: Option<InForce>,
    pub(crate) sources: Vec<Source>,
    pub(crate) billable: usize,
    /// Records of codes, groups, notes and seventh characters; bytes of text.
    pub(crate) sizes: [usize; 5],
}

/// A table of a code set: checked, and read in place.
pub(crate) struct Image {
    bytes: Bytes,
    pub(crate) header: Header,
    starts: [usize; 5],
}

/// One of the arrays of records.
#[derive(Clone, Copy)]
pub(crate) enum Section {
    Codes,
    Groups,
    Notes,
    Sevenths,
}

impl Section {
    fn width(self) -> usize {
        WIDTHS[self as usize]
    }
}

impl Image {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::check(Bytes::map(path)?, path)
    }

    /// Checks everything that reading relies on.
    pub(crate) fn check(bytes: Bytes, path: &Path) -> Result<Self> {
        let damaged = |problem| Error::Damaged { path: path.to_owned(), problem };
        let start = bytes.get(..START).filter(|start| start.starts_with(MAGIC));
        let start = start.ok_or_else(|| damaged("it begins otherwise"))?;
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| start[at + i]));
        if crc32fast::hash(&bytes[MAGIC.len() + 4..]) != word(MAGIC.len()) {
            return Err(damaged("the checksum differs"));
        }
        let end = START + word(MAGIC.len() + 4) as usize;
        let header = bytes.get(START..end).ok_or_else(|| damaged("it ends in the header"))?;
        let header: Header =
            serde_json::from_slice(header).map_err(|_| damaged("its header is another"))?;
        let mut starts = [0; 5];
        let mut at = end;
        for (index, start) in starts.iter_mut().enumerate() {
            *start = at;
            let width = WIDTHS.get(index).map_or(1, |words| words * 4);
            let size = header.sizes[index].checked_mul(width).filter(|&size| size < bytes.len());
            at += size.ok_or_else(|| damaged("its sizes are impossible"))?;
        }
        if at != bytes.len() || std::str::from_utf8(&bytes[starts[4]..]).is_err() {
            return Err(damaged("its sizes do not fit"));
        }
        Ok(Self { bytes, header, starts })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn count(&self, section: Section) -> usize {
        self.header.sizes[section as usize]
    }

    /// A field of a record; 0 where there is no such record.
    pub(crate) fn field(&self, section: Section, record: usize, field: usize) -> u32 {
        let at = self.starts[section as usize] + (record * section.width() + field) * 4;
        let end = self.starts[section as usize + 1];
        match self.bytes[..end].get(at..at + 4) {
            Some(word) => u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
            None => 0,
        }
    }

    /// A key, stored in two fields.
    pub(crate) fn key(&self, section: Section, record: usize, field: usize) -> [u8; 8] {
        let high = self.field(section, record, field).to_be_bytes();
        let low = self.field(section, record, field + 1).to_be_bytes();
        let mut key = [0; 8];
        key[..4].copy_from_slice(&high);
        key[4..].copy_from_slice(&low);
        key
    }

    /// A string whose start and length are stored in two fields.
    pub(crate) fn text(&self, section: Section, record: usize, field: usize) -> &str {
        let start = self.field(section, record, field) as usize;
        let length = self.field(section, record, field + 1) as usize;
        let text = self.bytes[self.starts[4]..].get(start..start + length);
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// The records of another section that belong to one: up to where the next one's begin.
    pub(crate) fn owned(
        &self,
        (section, record, field): (Section, usize, usize),
        end: usize,
    ) -> std::ops::Range<usize> {
        let first = self.field(section, record, field) as usize;
        let is_last = record + 1 >= self.count(section);
        let last = if is_last { end } else { self.field(section, record + 1, field) as usize };
        first..last.max(first)
    }
}
