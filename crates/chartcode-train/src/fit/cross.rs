//! Cross-validation: which inputs and which strength do best on charts not fitted on.

use chartcode_eval::tune::{
    CalibrationFit, Counts, Folds, Objective, TuningSet, count_suggestions, fit_threshold,
};
use rayon::prelude::*;
use serde::Serialize;

use super::error::Result;
use super::form::Form;
use super::inputs::Inputs;
use super::joint;
use super::label::Training;
use super::{Choice, Example, FitEvent, FitOptions};

/// Labels kept of each chart: no threshold worth having suggests more.
const KEPT: usize = 400;

/// One setting and what it did.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// What was weighed.
    pub inputs: Inputs,
    /// Whether labels were fitted together.
    pub form: Form,
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
    let forms = |&inputs: &Inputs| options.forms.iter().map(move |&form| (inputs, form));
    for (inputs, form) in options.inputs.iter().flat_map(forms) {
        let held_out = HeldOut { examples, labels, inputs, strengths: &options.strengths, folds };
        let logits = match form {
            Form::Alone => held_out.alone(on_event),
            Form::Together => held_out.together(on_event),
        };
        for (&strength, logits) in options.strengths.iter().zip(&logits) {
            let set = tuning_set(examples, logits)?;
            let trial = judge(examples, logits, &set, folds, Choice { inputs, form, strength })?;
            let is_better =
                best.as_ref().is_none_or(|best| trial.micro_f1 > f1_of(&trials, best.chosen));
            if is_better {
                let (choice, chosen) = (Choice { inputs, form, strength }, trials.len());
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

/// Charts that are scored by models which were not fitted on them.
struct HeldOut<'o> {
    examples: &'o [Example],
    labels: usize,
    inputs: Inputs,
    strengths: &'o [f64],
    folds: &'o Folds,
}

/// A chart held out, and its features that the others have.
type TestChart = (usize, Vec<u32>);

impl<'o> HeldOut<'o> {
    /// The charts outside a fold, and those in it.
    fn split(&self, fold: usize) -> (Training<'o>, Vec<TestChart>) {
        let charts = || 0..self.examples.len();
        let is_test = |&chart: &usize| self.folds.of(chart) == fold;
        let train = charts().filter(|chart| !is_test(chart)).map(|chart| &self.examples[chart]);
        let training = Training::new(train.collect(), self.inputs);
        let row = |chart: usize| (chart, training.row(&self.examples[chart].features.text));
        let test = charts().filter(is_test).map(row).collect();
        (training, test)
    }

    fn vector(&self, chart: usize) -> &'o [f32] {
        &self.examples[chart].features.vector
    }

    fn nothing(&self) -> OutOfFold {
        vec![vec![vec![0.0; self.labels]; self.examples.len()]; self.strengths.len()]
    }

    /// Label by label, labels in parallel.
    fn alone(&self, on_event: &(dyn Fn(FitEvent) + Sync)) -> OutOfFold {
        let mut logits = self.nothing();
        for fold in 0..self.folds.count() {
            let (training, test) = self.split(fold);
            // [labels][strengths][charts of the fold]
            let columns: Vec<Vec<Vec<f32>>> = (0..self.labels as u32)
                .into_par_iter()
                .map(|label| {
                    let models = training.fit(label, self.strengths);
                    on_event(FitEvent::LabelFitted);
                    let logit = |(chart, row): &TestChart, number: usize| {
                        models[number].logit(row, self.vector(*chart)) as f32
                    };
                    (0..self.strengths.len())
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

    /// All labels at once, folds in parallel.
    fn together(&self, on_event: &(dyn Fn(FitEvent) + Sync)) -> OutOfFold {
        let fold = |fold: usize| {
            let (training, test) = self.split(fold);
            let models = joint::fit(&training, self.labels, self.strengths);
            (0..self.labels).for_each(|_| on_event(FitEvent::LabelFitted));
            let rows = test.into_iter().map(|(chart, row)| {
                let vector = self.vector(chart);
                let of = |model: &joint::JointModel| model.logits(&row, vector);
                (chart, models.iter().map(of).collect::<Vec<_>>())
            });
            rows.collect::<Vec<_>>()
        };
        let folds: Vec<_> = (0..self.folds.count()).into_par_iter().map(fold).collect();
        let mut logits = self.nothing();
        for (chart, rows) in folds.into_iter().flatten() {
            for (number, row) in rows.into_iter().enumerate() {
                logits[number][chart] = row;
            }
        }
        logits
    }
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
        form: choice.form,
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
