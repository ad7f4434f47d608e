//! Vectors of spans: means of rows, and rows scaled to length 1.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result as CandleResult, Shape, Tensor, bail};
use rayon::prelude::*;

use super::columns::rows_a_piece;
use super::math::sum2;
use super::slices::{read, vectorised};
use crate::error::{Result, Stage as _};

/// Means over runs of rows: `[T, H]` and `S` ranges of rows → `[S, H]`. Ranges may overlap; the
/// mean of an empty one is 0.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) where a range ends behind the last row.
pub fn segment_mean(states: &Tensor, ranges: &[Range<usize>]) -> Result<Tensor> {
    let rows = states.dim(0).stage("pooling")?;
    let check = || match ranges.iter().find(|range| range.end > rows || range.start > range.end) {
        Some(range) => bail!("rows {range:?} of {rows} cannot be pooled"),
        None => Ok(()),
    };
    check().stage("pooling")?;
    let pooled = if states.device().is_cpu() {
        states.contiguous().and_then(|x| x.apply_op1(SegmentMean(ranges.to_vec())))
    } else {
        composed_mean(states, ranges)
    };
    pooled.stage("pooling")
}

/// Rows divided by their Euclidean length, `[n, H]` → `[n, H]`; a length below 1e-12 counts as
/// that, as in `torch.nn.functional.normalize`.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor).
pub fn normalise_rows(x: &Tensor) -> Result<Tensor> {
    let normalised = if x.device().is_cpu() {
        x.contiguous().and_then(|x| x.apply_op1(NormaliseRows))
    } else {
        composed_normalise(x)
    };
    normalised.stage("normalising")
}

fn composed_mean(states: &Tensor, ranges: &[Range<usize>]) -> CandleResult<Tensor> {
    let means = ranges.iter().map(|range| match range.len() {
        0 => states.narrow(0, 0, 1)?.affine(0.0, 0.0),
        count => states.narrow(0, range.start, count)?.mean_keepdim(0),
    });
    Tensor::cat(&means.collect::<CandleResult<Vec<_>>>()?, 0)
}

fn composed_normalise(x: &Tensor) -> CandleResult<Tensor> {
    let length = x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    x.broadcast_div(&length.maximum(LEAST)?)
}

const LEAST: f64 = 1e-12;

struct SegmentMean(Vec<Range<usize>>);

impl CustomOp1 for SegmentMean {
    fn name(&self) -> &'static str {
        "segment-mean"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let states = slice(storage, layout)?;
        let (_, width) = layout.shape().dims2()?;
        let mut out = vec![0.0; self.0.len() * width];
        let piece = rows_a_piece(width);
        let pieces = out.par_chunks_mut(piece * width).zip(self.0.par_chunks(piece));
        pieces.for_each(|(out, ranges)| {
            vectorised(|| {
                for (out, range) in out.chunks_exact_mut(width).zip(ranges) {
                    for row in states[range.start * width..range.end * width].chunks_exact(width) {
                        out.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                    }
                    let factor = 1.0 / range.len().max(1) as f32;
                    for x in out.iter_mut() {
                        *x *= factor;
                    }
                }
            });
        });
        Ok((CpuStorage::F32(out), (self.0.len(), width).into()))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let (rows, width) = arg.dims2()?;
        let mut out = vec![0.0; rows * width];
        read(&gradient.contiguous()?, |gradient| {
            for (range, gradient) in self.0.iter().zip(gradient.chunks_exact(width)) {
                let factor = 1.0 / range.len().max(1) as f32;
                let rows = &mut out[range.start * width..range.end * width];
                for row in rows.chunks_exact_mut(width) {
                    row.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g * factor);
                }
            }
            Ok(())
        })?;
        Tensor::from_vec(out, arg.shape(), arg.device()).map(Some)
    }
}

struct NormaliseRows;

