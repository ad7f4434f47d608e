//! All labels fitted together, over the sets of labels that charts have.

use std::collections::{BTreeMap, BTreeSet};

use chartcode::LabelSets;

use super::Example;
use super::label::{LabelModel, Training, VECTOR_SCALE};
use super::lbfgs::{Point, minimise};
use super::logistic::Solution;

/// Largest part of the gradient a fit stops at, as a share of `strength · √charts`.
const TOLERANCE: f64 = 1e-3;

/// Penalty of the labels' biases, as a share of that of weights.
const BIAS_PENALTY: f64 = 0.01;

/// Variance of the sets' biases.
const SET_VARIANCE: f64 = 3.0;

/// Most labels times charts that are fitted together.
const MOST_WORK: usize = 100_000;

/// Most sets that labels are fitted over.
const MOST_SETS: usize = 1000;

/// Charts a set must have on average for sets to tell something.
const CHARTS_A_SET: usize = 4;

/// Labels fitted together.
#[derive(Clone, Debug, Default)]
pub(super) struct JointModel {
    pub(super) labels: Vec<LabelModel>,
    pub(super) sets: LabelSets,
}

/// Whether charts have few enough sets of labels for these to be learnt from.
pub(super) fn suits(examples: &[Example], labels: usize) -> bool {
    let sets = examples.iter().map(|example| &example.gold).collect::<BTreeSet<_>>().len();
    examples.len() * labels <= MOST_WORK
        && sets <= MOST_SETS
        && sets * CHARTS_A_SET <= examples.len()
}

/// `strength · Σ -ln p(set) + ½ ‖w‖²`, in which `p` is that of [`LabelSets`]. A point holds the
/// weights of features (feature by feature), of vectors, the labels' biases and the sets'.
struct Problem<'t> {
    training: &'t Training<'t>,
    vectors: Vec<&'t [f32]>,
    /// Feature f owns weights `starts[f]..starts[f + 1]`.
    starts: Vec<usize>,
    /// The label of each weight, and what the feature counts for it.
    weights: Vec<(u32, f64)>,
    labels: usize,
    members: Vec<Vec<u32>>,
    /// The set of each chart.
    set_of: Vec<usize>,
}

/// The parts of a point or a gradient.
struct Parts<'p> {
    text: &'p [f64],
    dense: &'p [f64],
    bias: &'p [f64],
    sets: &'p [f64],
}

/// Fits all labels with each of `strengths`, which should rise: each fit starts from the last.
pub(super) fn fit(training: &Training<'_>, labels: usize, strengths: &[f64]) -> Vec<JointModel> {
    let problem = Problem::new(training, labels);
    let mut at = vec![0.0; problem.size()];
    let charts = training.examples.len().max(1) as f64;
    strengths
        .iter()
        .map(|&strength| {
            let enough = TOLERANCE * strength * charts.sqrt();
            let start = std::mem::take(&mut at);
            at = minimise(start, enough, |at, slopes| problem.value(at, strength, slopes));
            problem.model(&at)
        })
        .collect()
}

impl JointModel {
    /// The logits of a chart with these features (rising) and this vector.
    pub(super) fn logits(&self, row: &[u32], vector: &[f32]) -> Vec<f32> {
        let scores: Vec<f64> = self.labels.iter().map(|label| label.logit(row, vector)).collect();
        self.sets.logits(&scores).into_iter().map(|logit| logit as f32).collect()
    }
}

impl<'t> Problem<'t> {
    fn new(training: &'t Training<'t>, labels: usize) -> Self {
        let mut all: BTreeMap<(u32, u32), f64> = BTreeMap::new();
        for label in 0..labels as u32 {
            let (features, scale) = training.chosen(&training.gold(label));
            let keyed = features.into_iter().zip(scale);
            all.extend(keyed.map(|(feature, scale)| ((feature, label), scale)));
        }
        let mut starts = vec![0; training.features.len() + 1];
        for &(feature, _) in all.keys() {
            starts[feature as usize + 1] += 1;
        }
        for feature in 1..starts.len() {
            starts[feature] += starts[feature - 1];
        }
        let (members, set_of) = sets(&training.examples, labels);
        let vectors = training.examples.iter().map(|example| training.vector(example)).collect();
        let weights = all.into_iter().map(|((_, label), scale)| (label, scale)).collect();
        Self { training, vectors, starts, weights, labels, members, set_of }
    }

