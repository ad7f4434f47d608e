//! From weighted tokens to a logit.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::flat;
use crate::encoder::Linear;

/// What each token brings to the labels that attend to it.
#[derive(Debug)]
pub(super) enum Values {
    /// LAAT: for each label a number of its own, `x · w_l`, and
    /// `logit = Σ α (x · w_l) + b_l`. As the sum over tokens is linear, the weighted mean of the
    /// hidden states need not be formed.
    Numbers {
        /// `[labels, H]`.
        weight: Tensor,
        bias: Vec<f32>,
    },
    /// Cross-attention: a vector `v`, the same for all labels, and
    /// `logit = LayerNorm(Σ α v) · w_l + b_l`.
    Vectors(Vectors),
}

/// The values of a cross-attention head.
#[derive(Debug)]
pub(super) struct Vectors {
    pub(super) map: Linear,
    /// LayerNorm's scale and shift, `[H]`.
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
    /// `[labels, H]`, or one row for all labels.
    pub(super) output: Vec<f32>,
    /// `[labels]`, or one for all.
    pub(super) bias: Vec<f32>,
}

impl Values {
    /// Numbers that are summed for a label.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Numbers { .. } => 1,
            Self::Vectors(vectors) => vectors.scale.len(),
        }
    }

    /// From hidden states `[tokens, H]` to what [`Values::add`] and [`Values::worth`] are given.
    pub(super) fn of_tokens(&self, hidden: &Tensor) -> Result<Tensor> {
        match self {
            Self::Numbers { .. } => Ok(hidden.clone()),
            Self::Vectors(vectors) => vectors.map.forward(hidden),
        }
    }

    /// Multiplies the sums of each label with `shrink` and adds the tokens' values, weighted with
    /// `weights`, `[tokens, labels]`.
    pub(super) fn add(
        &self,
        sums: &mut [f32],
        shrink: &[f32],
        mut weights: Vec<f32>,
        (tokens, labels): (&Tensor, Range<usize>),
    ) -> Result<()> {
        let width = self.width();
        for (sums, shrink) in sums.chunks_exact_mut(width).zip(shrink) {
            for sum in sums {
                *sum *= shrink;
            }
        }
        match self {
            Self::Numbers { weight, .. } => {
                let weight = weight.narrow(0, labels.start, labels.len())?;
                let values = flat(&tokens.matmul(&weight.t()?)?)?;
                let rows = weights.chunks_exact(labels.len()).zip(values.chunks(labels.len()));
                for (weights, values) in rows {
                    let terms = weights.iter().zip(values);
                    sums.iter_mut().zip(terms).for_each(|(sum, (w, v))| *sum += w * v);
                }
            }
            Self::Vectors(_) => {
                let rows = tokens.dim(0)?;
                weights.resize(rows * labels.len(), 0.0);
                let weights = Tensor::from_vec(weights, (rows, labels.len()), tokens.device())?;
                let added = flat(&weights.t()?.matmul(tokens)?)?;
                sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
            }
        }
        Ok(())
    }

    /// A label's logit from its sums and the sum of its weights.
    pub(super) fn logit(&self, label: usize, sums: &[f32], total: f32) -> f32 {
        match self {
            Self::Numbers { bias, .. } => sums[0] / total + bias[label],
            Self::Vectors(vectors) => vectors.logit(label, sums, total),
        }
    }

    /// What each token would add to each of `labels` if it had all its attention, `[tokens,
    /// labels]`; times the attention it is the token's contribution. Contributions add up to the
    /// logit but for a number that depends on the label only: exactly so for LAAT; for
    /// cross-attention with LayerNorm's divisor taken as that of the whole chart.
    pub(super) fn worth<'s>(
        &self,
        tokens: &Tensor,
        labels: &[usize],
        sums: impl Fn(usize) -> (&'s [f32], f32),
    ) -> Result<Vec<f32>> {
        let directions = match self {
            Self::Numbers { weight, .. } => {
                let numbers: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
                let numbers = Tensor::from_vec(numbers, labels.len(), weight.device())?;
                weight.index_select(&numbers, 0)?
            }
            Self::Vectors(vectors) => {
                let direction = |label: &usize| {
                    let (sums, total) = sums(*label);
                    vectors.direction(*label, sums, total)
                };
                let rows: Vec<f32> = labels.iter().flat_map(direction).collect();
                let shape = (labels.len(), self.width());
                Tensor::from_vec(rows, shape, tokens.device())?
            }
        };
        flat(&tokens.matmul(&directions.t()?)?)
    }
}

impl Vectors {
    fn logit(&self, label: usize, sums: &[f32], total: f32) -> f32 {
        let (mean, deviation) = self.moments(sums, total);
        let terms = sums.iter().zip(self.output(label)).zip(self.scale.iter().zip(&self.shift));
        let logit: f64 = terms
            .map(|((sum, weight), (scale, shift))| {
                let normal = (f64::from(sum / total) - mean) / deviation;
                f64::from(*weight) * (normal * f64::from(*scale) + f64::from(*shift))
            })
            .sum();
        (logit + f64::from(self.bias[label % self.bias.len()])) as f32
    }

    /// The vector whose product with a token's value is the token's worth to the label: LayerNorm
    /// and the output's weights in one, the divisor held fixed. Taking the mean of a value's
    /// elements off is left to the vector, whose elements sum to 0.
    fn direction(&self, label: usize, sums: &[f32], total: f32) -> Vec<f32> {
        let (_, deviation) = self.moments(sums, total);
        let weighted = |(weight, scale): (&f32, &f32)| f64::from(*weight) * f64::from(*scale);
        let weighted: Vec<f64> = self.output(label).iter().zip(&self.scale).map(weighted).collect();
        let mean = weighted.iter().sum::<f64>() / weighted.len() as f64;
        weighted.iter().map(|weight| ((weight - mean) / deviation) as f32).collect()
    }

    /// Mean and standard deviation of the weighted mean's elements.
    fn moments(&self, sums: &[f32], total: f32) -> (f64, f64) {
        let size = sums.len() as f64;
        let elements = sums.iter().map(|sum| f64::from(sum / total));
        let mean = elements.clone().sum::<f64>() / size;
        let variance = elements.map(|x| (x - mean).powi(2)).sum::<f64>() / size;
        (mean, (variance + f64::from(self.epsilon)).sqrt())
    }

    fn output(&self, label: usize) -> &[f32] {
        let width = self.scale.len();
        let row = if self.output.len() == width { 0 } else { label };
        &self.output[row * width..(row + 1) * width]
    }
}
