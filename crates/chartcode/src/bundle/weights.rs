//! Tensors of a safetensors file, checked and widened to f32.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use crate::error::{Error, Result, Stage as _};

/// Key suffix of the row scales that belong to a tensor stored as int8.
const SCALE_SUFFIX: &str = "_scale";

/// A safetensors file in memory.
///
/// Two-dimensional tensors may be stored as int8 (`key`, `I8 [rows, columns]`) with one f32 scale
/// a row (`key_scale`, `F32 [rows]`); they are widened when read.
pub(crate) struct Weights {
    path: PathBuf,
    bytes: Vec<u8>,
    data_start: usize,
    metadata: Metadata,
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
    /// Takes a file's bytes and checks its header; `path` is for errors.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let (header, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|source| Error::Weights { path: path.to_owned(), source })?;
        // The header's length stands in eight bytes before the header.
        Ok(Self { path: path.to_owned(), bytes, data_start: header + 8, metadata })
    }

    /// Where the tensors came from, for errors of the caller's own.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file has a tensor of that key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.metadata.info(key).is_some()
    }

    /// A tensor's shape, if it is there.
    pub(crate) fn shape(&self, key: &str) -> Option<&[usize]> {
        self.metadata.info(key).map(|info| info.shape.as_slice())
    }

    /// All keys in alphabetical order, row scales left out.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = self.metadata.offset_keys();
        keys.retain(|key| !key.ends_with(SCALE_SUFFIX));
        keys.sort();
        keys
    }

    /// Fails with all the keys that are missing, not just the first.
    pub(crate) fn require<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let keys: Vec<String> =
            keys.into_iter().filter(|key| !self.contains(key)).map(str::to_owned).collect();
        if keys.is_empty() {
            return Ok(());
        }
        Err(Error::MissingTensors { path: self.path.clone(), keys })
    }

    /// A tensor as f32 on `device`, of exactly this shape.
    pub(crate) fn tensor(&self, key: &str, shape: &[usize], device: &Device) -> Result<Tensor> {
        Tensor::from_vec(self.floats(key, shape)?, shape, device).stage("loading weights")
    }

    /// A tensor's values as f32, row-major, all finite.
    pub(crate) fn floats(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (info, bytes) = self.raw(key, shape)?;
        let floats: Vec<f32> = match info.dtype {
            Dtype::F32 => four(bytes).map(f32::from_le_bytes).collect(),
            Dtype::F16 => two(bytes).map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => two(bytes).map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
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
        let (info, bytes) = self.raw(key, shape)?;
        if info.dtype != Dtype::I8 || shape.len() != 2 {
            return Err(self.wrong_type(key, info.dtype));
        }
        let scales = self.floats(&format!("{key}{SCALE_SUFFIX}"), &shape[..1])?;
        let values = bytes.iter().map(|&byte| byte.cast_signed()).collect();
        Ok(QuantizedRows { values, scales, columns: shape[1] })
    }

    /// A one-dimensional tensor of unsigned integers.
    pub(crate) fn indices(&self, key: &str, len: usize) -> Result<Vec<u32>> {
        let (info, bytes) = self.raw(key, &[len])?;
        match info.dtype {
            Dtype::U32 => Ok(four(bytes).map(u32::from_le_bytes).collect()),
            other => Err(self.wrong_type(key, other)),
        }
    }

    fn raw(&self, key: &str, shape: &[usize]) -> Result<(&TensorInfo, &[u8])> {
        let Some(info) = self.metadata.info(key) else {
            return Err(Error::MissingTensors {
                path: self.path.clone(),
                keys: vec![key.to_owned()],
            });
        };
        if info.shape != shape {
            return Err(Error::Shape {
                path: self.path.clone(),
                key: key.to_owned(),
                found: info.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        let (start, end) = info.data_offsets;
        Ok((info, &self.bytes[self.data_start + start..self.data_start + end]))
    }

    fn wrong_type(&self, key: &str, found: Dtype) -> Error {
        Error::TensorType {
            path: self.path.clone(),
            key: key.to_owned(),
            found: format!("{found:?}"),
        }
    }
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

fn four(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.as_chunks::<4>().0.iter().copied()
}

fn two(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    bytes.as_chunks::<2>().0.iter().copied()
}
