//! Activations as products read them.

use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::precision::Precision;
use crate::simd::{LANES, Simd};
use crate::tile::RowWords;
use crate::words::Words;

/// Rows are handed to threads in pieces of about this many values.
const PIECE: usize = 32 * 1024;

/// Rows of activations, `[rows, width]`, in the numbers of one precision. The memory is kept from
/// one use to the next.
#[derive(Debug, Default)]
pub struct Rows {
    words: Words,
    count: usize,
    width: usize,
    precision: Precision,
    /// What a byte of each row stands for, and which byte is zero; empty for floats.
    scales: Vec<f32>,
    offsets: Vec<i32>,
}

impl Rows {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for rows whose values [`Product`](crate::Product) or [`Rows::fill`] will write.
    pub fn reset(&mut self, rows: usize, width: usize, precision: Precision) {
        (self.count, self.width, self.precision) = (rows, width, precision);
        self.words.resize(rows * self.stride());
        let bytes = if precision == Precision::Int8 { rows } else { 0 };
        self.scales.resize(bytes, 0.0);
        self.offsets.resize(bytes, 0);
    }

    /// Takes over `values`, `[rows, width]`, row-major, rounded to `precision`: bytes between the
    /// least and the greatest value of each row.
    ///
    /// # Panics
    /// Where `values` is not whole rows.
    pub fn fill(&mut self, isa: Isa, values: &[f32], width: usize, precision: Precision) {
        assert!(width > 0 && values.len().is_multiple_of(width), "whole rows");
        self.reset(values.len() / width, width, precision);
        let (stride, piece) = (self.stride(), (PIECE / width).max(1));
        if precision == Precision::Int8 {
            self.words
                .par_chunks_mut(stride * piece)
                .zip(values.par_chunks(width * piece))
                .zip(self.scales.par_chunks_mut(piece))
                .zip(self.offsets.par_chunks_mut(piece))
                .for_each(|(((words, values), scales), offsets)| {
                    isa.run(ToBytes { words, stride, values, width, scales, offsets });
                });
            return;
        }
        let words = self.words.par_chunks_mut(stride * piece);
        words.zip(values.par_chunks(width * piece)).for_each(|(words, values)| {
            isa.run(ToFloats { words, stride, values, width, precision });
        });
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.count
    }

    /// Values of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// What they are stored as.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Words from one row to the next. A line more where rows would otherwise fall on the same
    /// places of the first-level cache.
    pub(crate) fn stride(&self) -> usize {
        stride(self.width, self.precision)
    }

    pub(crate) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(crate) fn as_words(&self) -> RowWords<'_> {
        RowWords { words: &self.words, stride: self.stride(), offsets: &self.offsets }
    }

    /// Words, scales and offsets.
    pub(crate) fn parts_mut(&mut self) -> (&mut [u32], &mut [f32], &mut [i32]) {
        (&mut self.words, &mut self.scales, &mut self.offsets)
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words
    }

    /// All values as they are multiplied, `[rows, width]`.
    pub(crate) fn values(&self) -> Vec<f32> {
        (0..self.count).into_par_iter().flat_map_iter(|row| self.row(row)).collect()
    }

    /// The values of a row as they are multiplied, rounding and all.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f32> {
        let stride = self.stride();
        let words = &self.words[row * stride..(row + 1) * stride];
        let mut values = Vec::with_capacity(stride * self.precision.per_word());
        for &word in words {
            match self.precision {
                Precision::F32 => values.push(f32::from_bits(word)),
                Precision::Bf16 => {
                    values.extend([word << 16, word & 0xffff_0000].map(f32::from_bits));
                }
                Precision::Int8 => {
                    let (scale, offset) = (self.scales[row], self.offsets[row]);
                    let value = |byte| (i32::from(byte) - offset) as f32 * scale;
                    values.extend(word.to_le_bytes().map(value));
                }
            }
        }
        values.truncate(self.width);
        values
    }
}

/// Words of a row, whole lines of them, and an odd number of lines.
pub(crate) fn stride(width: usize, precision: Precision) -> usize {
    let lines = width.div_ceil(precision.per_word() * LANES);
    (lines | 1) * LANES
}

struct ToFloats<'a> {
    words: &'a mut [u32],
    stride: usize,
    values: &'a [f32],
    width: usize,
    precision: Precision,
}

