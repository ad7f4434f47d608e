//! A position in the bytes of a file: every read is checked against the end.

use super::error::{PickleError, Result};

/// Bytes and the position of the next one.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at byte `at`; a start beyond the end reads as a cut file.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The position of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next `count` bytes. Nothing is allocated, so that a count can be as wild as it likes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let cut = PickleError::Truncated { at: self.at };
        let Some(end) = self.at.checked_add(count) else { return Err(cut) };
        let taken = self.bytes.get(self.at..end).ok_or(cut)?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| PickleError::Truncated { at })
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    /// A little-endian count of `width` bytes (1, 2, 4 or 8).
    pub(super) fn count(&mut self, width: usize) -> Result<usize> {
        let at = self.at;
        let mut wide = [0; 8];
        for (to, from) in wide.iter_mut().zip(self.take(width)?) {
            *to = *from;
        }
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| PickleError::Truncated { at })
    }

    /// Bytes that follow a count of `width` bytes.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8]> {
        let count = self.count(width)?;
        self.take(count)
    }

    /// The bytes up to the next line feed, which is passed over.
    pub(super) fn line(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or(PickleError::Truncated { at: self.bytes.len() })?)?;
        self.take(1)?;
        Ok(line)
    }
}
