//! The form before PyTorch 1.6: five pickles, then the bytes of the storages.

use std::collections::HashMap;

use super::Checkpoint;
use super::cursor::Cursor;
use super::error::{PickleError, Result};
use super::flatten::{Storages, flatten};
use super::machine::{Pickle, run};
use super::value::{Id, Value};

/// The number 0x1950a86a20f9469cfc6c, its lowest byte first.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Reads a checkpoint of that form.
pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint> {
    let pickle = run(bytes, after_head(bytes)?)?;
    let keys = run(bytes, pickle.end)?;
    let storages = storages(bytes, &pickle, &keys)?;
    drop(keys);
    flatten(&pickle, &storages, bytes.len())
}

/// Checks magic number, version and byte order; returns where the object's pickle starts.
fn after_head(bytes: &[u8]) -> Result<usize> {
    let magic = match run(bytes, 0) {
        Ok(pickle) => pickle,
        // Said of any pickle, be it PyTorch's or not.
        Err(error @ PickleError::Dangerous { .. }) => return Err(error),
        Err(_) => return Err(PickleError::NotACheckpoint),
    };
    match magic.values.get(magic.top) {
        Value::Long(number) if **number == MAGIC => {}
        _ => return Err(PickleError::NotACheckpoint),
    }
    let version = run(bytes, magic.end)?;
    if !matches!(version.values.get(version.top), Value::Int(VERSION)) {
        return Err(PickleError::LegacyVersion);
    }
    let system = run(bytes, version.end)?;
    if is_little_endian(&system) { Ok(system.end) } else { Err(PickleError::BigEndian) }
}

/// What the dict about the writing machine says; little-endian where it says nothing.
fn is_little_endian(system: &Pickle<'_>) -> bool {
    let Value::Dict(entries) = system.values.get(system.top) else { return true };
    !entries.iter().any(|&(key, value)| {
        system.values.text(key) == Some("little_endian")
            && matches!(system.values.get(value), Value::Bool(false))
    })
}

/// Where each storage lies: one after the other in the order of `keys`, each after the number of
/// its elements.
fn storages(bytes: &[u8], pickle: &Pickle<'_>, keys: &Pickle<'_>) -> Result<Storages> {
    let sizes = element_sizes(pickle);
    let malformed = |what, at| PickleError::Malformed { what, at };
    let list = keys.values.items(keys.top);
    let list: &[Id] = list.ok_or(malformed("no list of storages", pickle.end))?;
    let mut cursor = Cursor::new(bytes, keys.end);
    let mut storages = Storages::new();
    for &key in list {
        let key = keys.values.text(key).unwrap_or_default();
        let at = cursor.at();
        let size = *sizes.get(key).ok_or(malformed("a storage that nothing uses", at))?;
        let count = cursor.count(8)?;
        let outside = || PickleError::Outside { entry: key.chars().take(100).collect() };
        let start = cursor.at();
        cursor.take(count.checked_mul(size).ok_or_else(outside)?).map_err(|_| outside())?;
        storages.insert(key.to_owned(), start..cursor.at());
    }
    Ok(storages)
}

/// Bytes an element takes, by the key of its storage. Where one storage is named with two classes,
/// its count of elements is that of the first.
fn element_sizes<'p>(pickle: &'p Pickle<'_>) -> HashMap<&'p str, usize> {
    let mut sizes = HashMap::new();
    for value in pickle.values.iter() {
        if let Value::Storage(storage) = value
            && let Some(key) = pickle.values.text(storage.key)
        {
            sizes.entry(key).or_insert(storage.element.size());
        }
    }
    sizes
}
