//! From nested values to tensors and numbers by dotted path.

use std::collections::HashMap;
use std::ops::Range;

use super::error::{PickleError, Result};
use super::machine::Pickle;
use super::value::{Id, Value, View};
use super::{Checkpoint, Ignored, TensorRef};

/// The bytes of each storage in the file, by its key.
pub(super) type Storages = HashMap<String, Range<usize>>;

/// Containers within containers; real checkpoints stay below ten.
const DEPTH: usize = 64;
/// Values visited and bytes written for each byte of the file, within bounds. A pickle can name one
/// list in another many times over, level after level, so that few bytes describe more values than
/// there are atoms.
const WORK_PER_BYTE: usize = 256;
const LEAST_WORK: usize = 1 << 20;
const MOST_WORK: usize = 1 << 26;
/// What keeping a thing costs besides its path.
const KEEPING: usize = 32;
/// The most path components a number is kept with.
const NUMBER_DEPTH: usize = 2;
/// A tensor of repeated elements may take this many bytes even if the file has fewer.
const REPEATED: usize = 1 << 20;

/// What the pickle's outermost value holds, given where the storages lie in the file of `length`
/// bytes.
pub(super) fn flatten(
    pickle: &Pickle<'_>,
    storages: &Storages,
    length: usize,
) -> Result<Checkpoint> {
    let class = match pickle.values.get(pickle.top) {
        Value::Object(object) if object.entries.is_empty() => Some(&object.class),
        Value::Global(name) => Some(name),
        _ => None,
    };
    if let Some(class) = class {
        return Err(PickleError::WholeObject { class: class.to_string() });
    }
    let mut walk = Walk {
        pickle,
        storages,
        length,
        path: String::new(),
        work: 0,
        limit: length.saturating_mul(WORK_PER_BYTE).clamp(LEAST_WORK, MOST_WORK),
        found: Checkpoint::default(),
    };
    walk.visit(pickle.top, 0)?;
    Ok(walk.found)
}

struct Walk<'p, 'a> {
    pickle: &'p Pickle<'a>,
    storages: &'p Storages,
    length: usize,
    path: String,
    work: usize,
    limit: usize,
    found: Checkpoint,
}

impl<'p, 'a> Walk<'p, 'a> {
    /// Notes everything below a value `depth` steps from the outermost.
    fn visit(&mut self, id: Id, depth: usize) -> Result<()> {
        self.spend(1)?;
        if depth > DEPTH {
            return Err(PickleError::TooDeep { limit: DEPTH });
        }
        let pickle: &'p Pickle<'a> = self.pickle;
        match pickle.values.get(id) {
            Value::Dict(entries) => self.visit_entries(entries, depth),
            Value::Object(object) if !object.entries.is_empty() => {
                self.visit_entries(&object.entries, depth)
            }
            Value::Sequence(items) => {
                for (index, &item) in items.iter().enumerate() {
                    self.visit_below(&index.to_string(), item, depth)?;
                }
                Ok(())
            }
            Value::Tensor(view) => self.tensor(view),
            Value::Object(object) => self.ignore(&object.class),
            Value::Storage(_) => self.ignore("torch.storage"),
            Value::Global(name) => self.ignore(name),
            other => self.number(other, depth),
        }
    }

    fn visit_entries(&mut self, entries: &'p [(Id, Id)], depth: usize) -> Result<()> {
        let values = &self.pickle.values;
        for &(key, value) in entries {
            match (values.get(key), values.text(key)) {
                (_, Some(key)) => self.visit_below(key, value, depth)?,
                (Value::Int(key), _) => self.visit_below(&key.to_string(), value, depth)?,
                (Value::Bool(true), _) => self.visit_below("True", value, depth)?,
                (Value::Bool(false), _) => self.visit_below("False", value, depth)?,
                (Value::Float(key), _) => self.visit_below(&key.to_string(), value, depth)?,
                (Value::None, _) => self.visit_below("None", value, depth)?,
                _ => self.ignore("a value whose key is no name")?,
            }
        }
        Ok(())
    }

    fn visit_below(&mut self, key: &str, id: Id, depth: usize) -> Result<()> {
        self.spend(key.len())?;
        let parent = self.path.len();
        if depth > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        self.visit(id, depth + 1)?;
        self.path.truncate(parent);
        Ok(())
    }

