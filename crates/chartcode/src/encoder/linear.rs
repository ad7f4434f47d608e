//! Affine maps and layer norm over packed rows.

use candle_core::{Device, Result, Tensor};

use crate::bundle::weights::Weights;

/// `x W^T + b`, with `W` of shape `[out, in]` as PyTorch stores it.
#[derive(Debug)]
pub(crate) struct Linear {
    transposed: Tensor,
    bias: Tensor,
}

impl Linear {
    /// From a weight `[out, in]` and a bias `[out]`.
    pub(crate) fn new(weight: &Tensor, bias: Tensor) -> Result<Self> {
        Ok(Self { transposed: weight.t()?, bias })
    }

    /// Reads `{name}.weight` and `{name}.bias`.
    pub(crate) fn load(
        weights: &Weights,
        name: &str,
        (inputs, outputs): (usize, usize),
        device: &Device,
    ) -> crate::error::Result<Self> {
        use crate::error::Stage as _;
        let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs], device)?;
        let bias = weights.tensor(&format!("{name}.bias"), &[outputs], device)?;
        Self::new(&weight, bias).stage("loading weights")
    }

    /// `[n, in]` → `[n, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.product(x)?.broadcast_add(&self.bias)
    }

    /// The product alone, for callers that add the bias in a later pass.
    pub(crate) fn product(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.transposed)
    }

    /// The bias, `[out]`.
    pub(crate) fn bias(&self) -> &Tensor {
        &self.bias
    }
}

/// LayerNorm over the last dimension.
#[derive(Debug)]
pub(crate) struct Norm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f32,
}

impl Norm {
    /// Reads the parameters, `[size]` each, under the two keys given.
    pub(crate) fn load(
        weights: &Weights,
        (scale, shift): (&str, &str),
        (size, epsilon): (usize, f64),
        device: &Device,
    ) -> crate::error::Result<Self> {
        Ok(Self {
            scale: weights.tensor(scale, &[size], device)?,
            shift: weights.tensor(shift, &[size], device)?,
            epsilon: epsilon as f32,
        })
    }

    /// `[n, size]` → `[n, size]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.scale, &self.shift, self.epsilon)
    }
}
