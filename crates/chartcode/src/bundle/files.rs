//! The files of a folder: each is read once, hashed, and compared with the manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// What a bundle's manifest is called.
pub(super) const MANIFEST: &str = "manifest.json";

/// A folder whose files are read through it.
pub(crate) struct Files {
    folder: PathBuf,
    /// sha256 of each file; nothing is checked where the map is empty.
    expected: BTreeMap<String, String>,
    /// Name and sha256 of what was read so far, by whatever thread.
    read: Mutex<Vec<(String, String)>>,
}

impl Files {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), expected: BTreeMap::new(), read: Mutex::default() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// From here on files must have these sums.
    pub(crate) fn expect(&mut self, sums: BTreeMap<String, String>) {
        self.expected = sums;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// The first of `names` that is there.
    pub(crate) fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path(name);
        let bytes =
            std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let found = sha256(&bytes);
        match self.expected.get(name) {
            Some(expected) if *expected != found => {
                return Err(Error::Checksum { path, expected: expected.clone(), found });
            }
            None if !self.expected.is_empty() => {
                let problem = format!("lists no sha256 for {name}");
                return Err(Error::Inconsistent { path: self.path(MANIFEST), problem });
            }
            _ => {}
        }
        self.done().push((name.to_owned(), found));
        Ok(bytes)
    }

    fn done(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        // The list is whole between any two pushes.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and parses a JSON file.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.path(name);
        serde_json::from_slice(&self.read(name)?).map_err(|source| Error::Json { path, source })
    }

    /// Verifies what the manifest lists and nobody asked for, e.g. the card.
    pub(crate) fn verify_rest(&self) -> Result<()> {
        let names: Vec<String> = self.expected.keys().cloned().collect();
        let done = self.done().clone();
        let unread = |name: &&String| !done.iter().any(|(read, _)| read == *name);
        let rest: Vec<&String> = names.iter().filter(unread).collect();
        rest.into_iter().try_for_each(|name| self.read(name).map(drop))
    }

    /// Name and sha256 of the files that were read, the manifest apart.
    pub(super) fn sums(&self) -> BTreeMap<String, String> {
        self.done().iter().filter(|(name, _)| name != MANIFEST).cloned().collect()
    }

    /// sha256 over the files that were read, the manifest among them.
    pub(crate) fn digest(self) -> String {
        let mut read = self.done().clone();
        read.sort();
        read.dedup();
        let lines: Vec<String> =
            read.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        sha256(lines.concat().as_bytes())
    }
}

/// sha256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// sha256 in hexadecimal, of a file that need not fit into memory.
pub(super) fn sha256_of(mut file: std::fs::File) -> std::io::Result<String> {
    let mut sum = Sha256::new();
    std::io::copy(&mut file, &mut sum)?;
    Ok(format!("{:x}", sum.finalize()))
}
