//! New folders: whole or not there.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{MANIFEST, sha256};
use super::manifest::Manifest;
use crate::error::{Error, Result};

/// A bundle's card.
pub(super) const CARD: &str = "README.md";

/// Has `write` fill a folder beside `out`, which then becomes `out`: that one is whole or not
/// there. A folder left over from a run that was interrupted is replaced if it holds nothing but
/// files that this one writes, `names`.
pub(super) fn write_new(
    out: &Path,
    names: &[&str],
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    check_new(out)?;
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.exists() {
        if !holds_only(&part, names) {
            return Err(Error::Exists { path: part });
        }
        fs::remove_dir_all(&part).map_err(|source| Error::Write { path: part.clone(), source })?;
    }
    let made = fs::create_dir_all(&part);
    made.map_err(|source| Error::Write { path: part.clone(), source })?;
    write(&part)?;
    if out.is_dir() {
        // It is empty: the rename needs its place.
        let removed = fs::remove_dir(out);
        removed.map_err(|source| Error::Write { path: out.to_owned(), source })?;
    }
    fs::rename(&part, out).map_err(|source| Error::Write { path: out.to_owned(), source })
}

/// Refuses a folder that has something in it.
pub(super) fn check_new(out: &Path) -> Result<()> {
    let taken = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if taken || out.is_file() {
        return Err(Error::Exists { path: out.to_owned() });
    }
    Ok(())
}

fn holds_only(folder: &Path, names: &[&str]) -> bool {
    let is_named = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            entry.path().is_file() && names.iter().any(|name| entry.file_name() == *name)
        })
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_named))
}

/// Writes a file and gives its sha256.
pub(super) fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<String> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(|source| Error::Write { path, source })?;
    Ok(sha256(bytes))
}

pub(super) fn put_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    let mut text = serde_json::to_string_pretty(manifest)
        .map_err(|source| Error::Json { path: folder.join(MANIFEST), source })?;
    text.push('\n');
    put(folder, MANIFEST, text.as_bytes()).map(drop)
}
