//! Bias and activation in one pass over the feed-forward layer's output.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use super::config::Activation;
use crate::math::erf;

/// Rows are handed to threads in pieces of about this many values.
const PIECE: usize = 16 * 1024;

impl Activation {
    /// `activation(x + bias)` for `x` of shape `[n, d]` and `bias` of shape `[d]`.
    pub(crate) fn with_bias(self, x: Tensor, bias: &Tensor) -> Result<Tensor> {
        if x.device().is_cpu() {
            x.inplace_op1(&BiasActivation { bias: bias.to_vec1()?, activation: self })?;
            return Ok(x);
        }
        let x = x.broadcast_add(bias)?;
        match self {
            Self::Gelu => x.gelu_erf(),
            Self::GeluNew => x.gelu(),
            Self::Relu => x.relu(),
            Self::Silu => x.silu(),
            Self::Tanh => x.tanh(),
        }
    }

    /// As the CPU's kernels name it.
    pub(super) fn kernel(self) -> chartcode_kernels::Activation {
        use chartcode_kernels::Activation as Kernel;
        match self {
            Self::Gelu => Kernel::Gelu,
            Self::GeluNew => Kernel::GeluTanh,
            Self::Relu => Kernel::Relu,
            Self::Silu => Kernel::Silu,
            Self::Tanh => Kernel::Tanh,
        }
    }

    fn apply(self, values: &mut [f32]) {
        match self {
            Self::Gelu => values.iter_mut().for_each(|x| *x = gelu(*x)),
            Self::GeluNew => values.iter_mut().for_each(|x| *x = gelu_tanh(*x)),
            Self::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
            Self::Silu => values.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp()),
            Self::Tanh => values.iter_mut().for_each(|x| *x = x.tanh()),
        }
    }
}

struct BiasActivation {
    bias: Vec<f32>,
    activation: Activation,
}

impl InplaceOp1 for BiasActivation {
    fn name(&self) -> &'static str {
        "bias-activation"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("bias-activation needs a contiguous f32 tensor");
        };
        let width = self.bias.len();
        let rows = (PIECE / width).max(1);
        values[start..end].par_chunks_mut(rows * width).for_each(|piece| {
            for row in piece.chunks_exact_mut(width) {
                row.iter_mut().zip(&self.bias).for_each(|(x, bias)| *x += bias);
                self.activation.apply(row);
            }
        });
        Ok(())
    }
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn gelu_tanh(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (SQRT_2_OVER_PI * x * (1.0 + 0.044_715 * x * x)).tanh())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    /// Every activation against candle's own in f64, over the range activations take.
    #[test]
    fn activations_equal_the_f64_reference() {
        let inputs: Vec<f32> = (-1200..=1200).map(|i| i as f32 / 100.0).collect();
        let n = inputs.len();
        let x = Tensor::from_slice(&inputs, (n, 1), &Device::Cpu).unwrap();
        let exact = x.to_dtype(DType::F64).unwrap();
        let zero = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        for (activation, reference) in [
            (Activation::Gelu, exact.gelu_erf()),
            (Activation::GeluNew, exact.gelu()),
            (Activation::Relu, exact.relu()),
            (Activation::Silu, exact.silu()),
            (Activation::Tanh, exact.tanh()),
        ] {
            let ours = activation.with_bias(x.copy().unwrap(), &zero).unwrap();
            let ours: Vec<f32> = ours.flatten_all().unwrap().to_vec1().unwrap();
            let reference: Vec<f64> = reference.unwrap().flatten_all().unwrap().to_vec1().unwrap();
            for ((x, ours), reference) in inputs.iter().zip(&ours).zip(&reference) {
                let error = (f64::from(*ours) - reference).abs();
                // 1 + erf(x) cancels below 0, so that the rounding of erf is scaled by x.
                let bound = 3e-7 * f64::from(x.abs().max(1.0));
                assert!(error <= bound, "{activation:?}({x}) is off by {error:e}");
            }
        }
    }

    #[test]
    fn the_bias_is_added_first() {
        let x = Tensor::from_vec(vec![-1_f32, 1., 2., 3.], (2, 2), &Device::Cpu).unwrap();
        let bias = Tensor::from_vec(vec![0.5_f32, -2.], 2, &Device::Cpu).unwrap();
        let y = Activation::Relu.with_bias(x, &bias).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[0.0, 0.0], [2.5, 1.0]]);
    }
}
