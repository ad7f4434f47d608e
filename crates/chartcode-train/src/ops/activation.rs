//! The feed-forward layer's activation.
#![expect(clippy::inline_always, reason = "loops become vector code only where they are inlined")]

use std::f32::consts::FRAC_1_SQRT_2;

use chartcode::Activation;
use rayon::prelude::*;

use super::columns::{rows_a_piece, total};
use super::math::{erf, exp};
use super::slices::vectorised;

/// Adds the bias to `x`, `[n, width]`, in place, and returns the activation of that.
pub(crate) fn forward(activation: Activation, x: &mut [f32], bias: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let piece = rows_a_piece(bias.len()) * bias.len();
    out.par_chunks_mut(piece).zip(x.par_chunks_mut(piece)).for_each(|(out, x)| {
        vectorised(|| {
            for x in x.chunks_exact_mut(bias.len()) {
                x.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
            apply(activation, out, x);
        });
    });
    out
}

/// Turns the gradient of the activation into that of its argument `x`, in place, and returns that
/// of the bias.
pub(crate) fn backward(
    activation: Activation,
    gradient: &mut [f32],
    x: &[f32],
    width: usize,
) -> Vec<f32> {
    let piece = rows_a_piece(width) * width;
    let pieces = gradient.par_chunks_mut(piece).zip(x.par_chunks(piece));
    let sums = pieces.map(|(gradient, x)| {
        let mut sum = vec![0.0; width];
        vectorised(|| {
            scale(activation, gradient, x);
            for row in gradient.chunks_exact(width) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        });
        [sum]
    });
    let [bias] = total(sums.collect(), width);
    bias
}

#[inline(always)]
fn apply(activation: Activation, out: &mut [f32], x: &[f32]) {
    let each = out.iter_mut().zip(x);
    match activation {
        Activation::GeluNew => each.for_each(|(out, &x)| *out = 0.5 * x * (1.0 + inner_tanh(x))),
        Activation::Relu => each.for_each(|(out, &x)| *out = x.max(0.0)),
        Activation::Silu => each.for_each(|(out, &x)| *out = x * sigmoid(x)),
        Activation::Tanh => each.for_each(|(out, &x)| *out = x.tanh()),
        _ => each.for_each(|(out, &x)| *out = 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2))),
    }
}

/// Multiplies each gradient by the derivative at its `x`.
#[inline(always)]
fn scale(activation: Activation, gradient: &mut [f32], x: &[f32]) {
    let each = gradient.iter_mut().zip(x);
    match activation {
        Activation::GeluNew => each.for_each(|(g, &x)| *g *= gelu_new_slope(x)),
        Activation::Relu => each.for_each(|(g, &x)| *g = if x > 0.0 { *g } else { 0.0 }),
        Activation::Silu => each.for_each(|(g, &x)| {
            let s = sigmoid(x);
            *g *= s * (1.0 + x * (1.0 - s));
        }),
        Activation::Tanh => each.for_each(|(g, &x)| *g *= 1.0 - x.tanh() * x.tanh()),
        _ => each.for_each(|(g, &x)| {
            *g *= 0.5 * (1.0 + erf(x * FRAC_1_SQRT_2)) + x * DENSITY * exp(-0.5 * x * x);
        }),
    }
}

/// 1 / sqrt(2 π): the normal density at 0.
const DENSITY: f32 = 0.398_942_3;
const SQRT_2_OVER_PI: f32 = 0.797_884_6;

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp((-x).min(87.0)))
}

fn inner_tanh(x: f32) -> f32 {
    (SQRT_2_OVER_PI * x * (1.0 + 0.044_715 * x * x)).tanh()
}

fn gelu_new_slope(x: f32) -> f32 {
    let tanh = inner_tanh(x);
    let inner = SQRT_2_OVER_PI * (1.0 + 3.0 * 0.044_715 * x * x);
    0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * inner
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor, Var};

    use super::*;

    type Reference = fn(&Tensor) -> candle_core::Result<Tensor>;

    const ALL: [(Activation, Reference); 5] = [
        (Activation::Gelu, Tensor::gelu_erf),
        (Activation::GeluNew, Tensor::gelu),
        (Activation::Relu, Tensor::relu),
        (Activation::Silu, Tensor::silu),
        (Activation::Tanh, Tensor::tanh),
    ];

    /// Value and slope against candle's own in f64, over the range activations take.
    #[test]
    fn activations_equal_the_f64_reference() {
        let inputs: Vec<f32> = (-1199..=1200).map(|i| (i as f32 + 0.5) / 100.0).collect();
        let exact = Tensor::from_slice(&inputs, inputs.len(), &Device::Cpu).unwrap();
        let exact = Var::from_tensor(&exact.to_dtype(DType::F64).unwrap()).unwrap();
        for (activation, reference) in ALL {
            let mut x = inputs.clone();
            let out = forward(activation, &mut x, &[0.0; 4]);
            let mut slopes = vec![1.0; x.len()];
            backward(activation, &mut slopes, &x, 4);
            let value = reference(&exact).unwrap();
            let slope = value.sum_all().unwrap().backward().unwrap().remove(&exact).unwrap();
            for (ours, reference) in [(out, value), (slopes, slope)] {
                let reference: Vec<f64> = reference.to_vec1().unwrap();
                for ((x, ours), reference) in inputs.iter().zip(ours).zip(reference) {
                    let error = (f64::from(ours) - reference).abs();
                    let bound = 5e-7 * f64::from(x.abs().max(1.0));
                    assert!(error <= bound, "{activation:?}({x}) is off by {error:e}");
                }
            }
        }
    }

    #[test]
    fn the_bias_is_added_first_and_its_gradient_is_the_sum_of_rows() {
        let mut x = vec![-1.0, 1.0, 2.0, 3.0];
        assert_eq!(forward(Activation::Relu, &mut x, &[0.5, -2.0]), [0.0, 0.0, 2.5, 1.0]);
        let mut gradient = vec![1.0, 10.0, 100.0, 1000.0];
        assert_eq!(backward(Activation::Relu, &mut gradient, &x, 2), [100.0, 1000.0]);
        assert_eq!(gradient, [0.0, 0.0, 100.0, 1000.0]);
    }
}