impl CustomOp1 for NormaliseRows {
    fn name(&self) -> &'static str {
        "normalise-rows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let width = layout.shape().dims2()?.1;
        let mut out = slice(storage, layout)?.to_vec();
        out.par_chunks_mut(rows_a_piece(width) * width).for_each(|rows| {
            vectorised(|| {
                for row in rows.chunks_exact_mut(width) {
                    let factor = 1.0 / length(row);
                    for x in row.iter_mut() {
                        *x *= factor;
                    }
                }
            });
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, out: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let width = arg.dim(1)?;
        let mut result = vec![0.0; arg.elem_count()];
        let gradient = gradient.contiguous()?;
        read(arg, |x| {
            read(out, |y| {
                read(&gradient, |g| {
                    normalise_backward(&mut result, (x, y, g), width);
                    Ok(())
                })
            })
        })?;
        Tensor::from_vec(result, arg.shape(), arg.device()).map(Some)
    }
}

fn normalise_backward(out: &mut [f32], (x, y, g): (&[f32], &[f32], &[f32]), width: usize) {
    let piece = rows_a_piece(width) * width;
    let inputs = x.par_chunks(piece).zip(y.par_chunks(piece)).zip(g.par_chunks(piece));
    out.par_chunks_mut(piece).zip(inputs).for_each(|(out, ((x, y), g))| {
        vectorised(|| {
            let inputs =
                x.chunks_exact(width).zip(y.chunks_exact(width)).zip(g.chunks_exact(width));
            for (out, ((x, y), g)) in out.chunks_exact_mut(width).zip(inputs) {
                let length = length(x);
                // Where the length was taken for the least one, it is a constant.
                let along = if length > LEAST as f32 { sum2(y, g, |y, g| y * g) } else { 0.0 };
                let each = out.iter_mut().zip(y).zip(g);
                each.for_each(|((out, y), g)| *out = (g - y * along) / length);
            }
        });
    });
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
fn length(row: &[f32]) -> f32 {
    sum2(row, row, |x, y| x * y).sqrt().max(LEAST as f32)
}

fn slice<'s>(storage: &'s CpuStorage, layout: &Layout) -> CandleResult<&'s [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("pooling needs a contiguous f32 tensor"),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use proptest::prelude::*;

    use super::*;

    fn numbers(rows: usize, width: usize, seed: usize) -> Tensor {
        let values: Vec<f32> = (0..rows * width)
            .map(|i| (((i + 1) * 7919 * (seed + 3)) % 1009) as f32 / 504.5 - 1.0)
            .collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    /// Output, and gradient of the sum of outputs times fixed numbers.
    fn both(x: &Var, f: impl Fn(&Tensor) -> CandleResult<Tensor>) -> [Vec<f32>; 2] {
        let out = f(x).unwrap();
        let weights = numbers(out.dim(0).unwrap(), out.dim(1).unwrap(), 5);
        let loss = (&out * weights).unwrap().sum_all().unwrap();
        // The composition of empty spans alone depends on nothing.
        let gradient = loss.backward().unwrap().remove(x);
        let gradient = gradient.unwrap_or_else(|| x.zeros_like().unwrap());
        [out, gradient].map(|tensor| tensor.flatten_all().unwrap().to_vec1().unwrap())
    }

    fn close(ours: &[Vec<f32>; 2], reference: &[Vec<f32>; 2], tolerance: f32) -> bool {
        let pairs = ours.concat().into_iter().zip(reference.concat());
        pairs.into_iter().all(|(x, y)| (x - y).abs() < tolerance)
    }

    /// Of rows scaled to length 1: rounding errors of gradients are divided by the length.
    fn tolerance(x: &Tensor) -> f32 {
        let rows: Vec<Vec<f32>> = x.to_vec2().unwrap();
        let shortest = rows.iter().map(|row| length(row)).fold(1.0, f32::min);
        1e-5 / shortest
    }

    proptest! {
        #[test]
        fn fused_pooling_is_the_composition(
            rows in 1_usize..30,
            width in 1_usize..20,
            spans in proptest::collection::vec((0_usize..30, 0_usize..12), 1..12),
            seed in 0_usize..50,
        ) {
            let x = Var::from_tensor(&numbers(rows, width, seed)).unwrap();
            let ranges: Vec<Range<usize>> = spans
                .iter()
                .map(|&(start, length)| start.min(rows)..(start + length).min(rows))
                .map(|range| range.start.min(range.end)..range.end)
                .collect();
            let ours = both(&x, |x| x.apply_op1(SegmentMean(ranges.clone())));
            prop_assert!(close(&ours, &both(&x, |x| composed_mean(x, &ranges)), 1e-5));
            let ours = both(&x, |x| x.apply_op1(NormaliseRows));
            prop_assert!(close(&ours, &both(&x, composed_normalise), tolerance(&x)));
        }
    }

    #[test]
    fn spans_behind_the_last_row_are_refused() {
        let x = numbers(3, 2, 0);
        assert!(segment_mean(&x, &[0..1, 1..4]).is_err());
        let means = segment_mean(&x, &[0..3, 2..2]).unwrap();
        assert_eq!(means.to_vec2::<f32>().unwrap()[1], [0.0, 0.0]);
    }
}
