//! The threshold of a trained bundle, chosen on the scores that the engine gives.

use std::collections::HashSet;
use std::path::Path;

use chartcode::{Chart, Engine, Options};
use chartcode_eval::tune::{
    CalibrationFit, Folds, Objective, PerLabelOptions, TuningSet, cross_validate_thresholds,
    fit_threshold,
};
use chartcode_eval::{KnownCodes, Mapping, Targets};

use super::CodesFiles;
use super::data::Charts;
use super::judge::KEPT;
use super::labels::ChosenLabels;
use crate::error::Result;
use crate::run::{Event, OnEvent, tell};

/// Folds over charts, where there are so many.
const FOLDS: usize = 5;

/// A threshold and what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    pub(super) charts: usize,
    pub(super) codes: usize,
    pub(super) threshold: f64,
    pub(super) micro_f1: Option<f64>,
    /// On charts it was not chosen on; none from a single chart.
    pub(super) cross_validated: Option<f64>,
}

/// Chooses the threshold of the highest micro-F1 on the held-out charts.
pub(super) fn tune(
    bundle: &Path,
    dev: &Charts,
    labels: &ChosenLabels,
    files: &CodesFiles,
    on_event: OnEvent<'_>,
) -> Result<Tuning> {
    let engine = Engine::load(bundle, Options::new().threads(files.threads))?;
    let set = scores(&engine, dev, labels, files, on_event)?;
    let fit = fit_threshold(&set, &CalibrationFit::None, Objective::MicroF1)?;
    let folds = FOLDS.min(set.charts());
    let cross_validated = if folds < 2 {
        None
    } else {
        let folds = Folds::new(set.charts(), folds, 1)?;
        let (options, calibration) = (PerLabelOptions::default(), CalibrationFit::None);
        // A fold whose training part has no gold code among the scored labels has no threshold.
        cross_validate_thresholds(&set, &calibration, Objective::MicroF1, options, &folds)
            .ok()
            .and_then(|trial| trial.global.f1())
    };
    Ok(Tuning {
        charts: set.charts(),
        codes: set.gold() as usize,
        threshold: fit.cut.probability,
        micro_f1: fit.counts.f1(),
        cross_validated,
    })
}

fn scores(
    engine: &Engine,
    dev: &Charts,
    labels: &ChosenLabels,
    files: &CodesFiles,
    on_event: OnEvent<'_>,
) -> Result<TuningSet> {
    let systems = labels.set.systems().into_iter().collect();
    let mapping = Mapping::new(&dev.set, &labels.set, &systems, &KnownCodes::default());
    let count = dev.set.charts().len();
    tell(&mut *on_event, Event::Stage("choosing the threshold", Some(count)), 0)?;
    let mut set = TuningSet::new(KEPT);
    let mut seen = HashSet::new();
    // What cannot be read was counted when the charts were read for training.
    let charts = files
        .dev
        .open()?
        .filter_map(std::result::Result::ok)
        .filter(|chart| seen.insert(chart.id.clone()))
        .filter_map(|chart| Chart::new(chart.id, chart.text?).ok());
    for (chart, logits) in engine.logits_batch(charts) {
        tell(&mut *on_event, Event::Part, 0)?;
        let logits = match logits {
            // It was counted when the charts were read for training.
            Err(chartcode::Error::NoTokens { .. }) => continue,
            logits => logits?,
        };
        let Some(place) = dev.set.find(chart.id()) else {
            continue;
        };
        let Targets { labels, outside } = mapping.targets(&dev.set.charts()[place]);
        if !labels.is_empty() || !outside.is_empty() {
            set.add(&logits, &labels, outside.len() as u32)?;
        }
    }
    Ok(set)
}
