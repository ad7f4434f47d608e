//! L2-regularised logistic regression of one label, by L-BFGS.

use super::lbfgs::{Point, minimise};

/// The charts of one fit: `strength · Σ ln(1 + exp(∓logit)) + ½ ‖w‖²` is minimised, the bias not
/// penalised. A chart's inputs are 0 or `scale` in sparse columns, and a dense vector behind them.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// Sparse columns present in each chart.
    pub rows: Vec<Vec<u32>>,
    /// What each sparse column counts where it is present.
    pub scale: Vec<f64>,
    /// A vector a chart, all of one length, which may be 0.
    pub dense: Vec<&'a [f32]>,
    /// What dense inputs are multiplied with.
    pub dense_scale: f64,
    /// Whether each chart has the label.
    pub gold: Vec<bool>,
}

/// Weights in units of the inputs themselves, scales multiplied in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Solution {
    /// A weight a sparse column.
    pub sparse: Vec<f64>,
    /// A weight a dense input.
    pub dense: Vec<f64>,
    /// The logit of a chart without any input.
    pub bias: f64,
}

impl Problem<'_> {
    fn width(&self) -> usize {
        self.dense.first().map_or(0, |row| row.len())
    }

    /// A logit a chart.
    fn logits(&self, at: &[f64]) -> Vec<f64> {
        let (sparse, rest) = at.split_at(self.scale.len());
        let scaled: Vec<f64> = sparse.iter().zip(&self.scale).map(|(w, scale)| w * scale).collect();
        let (dense, bias) = rest.split_at(self.width());
        self.rows
            .iter()
            .zip(&self.dense)
            .map(|(row, vector)| {
                let sparse: f64 = row.iter().map(|&column| scaled[column as usize]).sum();
                let inner: f64 = dense.iter().zip(*vector).map(|(w, &x)| w * f64::from(x)).sum();
                sparse + inner * self.dense_scale + bias[0]
            })
            .collect()
    }

    /// The objective and its gradient.
    fn value(&self, at: &[f64], strength: f64, gradient: &mut [f64]) -> f64 {
        let weights = &at[..at.len() - 1];
        let mut value = 0.5 * weights.iter().map(|w| w * w).sum::<f64>();
        gradient.fill(0.0);
        let (sparse, rest) = gradient.split_at_mut(self.scale.len());
        let (dense, bias) = rest.split_at_mut(self.width());
        let charts = self.rows.iter().zip(&self.dense).zip(&self.gold);
        for (((row, vector), &gold), logit) in charts.zip(self.logits(at)) {
            let signed = if gold { -logit } else { logit };
            value += strength * (signed.max(0.0) + (-signed.abs()).exp().ln_1p());
            let probability = 1.0 / (1.0 + (-logit).exp());
            let slope = strength * (probability - f64::from(u8::from(gold)));
            bias[0] += slope;
            for &column in row {
                sparse[column as usize] += slope;
            }
            let slope = slope * self.dense_scale;
            dense.iter_mut().zip(*vector).for_each(|(sum, &x)| *sum += slope * f64::from(x));
        }
        sparse.iter_mut().zip(&self.scale).for_each(|(sum, scale)| *sum *= scale);
        gradient.iter_mut().zip(weights).for_each(|(sum, w)| *sum += w);
        value
    }

    /// Fits, from `start` where there is one, until no part of the gradient is above
    /// `tolerance · strength · √charts`. Also gives where to start with another strength.
    #[must_use]
    pub fn fit(&self, strength: f64, tolerance: f64, start: Option<Point>) -> (Solution, Point) {
        let size = self.scale.len() + self.width() + 1;
        let start = start.unwrap_or_else(|| self.origin(size));
        let enough = tolerance * strength * (self.rows.len().max(1) as f64).sqrt();
        let at = minimise(start, enough, |at, gradient| self.value(at, strength, gradient));
        (self.solution(&at), at)
    }

    /// No weights, and the bias of a label that no input tells anything of.
    fn origin(&self, size: usize) -> Point {
        let gold = self.gold.iter().filter(|&&gold| gold).count() as f64 + 0.5;
        let other = self.gold.len() as f64 + 1.0 - gold;
        let mut at = vec![0.0; size];
        at[size - 1] = (gold / other).ln();
        at
    }

    fn solution(&self, at: &[f64]) -> Solution {
        let (sparse, rest) = at.split_at(self.scale.len());
        let (dense, bias) = rest.split_at(self.width());
        Solution {
            sparse: sparse.iter().zip(&self.scale).map(|(w, scale)| w * scale).collect(),
            dense: dense.iter().map(|w| w * self.dense_scale).collect(),
            bias: bias[0],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// Problems solved by scikit-learn; `scripts/fit/logistic.py` writes them.
    #[derive(Deserialize)]
    struct Golden {
        rows: Vec<Vec<u32>>,
        scale: Vec<f64>,
        dense: Vec<Vec<f32>>,
        dense_scale: f64,
        gold: Vec<bool>,
        solutions: Vec<GoldenSolution>,
    }

    #[derive(Deserialize)]
    struct GoldenSolution {
        strength: f64,
        sparse: Vec<f64>,
        dense: Vec<f64>,
        bias: f64,
    }

    #[test]
    fn solutions_are_those_of_scikit_learn() {
        let golden: Vec<Golden> =
            serde_json::from_str(include_str!("../../tests/golden/logistic.json")).unwrap();
        assert!(!golden.is_empty());
        for golden in golden {
            let problem = Problem {
                rows: golden.rows,
                scale: golden.scale,
                dense: golden.dense.iter().map(Vec::as_slice).collect(),
                dense_scale: golden.dense_scale,
                gold: golden.gold,
            };
            for expected in golden.solutions {
                let (found, _) = problem.fit(expected.strength, 1e-9, None);
                let close = |a: &[f64], b: &[f64]| {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
                };
                assert!(close(&found.sparse, &expected.sparse), "{found:?}");
                assert!(close(&found.dense, &expected.dense), "{found:?}");
                assert!((found.bias - expected.bias).abs() < 1e-5, "{found:?}");
            }
        }
    }

    fn problem(rows: &[(Vec<bool>, bool)]) -> Problem<'static> {
        let columns =
            |row: &[bool]| (0..).zip(row).filter(|(_, on)| **on).map(|(c, _)| c).collect();
        Problem {
            rows: rows.iter().map(|(row, _)| columns(row)).collect(),
            scale: vec![1.0, -0.5, 2.0, 0.25],
            dense: vec![&[]; rows.len()],
            dense_scale: 1.0,
            gold: rows.iter().map(|(_, gold)| *gold).collect(),
        }
    }

    proptest! {
        #[test]
        fn no_nearby_point_is_lower(
            rows in proptest::collection::vec(
                (proptest::collection::vec(any::<bool>(), 4), any::<bool>()), 2..30),
            strength in 0.01_f64..10.0,
            moves in proptest::collection::vec(-1e-3_f64..1e-3, 5),
        ) {
            let problem = problem(&rows);
            let (_, at) = problem.fit(strength, 1e-10, None);
            let mut gradient = vec![0.0; 5];
            let best = problem.value(&at, strength, &mut gradient);
            let near: Vec<f64> = at.iter().zip(&moves).map(|(x, by)| x + by).collect();
            prop_assert!(problem.value(&near, strength, &mut gradient) >= best - 1e-9);
        }

        #[test]
        fn the_gradient_is_the_slope_of_the_value(
            rows in proptest::collection::vec(
                (proptest::collection::vec(any::<bool>(), 4), any::<bool>()), 1..12),
            at in proptest::collection::vec(-2.0_f64..2.0, 5),
            part in 0_usize..5,
        ) {
            let problem = problem(&rows);
            let mut gradient = vec![0.0; 5];
            let mut unused = vec![0.0; 5];
            problem.value(&at, 0.7, &mut gradient);
            let mut moved = |by: f64| {
                let mut to = at.clone();
                to[part] += by;
                problem.value(&to, 0.7, &mut unused)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            prop_assert!((slope - gradient[part]).abs() < 1e-6 * slope.abs().max(1.0));
        }

        #[test]
        fn where_a_fit_starts_does_not_matter(
            rows in proptest::collection::vec(
                (proptest::collection::vec(any::<bool>(), 4), any::<bool>()), 4..20),
            start in proptest::collection::vec(-2.0_f64..2.0, 5),
        ) {
            let problem = problem(&rows);
            // One chart of each kind keeps the bias finite.
            prop_assume!(problem.gold.contains(&true) && problem.gold.contains(&false));
            let (cold, _) = problem.fit(1.0, 1e-10, None);
            let (warm, _) = problem.fit(1.0, 1e-10, Some(start));
            for (a, b) in cold.sparse.iter().zip(&warm.sparse) {
                prop_assert!((a - b).abs() < 1e-4, "{} {}", a, b);
            }
        }
    }
}
