//! Label attention whose value is a number a label: LAAT and CAML, on the CPU's kernels.

use std::ops::Range;

use candle_core::{Result, Tensor};
use chartcode_kernels::{
    Activation, BLOCK_TOKENS, Isa, LabelAttention as Kernel, LabelSums, Matrix, Precision, Product,
    Rows, Target,
};

use super::super::TokenShare;
use super::pruned::{Found, Pruner, Wanted};
use crate::encoder::with_values;

/// Labels whose tokens are weighed at a time when evidence is looked for.
const EVIDENCE_LABELS: usize = 64;

/// For each label a number of its own, `x · w_l`, and `logit = Σ α (x · w_l) + b_l`. As the sum over
/// tokens is linear, the weighted mean of the hidden states need not be formed.
#[derive(Debug)]
pub(super) struct Numbers {
    /// From hidden states to keys, tanh behind it; CAML's keys are the hidden states.
    key: Option<Matrix>,
    /// `[labels, width of a key]`.
    queries: Matrix,
    /// `[labels, H]`.
    weight: Matrix,
    /// `[labels]`.
    bias: Vec<f32>,
}

/// Tokens as the kernels read them.
struct Tokens {
    keys: Rows,
    hidden: Rows,
}

/// What values and keys are computed in: a value's error goes straight into logits, that of a score
/// is smoothed by the softmax, so that bytes are good enough for scores only.
fn value_precision(precision: Precision) -> Precision {
    match precision {
        Precision::Int8 if Isa::best().has_bf16() => Precision::Bf16,
        Precision::Int8 => Precision::F32,
        other => other,
    }
}

impl Numbers {
    /// Packs the maps; stand-ins of tensors that are missing take no memory.
    pub(super) fn new(
        key: Option<&Tensor>,
        queries: &Tensor,
        weight: &Tensor,
        bias: Vec<f32>,
        precision: Precision,
    ) -> Result<Self> {
        let pack = |tensor: &Tensor, precision: Precision| {
            if !tensor.is_contiguous() {
                return Matrix::pack(&[], (0, 0), precision).map_err(candle_core::Error::wrap);
            }
            with_values(tensor, |values| {
                Matrix::pack(values, tensor.dims2()?, precision).map_err(candle_core::Error::wrap)
            })
        };
        let finer = value_precision(precision);
        let key = key.map(|key| pack(key, finer)).transpose()?;
        let weight = pack(weight, finer)?;
        Ok(Self { key, queries: pack(queries, precision)?, weight, bias })
    }

    pub(super) fn start(&self) -> LabelSums {
        LabelSums::new(self.queries.outputs())
    }

    /// What bounds on its labels are computed from.
    pub(super) fn pruner(&self) -> Pruner {
        Pruner::new(&self.queries, &self.weight)
    }

    /// The labels that answer `wanted` over a chart's hidden states `[tokens, H]`, and any others
    /// that no bound rules out.
    pub(super) fn find(&self, pruner: &Pruner, rows: &[f32], wanted: Wanted<'_>) -> Found {
        let tokens = self.tokens(rows);
        let head = Kernel { queries: &self.queries, values: &self.weight };
        pruner.find((head, &self.bias), (&tokens.keys, &tokens.hidden), wanted)
    }

    /// Takes in hidden states `[tokens, H]`.
    pub(super) fn absorb(&self, sums: &mut LabelSums, rows: &[f32]) {
        let tokens = self.tokens(rows);
        let kernel = Kernel { queries: &self.queries, values: &self.weight };
        kernel.absorb(Isa::best(), sums, &tokens.keys, &tokens.hidden);
    }

    fn tokens(&self, rows: &[f32]) -> Tokens {
        let (isa, precision) = (Isa::best(), self.queries.precision());
        let width = self.weight.inputs();
        let (mut hidden, mut keys) = (Rows::new(), Rows::new());
        hidden.fill(isa, rows, width, self.weight.precision());
        let Some(matrix) = &self.key else {
            keys.fill(isa, rows, width, precision);
            return Tokens { keys, hidden };
        };
        let product = Product { matrix, bias: None, activation: Some(Activation::Tanh) };
        if precision == Precision::Int8 {
            let mut values = vec![0.0; hidden.rows() * matrix.outputs()];
            product.run(isa, &hidden, Target::Values(&mut values));
            keys.fill(isa, &values, matrix.outputs(), precision);
        } else {
            keys.reset(hidden.rows(), matrix.outputs(), precision);
            product.run(isa, &hidden, Target::Rows(&mut keys));
        }
        Tokens { keys, hidden }
    }

    pub(super) fn logits(&self, sums: &LabelSums) -> Vec<f32> {
        sums.means().zip(&self.bias).map(|(mean, bias)| mean + bias).collect()
    }

    /// One logit a label, of which only some were computed.
    pub(super) fn logits_of(&self, labels: &[usize], sums: &LabelSums) -> Vec<f32> {
        let mut logits = vec![f32::NEG_INFINITY; self.bias.len()];
        for (&label, mean) in labels.iter().zip(sums.means()) {
            logits[label] = mean + self.bias[label];
        }
        logits
    }

    /// What each row adds to each of `labels`; see
    /// [`LabelAttention::shares`](super::LabelAttention::shares).
    pub(super) fn shares(
        &self,
        (sums, place): (&LabelSums, impl Fn(usize) -> usize),
        labels: &[usize],
        (rows, spans): (&[f32], &[&Range<usize>]),
        mut each: impl FnMut(usize, &[TokenShare]),
    ) {
        let tokens = self.tokens(rows);
        for (number, labels) in labels.chunks(EVIDENCE_LABELS).enumerate() {
            let scores = some(&self.queries, labels, &tokens.keys);
            let worth = some(&self.weight, labels, &tokens.hidden);
            for (block, spans) in spans.chunks(BLOCK_TOKENS).enumerate() {
                for (column, &label) in labels.iter().enumerate() {
                    let share = |(row, tokens): (usize, &&Range<usize>)| {
                        let at = (block * BLOCK_TOKENS + row) * labels.len() + column;
                        let attention = sums.share(place(label), scores[at]);
                        let contribution = attention * worth[at];
                        TokenShare { tokens: (*tokens).clone(), attention, contribution }
                    };
                    let shares: Vec<TokenShare> = spans.iter().enumerate().map(share).collect();
                    each(number * EVIDENCE_LABELS + column, &shares);
                }
            }
        }
    }
}

/// The product with some of the outputs, `[rows, labels]`.
fn some(matrix: &Matrix, labels: &[usize], rows: &Rows) -> Vec<f32> {
    let matrix = matrix.select(labels);
    let mut values = vec![0.0; rows.rows() * labels.len()];
    let product = Product { matrix: &matrix, bias: None, activation: None };
    product.run(Isa::best(), rows, Target::Values(&mut values));
    values
}
