//! LayerNorm of a block's output: bias, dropout, residual and normalisation in one pass.
#![expect(clippy::inline_always, reason = "loops become vector code only where they are inlined")]

use rayon::prelude::*;

use super::columns::{rows_a_piece, total};
use super::math::sum2;
use super::slices::vectorised;
use crate::dropout::Mask;

/// What the backward pass needs of a LayerNorm over rows.
pub(crate) struct Normed {
    /// Rows scaled to mean 0 and variance 1, `[n, width]`.
    pub(crate) rows: Vec<f32>,
    /// What each was multiplied by, `[n]`.
    pub(crate) factors: Vec<f32>,
}

/// LayerNorm's parameters.
#[derive(Clone, Copy)]
pub(crate) struct Scales<'a> {
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) epsilon: f32,
}

/// `LayerNorm(mask ⊙ (x + bias) + residual)` of `x`, `[n, width]`.
pub(crate) fn residual_forward(
    x: &[f32],
    bias: &[f32],
    residual: &[f32],
    mask: Option<Mask>,
    scales: Scales<'_>,
) -> (Vec<f32>, Normed) {
    let width = bias.len();
    let fill = |index: usize, row: &mut [f32]| {
        let own = &x[index * width..][..width];
        let residual = &residual[index * width..][..width];
        let own = own.iter().zip(bias).zip(residual).enumerate();
        match mask {
            None => row.iter_mut().zip(own).for_each(|(row, (_, ((x, b), r)))| *row = x + b + r),
            Some(mask) => {
                let key = mask.row(index);
                row.iter_mut().zip(own).for_each(|(row, (column, ((x, b), r)))| {
                    *row = (x + b) * mask.factor(key, column) + r;
                });
            }
        }
    };
    forward(x.len() / width, fill, scales)
}

/// LayerNorm of `n` rows that `fill` writes.
#[inline(always)]
pub(crate) fn forward(
    n: usize,
    fill: impl Fn(usize, &mut [f32]) + Sync,
    scales: Scales<'_>,
) -> (Vec<f32>, Normed) {
    let width = scales.scale.len();
    let (mut rows, mut out) = (vec![0.0; n * width], vec![0.0; n * width]);
    let mut factors = vec![0.0; n];
    let piece = rows_a_piece(width);
    let pieces = rows.par_chunks_mut(piece * width).zip(out.par_chunks_mut(piece * width));
    pieces.zip(factors.par_chunks_mut(piece)).enumerate().for_each(|(at, ((rows, out), f))| {
        vectorised(|| {
            let rows = rows.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)).zip(f);
            for (index, ((row, out), factor)) in rows.enumerate() {
                fill(at * piece + index, row);
                *factor = normalise(row, out, scales);
            }
        });
    });
    (out, Normed { rows, factors })
}

#[inline(always)]
fn normalise(row: &mut [f32], out: &mut [f32], scales: Scales<'_>) -> f32 {
    let n = row.len() as f32;
    let mean = sum2(row, row, |x, _| x) / n;
    for x in row.iter_mut() {
        *x -= mean;
    }
    let factor = 1.0 / (sum2(row, row, |x, y| x * y) / n + scales.epsilon).sqrt();
    let parameters = scales.scale.iter().zip(scales.shift);
    for ((x, out), (scale, shift)) in row.iter_mut().zip(out).zip(parameters) {
        *x *= factor;
        *out = *x * scale + shift;
    }
    factor
}

/// Gradients of what was normalised and of the parameters.
pub(crate) struct NormGradients {
    /// `[n, width]`.
    pub(crate) rows: Vec<f32>,
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

/// The backward pass of a LayerNorm.
pub(crate) fn backward(gradient: &[f32], normed: &Normed, scale: &[f32]) -> NormGradients {
    let width = scale.len();
    let piece = rows_a_piece(width);
    let mut rows = vec![0.0; gradient.len()];
    let own = normed.rows.par_chunks(piece * width).zip(normed.factors.par_chunks(piece));
    let pieces = rows.par_chunks_mut(piece * width).zip(gradient.par_chunks(piece * width));
    let sums = pieces.zip(own).map(|((out, gradient), (rows, factors))| {
        let (mut scales, mut shifts) = (vec![0.0; width], vec![0.0; width]);
        vectorised(|| {
            let own = rows.chunks_exact(width).zip(factors);
            let rows = out.chunks_exact_mut(width).zip(gradient.chunks_exact(width)).zip(own);
            for ((out, gradient), (row, factor)) in rows {
                row_backward(out, gradient, (row, *factor), scale);
                let sums = scales.iter_mut().zip(&mut shifts);
                for ((scale, shift), (g, x)) in sums.zip(gradient.iter().zip(row)) {
                    *scale += g * x;
                    *shift += g;
                }
            }
        });
        [scales, shifts]
    });
    let [scale, shift] = total(sums.collect(), width);
    NormGradients { rows, scale, shift }
}

#[inline(always)]
fn row_backward(out: &mut [f32], gradient: &[f32], (row, factor): (&[f32], f32), scale: &[f32]) {
    out.iter_mut().zip(gradient).zip(scale).for_each(|((out, g), scale)| *out = g * scale);
    let n = row.len() as f32;
    let mean = sum2(out, out, |x, _| x) / n;
    let along = sum2(out, row, |g, x| g * x) / n;
    out.iter_mut().zip(row).for_each(|(out, x)| *out = factor * (*out - mean - x * along));
}

/// The gradient of `x` in [`residual_forward`] from that of what was normalised, and that of the
/// bias.
pub(crate) fn through_mask(
    gradient: &[f32],
    mask: Option<Mask>,
    width: usize,
) -> (Vec<f32>, Vec<f32>) {
    let piece = rows_a_piece(width);
    let mut out = vec![0.0; gradient.len()];
    let pieces = out.par_chunks_mut(piece * width).zip(gradient.par_chunks(piece * width));
    let sums = pieces.enumerate().map(|(at, (out, gradient))| {
        let mut sum = vec![0.0; width];
        vectorised(|| {
            let rows = out.chunks_exact_mut(width).zip(gradient.chunks_exact(width));
            for (index, (out, gradient)) in rows.enumerate() {
                drop_row(out, gradient, mask, at * piece + index);
                sum.iter_mut().zip(out).for_each(|(sum, x)| *sum += *x);
            }
        });
        [sum]
    });
    let [bias] = total(sums.collect(), width);
    (out, bias)
}

#[inline(always)]
fn drop_row(out: &mut [f32], gradient: &[f32], mask: Option<Mask>, index: usize) {
    let Some(mask) = mask else {
        return out.copy_from_slice(gradient);
    };
    let key = mask.row(index);
    for (column, (out, g)) in out.iter_mut().zip(gradient).enumerate() {
        *out = g * mask.factor(key, column);
    }
}
