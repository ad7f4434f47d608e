//! Tensors of checkpoint files, checked and widened to f32.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors};

use super::problems::KeyProblems;
use crate::error::{Error, Result, Stage as _};

/// Key suffix of the row scales that belong to a tensor stored as int8.
const SCALE_SUFFIX: &str = "_scale";

/// What wrappers of PyTorch put before every key: `torch.compile` and `DataParallel`.
const WRAPPERS: [&str; 2] = ["_orig_mod.", "module."];

/// The tensors of one or more checkpoint files, in memory.
///
/// Two-dimensional tensors may be stored as int8 (`key`, `I8 [rows, columns]`) with one f32 scale
/// a row (`key_scale`, `F32 [rows]`); they are widened when read.
///
/// It keeps account of what is asked for: a missing or mis-shaped tensor is noted and stood in for
/// until [`Weights::finish`] tells of all of them at once.
pub(crate) struct Weights {
    path: PathBuf,
    blobs: Vec<Vec<u8>>,
    tensors: BTreeMap<String, Stored>,
    account: Mutex<KeyProblems>,
}

/// Where a tensor's values are, row-major and little-endian.
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) blob: usize,
    pub(crate) range: Range<usize>,
}

/// An int8 matrix and its row scales: row `r` stands for `values[r][..] * scales[r]`.
#[derive(Debug)]
pub(crate) struct QuantizedRows {
    /// `[rows, columns]`, row-major.
    pub(crate) values: Vec<i8>,
    /// `[rows]`.
    pub(crate) scales: Vec<f32>,
    /// Columns a row.
    pub(crate) columns: usize,
}

impl Weights {
    /// Takes a safetensors file's bytes and checks its header; `path` is for errors.
    pub(crate) fn from_safetensors(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let (header, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|source| Error::Weights { path: path.to_owned(), source })?;
        // The header's length stands in eight bytes before the header.
        let start = header + 8;
        let tensors = metadata.tensors().into_iter().map(|(key, info)| {
            let (from, to) = info.data_offsets;
            let range = start + from..start + to;
            (key, Stored { dtype: info.dtype, shape: info.shape.clone(), blob: 0, range })
        });
        Self::new(path, vec![bytes], tensors.collect())
    }

    /// Takes tensors that lie in `blobs`; `path` is for errors.
    pub(crate) fn new(
        path: &Path,
        blobs: Vec<Vec<u8>>,
        tensors: Vec<(String, Stored)>,
    ) -> Result<Self> {
        let account = Mutex::new(KeyProblems::default());
        let mut weights = Self { path: path.to_owned(), blobs, tensors: BTreeMap::new(), account };
        tensors.into_iter().try_for_each(|(key, stored)| weights.insert(&key, stored))?;
        Ok(weights)
    }

    /// As [`Weights::new`], with `wrapper` taken off every key that begins with it.
    pub(crate) fn unwrapped(
        path: &Path,
        blobs: Vec<Vec<u8>>,
        tensors: Vec<(String, Stored)>,
        wrapper: Option<&str>,
    ) -> Result<Self> {
        let unwrap = |(key, stored): (String, Stored)| {
            let inner = wrapper.and_then(|wrapper| key.strip_prefix(wrapper)).map(str::to_owned);
            (inner.unwrap_or(key), stored)
        };
        Self::new(path, blobs, tensors.into_iter().map(unwrap).collect())
    }