    fn width(&self) -> usize {
        self.vectors.first().map_or(0, |vector| vector.len())
    }

    fn size(&self) -> usize {
        self.weights.len() + self.labels * (self.width() + 1) + self.members.len()
    }

    fn parts<'p>(&self, point: &'p [f64]) -> Parts<'p> {
        let (text, rest) = point.split_at(self.weights.len());
        let (dense, rest) = rest.split_at(self.labels * self.width());
        let (bias, sets) = rest.split_at(self.labels);
        Parts { text, dense, bias, sets }
    }

    /// What a chart says for each label.
    fn scores(&self, parts: &Parts<'_>, chart: usize) -> Vec<f64> {
        let mut scores = parts.bias.to_vec();
        for &feature in &self.training.rows[chart] {
            let own = self.starts[feature as usize]..self.starts[feature as usize + 1];
            for (&(label, scale), weight) in self.weights[own.clone()].iter().zip(&parts.text[own])
            {
                scores[label as usize] += scale * weight;
            }
        }
        let vector = self.vectors[chart];
        if !vector.is_empty() {
            for (score, dense) in scores.iter_mut().zip(parts.dense.chunks_exact(vector.len())) {
                let inner: f64 = dense.iter().zip(vector).map(|(w, &x)| w * f64::from(x)).sum();
                *score += inner * VECTOR_SCALE;
            }
        }
        scores
    }

    /// The objective and its gradient.
    fn value(&self, at: &[f64], strength: f64, gradient: &mut [f64]) -> f64 {
        let parts = self.parts(at);
        let sets = LabelSets { members: self.members.clone(), bias: parts.sets.to_vec() };
        let mut value = self.penalty(at, strength, gradient);
        let (text, rest) = gradient.split_at_mut(self.weights.len());
        let (dense, rest) = rest.split_at_mut(self.labels * self.width());
        let (bias, of_sets) = rest.split_at_mut(self.labels);
        for (chart, &own) in self.set_of.iter().enumerate() {
            let scores = self.scores(&parts, chart);
            let (mut slopes, total) = sets.probabilities(&scores);
            let score: f64 = self.members[own].iter().map(|&label| scores[label as usize]).sum();
            value += strength * (total - score - sets.bias[own]);
            slopes[own] -= 1.0;
            let mut by_label = vec![0.0; self.labels];
            for ((slope, members), of_set) in slopes.iter().zip(&self.members).zip(&mut *of_sets) {
                *of_set += strength * slope;
                for &label in members {
                    by_label[label as usize] += strength * slope;
                }
            }
            bias.iter_mut().zip(&by_label).for_each(|(sum, slope)| *sum += slope);
            for &feature in &self.training.rows[chart] {
                let own = self.starts[feature as usize]..self.starts[feature as usize + 1];
                for (&(label, scale), sum) in self.weights[own.clone()].iter().zip(&mut text[own]) {
                    *sum += scale * by_label[label as usize];
                }
            }
            let vector = self.vectors[chart];
            for (sums, slope) in dense.chunks_exact_mut(vector.len().max(1)).zip(&by_label) {
                let slope = slope * VECTOR_SCALE;
                sums.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += slope * f64::from(x));
            }
        }
        value
    }

    /// The penalties, whose slopes replace what `gradient` holds.
    fn penalty(&self, at: &[f64], strength: f64, gradient: &mut [f64]) -> f64 {
        let weights = self.weights.len() + self.labels * self.width();
        let mut value = 0.0;
        for (place, (slope, x)) in gradient.iter_mut().zip(at).enumerate() {
            let penalty = match place {
                _ if place < weights => 1.0,
                _ if place < weights + self.labels => BIAS_PENALTY,
                _ => strength / SET_VARIANCE,
            };
            *slope = penalty * x;
            value += 0.5 * penalty * x * x;
        }
        value
    }

    fn model(&self, at: &Point) -> JointModel {
        let parts = self.parts(at);
        let width = self.width();
        let mut labels: Vec<LabelModel> = (0..self.labels)
            .map(|label| {
                let dense = parts.dense[label * width..(label + 1) * width].iter();
                let dense = dense.map(|weight| weight * VECTOR_SCALE).collect();
                let weights = Solution { sparse: Vec::new(), dense, bias: parts.bias[label] };
                LabelModel { features: Vec::new(), weights }
            })
            .collect();
        for (feature, ends) in (0..).zip(self.starts.windows(2)) {
            let own = ends[0]..ends[1];
            for (&(label, scale), weight) in self.weights[own.clone()].iter().zip(&parts.text[own])
            {
                let model = &mut labels[label as usize];
                model.features.push(feature);
                model.weights.sparse.push(scale * weight);
            }
        }
        let sets = LabelSets { members: self.members.clone(), bias: parts.sets.to_vec() };
        JointModel { labels, sets }
    }
}

