//! The values of cross-attention: from weighted tokens to a logit.

use candle_core::{Result, Tensor};

use super::flat;
use crate::encoder::Linear;

/// A vector `v` of each token, the same for all labels, and `logit = LayerNorm(Σ α v) · w_l + b_l`.
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

impl Vectors {
    /// Numbers that are summed for a label.
    pub(super) fn width(&self) -> usize {
        self.scale.len()
    }

    /// Multiplies the sums of each label with `shrink` and adds the tokens' values, weighted with
    /// `weights`, `[tokens, labels]`.
    pub(super) fn add(
        &self,
        sums: &mut [f32],
        shrink: &[f32],
        mut weights: Vec<f32>,
        tokens: &Tensor,
    ) -> Result<()> {
        for (sums, shrink) in sums.chunks_exact_mut(self.width()).zip(shrink) {
            for sum in sums {
                *sum *= shrink;
            }
        }
        let (rows, labels) = (tokens.dim(0)?, shrink.len());
        weights.resize(rows * labels, 0.0);
        let weights = Tensor::from_vec(weights, (rows, labels), tokens.device())?;
        let added = flat(&weights.t()?.matmul(tokens)?)?;
        sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        Ok(())
    }

    /// What each token would add to each of `labels` if it had all its attention, `[tokens,
    /// labels]`; times the attention it is the token's contribution. Contributions add up to the
    /// logit but for a number that depends on the label only, with LayerNorm's divisor taken as
    /// that of the whole chart.
    pub(super) fn worth<'s>(
        &self,
        tokens: &Tensor,
        labels: &[usize],
        sums: impl Fn(usize) -> (&'s [f32], f32),
    ) -> Result<Vec<f32>> {
        let direction = |label: &usize| {
            let (sums, total) = sums(*label);
            self.direction(*label, sums, total)
        };
        let rows: Vec<f32> = labels.iter().flat_map(direction).collect();
        let directions = Tensor::from_vec(rows, (labels.len(), self.width()), tokens.device())?;
        flat(&tokens.matmul(&directions.t()?)?)
    }

    pub(super) fn logit(&self, label: usize, sums: &[f32], total: f32) -> f32 {
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
