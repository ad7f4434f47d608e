//! Bounds of label attention in f32, from the same in bf16.

use rayon::prelude::*;

use crate::isa::Isa;
use crate::label::{LabelAttention, LabelSums};
use crate::matrix::Matrix;
use crate::precision::Precision;
use crate::rows::Rows;

/// Half the distance from 1 to the next f32: the largest relative error of one operation.
const UNIT: f32 = f32::EPSILON / 2.0;

/// Lengths are sums of many squares, computed in f32: this much more covers their rounding.
pub(crate) const LENGTHS: f32 = 1.001;

/// What e^x may be off by, as an error of x, in both precisions together.
const EXP: f32 = 2e-6;

/// The head's matrices rounded to bf16, with what rounding left out.
///
/// By Cauchy and Schwarz a score in bf16 differs from that in f32 by at most
/// `ε = |q − q'| |k| + |q'| |k − k'|`, a value by at most `η`, likewise. Attention `α'` computed from
/// such scores differs from `α` by factors within `e^±ε` before both are made to add up to 1, so
/// that `|Σ α v' − Σ α' v'| ≤ e^ε sinh ε Σ α' |v' − m'|` with `m' = Σ α' v'`, and the last factor is
/// at most the standard deviation of `v'` under `α'`. To this comes what f32 itself rounds.
#[derive(Debug)]
pub struct Screen {
    queries: Rounded,
    values: Rounded,
}

/// For each label what its weighted mean in f32 lies between.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// At least this; NaN where a number is not finite.
    pub least: Vec<f32>,
    /// At most this; NaN where a number is not finite.
    pub most: Vec<f32>,
}

/// A matrix rounded to bf16.
#[derive(Debug)]
struct Rounded {
    matrix: Matrix,
    /// The length of each output's weights.
    lengths: Vec<f32>,
    /// The length of what rounding left out.
    lost: Vec<f32>,
}

impl Screen {
    /// Rounds the matrices of a head in f32.
    ///
    /// # Panics
    /// Where they are not in f32, or not of the same labels.
    #[must_use]
    pub fn new(head: LabelAttention<'_>) -> Self {
        assert_eq!(head.queries.outputs(), head.values.outputs(), "the labels");
        Self { queries: Rounded::new(head.queries), values: Rounded::new(head.values) }
    }

    /// Of some of the labels, in the order given.
    #[must_use]
    pub fn select(&self, labels: &[usize]) -> Self {
        Self { queries: self.queries.select(labels), values: self.values.select(labels) }
    }

    /// The bounds of all labels over tokens whose keys and hidden states are given in f32.
    ///
    /// # Panics
    /// Where the sizes do not fit together.
    #[must_use]
    pub fn bounds(&self, isa: Isa, keys: &Rows, hidden: &Rows) -> Bounds {
        let (keys, key_lengths) = round(isa, keys);
        let (hidden, hidden_lengths) = round(isa, hidden);
        let head = LabelAttention { queries: &self.queries.matrix, values: &self.values.matrix };
        let mut sums = LabelSums::with_squares(self.queries.matrix.outputs());
        head.absorb(isa, &mut sums, &keys, &hidden);
        let mut bounds = Bounds { least: Vec::new(), most: Vec::new() };
        for (label, (mean, (deviation, root))) in sums.means().zip(sums.deviations()).enumerate() {
            let score = self.queries.error(label, key_lengths, 0);
            let value = self.values.error(label, hidden_lengths, keys.rows());
            // What a variance that is a small difference of large squares may lack.
            let deviation = deviation + rounding(0, 2 * keys.rows()).sqrt() * root;
            let score = score + EXP;
            let error = value + score.exp() * score.sinh() * (deviation + value);
            bounds.least.push(mean - error);
            bounds.most.push(mean + error);
        }
        bounds
    }
}

impl Rounded {
    fn new(matrix: &Matrix) -> Self {
        let (matrix, lost) = matrix.rounded();
        let lengths = matrix.lengths();
        Self { matrix, lengths, lost }
    }

    fn select(&self, labels: &[usize]) -> Self {
        Self {
            matrix: self.matrix.select(labels),
            lengths: labels.iter().map(|&label| self.lengths[label]).collect(),
            lost: labels.iter().map(|&label| self.lost[label]).collect(),
        }
    }

    /// By how much a product with a row of at most `longest`, of which `lost` was rounded away, and
    /// a mean of such over `tokens`, may differ.
    fn error(&self, label: usize, (longest, lost): (f32, f32), tokens: usize) -> f32 {
        let (length, own) = (self.lengths[label], self.lost[label]);
        let rounding = 2.0 * rounding(self.matrix.inputs(), tokens) * (length + own) * longest;
        LENGTHS * (own * longest + length * lost) + rounding + f32::MIN_POSITIVE
    }
}

/// Rows rounded to bf16; the length of the longest, and of the most that rounding left out.
fn round(isa: Isa, rows: &Rows) -> (Rows, (f32, f32)) {
    let width = rows.width();
    let values = rows.values();
    let mut rounded = Rows::new();
    rounded.fill(isa, &values, width, Precision::Bf16);
    let lost = values.par_chunks(width).enumerate().map(|(row, values)| {
        length(values.iter().zip(rounded.row(row)).map(|(x, rounded)| x - rounded))
    });
    let lost = lost.reduce(|| 0.0, greater);
    (rounded, (longest(&values, width), lost * LENGTHS))
}

/// The length of the longest row, NaN where one is not finite.
pub(crate) fn longest(values: &[f32], width: usize) -> f32 {
    let lengths = values.par_chunks(width).map(|row| length(row.iter().copied()));
    LENGTHS * lengths.reduce(|| 0.0, greater)
}

/// How much, in products of lengths, a sum of `width` products and a weighted mean over `tokens` may
/// be off by rounding in f32.
pub(crate) fn rounding(width: usize, tokens: usize) -> f32 {
    (2 * tokens + 2 * width + 64) as f32 * UNIT
}

pub(crate) fn length(values: impl Iterator<Item = f32>) -> f32 {
    values.map(|x| x * x).sum::<f32>().sqrt()
}

/// The greater of two, NaN where one is.
pub(crate) fn greater(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}
