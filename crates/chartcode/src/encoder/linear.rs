//! Affine maps and layer norm over packed rows.

use candle_core::{DType, Device, Result, Tensor};

use crate::bundle::weights::Weights;
use crate::error::Stage as _;

/// `x W^T + b`, with `W` of shape `[out, in]` as PyTorch stores it.
#[derive(Debug)]
pub(crate) struct Linear {
    transposed: Tensor,
    bias: Tensor,
    has_bias: bool,
}

impl Linear {
    /// From a weight `[out, in]` and a bias `[out]`; without one it is 0.
    pub(crate) fn new(weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        let has_bias = bias.is_some();
        let bias = match bias {
            Some(bias) => bias,
            None => Tensor::zeros(weight.dim(0)?, DType::F32, weight.device())?,
        };
        Ok(Self { transposed: weight.t()?, bias, has_bias })
    }

    /// Reads `{name}.weight` and `{name}.bias`.
    pub(crate) fn load(
        weights: &Weights,
        name: &str,
        sizes: (usize, usize),
        device: &Device,
    ) -> crate::error::Result<Self> {
        Self::load_with(weights, name, sizes, true, device)
    }

    /// Reads `{name}.weight` and, where the map `has_bias`, `{name}.bias`.
    pub(crate) fn load_with(
        weights: &Weights,
        name: &str,
        (inputs, outputs): (usize, usize),
        has_bias: bool,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs], device)?;
        let bias = has_bias
            .then(|| weights.tensor(&format!("{name}.bias"), &[outputs], device))
            .transpose()?;
        Self::new(&weight, bias).stage("loading weights")
    }

    /// `[n, in]` → `[n, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = self.product(x)?;
        if self.has_bias { product.broadcast_add(&self.bias) } else { Ok(product) }
    }

    /// The product alone, for callers that add the bias in a later pass.
    pub(crate) fn product(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.transposed)
    }

    /// The same map to some of the outputs only.
    pub(crate) fn columns(&self, outputs: &[usize]) -> Result<Self> {
        let numbers: Vec<u32> = outputs.iter().map(|&output| output as u32).collect();
        let numbers = Tensor::from_vec(numbers, outputs.len(), self.bias.device())?;
        let weight = self.transposed.t()?.index_select(&numbers, 0)?;
        Self::new(&weight, Some(self.bias.index_select(&numbers, 0)?))
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

/// What a LayerNorm is made of besides its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormSpec {
    /// Width.
    pub(crate) size: usize,
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Names of the two parameters.
    pub(crate) names: (&'static str, &'static str),
    /// Whether the second one is there.
    pub(crate) has_bias: bool,
}

impl NormSpec {
    /// PyTorch's own: `weight` and `bias`.
    pub(crate) fn plain(size: usize, epsilon: f64) -> Self {
        Self { size, epsilon, names: ("weight", "bias"), has_bias: true }
    }
}

impl Norm {
    /// Reads the parameters, `[size]` each, below `name`.
    pub(crate) fn load(
        weights: &Weights,
        name: &str,
        spec: NormSpec,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let tensor = |part: &str| weights.tensor(&format!("{name}.{part}"), &[spec.size], device);
        let shift = if spec.has_bias {
            tensor(spec.names.1)?
        } else {
            Tensor::zeros(spec.size, DType::F32, device).stage("loading weights")?
        };
        Ok(Self { scale: tensor(spec.names.0)?, shift, epsilon: spec.epsilon as f32 })
    }

    /// `[n, size]` → `[n, size]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.scale, &self.shift, self.epsilon)
    }
}
