//! Softmax over a chart's tokens, taken in block by block, for many labels at once.

use crate::math::exp;

/// The running softmax of a block of labels: for each the highest score so far and the sum of
/// e^(score − highest).
#[derive(Clone, Debug)]
pub(super) struct Softmax {
    pub(super) highest: Vec<f32>,
    pub(super) sum: Vec<f32>,
}

impl Softmax {
    pub(super) fn new(labels: usize) -> Self {
        Self { highest: vec![f32::NEG_INFINITY; labels], sum: vec![0.0; labels] }
    }

    /// Takes in scores `[tokens, labels]` and turns them into e^(score − highest). Returns what
    /// every sum over earlier tokens is to be multiplied with, for each label.
    pub(super) fn absorb(&mut self, scores: &mut [f32]) -> Vec<f32> {
        let labels = self.highest.len();
        let before = self.highest.clone();
        for row in scores.chunks_exact(labels) {
            for (highest, &score) in self.highest.iter_mut().zip(row) {
                *highest = if score > *highest { score } else { *highest };
            }
        }
        let shrink: Vec<f32> =
            before.iter().zip(&self.highest).map(|(before, now)| exp(before - now)).collect();
        self.sum.iter_mut().zip(&shrink).for_each(|(sum, shrink)| *sum *= shrink);
        for row in scores.chunks_exact_mut(labels) {
            let state = self.highest.iter().zip(&mut self.sum);
            for (score, (highest, sum)) in row.iter_mut().zip(state) {
                *score = exp(*score - highest);
                *sum += *score;
            }
        }
        shrink
    }

    /// The share of a token of this score among all tokens taken in.
    pub(super) fn share(&self, label: usize, score: f32) -> f32 {
        exp(score - self.highest[label]) / self.sum[label]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The judge: softmax over all tokens at once, in f64.
        #[test]
        fn blocks_give_the_softmax_of_the_whole(
            scores in proptest::collection::vec(-40.0_f32..40.0, 2..90),
            block in 1_usize..9,
        ) {
            let labels = 2;
            let tokens = scores.len() / labels;
            let scores = &scores[..tokens * labels];
            let mut softmax = Softmax::new(labels);
            let mut sum_of_squares = vec![0.0_f32; labels];
            for block in scores.chunks(block * labels) {
                let mut weights = block.to_vec();
                let shrink = softmax.absorb(&mut weights);
                let column = |values: &[f32], label: usize| -> Vec<f32> {
                    values.iter().skip(label).step_by(labels).copied().collect()
                };
                for (label, (sum, shrink)) in sum_of_squares.iter_mut().zip(&shrink).enumerate() {
                    *sum *= shrink;
                    let own = column(&weights, label).into_iter().zip(column(block, label));
                    *sum += own.map(|(weight, score)| weight * score * score).sum::<f32>();
                }
            }
            for (label, sum) in sum_of_squares.iter().enumerate() {
                let own: Vec<f64> =
                    scores.iter().skip(label).step_by(labels).map(|&s| f64::from(s)).collect();
                let highest = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = own.iter().map(|s| (s - highest).exp()).sum();
                let expected: f64 =
                    own.iter().map(|s| (s - highest).exp() / total * s * s).sum();
                let ours = f64::from(sum / softmax.sum[label]);
                prop_assert!((ours - expected).abs() <= 1e-5 * expected.max(1.0));
                for &score in &own {
                    let share = f64::from(softmax.share(label, score as f32));
                    prop_assert!((share - (score - highest).exp() / total).abs() <= 1e-6);
                }
            }
        }
    }
}