/// The empty set, each label alone and what sets the charts have, rising; and the set of each chart.
fn sets(examples: &[&Example], labels: usize) -> (Vec<Vec<u32>>, Vec<usize>) {
    let alone = (0..labels as u32).map(|label| vec![label]);
    let mut all: BTreeSet<Vec<u32>> = alone.chain([Vec::new()]).collect();
    all.extend(examples.iter().map(|example| example.gold.clone()));
    let all: Vec<Vec<u32>> = all.into_iter().collect();
    let place = |example: &&Example| all.partition_point(|set| *set < example.gold);
    let set_of = examples.iter().map(place).collect();
    (all, set_of)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::inputs::Inputs;
    use super::*;

    fn examples(rows: &[(u8, u8)]) -> Vec<Example> {
        let bits = |of: u8, most: u8| (0..most).filter(move |bit| of >> bit & 1 == 1);
        rows.iter()
            .map(|&(words, gold)| {
                let mut example = Example::default();
                example.features.text = bits(words, 5).map(u64::from).collect();
                example.features.vector = vec![f32::from(words % 3), 0.5];
                example.gold = bits(gold, 3).map(u32::from).collect();
                example
            })
            .collect()
    }

    #[test]
    fn sets_are_those_of_the_charts_and_each_label_alone() {
        let examples = examples(&[(0, 0b101), (0, 0b101), (0, 0)]);
        let (sets, of) = sets(&examples.iter().collect::<Vec<_>>(), 3);
        assert_eq!(sets, [vec![], vec![0], vec![0, 2], vec![1], vec![2]]);
        assert_eq!(of, [2, 2, 0]);
    }

    #[test]
    fn sets_that_hardly_recur_are_not_learnt_from() {
        let often: Vec<(u8, u8)> = (0..40).map(|chart| (chart, chart % 8)).collect();
        assert!(suits(&examples(&often), 3));
        assert!(!suits(&examples(&often[..24]), 3));
        assert!(!suits(&examples(&often), MOST_WORK));
    }

    proptest! {
        #[test]
        fn the_gradient_is_the_slope_of_the_value(
            rows in proptest::collection::vec((0_u8..32, 0_u8..8), 4..12),
            seed in proptest::collection::vec(-1.0_f64..1.0, 7),
            part in 0_usize..1000,
        ) {
            let examples = examples(&rows);
            let training = Training::new(examples.iter().collect(), Inputs::Both);
            let problem = Problem::new(&training, 3);
            let size = problem.size();
            let at: Vec<f64> = (0..size).map(|n| seed[n % 7]).collect();
            let (mut gradient, mut unused) = (vec![0.0; size], vec![0.0; size]);
            problem.value(&at, 0.7, &mut gradient);
            let mut moved = |by: f64| {
                let mut to = at.clone();
                to[part % size] += by;
                problem.value(&to, 0.7, &mut unused)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let found = gradient[part % size];
            prop_assert!((slope - found).abs() < 1e-5 * slope.abs().max(1.0), "{slope} {found}");
        }

        #[test]
        fn a_fitted_model_scores_as_the_problem_does(
            rows in proptest::collection::vec((0_u8..32, 0_u8..8), 6..20),
        ) {
            let examples = examples(&rows);
            let training = Training::new(examples.iter().collect(), Inputs::Both);
            let problem = Problem::new(&training, 3);
            let at: Vec<f64> = (0..problem.size()).map(|n| (n as f64).sin()).collect();
            let model = problem.model(&at);
            for (chart, example) in examples.iter().enumerate() {
                let expected = problem.scores(&problem.parts(&at), chart);
                for (label, expected) in model.labels.iter().zip(expected) {
                    let found = label.logit(&training.rows[chart], &example.features.vector);
                    prop_assert!((found - expected).abs() < 1e-9);
                }
            }
        }
    }
}
