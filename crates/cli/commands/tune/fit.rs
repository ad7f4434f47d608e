//! Fits what was asked for, in the order in which it is used.

use chartcode::Calibration;
use chartcode_eval::tune::{
    CalibrationFit, CalibrationKind, Counts, Folds, LabelThresholds, Objective, PerLabelOptions,
    RiskOptions, ThresholdSummary, TuningSummary, best_calibration, cross_validate_calibration,
    cross_validate_thresholds, fit_accept, fit_label_thresholds, fit_threshold,
};

use super::collect::Collected;
use crate::eval_args::{CalibrationArg, Objective as ObjectiveArg, TuneArgs};

/// What was fitted.
pub(super) struct Fitted {
    pub(super) summary: TuningSummary,
    pub(super) thresholds: LabelThresholds,
}

pub(super) fn fit(args: &TuneArgs, from: &Collected, folds: &Folds) -> anyhow::Result<Fitted> {
    let set = &from.set;
    let trials = cross_validate_calibration(set, folds)?;
    let kind = match args.calibration {
        CalibrationArg::Auto => Some(best_calibration(&trials)),
        CalibrationArg::Keep => None,
        CalibrationArg::None => Some(CalibrationKind::None),
        CalibrationArg::Temperature => Some(CalibrationKind::Temperature),
        CalibrationArg::Platt => Some(CalibrationKind::Platt),
        CalibrationArg::Isotonic => Some(CalibrationKind::Isotonic),
    };
    let calibration = match kind {
        Some(kind) => CalibrationFit::fit(kind, set)?,
        None => kept(&from.engine.manifest().calibration)?,
    };
    let objective = match (args.at_precision, args.objective) {
        (Some(precision), _) => Objective::Precision(precision),
        (None, ObjectiveArg::MicroF1) => Objective::MicroF1,
        (None, ObjectiveArg::Grid) => Objective::Grid,
    };
    let global = fit_threshold(set, &calibration, objective)?;
    let options = args.per_label.map_or_else(PerLabelOptions::default, |min_positives| {
        PerLabelOptions { min_positives: min_positives as usize, ..PerLabelOptions::default() }
    });
    let trial = cross_validate_thresholds(set, &calibration, objective, options, folds)?;
    let thresholds = if args.per_label.is_some() && trial.per_label_is_better() {
        fit_label_thresholds(set, &calibration, global.cut, options)?
    } else {
        LabelThresholds { global: global.cut, own: Vec::new() }
    };
    let mut threshold = ThresholdSummary::new(objective, global, Some(before(from)), Some(trial));
    threshold.own = (!thresholds.own.is_empty()).then_some(thresholds.own.len());
    let risk = RiskOptions {
        alpha: args.accept_error,
        confidence: args.confidence,
        seed: args.seed,
        ..RiskOptions::default()
    };
    let suggests = |candidate: &_| thresholds.suggests(candidate, &calibration);
    let accept = fit_accept(set, &calibration, suggests, risk)?;
    let mut summary = TuningSummary::new(set, calibration, trials);
    summary.threshold = Some(threshold);
    Ok(Fitted { summary: summary.with_accept(accept), thresholds })
}

/// What the bundle as it is does on the same charts.
fn before(from: &Collected) -> Counts {
    let mut counts = Counts { gold: from.set.gold(), ..Counts::default() };
    for candidate in from.set.candidates() {
        if from.suggests(candidate.label, candidate.logit) {
            counts.suggested += 1;
            counts.right += u64::from(candidate.gold);
        }
    }
    counts
}

/// The bundle's own calibration.
fn kept(calibration: &Calibration) -> anyhow::Result<CalibrationFit> {
    // Both sides have the same JSON form.
    Ok(serde_json::from_value(serde_json::to_value(calibration)?)?)
}
