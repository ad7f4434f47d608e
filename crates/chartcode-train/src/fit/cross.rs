//! Cross-validation: which inputs and which strength do best on charts not fitted on.

use chartcode_eval::tune::{
    CalibrationFit, Counts, Folds, Objective, TuningSet, count_suggestions, fit_threshold,
};
use rayon::prelude::*;
use serde::Serialize;

use super::error::Result;
use super::inputs::Inputs;
use super::label::Training;
use super::{Choice, Example, FitEvent, FitOptions};

/// Labels kept of each chart: no threshold worth having suggests more.
const KEPT: usize = 400;

/// One setting and what it did.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// What was weighed.
    pub inputs: Inputs,
    /// One over the strength of the regularisation, scikit-learn's C.
    pub strength: f64,
    /// Micro F1 on charts neither fitted on nor used for the threshold.
    pub micro_f1: f64,
    /// Mean average precision over the labels; gold codes that are no labels count as missed.
    pub map: f64,
    /// Micro F1 of each fold.
    pub folds: Vec<f64>,
}

/// What cross-validation found.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    /// Every setting that was tried.
    pub trials: Vec<Trial>,
    /// The best of them, by micro F1.
    pub choice: Choice,
    /// Which of the trials that is.
    pub chosen: usize,
    /// Its logits of each chart, by models that were not fitted on that chart.
    pub set: TuningSet,
}

/// Logits of all charts for each strength, `[strengths][charts][labels]`.
type OutOfFold = Vec<Vec<Vec<f32>>>;

pub(super) fn cross_validate(
    examples: &[Example],
    labels: usize,
    options: &FitOptions,
    folds: &Folds,
    on_event: &(dyn Fn(FitEvent) + Sync),
) -> Result<CrossValidation> {
    let mut best: Option<CrossValidation> = None;
    let mut trials = Vec::new();
    for &inputs in &options.inputs {
        let logits = out_of_fold(examples, labels, inputs, options, folds, on_event);
        for (&strength, logits) in options.strengths.iter().zip(&logits) {
            let set = tuning_set(examples, logits)?;
            let trial = judge(examples, logits, &set, folds, Choice { inputs, strength })?;
            let is_better =
                best.as_ref().is_none_or(|best| trial.micro_f1 > f1_of(&trials, best.chosen));
            if is_better {
                let (choice, chosen) = (Choice { inputs, strength }, trials.len());
                best = Some(CrossValidation { trials: Vec::new(), choice, chosen, set });
            }
            trials.push(trial);
        }
    }
    let settings = super::FitError::Setting { setting: "settings to try", range: "one or more" };
    let best = best.ok_or(settings)?;
    Ok(CrossValidation { trials, ..best })
}

fn f1_of(trials: &[Trial], number: usize) -> f64 {
    trials.get(number).map_or(0.0, |trial| trial.micro_f1)
}

fn out_of_fold(
    examples: &[Example],
    labels: usize,
    inputs: Inputs,
    options: &FitOptions,
    folds: &Folds,
    on_event: &(dyn Fn(FitEvent) + Sync),
) -> OutOfFold {
    let strengths = &options.strengths;
    let mut logits = vec![vec![vec![0.0; labels]; examples.len()]; strengths.len()];
    for fold in 0..folds.count() {
        let is_test = |chart: usize| folds.of(chart) == fold;
        let train = (0..examples.len()).filter(|&chart| !is_test(chart));
        let training = Training::new(train.map(|chart| &examples[chart]).collect(), inputs);
        let test: Vec<(usize, Vec<u32>)> = (0..examples.len())
            .filter(|&chart| is_test(chart))
            .map(|chart| (chart, training.row(&examples[chart].features.text)))
            .collect();
        // [labels][strengths][charts of the fold]
        let columns: Vec<Vec<Vec<f32>>> = (0..labels as u32)
            .into_par_iter()
            .map(|label| {
                let models = training.fit(label, strengths);
                on_event(FitEvent::LabelFitted);
                let logit = |(chart, row): &(usize, Vec<u32>), number: usize| {
                    models[number].logit(row, &examples[*chart].features.vector)
                };
                (0..strengths.len())
                    .map(|number| test.iter().map(|chart| logit(chart, number)).collect())
                    .collect()
            })
            .collect();
        for (label, column) in columns.into_iter().enumerate() {
            for (number, fold) in column.into_iter().enumerate() {
                for ((chart, _), logit) in test.iter().zip(fold) {
                    logits[number][*chart][label] = logit;
                }
            }
        }
    }
    logits
}

fn tuning_set(examples: &[Example], logits: &[Vec<f32>]) -> Result<TuningSet> {
    let mut set = TuningSet::new(KEPT);
    for (example, logits) in examples.iter().zip(logits) {
        set.add(logits, &example.gold, example.outside)?;
    }
    Ok(set)
}

fn judge(
    examples: &[Example],
    logits: &[Vec<f32>],
    set: &TuningSet,
    folds: &Folds,
    choice: Choice,
) -> Result<Trial> {
    let none = CalibrationFit::None;
    let mut all = Counts::default();
    let mut each = Vec::with_capacity(folds.count());
    for fold in 0..folds.count() {
        let train = set.subset(|chart| folds.of(chart) != fold);
        let test = set.subset(|chart| folds.of(chart) == fold);
        let cut = fit_threshold(&train, &none, Objective::MicroF1)?.cut;
        let counts = count_suggestions(&test, |candidate| {
            none.probability(candidate.logit) > cut.probability
        });
        all.suggested += counts.suggested;
        all.right += counts.right;
        all.gold += counts.gold;
        each.push(counts.f1().unwrap_or_default());
    }
    let precisions = examples
        .iter()
        .zip(logits)
        .filter_map(|(example, logits)| average_precision(logits, &example.gold, example.outside));
    let precisions: Vec<f64> = precisions.collect();
    Ok(Trial {
        inputs: choice.inputs,
        strength: choice.strength,
        micro_f1: all.f1().unwrap_or_default(),
        map: precisions.iter().sum::<f64>() / precisions.len().max(1) as f64,
        folds: each,
    })
}

/// Average precision of a chart's ranking; none for a chart without gold. Of equal logits the
/// earlier label ranks higher.
#[must_use]
pub fn average_precision(logits: &[f32], gold: &[u32], outside: u32) -> Option<f64> {
    let all = gold.len() + outside as usize;
    if all == 0 {
        return None;
    }
    let mut ranked: Vec<u32> = (0..logits.len() as u32).collect();
    ranked.sort_by(|&a, &b| {
        logits[b as usize].total_cmp(&logits[a as usize]).then_with(|| a.cmp(&b))
    });
    let places = ranked.iter().zip(1_u32..).filter(|(label, _)| gold.binary_search(label).is_ok());
    let sum: f64 =
        (1_u32..).zip(places).map(|(found, (_, place))| f64::from(found) / f64::from(place)).sum();
    Some(sum / all as f64)
}