    /// Adds the tensors of another file of the same checkpoint.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        let first = self.blobs.len();
        self.blobs.extend(other.blobs);
        other.tensors.into_iter().try_for_each(|(key, stored)| {
            self.insert(&key, Stored { blob: first + stored.blob, ..stored })
        })
    }

    fn insert(&mut self, key: &str, stored: Stored) -> Result<()> {
        let mut name = key;
        while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
            name = rest;
        }
        match self.tensors.insert(name.to_owned(), stored) {
            None => Ok(()),
            Some(_) => Err(Error::Inconsistent {
                path: self.path.clone(),
                problem: format!("tensor {name} is there twice"),
            }),
        }
    }

    /// Where the tensors came from, for errors of the caller's own.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a tensor of that key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.tensors.contains_key(key)
    }

    /// A tensor's shape, if it is there.
    pub(crate) fn shape(&self, key: &str) -> Option<&[usize]> {
        self.tensors.get(key).map(|stored| stored.shape.as_slice())
    }

    /// All keys in alphabetical order, row scales left out.
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).filter(|key| !self.is_scale(key)).collect()
    }

    /// Whether a tensor is the row scales of another.
    pub(crate) fn is_scale(&self, key: &str) -> bool {
        key.strip_suffix(SCALE_SUFFIX).is_some_and(|key| self.contains(key))
    }

    /// Keys that were asked for so far.
    pub(crate) fn used(&self) -> Vec<String> {
        self.account().used.iter().cloned().collect()
    }

    /// Names the layout that these keys were taken for, for errors.
    pub(crate) fn take_for(&self, layout: &str) {
        self.account().nearest = Some(layout.to_owned());
    }

    /// A tensor as it is stored, by the key it is there under.
    pub(crate) fn stored(&self, key: &str) -> Option<(Dtype, &[usize], &[u8])> {
        let stored = self.tensors.get(key)?;
        let bytes = &self.blobs[stored.blob][stored.range.clone()];
        Some((stored.dtype, &stored.shape, bytes))
    }

    /// Fails with all that was asked for in vain.
    pub(crate) fn finish(&self) -> Result<()> {
        let mut account = self.account();
        if account.is_sound() {
            return Ok(());
        }
        let unexpected = |key: &&&str| !account.used.contains(**key);
        account.unexpected =
            self.keys().iter().filter(unexpected).map(|key| (*key).to_owned()).collect();
        let problems = Box::new(std::mem::take(&mut *account));
        Err(Error::Checkpoint { path: self.path.clone(), problems })
    }

    /// Fails with all of `keys` that are missing, not just the first.
    pub(crate) fn require<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let missing = keys.into_iter().filter(|key| !self.contains(key)).map(str::to_owned);
        self.account().missing.extend(missing);
        self.finish()
    }

    /// A tensor as f32 on `device`, of exactly this shape. Where it is missing or has another
    /// shape, that is noted for [`Weights::finish`], and the tensor returned must not be used.
    pub(crate) fn tensor(&self, key: &str, shape: &[usize], device: &Device) -> Result<Tensor> {
        if !self.account().note(key, shape, self.shape(key)) {
            return stand_in(shape, device);
        }
        Tensor::from_vec(self.floats(key, shape)?, shape, device).stage("loading weights")
    }

    /// As [`Weights::tensor`], as plain numbers, row-major.
    pub(crate) fn vector(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if self.account().note(key, shape, self.shape(key)) {
            return self.floats(key, shape);
        }
        Ok(Vec::new())
    }

    /// What stands before `name` in the shortest key that ends with it.
    pub(crate) fn prefix_of(&self, name: &str) -> Option<String> {
        self.tensors
            .keys()
            .filter_map(|key| key.strip_suffix(name))
            .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
            .min_by_key(|prefix| prefix.len())
            .map(str::to_owned)
    }

    /// A tensor of this shape made from others, unless one of those is a stand-in.
    pub(crate) fn derive(
        &self,
        shape: &[usize],
        device: &Device,
        make: impl FnOnce() -> candle_core::Result<Tensor>,
    ) -> Result<Tensor> {
        if self.account().is_sound() {
            make().stage("loading weights")
        } else {
            stand_in(shape, device)
        }
    }

    /// A tensor's values as f32, row-major, all finite.
    pub(crate) fn floats(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (dtype, bytes) = self.raw(key, shape)?;
        let floats: Vec<f32> = match dtype {
            Dtype::F32 => words(bytes).map(f32::from_le_bytes).collect(),
            Dtype::F16 => words(bytes).map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => words(bytes).map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
            Dtype::F64 => words(bytes).map(|b| f64::from_le_bytes(b) as f32).collect(),
            Dtype::I8 if shape.len() == 2 => self.quantized(key, shape)?.widen(),
            other => return Err(self.wrong_type(key, other)),
        };
        match floats.iter().position(|value| !value.is_finite()) {
            None => Ok(floats),
            Some(index) => {
                Err(Error::NotFinite { path: self.path.clone(), key: key.to_owned(), index })
            }
        }
    }

    /// An int8 matrix as it is stored.
    pub(crate) fn quantized(&self, key: &str, shape: &[usize]) -> Result<QuantizedRows> {
        let (dtype, bytes) = self.raw(key, shape)?;
        if dtype != Dtype::I8 || shape.len() != 2 {
            return Err(self.wrong_type(key, dtype));
        }
        let scales = self.floats(&format!("{key}{SCALE_SUFFIX}"), &shape[..1])?;
        let values = bytes.iter().map(|&byte| byte.cast_signed()).collect();
        Ok(QuantizedRows { values, scales, columns: shape[1] })
    }

    /// An int8 matrix as it is stored; nothing where it is stored otherwise, missing or of another
    /// shape, which [`Weights::tensor`] tells.
    pub(crate) fn int8(&self, key: &str, shape: &[usize; 2]) -> Result<Option<QuantizedRows>> {
        let is_int8 = self
            .tensors
            .get(key)
            .is_some_and(|stored| stored.dtype == Dtype::I8 && stored.shape == shape);
        if !is_int8 {
            return Ok(None);
        }
        self.quantized(key, shape).map(Some)
    }

    /// A one-dimensional tensor of unsigned integers.
    pub(crate) fn indices(&self, key: &str, len: usize) -> Result<Vec<u32>> {
        match self.raw(key, &[len])? {
            (Dtype::U32, bytes) => Ok(words(bytes).map(u32::from_le_bytes).collect()),
            (other, _) => Err(self.wrong_type(key, other)),
        }
    }

    /// A tensor's type and bytes, of exactly this shape.
    fn raw(&self, key: &str, shape: &[usize]) -> Result<(Dtype, &[u8])> {
        let mut problems = KeyProblems::default();
        if problems.note(key, shape, self.shape(key)) {
            self.account().used.insert(key.to_owned());
            let stored = &self.tensors[key];
            return Ok((stored.dtype, &self.blobs[stored.blob][stored.range.clone()]));
        }
        Err(Error::Checkpoint { path: self.path.clone(), problems: Box::new(problems) })
    }

    fn account(&self) -> MutexGuard<'_, KeyProblems> {
        // The account is whole between any two of its statements.
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong_type(&self, key: &str, found: Dtype) -> Error {
        Error::TensorType {
            path: self.path.clone(),
            key: key.to_owned(),
            found: format!("{found:?}"),
        }
    }
}

/// Zeros that take no memory: for a tensor that will never be computed with.
fn stand_in(shape: &[usize], device: &Device) -> Result<Tensor> {
    Tensor::zeros((), DType::F32, device)
        .and_then(|zero| zero.broadcast_as(shape))
        .stage("loading weights")
}

impl QuantizedRows {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Widens rows `[start, start + out.len() / columns)` into `out`.
    pub(crate) fn widen_into(&self, start: usize, out: &mut [f32]) {
        let rows = self.values[start * self.columns..].chunks_exact(self.columns);
        let scales = &self.scales[start..];
        for ((out, row), &scale) in out.chunks_exact_mut(self.columns).zip(rows).zip(scales) {
            for (out, &value) in out.iter_mut().zip(row) {
                *out = f32::from(value) * scale;
            }
        }
    }

    fn widen(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.values.len()];
        self.widen_into(0, &mut out);
        out
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}
