//! Fits a linear head on labelled charts, on top of a frozen encoder: the way a site adapts
//! chartcode to its own codes, in minutes.
//!
//! Each label is an L2-regularised logistic regression ([`logistic`]) on word runs, scaled by
//! their log-count ratio (NB-SVM, Wang and Manning 2012), and on the mean of the windows' vectors;
//! or all are one such regression over the sets of labels that charts have ([`Form::Together`]).
//! Inputs, form and strength are chosen by cross-validation; calibration and thresholds are fitted on
//! the logits that each chart has from models which have not seen it.
//!
//! Everything is a function of charts, settings and seed: the number of threads does not matter.

mod cache;
mod cross;
mod error;
mod features;
mod form;
mod inputs;
mod joint;
mod label;
mod lbfgs;
pub mod logistic;
mod model;
mod tuning;

use std::collections::BTreeSet;

use chartcode_eval::tune::Folds;

pub use cache::VectorCache;
pub use cross::{CrossValidation, Trial, average_precision};
pub use error::{FitError, Result};
pub use features::ChartFeatures;
pub use form::Form;
pub use inputs::Inputs;
pub use model::LinearModel;
pub use tuning::Tuning;

/// A chart to learn from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// What is read in it.
    pub features: ChartFeatures,
    /// Its labels, rising.
    pub gold: Vec<u32>,
    /// Its codes that are no labels; they count as missed.
    pub outside: u32,
}

/// A setting of a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// What it weighs.
    pub inputs: Inputs,
    /// Whether its labels are fitted together.
    pub form: Form,
    /// One over the strength of the regularisation, scikit-learn's C.
    pub strength: f64,
}

/// How a head is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// Inputs to try; of equal ones the first is taken.
    pub inputs: Vec<Inputs>,
    /// Forms to try, see [`Form::suited`].
    pub forms: Vec<Form>,
    /// Strengths to try, rising.
    pub strengths: Vec<f64>,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Seed of the folds.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            inputs: vec![Inputs::Text, Inputs::Both],
            forms: vec![Form::Alone],
            strengths: vec![0.03, 0.1, 0.3, 1.0, 3.0],
            folds: 10,
            seed: 1,
        }
    }
}

/// What a fit reports while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FitEvent {
    /// A label was fitted in one fold, with all strengths of one form and inputs.
    LabelFitted,
    /// Inputs and strength are chosen; the head is fitted on all charts.
    Chosen,
}

/// A fitted head and what is known of it.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The head.
    pub model: LinearModel,
    /// How it was chosen.
    pub cross_validation: CrossValidation,
    /// Its calibration and thresholds.
    pub tuning: Tuning,
}

/// Fits a head on charts whose labels are numbered from 0 to `labels`.
///
/// # Errors
/// [`FitError::TooFewCharts`], [`FitError::OneClass`], [`FitError::Setting`],
/// [`FitError::Tuning`].
pub fn fit(
    examples: &[Example],
    labels: usize,
    options: &FitOptions,
    on_event: &(dyn Fn(FitEvent) + Sync),
) -> Result<Fit> {
    check(examples, labels, options)?;
    let folds = Folds::new(examples.len(), options.folds, options.seed)?;
    let cross_validation = cross::cross_validate(examples, labels, options, &folds, on_event)?;
    on_event(FitEvent::Chosen);
    let model = LinearModel::fit(examples, labels, cross_validation.choice);
    let tuning = tuning::tune(&cross_validation.set, &folds, options.seed)?;
    Ok(Fit { model, cross_validation, tuning })
}

fn check(examples: &[Example], labels: usize, options: &FitOptions) -> Result<()> {
    let (charts, folds) = (examples.len(), options.folds);
    if charts < 2 * folds {
        return Err(FitError::TooFewCharts { charts, folds });
    }
    if labels == 0 {
        return Err(FitError::NoLabels { codes: 0, least: 1 });
    }
    let distinct: BTreeSet<&[u32]> = examples.iter().map(|chart| chart.gold.as_slice()).collect();
    if distinct.len() < 2 {
        return Err(FitError::OneClass { charts });
    }
    let is_strength = |strength: &f64| *strength > 0.0 && strength.is_finite();
    if options.strengths.is_empty() || !options.strengths.iter().all(is_strength) {
        return Err(FitError::Setting { setting: "the strengths", range: "above 0" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
