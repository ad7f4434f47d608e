//! The forward pass on the CPU: the embeddings are one operation of candle's graph, each layer is
//! another, and their backward passes are their own.

mod embeddings;
mod layer;

use std::sync::Mutex;

use candle_core::{CpuStorage, Result, Shape, Tensor, bail};

use super::{Packing, TrainableEncoder};
use crate::dropout::Masks;

/// What all operations of a forward pass share.
#[derive(Clone, Copy)]
struct Pass<'a> {
    encoder: &'a TrainableEncoder,
    packing: &'a Packing,
    masks: Option<&'a Masks>,
    /// Whether a backward pass may follow.
    with_gradients: bool,
}

/// `[rows, H]` in the order of the packing.
pub(super) fn forward(
    encoder: &TrainableEncoder,
    packing: &Packing,
    masks: Option<&Masks>,
    with_gradients: bool,
) -> Result<Tensor> {
    let pass = Pass { encoder, packing, masks, with_gradients };
    let mut states = embeddings::forward(pass)?;
    for index in 0..encoder.layers.len() {
        states = layer::forward(pass, index, &states)?;
    }
    Ok(states.tensor)
}

/// Hidden states, and whether a trained parameter lies below them.
struct States {
    tensor: Tensor,
    tracked: bool,
}

/// An output that was computed before its operation was put into the graph.
struct Output(Mutex<Option<Vec<f32>>>, Shape);

impl Output {
    fn new(values: Vec<f32>, shape: (usize, usize)) -> Self {
        Self(Mutex::new(Some(values)), shape.into())
    }

    fn take(&self) -> Result<(CpuStorage, Shape)> {
        match self.0.lock().ok().and_then(|mut values| values.take()) {
            Some(values) => Ok((CpuStorage::F32(values), self.1.clone())),
            None => bail!("an operation's output was taken before"),
        }
    }

    fn into_tensor(self) -> Result<Tensor> {
        let (storage, shape) = self.take()?;
        match storage {
            CpuStorage::F32(values) => Tensor::from_vec(values, shape, &candle_core::Device::Cpu),
            _ => bail!("an output is f32"),
        }
    }
}

/// A vector's numbers.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_vec1()
}
