//! Affine maps and layer norm over packed rows.

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
use chartcode_kernels::{Activation, Isa, Matrix, Precision, Product, Rows, Target};

use crate::bundle::weights::Weights;
use crate::error::Stage as _;

/// `x W^T + b`, with `W` of shape `[out, in]` as PyTorch stores it.
#[derive(Debug)]
pub(crate) struct Linear {
    map: Map,
    bias: Tensor,
    has_bias: bool,
}

/// Where the weights are.
#[derive(Debug)]
enum Map {
    /// Packed for this CPU, and its bias beside it.
    Packed(Matrix, Vec<f32>),
    /// `[in, out]`, on another device; or a stand-in that is never computed with.
    Transposed(Tensor),
}

impl Linear {
    /// From a weight `[out, in]` and a bias `[out]`; without one it is 0.
    pub(crate) fn new(weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        Self::packed(weight, bias, Precision::F32)
    }

    /// As [`Linear::new`], to be multiplied in this precision where it is on the CPU.
    pub(crate) fn packed(
        weight: &Tensor,
        bias: Option<Tensor>,
        precision: Precision,
    ) -> Result<Self> {
        let has_bias = bias.is_some();
        let bias = match bias {
            Some(bias) => bias,
            None => Tensor::zeros(weight.dim(0)?, DType::F32, weight.device())?,
        };
        // A stand-in for a tensor that is missing takes no memory, nor shall its copy.
        let map = if weight.device().is_cpu() && weight.is_contiguous() {
            let matrix = with_values(weight, |values| {
                Matrix::pack(values, weight.dims2()?, precision).map_err(candle_core::Error::wrap)
            })?;
            Map::Packed(matrix, bias.contiguous()?.to_vec1()?)
        } else {
            Map::Transposed(weight.t()?)
        };
        Ok(Self { map, bias, has_bias })
    }

    /// Reads `{name}.weight` and `{name}.bias`.
    pub(crate) fn load(
        weights: &Weights,
        name: &str,
        sizes: (usize, usize),
        device: &Device,
    ) -> crate::error::Result<Self> {
        let (weight, bias) = Self::read(weights, name, sizes, true, device)?;
        Self::new(&weight, bias).stage("loading weights")
    }

    /// `{name}.weight` and, where the map `has_bias`, `{name}.bias`.
    pub(crate) fn read(
        weights: &Weights,
        name: &str,
        (inputs, outputs): (usize, usize),
        has_bias: bool,
        device: &Device,
    ) -> crate::error::Result<(Tensor, Option<Tensor>)> {
        let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs], device)?;
        let bias = || weights.tensor(&format!("{name}.bias"), &[outputs], device);
        Ok((weight, has_bias.then(bias).transpose()?))
    }

    /// `[n, in]` → `[n, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.map {
            Map::Packed(matrix, bias) => {
                let bias = self.has_bias.then_some(bias.as_slice());
                multiply(x, Product { matrix, bias, activation: None })
            }
            Map::Transposed(_) if self.has_bias => self.product(x)?.broadcast_add(&self.bias),
            Map::Transposed(_) => self.product(x),
        }
    }

    /// The product alone, for callers that add the bias in a later pass.
    pub(crate) fn product(&self, x: &Tensor) -> Result<Tensor> {
        match &self.map {
            Map::Packed(matrix, _) => multiply(x, Product { matrix, bias: None, activation: None }),
            Map::Transposed(transposed) => x.matmul(transposed),
        }
    }

    /// The packed product, if the map is on the CPU.
    pub(crate) fn kernel(&self, activation: Option<Activation>) -> Option<Product<'_>> {
        match &self.map {
            Map::Packed(matrix, bias) => {
                let bias = self.has_bias.then_some(bias.as_slice());
                Some(Product { matrix, bias, activation })
            }
            Map::Transposed(_) => None,
        }
    }

    /// The same map to some of the outputs only, in f32.
    pub(crate) fn columns(&self, outputs: &[usize]) -> Result<Self> {
        let numbers: Vec<u32> = outputs.iter().map(|&output| output as u32).collect();
        let numbers = Tensor::from_vec(numbers, outputs.len(), self.bias.device())?;
        let weight = match &self.map {
            Map::Packed(matrix, _) => {
                let rows: Vec<f32> = outputs.iter().flat_map(|&row| matrix.row(row)).collect();
                Tensor::from_vec(rows, (outputs.len(), matrix.inputs()), self.bias.device())?
            }
            Map::Transposed(transposed) => transposed.t()?.index_select(&numbers, 0)?,
        };
        Self::new(&weight, Some(self.bias.index_select(&numbers, 0)?))
    }

    /// The bias, `[out]`.
    pub(crate) fn bias(&self) -> &Tensor {
        &self.bias
    }
}

fn multiply(x: &Tensor, product: Product<'_>) -> Result<Tensor> {
    let (isa, width) = (Isa::best(), product.matrix.inputs());
    let (count, found) = x.dims2()?;
    if found != width {
        bail!("{found} values a row for a map from {width}");
    }
    let mut rows = Rows::new();
    with_values(&x.contiguous()?, |values| {
        rows.fill(isa, values, width, product.matrix.precision());
        Ok(())
    })?;
    let mut out = vec![0.0; count * product.matrix.outputs()];
    product.run(isa, &rows, Target::Values(&mut out));
    Tensor::from_vec(out, (count, product.matrix.outputs()), x.device())
}

/// Reads a contiguous f32 tensor on the CPU without copying it.
pub(crate) fn with_values<T>(x: &Tensor, read: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let (storage, layout) = x.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => read(&values[start..end]),
        _ => bail!("a contiguous f32 tensor on the CPU is needed"),
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

    /// As the CPU's kernels take it; nothing on another device.
    pub(crate) fn kernel(&self) -> Result<Option<chartcode_kernels::Norm>> {
        if !self.scale.device().is_cpu() {
            return Ok(None);
        }
        let values = |x: &Tensor| x.contiguous()?.to_vec1();
        let (scale, shift) = (values(&self.scale)?, values(&self.shift)?);
        Ok(Some(chartcode_kernels::Norm { scale, shift, epsilon: self.epsilon }))
    }
}
