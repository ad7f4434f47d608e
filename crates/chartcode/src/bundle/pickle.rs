//! `pytorch_model.bin`: a pickle, read as data and never executed.

use std::collections::HashMap;
use std::path::Path;

use candle_core::pickle::PthTensors;
use candle_core::{DType, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use super::weights::Weights;
use crate::error::{Error, Result};

/// Reads the floating-point tensors of a PyTorch checkpoint, as f32. Buffers of integers, such as
/// position ids, are left out.
pub(super) fn read(path: &Path) -> Result<Weights> {
    let pickle = |source| Error::Pickle { path: path.to_owned(), source };
    let file = PthTensors::new(path, None).map_err(pickle)?;
    let mut floats: Vec<_> = file
        .tensor_infos()
        .iter()
        .filter(|(_, info)| {
            matches!(info.dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64)
        })
        .collect();
    // In a fixed order, so that of several faults the same one is named each time.
    floats.sort_by_key(|(name, _)| *name);
    let mut tensors = HashMap::with_capacity(floats.len());
    for (name, info) in floats {
        // Candle counts a view's offset in bytes where PyTorch counts elements.
        if info.layout.start_offset() > 0 {
            return Err(Error::TensorType {
                path: path.to_owned(),
                key: name.clone(),
                found: "a view into another tensor".to_owned(),
            });
        }
        if let Some(tensor) = file.get(name).map_err(pickle)? {
            tensors.insert(name.clone(), bytes(&tensor).map_err(pickle)?);
        }
    }
    let views = tensors.iter().map(|(name, (shape, data))| {
        TensorView::new(Dtype::F32, shape.clone(), data).map(|view| (name, view))
    });
    let packed = views
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|source| Error::Weights { path: path.to_owned(), source })?;
    drop(tensors);
    Weights::from_bytes(path, packed)
}

fn bytes(tensor: &Tensor) -> candle_core::Result<(Vec<usize>, Vec<u8>)> {
    let values: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    Ok((tensor.dims().to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
}
