//! L2-regularised logistic regression of one label, by L-BFGS (Liu and Nocedal 1989).

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that L-BFGS remembers.
const MEMORY: usize = 10;

/// Most steps of one fit.
const STEPS: usize = 1000;

/// Share of the expected descent that a step must bring (Armijo).
const DESCENT: f64 = 1e-4;

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

/// A point of the search: weights of sparse columns, of dense inputs, the bias.
type Point = Vec<f64>;

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
        let mut at = start.unwrap_or_else(|| self.origin(size));
        let enough = tolerance * strength * (self.rows.len().max(1) as f64).sqrt();
        let mut gradient = vec![0.0; size];
        let mut value = self.value(&at, strength, &mut gradient);
        let mut memory = Memory::default();
        let mut next_gradient = vec![0.0; size];
        for _ in 0..STEPS {
            if gradient.iter().all(|slope| slope.abs() <= enough) {
                break;
            }
            let mut direction = memory.direction(&gradient);
            let mut descent = dot(&direction, &gradient);
            if descent >= 0.0 {
                memory = Memory::default();
                direction = gradient.iter().map(|slope| -slope).collect();
                descent = dot(&direction, &gradient);
            }
            let mut step =
                if memory.pairs.is_empty() { 1.0 / norm(&gradient).max(1.0) } else { 1.0 };
            let next = loop {
                let to: Point = at.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
                let then = self.value(&to, strength, &mut next_gradient);
                if then <= value + DESCENT * step * descent {
                    break Some((to, then));
                }
                step *= 0.5;
                if step < 1e-12 {
                    break None;
                }
            };
            // No descent within rounding: this is the minimum.
            let Some((to, then)) = next else {
                break;
            };
            memory.remember(&at, &to, &gradient, &next_gradient);
            at = to;
            value = then;
            std::mem::swap(&mut gradient, &mut next_gradient);
        }
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

/// What L-BFGS knows of the curvature.
#[derive(Debug, Default)]
struct Memory {
    /// Step, change of the gradient, and one over their product; oldest first.
    pairs: VecDeque<(Point, Point, f64)>,
}

impl Memory {
    fn remember(&mut self, from: &[f64], to: &[f64], before: &[f64], after: &[f64]) {
        let minus =
            |a: &[f64], b: &[f64]| -> Point { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        let (step, change) = (minus(to, from), minus(after, before));
        let product = dot(&step, &change);
        if product <= 1e-12 * dot(&change, &change) {
            return;
        }
        if self.pairs.len() == MEMORY {
            self.pairs.pop_front();
        }
        self.pairs.push_back((step, change, 1.0 / product));
    }

    /// The two-loop recursion: minus the inverse curvature times the gradient.
    fn direction(&self, gradient: &[f64]) -> Point {
        let mut direction: Point = gradient.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for (step, change, inverse) in self.pairs.iter().rev() {
            let share = inverse * dot(step, &direction);
            add(&mut direction, -share, change);
            shares.push(share);
        }
        if let Some((_, change, inverse)) = self.pairs.back() {
            let size = 1.0 / (inverse * dot(change, change));
            for x in &mut direction {
                *x *= size;
            }
        }
        for ((step, change, inverse), share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let back = inverse * dot(change, &direction);
            add(&mut direction, share - back, step);
        }
        direction
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(sum: &mut [f64], factor: f64, other: &[f64]) {
    sum.iter_mut().zip(other).for_each(|(sum, x)| *sum += factor * x);
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
