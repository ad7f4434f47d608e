//! A fitted linear head.

use std::collections::BTreeMap;

use chartcode::{HeadSpec, HeadTensor, LabelSets, TextRule};
use rayon::prelude::*;

use super::form::Form;
use super::inputs::Inputs;
use super::joint::{self, JointModel};
use super::label::{LabelModel, Training};
use super::{Choice, Example};

/// Weights of a linear head, label by label.
#[derive(Clone, Debug)]
pub struct LinearModel {
    features: Vec<u64>,
    labels: Vec<LabelModel>,
    inputs: Inputs,
    width: usize,
    /// The sets that labels were fitted over together.
    sets: Option<LabelSets>,
}

impl LinearModel {
    /// Fits a head on all charts. The labels are numbered from 0 to `labels`.
    #[must_use]
    pub fn fit(examples: &[Example], labels: usize, choice: Choice) -> Self {
        let training = Training::new(examples.iter().collect(), choice.inputs);
        let (fitted, sets) = match choice.form {
            Form::Alone => {
                let fit = |label| training.fit(label, &[choice.strength]).remove(0);
                ((0..labels as u32).into_par_iter().map(fit).collect(), None)
            }
            Form::Together => {
                let JointModel { labels, sets } =
                    joint::fit(&training, labels, &[choice.strength]).remove(0);
                (labels, Some(sets))
            }
        };
        let width = examples.first().map_or(0, |example| example.features.vector.len());
        Self { features: training.features, labels: fitted, inputs: choice.inputs, width, sets }
    }

    /// What the manifest says of the head.
    #[must_use]
    pub fn spec(&self, rule: &TextRule) -> HeadSpec {
        HeadSpec::Linear {
            text: self.inputs.has_text().then(|| rule.clone()),
            pooled: self.inputs.has_vector(),
            joint: self.sets.is_some(),
        }
    }

    /// The head's tensors, as a bundle holds them; features without any weight are left out.
    #[must_use]
    pub fn tensors(&self) -> BTreeMap<String, HeadTensor> {
        let mut by_feature: BTreeMap<u32, Vec<(u32, f32)>> = BTreeMap::new();
        for (label, model) in (0..).zip(&self.labels) {
            for (&feature, &weight) in model.features.iter().zip(&model.weights.sparse) {
                let weight = weight as f32;
                if weight != 0.0 {
                    by_feature.entry(feature).or_default().push((label, weight));
                }
            }
        }
        let bias = self.labels.iter().map(|model| model.weights.bias as f32).collect();
        let mut tensors =
            BTreeMap::from([("label.bias".into(), HeadTensor::F32(vec![self.labels.len()], bias))]);
        if self.inputs.has_vector() {
            let rows = self.labels.iter().flat_map(|model| &model.weights.dense);
            let shape = vec![self.labels.len(), self.width];
            let rows = rows.map(|&weight| weight as f32).collect();
            tensors.insert("pooled.weight".into(), HeadTensor::F32(shape, rows));
        }
        if let Some(sets) = &self.sets {
            let mut offsets = vec![0];
            offsets.extend(sets.members.iter().scan(0, |end, members| {
                *end += members.len() as u32;
                Some(*end)
            }));
            let members = sets.members.iter().flatten().copied().collect();
            let bias = sets.bias.iter().map(|&bias| bias as f32).collect();
            tensors.insert("set.offsets".into(), HeadTensor::U32(offsets));
            tensors.insert("set.label".into(), HeadTensor::U32(members));
            let shape = vec![sets.members.len()];
            tensors.insert("set.bias".into(), HeadTensor::F32(shape, bias));
        }
        if self.inputs.has_text() {
            let hashes = by_feature.keys().map(|&feature| self.features[feature as usize]);
            let halves = hashes.flat_map(|hash| [(hash >> 32) as u32, hash as u32]).collect();
            let mut offsets = vec![0];
            let (mut labels, mut weights) = (Vec::new(), Vec::new());
            for row in by_feature.values() {
                labels.extend(row.iter().map(|&(label, _)| label));
                weights.extend(row.iter().map(|&(_, weight)| weight));
                offsets.push(labels.len() as u32);
            }
            tensors.insert("feature.hash".into(), HeadTensor::U32(halves));
            tensors.insert("feature.offsets".into(), HeadTensor::U32(offsets));
            tensors.insert("weight.label".into(), HeadTensor::U32(labels));
            let shape = vec![weights.len()];
            tensors.insert("weight.value".into(), HeadTensor::F32(shape, weights));
        }
        tensors
    }
}
