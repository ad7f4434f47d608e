//! Bytes of a table: mapped from a file, or in memory.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, Result};

pub(crate) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    #[expect(unsafe_code, reason = "a file can be mapped in no other way")]
    pub(crate) fn map(path: &Path) -> Result<Self> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: a mapped file must not change while it is read. Tables are written to a new file
        // that then takes the old one's name, so this program never changes one in place; every
        // offset and string is checked again whenever it is read, so that even bytes that another
        // program changes lead to wrong text, not to reads elsewhere.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
