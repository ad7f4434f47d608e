//! The linear head: words of the chart and the mean of its windows' vectors, weighed for each
//! label. What `chartcode fit` makes of a site's own charts.

mod rule;
mod sets;
mod state;
mod words;

use std::collections::BTreeMap;

use candle_core::Tensor;

pub use rule::{TextFeatures, TextRule};
pub use sets::LabelSets;
pub(crate) use state::LinearState;

use super::vectors::normalise;
use super::{TokenShare, WindowFeatures};
use crate::batch::{Window, each_window};
use crate::bundle::weights::Weights;
use crate::error::{Error, Result, Stage as _};
use crate::span::Span;

/// `logit_l = b_l + Σ_f w_fl [f in the chart] + v_l · (1/n Σ_i u_i)`: f runs over the features that
/// a [`TextRule`] finds, `u_i` is window i's mean hidden state scaled to length 1.
///
/// Weights of the text are kept feature by feature, those of the vectors label by label. Sums run
/// in f64 in a fixed order: the answer does not depend on how windows are divided among calls.
#[derive(Debug)]
pub(crate) struct LinearHead {
    rule: Option<TextRule>,
    /// Hashes of the features, rising.
    features: Vec<u64>,
    /// Feature f owns weights `offsets[f]..offsets[f + 1]`.
    offsets: Vec<u32>,
    /// The label of each weight, rising within a feature.
    label: Vec<u32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// `[L, H]`, row-major; empty where windows' vectors are not taken.
    pooled: Vec<f32>,
    width: usize,
    /// How the labels' scores become logits, where they are weighed together.
    sets: Option<LabelSets>,
}

impl LinearHead {
    /// Reads the head's tensors: `label.bias` f32 `[L]`; with a text rule `feature.hash` u32
    /// `[2 F]` (upper and lower half of each), `feature.offsets` u32 `[F + 1]`, `weight.label` u32
    /// `[N]`, `weight.value` f32 `[N]`; where windows are pooled `pooled.weight` f32 `[L, H]`;
    /// where labels are weighed together `set.offsets` u32 `[S + 1]`, `set.label` u32 `[M]`,
    /// `set.bias` f32 `[S]`.
    pub(super) fn load(
        weights: &Weights,
        rule: Option<&TextRule>,
        (pools, joint): (bool, bool),
        (labels, width): (usize, usize),
    ) -> Result<Self> {
        let text = ["feature.hash", "feature.offsets", "weight.label", "weight.value"];
        weights.require(text.into_iter().filter(|_| rule.is_some()).chain(["label.bias"]))?;
        let len = |key| weights.shape(key).and_then(|shape| shape.first()).copied().unwrap_or(0);
        let indices = |key| match rule {
            Some(_) => weights.indices(key, len(key)),
            None => Ok(Vec::new()),
        };
        let halves = indices("feature.hash")?;
        let head = Self {
            rule: rule.cloned(),
            features: halves.as_chunks().0.iter().map(|&[high, low]| join(high, low)).collect(),
            offsets: indices("feature.offsets")?,
            label: indices("weight.label")?,
            weight: match rule {
                Some(_) => weights.floats("weight.value", &[len("weight.value")])?,
                None => Vec::new(),
            },
            bias: weights.floats("label.bias", &[labels])?,
            pooled: if pools {
                weights.floats("pooled.weight", &[labels, width])?
            } else {
                Vec::new()
            },
            width,
            sets: if joint { Some(read_sets(weights)?) } else { None },
        };
        let odd = !halves.len().is_multiple_of(2);
        match head.contradiction(odd) {
            None => Ok(head),
            Some(problem) => {
                let (path, problem) = (weights.path().to_owned(), problem.to_owned());
                Err(Error::Inconsistent { path, problem })
            }
        }
    }

