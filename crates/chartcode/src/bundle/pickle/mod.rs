//! PyTorch checkpoints, read as data: the pickle in them is taken apart, and nothing it names is
//! ever imported, called or built.
//!
//! A tensor is a place in the file, so that the caller can map the file and copy nothing.

mod archive;
mod calls;
mod cursor;
mod danger;
mod dtype;
mod error;
mod flatten;
mod legacy;
mod machine;
mod stack;
mod text;
mod value;

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod random_tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

pub(crate) use dtype::DType;
pub use error::PickleError;
pub(crate) use error::Result;

/// Reads the checkpoint that `bytes`, a whole file, holds. Of the tensors only their places are
/// taken; all of them are known to lie within `bytes`.
///
/// # Errors
///
/// One variant of [`PickleError`] for each cause; [`PickleError::Dangerous`] for a file that asks
/// to run a program, whatever else is in it.
pub(crate) fn read(bytes: &[u8]) -> Result<Checkpoint> {
    if bytes.starts_with(archive::MAGIC) { archive::read(bytes) } else { legacy::read(bytes) }
}

/// A PyTorch checkpoint: tensors and numbers by dotted path (`model.encoder.weight`,
/// `optimizer.state.0.exp_avg`).
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    tensors: Vec<TensorRef>,
    index: HashMap<String, usize>,
    numbers: Vec<(String, f64)>,
    ignored: Vec<Ignored>,
}

impl Checkpoint {
    /// All tensors, in the file's order. No path stands twice.
    pub(crate) fn tensors(&self) -> &[TensorRef] {
        &self.tensors
    }

    /// The tensor of that path.
    pub(crate) fn tensor(&self, path: &str) -> Option<&TensorRef> {
        self.index.get(path).map(|&index| &self.tensors[index])
    }

    /// Numbers and truth values that have a path of at most two parts, in the file's order.
    /// Tensors of one element are not among them; see [`Self::number`].
    #[cfg(test)]
    pub(crate) fn numbers(&self) -> &[(String, f64)] {
        &self.numbers
    }

    /// The number of that path: Python's, numpy's, or the one element of a tensor in `file`, the
    /// bytes that were read.
    pub(crate) fn number(&self, path: &str, file: &[u8]) -> Option<f64> {
        if let Some((_, number)) = self.numbers.iter().find(|(name, _)| name == path) {
            return Some(*number);
        }
        let tensor = self.tensor(path)?;
        if tensor.numel() != 1 {
            return None;
        }
        let end = tensor.start.checked_add(tensor.dtype.size())?;
        tensor.dtype.number(file.get(tensor.start..end)?)
    }

    /// What was left out, in the file's order.
    pub(crate) fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }
}

/// Something in a checkpoint that is neither a tensor this engine reads nor a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignored {
    /// Its dotted path, or that of the dict it is in where its key is no name.
    pub(crate) path: String,
    /// Its class, or why it was left out.
    pub(crate) class: String,
}

/// A tensor, as its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct TensorRef {
    /// Its dotted path.
    pub(crate) path: String,
    /// The element type.
    pub(crate) dtype: DType,
    /// Elements in each dimension; empty for a tensor that is one number.
    pub(crate) shape: Vec<usize>,
    /// Elements from one index to the next, of each dimension.
    pub(crate) stride: Vec<usize>,
    /// The first element's byte in the file.
    pub(crate) start: usize,
    /// The bytes of its storage in the file, which it may share with others.
    pub(crate) storage: Range<usize>,
}

impl TensorRef {
    /// The number of elements.
    pub(crate) fn numel(&self) -> usize {
        // With a count of 0 among them the others were never multiplied, and may be too large to.
        if self.shape.contains(&0) { 0 } else { self.shape.iter().product() }
    }

    /// Whether the elements lie row-major, one after the other.
    pub(crate) fn is_contiguous(&self) -> bool {
        if self.numel() == 0 {
            return true;
        }
        let mut expected = 1;
        for (&count, &stride) in self.shape.iter().zip(&self.stride).rev() {
            if count > 1 && stride != expected {
                return false;
            }
            expected *= count;
        }
        true
    }

    /// The elements, row-major and little-endian: borrowed where they lie so in `file`, the bytes
    /// that were read, and copied where not.
    ///
    /// # Errors
    ///
    /// [`PickleError::Changed`] if `file` is too short to be what was read.
    pub(crate) fn bytes<'a>(&self, file: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let elements = file.get(self.start..self.storage.end);
        let elements = elements.ok_or_else(|| PickleError::Changed { path: self.path.clone() })?;
        if self.is_contiguous() {
            return Ok(Cow::Borrowed(&elements[..self.numel() * self.dtype.size()]));
        }
        Ok(Cow::Owned(self.gather(elements)))
    }

    /// The elements row-major, out of a part of the file that begins with the first of them.
    fn gather(&self, elements: &[u8]) -> Vec<u8> {
        let size = self.dtype.size();
        let mut gathered = Vec::with_capacity(self.numel() * size);
        let mut index = vec![0; self.shape.len()];
        let mut at = 0usize;
        for _ in 0..self.numel() {
            gathered.extend_from_slice(&elements[at * size..][..size]);
            // To the next index: the last dimension turns fastest.
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                // In a dimension of one element the stride may be anything; it is taken back.
                at = at.wrapping_add(self.stride[axis]);
                if index[axis] < self.shape[axis] {
                    break;
                }
                at = at.wrapping_sub(self.shape[axis].wrapping_mul(self.stride[axis]));
                index[axis] = 0;
            }
        }
        gathered
    }
}