impl Kernel for ToFloats<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.values.len() / self.width;
        for row in 0..rows {
            let values = &self.values[row * self.width..(row + 1) * self.width];
            let words = &mut self.words[row * self.stride..(row + 1) * self.stride];
            if self.precision == Precision::F32 {
                for (word, value) in words.iter_mut().zip(values) {
                    *word = value.to_bits();
                }
                words[self.width..].fill(0);
            } else {
                narrow(s, values, words);
            }
        }
    }
}

/// Rounds values to bf16 and fills the words behind them with zeros.
#[inline(always)]
pub(crate) fn narrow<S: Simd>(s: S, values: &[f32], words: &mut [u32]) {
    let (blocks, rest) = values.as_chunks::<{ 2 * LANES }>();
    let lines = words.as_chunks_mut::<LANES>().0;
    for at in 0..blocks.len() {
        let halves = blocks[at].as_chunks::<LANES>().0;
        s.store_words(s.narrow(s.load(&halves[0]), s.load(&halves[1])), &mut lines[at]);
    }
    let mut at = blocks.len();
    if !rest.is_empty() {
        let mut last = [0.0; 2 * LANES];
        last[..rest.len()].copy_from_slice(rest);
        let halves = last.as_chunks::<LANES>().0;
        s.store_words(s.narrow(s.load(&halves[0]), s.load(&halves[1])), &mut lines[at]);
        at += 1;
    }
    for line in &mut lines[at..] {
        *line = [0; LANES];
    }
}

struct ToBytes<'a> {
    words: &'a mut [u32],
    stride: usize,
    values: &'a [f32],
    width: usize,
    scales: &'a mut [f32],
    offsets: &'a mut [i32],
}

impl Kernel for ToBytes<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for row in 0..self.scales.len() {
            let values = &self.values[row * self.width..(row + 1) * self.width];
            let words = &mut self.words[row * self.stride..(row + 1) * self.stride];
            (self.scales[row], self.offsets[row]) = to_bytes(s, values, words);
        }
    }
}

/// Bytes of a row, with what one stands for and which one is zero.
#[inline(always)]
pub(crate) fn to_bytes<S: Simd>(s: S, values: &[f32], words: &mut [u32]) -> (f32, i32) {
    let (low, high) = bounds(s, values);
    let scale = (high - low) / 255.0;
    // A row of zeros; and of NaN, whose products are to be NaN.
    if scale.is_nan() || scale <= 0.0 {
        words.fill(0);
        return (if scale.is_nan() { f32::NAN } else { 0.0 }, 0);
    }
    let factor = 1.0 / scale;
    // Rounded by itself, so that zero is a byte exactly.
    let offset = (-low * factor).round_ties_even();
    let (factor, shift) = (s.splat(factor), s.splat(offset));
    let (least, most) = (s.splat(0.0), s.splat(255.0));
    let (blocks, rest) = values.as_chunks::<{ 4 * LANES }>();
    let mut last = [0.0; 4 * LANES];
    last[..rest.len()].copy_from_slice(rest);
    let lines = words.as_chunks_mut::<LANES>().0;
    for at in 0..lines.len() {
        if at > blocks.len() || at == blocks.len() && rest.is_empty() {
            lines[at] = [0; LANES];
            continue;
        }
        let block = if at < blocks.len() { &blocks[at] } else { &last };
        let block = block.as_chunks::<LANES>().0;
        let mut parts = [s.splat_word(0); 4];
        for part in 0..4 {
            let x = s.mul_add(s.load(&block[part]), factor, shift);
            parts[part] = s.round(s.max(least, s.min(most, x)));
        }
        s.store_words(s.bytes(parts), &mut lines[at]);
    }
    (scale, offset as i32)
}

/// The least and the greatest value, zero among them; NaN where one is.
#[inline(always)]
fn bounds<S: Simd>(s: S, values: &[f32]) -> (f32, f32) {
    let zero = s.splat(0.0);
    let (mut low, mut high, mut sum) = (zero, zero, zero);
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        let x = s.load(block);
        (low, high, sum) = (s.min(x, low), s.max(x, high), s.mul_add(x, zero, sum));
    }
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    let x = s.load(&last);
    (low, high, sum) = (s.min(x, low), s.max(x, high), s.mul_add(x, zero, sum));
    // Zero, unless a value was infinite or NaN.
    let spoilt = s.sum(sum);
    (-s.highest(s.sub(zero, low)) + spoilt, s.highest(high) + spoilt)
}
