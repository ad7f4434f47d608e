//! One label's inputs and its fit.

use std::collections::HashMap;

use super::Example;
use super::inputs::Inputs;
use super::logistic::{Problem, Solution};

/// Charts a feature of the text must be in.
const LEAST_CHARTS: usize = 2;

/// Features of the text weighed for one label: those that tell most of it.
const MOST_FEATURES: usize = 3000;

/// What is added to counts before their ratio is taken.
const SMOOTHING: f64 = 0.5;

/// What unit vectors are multiplied with to be of the size of word features.
pub(super) const VECTOR_SCALE: f64 = 10.0;

/// Largest part of the gradient a fit stops at, see [`Problem::fit`].
const TOLERANCE: f64 = 1e-4;

/// The charts that labels are fitted on, with the features there are.
pub(super) struct Training<'e> {
    pub(super) examples: Vec<&'e Example>,
    /// Hashes of the features, rising.
    pub(super) features: Vec<u64>,
    /// Features in each chart, rising.
    pub(super) rows: Vec<Vec<u32>>,
    /// Charts that each feature is in.
    counts: Vec<u32>,
    inputs: Inputs,
}

/// A fitted label: weights of features by their number, of the vector, and a bias.
#[derive(Clone, Debug, Default)]
pub(super) struct LabelModel {
    pub(super) features: Vec<u32>,
    pub(super) weights: Solution,
}

impl<'e> Training<'e> {
    pub(super) fn new(examples: Vec<&'e Example>, inputs: Inputs) -> Self {
        let mut all: Vec<u64> = Vec::new();
        if inputs.has_text() {
            all.extend(examples.iter().flat_map(|example| &example.features.text));
        }
        all.sort_unstable();
        let runs = all.chunk_by(|a, b| a == b).filter(|run| run.len() >= LEAST_CHARTS);
        let (features, counts) = runs.map(|run| (run[0], run.len() as u32)).unzip();
        let mut training = Self { examples, features, rows: Vec::new(), counts, inputs };
        training.rows =
            training.examples.iter().map(|example| training.row(&example.features.text)).collect();
        training
    }

    /// The numbers of the known ones among a chart's features.
    pub(super) fn row(&self, text: &[u64]) -> Vec<u32> {
        let number = |hash: &u64| self.features.binary_search(hash).ok().map(|at| at as u32);
        text.iter().filter_map(number).collect()
    }

    pub(super) fn vector(&self, example: &'e Example) -> &'e [f32] {
        if self.inputs.has_vector() { &example.features.vector } else { &[] }
    }

    /// Whether each chart has a label.
    pub(super) fn gold(&self, label: u32) -> Vec<bool> {
        let has = |example: &&Example| example.gold.binary_search(&label).is_ok();
        self.examples.iter().map(has).collect()
    }

    /// Fits a label with each of `strengths`, which should rise: each fit starts from the last.
    pub(super) fn fit(&self, label: u32, strengths: &[f64]) -> Vec<LabelModel> {
        let gold = self.gold(label);
        let (features, scale) = self.chosen(&gold);
        let local: HashMap<u32, u32> = features.iter().copied().zip(0..).collect();
        let rows = self.rows.iter();
        let problem = Problem {
            rows: rows
                .map(|row| row.iter().filter_map(|feature| local.get(feature).copied()).collect())
                .collect(),
            scale,
            dense: self.examples.iter().map(|example| self.vector(example)).collect(),
            dense_scale: VECTOR_SCALE,
            gold,
        };
        let mut start = None;
        strengths
            .iter()
            .map(|&strength| {
                let (weights, end) = problem.fit(strength, TOLERANCE, start.take());
                start = Some(end);
                LabelModel { features: features.clone(), weights }
            })
            .collect()
    }

    /// The features that tell most of a label by χ², and the log ratio of how often each is in
    /// charts with the label and without: what Wang and Manning (2012) scale inputs with.
    pub(super) fn chosen(&self, gold: &[bool]) -> (Vec<u32>, Vec<f64>) {
        let mut with = vec![0_u32; self.features.len()];
        for (row, _) in self.rows.iter().zip(gold).filter(|(_, gold)| **gold) {
            for &feature in row {
                with[feature as usize] += 1;
            }
        }
        let charts = gold.len() as f64;
        let positive = gold.iter().filter(|&&gold| gold).count() as f64;
        let negative = charts - positive;
        let told = |feature: usize| {
            let share = f64::from(self.counts[feature]) / charts;
            let off = f64::from(with[feature]) - positive * share;
            let spread = positive * negative / charts * share * (1.0 - share);
            if spread > 0.0 { off * off / spread } else { 0.0 }
        };
        let mut ranked: Vec<(f64, u32)> =
            (0..self.features.len()).map(|feature| (told(feature), feature as u32)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let mut features: Vec<u32> = ranked
            .into_iter()
            .take(MOST_FEATURES)
            .filter(|(told, _)| *told > 0.0)
            .map(|(_, feature)| feature)
            .collect();
        features.sort_unstable();
        let ratio = |count: f64, of: f64| (count + SMOOTHING) / (of + 2.0 * SMOOTHING);
        let scale = features
            .iter()
            .map(|&feature| {
                let with = f64::from(with[feature as usize]);
                let without = f64::from(self.counts[feature as usize]) - with;
                (ratio(with, positive) / ratio(without, negative)).ln()
            })
            .collect();
        (features, scale)
    }
}

impl LabelModel {
    /// The logit of a chart with these features (rising) and this vector.
    pub(super) fn logit(&self, row: &[u32], vector: &[f32]) -> f64 {
        let mut sum = self.weights.bias;
        for feature in row {
            if let Ok(at) = self.features.binary_search(feature) {
                sum += self.weights.sparse[at];
            }
        }
        let dense = self.weights.dense.iter().zip(vector);
        sum + dense.map(|(weight, &x)| weight * f64::from(x)).sum::<f64>()
    }
}