    /// What the tensors' shapes alone do not rule out.
    fn contradiction(&self, odd: bool) -> Option<&'static str> {
        let of_sets = self.sets.as_ref().and_then(|sets| sets.contradiction(self.bias.len()));
        if of_sets.is_some() || self.rule.is_none() {
            return of_sets;
        }
        let ends = (self.offsets.first(), self.offsets.last());
        if odd || !self.features.is_sorted_by(|a, b| a < b) {
            return Some("feature.hash must hold pairs that rise strictly");
        }
        if self.offsets.len() != self.features.len() + 1
            || ends != (Some(&0), Some(&(self.label.len() as u32)))
            || !self.offsets.is_sorted()
        {
            return Some("feature.offsets must rise from 0 to the number of weights");
        }
        if self.label.len() != self.weight.len() {
            return Some("weight.label and weight.value must be of one length");
        }
        let is_row = |row: &[u32]| {
            row.is_sorted_by(|a, b| a < b) && row.iter().all(|&l| (l as usize) < self.bias.len())
        };
        let mut rows = self.offsets.windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
        let sound = rows.all(|row| is_row(&self.label[row]));
        (!sound).then_some("weight.label must rise within a feature and name labels")
    }

    /// Whether windows have to be encoded at all.
    pub(super) fn reads_hidden(&self) -> bool {
        !self.pooled.is_empty()
    }

    /// The state before the first window, of a chart of which `text` is read.
    pub(super) fn start(&self, text: &str) -> LinearState {
        let mut present = BTreeMap::new();
        if let Some(rule) = &self.rule {
            rule.each(text, |hash, span| {
                if let Ok(feature) = self.features.binary_search(&hash) {
                    present.entry(feature as u32).or_insert(span);
                }
            });
        }
        let width = if self.reads_hidden() { self.width } else { 0 };
        LinearState { present, sum: vec![0.0; width], windows: 0 }
    }

    #[expect(clippy::unused_self, reason = "the same call as on the other heads")]
    pub(super) fn absorb(&self, state: &mut LinearState, windows: &[WindowFeatures]) {
        for window in windows.iter().filter(|window| says_something(window)) {
            let pairs = state.sum.iter_mut().zip(&window.rows);
            pairs.for_each(|(sum, &x)| *sum += f64::from(x));
            state.windows += 1;
        }
    }

    pub(super) fn logits(&self, state: &LinearState) -> Vec<f32> {
        let mut logits: Vec<f64> = self.bias.iter().map(|&bias| f64::from(bias)).collect();
        for &feature in state.present.keys() {
            let row = self.row(feature);
            for (&label, &weight) in self.label[row.clone()].iter().zip(&self.weight[row]) {
                logits[label as usize] += f64::from(weight);
            }
        }
        if self.reads_hidden() {
            let mean: Vec<f64> = state.mean().collect();
            for (logit, weights) in logits.iter_mut().zip(self.pooled.chunks_exact(self.width)) {
                *logit += dot(weights, mean.iter().copied());
            }
        }
        if let Some(sets) = &self.sets {
            logits = sets.logits(&logits);
        }
        logits.into_iter().map(|logit| logit as f32).collect()
    }

    fn row(&self, feature: u32) -> std::ops::Range<usize> {
        self.offsets[feature as usize] as usize..self.offsets[feature as usize + 1] as usize
    }

    /// The word runs that speak for a label: where each stands first, and what it adds to the logit
    /// (to the label's score, where labels are weighed together).
    pub(super) fn runs(&self, state: &LinearState, label: usize) -> Vec<(Span, f32)> {
        let weight = |feature: u32| {
            let row = self.row(feature);
            let at = self.label[row.clone()].binary_search(&(label as u32)).ok()?;
            Some(self.weight[row.start + at])
        };
        let all = state.present.iter();
        all.filter_map(|(&feature, &span)| Some((span, weight(feature)?)))
            .filter(|&(_, weight)| weight > 0.0)
            .collect()
    }

    /// What each window's vector adds to each of `labels`; nothing where vectors are not taken.
    pub(super) fn shares(
        &self,
        state: &LinearState,
        labels: &[usize],
        windows: &[WindowFeatures],
        mut each: impl FnMut(usize, &[TokenShare]),
    ) {
        if !self.reads_hidden() {
            return;
        }
        let count = state.windows.max(1) as f64;
        for (place, &label) in labels.iter().enumerate() {
            let weights = &self.pooled[label * self.width..(label + 1) * self.width];
            let shares: Vec<TokenShare> = windows
                .iter()
                .filter(|window| says_something(window))
                .map(|window| TokenShare {
                    tokens: window.spans[0].clone(),
                    attention: (1.0 / count) as f32,
                    contribution: (dot(weights, window.rows.iter().map(|&x| f64::from(x))) / count)
                        as f32,
                })
                .collect();
            each(place, &shares);
        }
    }
}

fn read_sets(weights: &Weights) -> Result<LabelSets> {
    weights.require(["set.offsets", "set.label", "set.bias"])?;
    let len = |key| weights.shape(key).and_then(|shape| shape.first()).copied().unwrap_or(0);
    let offsets = weights.indices("set.offsets", len("set.offsets"))?;
    let label = weights.indices("set.label", len("set.label"))?;
    let bias = weights.floats("set.bias", &[len("set.bias")])?;
    let ends = (offsets.first(), offsets.last());
    if ends != (Some(&0), Some(&(label.len() as u32))) || !offsets.is_sorted() {
        let problem = "set.offsets must rise from 0 to the number of entries of set.label";
        let (path, problem) = (weights.path().to_owned(), problem.to_owned());
        return Err(Error::Inconsistent { path, problem });
    }
    let set = |ends: &[u32]| label[ends[0] as usize..ends[1] as usize].to_vec();
    Ok(LabelSets {
        members: offsets.windows(2).map(set).collect(),
        bias: bias.into_iter().map(f64::from).collect(),
    })
}

/// Each window's unit vector, or nothing of it.
pub(super) fn window_features(hidden: &Tensor, windows: &[&Window]) -> Result<Vec<WindowFeatures>> {
    each_window(hidden, windows, |window, rows| {
        let mut vector = rows.mean(0)?.to_vec1()?;
        normalise(&mut vector);
        Ok(WindowFeatures { spans: vec![window.tokens.clone()], rows: vector, words: None })
    })
    .stage("the head")
}

/// Windows of special tokens or padding alone say nothing of the chart.
fn says_something(window: &WindowFeatures) -> bool {
    window.spans.iter().any(|span| !span.is_empty())
}

fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn dot(weights: &[f32], vector: impl Iterator<Item = f64>) -> f64 {
    weights.iter().zip(vector).map(|(&weight, x)| f64::from(weight) * x).sum()
}
