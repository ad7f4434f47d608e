//! LayerNorm, with the residual before it and the rounding behind it in the same pass.

use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::precision::Precision;
use crate::rows::{Rows, narrow, to_bytes};
use crate::simd::{LANES, Simd};

/// Rows are handed to threads in pieces of about this many values.
const PIECE: usize = 16 * 1024;

/// LayerNorm over rows (Ba et al. 2016).
#[derive(Clone, Debug)]
pub struct Norm {
    /// `[width]`.
    pub scale: Vec<f32>,
    /// `[width]`.
    pub shift: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// `x ← LayerNorm(x + added)` for `x` and `added` of shape `[rows, width]`, and the same into
    /// `rows` as the next product reads it.
    ///
    /// # Panics
    /// Where the sizes do not fit together.
    pub fn add(
        &self,
        isa: Isa,
        x: &mut [f32],
        added: &[f32],
        (rows, precision): (&mut Rows, Precision),
    ) {
        let width = self.scale.len();
        assert!(width > 0 && self.shift.len() == width, "scale and shift");
        assert!(x.len() == added.len() && x.len().is_multiple_of(width), "whole rows");
        rows.reset(x.len() / width, width, precision);
        let (piece, stride) = ((PIECE / width).max(1), rows.stride());
        let (words, scales, offsets) = rows.parts_mut();
        let task = |((x, added), words)| Piece { norm: self, x, added, words, stride };
        let pieces = x.par_chunks_mut(width * piece).zip(added.par_chunks(width * piece));
        let pieces = pieces.zip(words.par_chunks_mut(stride * piece));
        if precision == Precision::Int8 {
            let bytes = scales.par_chunks_mut(piece).zip(offsets.par_chunks_mut(piece));
            pieces.zip(bytes).for_each(|(parts, bytes)| {
                isa.run(Task { piece: task(parts), bytes: Some(bytes), precision });
            });
        } else {
            pieces.for_each(|parts| {
                isa.run(Task { piece: task(parts), bytes: None, precision });
            });
        }
    }
}

struct Piece<'a> {
    norm: &'a Norm,
    x: &'a mut [f32],
    added: &'a [f32],
    words: &'a mut [u32],
    stride: usize,
}

struct Task<'a> {
    piece: Piece<'a>,
    bytes: Option<(&'a mut [f32], &'a mut [i32])>,
    precision: Precision,
}

impl Kernel for Task<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Piece { norm, x, added, words, stride } = self.piece;
        let width = norm.scale.len();
        let mut bytes = self.bytes;
        for row in 0..x.len() / width {
            let at = row * width..(row + 1) * width;
            let x = &mut x[at.clone()];
            normalise(s, norm, x, &added[at]);
            let words = &mut words[row * stride..(row + 1) * stride];
            match (self.precision, &mut bytes) {
                (Precision::F32, _) => {
                    for (word, value) in words.iter_mut().zip(x.iter()) {
                        *word = value.to_bits();
                    }
                    words[width..].fill(0);
                }
                (Precision::Int8, Some((scales, offsets))) => {
                    (scales[row], offsets[row]) = to_bytes(s, x, words);
                }
                _ => narrow(s, x, words),
            }
        }
    }
}

/// One row: mean and variance in two passes, sums in sixteen lanes.
#[inline(always)]
fn normalise<S: Simd>(s: S, norm: &Norm, x: &mut [f32], added: &[f32]) {
    let width = x.len();
    let mut sum = s.splat(0.0);
    let mut at = 0;
    while at < width {
        let value = s.add(part(s, x, at), part(s, added, at));
        put(s, value, x, at);
        sum = s.add(sum, value);
        at += LANES;
    }
    let mean = s.splat(s.sum(sum) / width as f32);
    let mut squares = s.splat(0.0);
    at = 0;
    while at < width {
        let mut value = s.sub(part(s, x, at), mean);
        if width - at < LANES {
            // Behind the end there is no value that differs from the mean.
            value = s.mul(value, part(s, &[1.0; LANES][..width - at], 0));
        }
        squares = s.mul_add(value, value, squares);
        at += LANES;
    }
    let variance = s.sum(squares) / width as f32;
    let factor = s.splat(1.0 / (variance + norm.epsilon).sqrt());
    at = 0;
    while at < width {
        let value = s.mul(s.sub(part(s, x, at), mean), factor);
        let value = s.mul_add(value, part(s, &norm.scale, at), part(s, &norm.shift, at));
        put(s, value, x, at);
        at += LANES;
    }
}

/// Sixteen values from `at` on, zeros behind the end.
#[inline(always)]
fn part<S: Simd>(s: S, x: &[f32], at: usize) -> S::F {
    if let Some(whole) = x[at..].first_chunk() {
        return s.load(whole);
    }
    let mut all = [0.0; LANES];
    all[..x.len() - at].copy_from_slice(&x[at..]);
    s.load(&all)
}

#[inline(always)]
fn put<S: Simd>(s: S, value: S::F, x: &mut [f32], at: usize) {
    if let Some(whole) = x[at..].first_chunk_mut() {
        return s.store(value, whole);
    }
    let mut all = [0.0; LANES];
    s.store(value, &mut all);
    let rest = x.len() - at;
    x[at..].copy_from_slice(&all[..rest]);
}
