//! Calibration and thresholds of a fitted head, from logits of charts it was not fitted on.

use chartcode_eval::tune::{
    CalibrationFit, Folds, LabelThresholds, Objective, PerLabelOptions, RiskOptions,
    ThresholdSummary, TuningSet, TuningSummary, best_calibration, cross_validate_calibration,
    cross_validate_thresholds, fit_accept, fit_label_thresholds, fit_threshold,
};

use super::error::Result;

/// Calibration, thresholds and how well they do.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// What was fitted, with cross-validated figures.
    pub summary: TuningSummary,
    /// The thresholds; of labels too where cross-validation says that it pays.
    pub thresholds: LabelThresholds,
}

pub(super) fn tune(set: &TuningSet, folds: &Folds, seed: u64) -> Result<Tuning> {
    let trials = cross_validate_calibration(set, folds)?;
    let calibration = CalibrationFit::fit(best_calibration(&trials), set)?;
    let objective = Objective::MicroF1;
    let global = fit_threshold(set, &calibration, objective)?;
    let options = PerLabelOptions::default();
    let trial = cross_validate_thresholds(set, &calibration, objective, options, folds)?;
    let thresholds = if trial.per_label_is_better() {
        fit_label_thresholds(set, &calibration, global.cut, options)?
    } else {
        LabelThresholds { global: global.cut, own: Vec::new() }
    };
    let mut threshold = ThresholdSummary::new(objective, global, None, Some(trial));
    threshold.own = (!thresholds.own.is_empty()).then_some(thresholds.own.len());
    let risk = RiskOptions { seed, ..RiskOptions::default() };
    let suggests = |candidate: &_| thresholds.suggests(candidate, &calibration);
    let accept = fit_accept(set, &calibration, suggests, risk)?;
    let mut summary = TuningSummary::new(set, calibration, trials);
    summary.threshold = Some(threshold);
    Ok(Tuning { summary: summary.with_accept(accept), thresholds })
}
