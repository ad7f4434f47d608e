//! The form since PyTorch 1.6: a zip archive whose entries are stored as they are.

use std::io::Cursor;
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use super::Checkpoint;
use super::error::{PickleError, Result};
use super::flatten::{Storages, flatten};
use super::machine::run;

/// How a zip archive begins.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// Reads a checkpoint in a zip archive.
pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(PickleError::Zip)?;
    let prefix = prefix(&archive).ok_or(PickleError::NoPickle)?;
    let mut storages = Storages::new();
    let mut pickle = 0..0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(PickleError::Zip)?;
        let name = std::str::from_utf8(entry.name_raw()).unwrap_or_default();
        let Some(name) = name.strip_prefix(prefix.as_str()) else { continue };
        let stored = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
        let place = (stored, entry.data_start().unwrap_or(u64::MAX), entry.compressed_size());
        if name == "data.pkl" {
            pickle = within(bytes, name, place)?;
        } else if name == "byteorder" {
            check_order(&bytes[within(bytes, name, place)?])?;
        } else if name == "constants.pkl" {
            return Err(PickleError::TorchScript);
        } else if let Some(key) = name.strip_prefix("data/") {
            storages.insert(key.to_owned(), within(bytes, name, place)?);
        }
    }
    flatten(&run(&bytes[..pickle.end], pickle.start)?, &storages, bytes.len())
}

/// The folder that holds all entries, with its slash: the name the file had when it was written.
fn prefix<R: std::io::Read + std::io::Seek>(archive: &ZipArchive<R>) -> Option<String> {
    archive.file_names_raw().find_map(|name| {
        let prefix = std::str::from_utf8(name).ok()?.strip_suffix("data.pkl")?;
        let folder = prefix.strip_suffix('/')?;
        (!folder.contains('/')).then(|| prefix.to_owned())
    })
}

/// The bytes of an entry, given whether it is stored as it is, its start and its length.
fn within(bytes: &[u8], name: &str, place: (bool, u64, u64)) -> Result<Range<usize>> {
    let (stored, start, length) = place;
    if !stored {
        return Err(PickleError::Packed { entry: name.to_owned() });
    }
    let outside = || PickleError::Outside { entry: name.to_owned() };
    let end = start.checked_add(length).ok_or_else(outside)?;
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if end <= bytes.len() => Ok(start..end),
        _ => Err(outside()),
    }
}

fn check_order(order: &[u8]) -> Result<()> {
    match order {
        b"little" => Ok(()),
        b"big" => Err(PickleError::BigEndian),
        other => {
            let found = String::from_utf8_lossy(&other[..other.len().min(20)]).into_owned();
            Err(PickleError::ByteOrder { found })
        }
    }
}