    fn spend(&mut self, work: usize) -> Result<()> {
        self.work = self.work.saturating_add(work);
        if self.work > self.limit {
            return Err(PickleError::TooMuch { what: "values by path", limit: self.limit });
        }
        Ok(())
    }

    /// The path at hand, for keeping.
    fn here(&mut self) -> Result<String> {
        self.spend(KEEPING + self.path.len())?;
        Ok(self.path.clone())
    }

    fn ignore(&mut self, class: &str) -> Result<()> {
        self.spend(class.len())?;
        let ignored = Ignored { path: self.here()?, class: class.to_owned() };
        self.found.ignored.push(ignored);
        Ok(())
    }

    fn number(&mut self, value: &Value<'_>, depth: usize) -> Result<()> {
        let number = match value {
            Value::Bool(truth) => f64::from(u8::from(*truth)),
            Value::Int(integer) => *integer as f64,
            Value::Float(number) => *number,
            Value::Long(bytes) => match super::text::wide(bytes) {
                Some(number) => number,
                None => return self.ignore("an integer of more than 128 bits"),
            },
            _ => return Ok(()),
        };
        if depth <= NUMBER_DEPTH {
            let path = self.here()?;
            self.found.numbers.push((path, number));
        }
        Ok(())
    }

    fn tensor(&mut self, view: &View) -> Result<()> {
        self.spend(view.shape.len())?;
        let path = self.here()?;
        let storage = self.storage(view, &path)?;
        let start = self.first_element(view, &storage, &path)?;
        if self.found.index.insert(path.clone(), self.found.tensors.len()).is_some() {
            return Err(PickleError::Twice { path });
        }
        self.found.tensors.push(TensorRef {
            path,
            dtype: view.dtype,
            shape: view.shape.clone(),
            stride: view.stride.clone(),
            start,
            storage,
        });
        Ok(())
    }

    /// The bytes of the tensor's storage, or of the part of it the tensor is said to lie in.
    fn storage(&self, view: &View, path: &str) -> Result<Range<usize>> {
        let key = self.pickle.values.text(view.storage.key).unwrap_or_default();
        let no_storage = || PickleError::NoStorage {
            path: path.to_owned(),
            key: key.chars().take(100).collect(),
        };
        let bytes = self.storages.get(key).ok_or_else(no_storage)?;
        let size = view.storage.element.size();
        let (first, count) = view.storage.part.unwrap_or((0, view.storage.numel));
        let within = || {
            // The whole storage as declared must be in the file, whichever part is meant.
            let declared = view.storage.numel.checked_mul(size)?;
            let start = first.checked_mul(size)?;
            let end = start.checked_add(count.checked_mul(size)?)?;
            let fits = declared <= bytes.len() && end <= declared;
            fits.then(|| bytes.start + start..bytes.start + end)
        };
        within().ok_or_else(|| out_of(path, bytes))
    }

    /// Where the first element lies in the file, once all elements are known to lie in `storage`.
    fn first_element(&self, view: &View, storage: &Range<usize>, path: &str) -> Result<usize> {
        let size = view.dtype.size();
        if view.shape.contains(&0) {
            return Ok(storage.start);
        }
        let mut last = Some(view.offset);
        for (&count, &stride) in view.shape.iter().zip(&view.stride) {
            last = last.and_then(|last| last.checked_add(stride.checked_mul(count - 1)?));
        }
        let end = last.and_then(|last| last.checked_add(1)?.checked_mul(size));
        if end.is_none_or(|end| end > storage.len()) {
            return Err(out_of(path, storage));
        }
        // Strides of 0 make as many elements as they like of a few bytes.
        let dense = view.shape.iter().try_fold(size, |bytes, &count| bytes.checked_mul(count));
        if dense.is_none_or(|bytes| bytes > self.length.max(REPEATED)) {
            return Err(PickleError::Repeated { path: path.to_owned(), shape: view.shape.clone() });
        }
        Ok(storage.start + view.offset * size)
    }
}

fn out_of(path: &str, storage: &Range<usize>) -> PickleError {
    PickleError::OutOfStorage { path: path.to_owned(), bytes: storage.len() }
}
