//! The convolution beside the first layer of the larger DeBERTa-v2 models: its activated output is
//! added to the layer's and normalised.

use candle_core::{Result, Tensor};

use super::Parts;
use super::attention::Group;
use super::config::{Activation, Disentangled};
use super::linear::{Linear, Norm};
use crate::error::Stage as _;

#[derive(Debug)]
pub(super) struct Convolution {
    /// `[kernel · H, H]`, transposed as a `Linear` holds it.
    map: Linear,
    norm: Norm,
    activation: Activation,
    kernel: usize,
}

impl Convolution {
    pub(super) fn load(
        parts: &Parts<'_>,
        kind: &Disentangled,
    ) -> crate::error::Result<Option<Self>> {
        let Some(kernel) = kind.convolution else {
            return Ok(None);
        };
        let size = parts.config.hidden_size;
        let key = |name: &str| parts.keys.key(&format!("encoder.conv.{name}"));
        let shape = [size, size, kernel];
        let weight = parts.weights.tensor(&key("conv.weight"), &shape, parts.device)?;
        let flat = [size, kernel * size];
        let weight = parts.weights.derive(&flat, parts.device, || {
            weight.permute((0, 2, 1))?.contiguous()?.reshape((size, kernel * size))
        })?;
        let bias = parts.weights.tensor(&key("conv.bias"), &[size], parts.device)?;
        Ok(Some(Self {
            map: Linear::new(&weight, Some(bias)).stage("loading weights")?,
            norm: parts.norm(&key("LayerNorm"), size)?,
            activation: kind.convolution_activation,
            kernel,
        }))
    }

    /// From the embeddings and the first layer's output, `[rows, H]` each, to what replaces the
    /// latter.
    pub(super) fn forward(
        &self,
        embedded: &Tensor,
        output: &Tensor,
        groups: &[Group],
    ) -> Result<Tensor> {
        let columns: Vec<Tensor> =
            groups.iter().map(|group| self.columns(embedded, *group)).collect::<Result<_>>()?;
        let product = self.map.product(&Tensor::cat(&columns, 0)?)?;
        let convolved = self.activation.with_bias(product, self.map.bias())?;
        self.norm.forward(&(output + convolved)?)
    }

    /// Each token's neighbourhood in one row, `[rows, kernel · H]`; beyond a window there are zeros.
    fn columns(&self, embedded: &Tensor, group: Group) -> Result<Tensor> {
        let Group { first_row, windows, length, .. } = group;
        let size = embedded.dim(1)?;
        let before = (self.kernel - 1) / 2;
        let padded = embedded
            .narrow(0, first_row, windows * length)?
            .reshape((windows, length, size))?
            .pad_with_zeros(1, before, self.kernel - 1 - before)?;
        let shifted: Vec<Tensor> =
            (0..self.kernel).map(|shift| padded.narrow(1, shift, length)).collect::<Result<_>>()?;
        Tensor::cat(&shifted, 2)?.reshape((windows * length, self.kernel * size))
    }
}
