//! What a tuning found, as it is printed.

use serde::Serialize;

use super::accept::AcceptRule;
use super::calibration::CalibrationFit;
use super::per_label::ThresholdTrial;
use super::ranking::{Counts, Cut};
use super::refusal::Refusal;
use super::reliability::CalibrationTrial;
use super::set::TuningSet;
use super::threshold::{Objective, ThresholdFit};

/// Counts with the ratios made of them; JSON `null` where one is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CountsSummary {
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Share of the suggested that is gold.
    pub precision: Option<f64>,
    /// Share of the gold that was suggested.
    pub recall: Option<f64>,
    /// Their harmonic mean: micro-F1.
    pub f1: Option<f64>,
}

impl From<Counts> for CountsSummary {
    fn from(counts: Counts) -> Self {
        let (precision, recall, f1) = (counts.precision(), counts.recall(), counts.f1());
        Self { counts, precision, recall, f1 }
    }
}

/// What was fitted of thresholds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThresholdSummary {
    /// What the threshold was to achieve.
    pub objective: Objective,
    /// The threshold of all labels without one of their own.
    pub cut: Cut,
    /// Labels with a threshold of their own that are in force; none where there is one for all.
    pub own: Option<usize>,
    /// On the charts it was fitted on: flattering.
    pub fitted: CountsSummary,
    /// The threshold in force before, on the same charts; none where there was none.
    pub before: Option<CountsSummary>,
    /// One threshold, on charts it was not fitted on; none without cross-validation.
    pub cross_validated: Option<CountsSummary>,
    /// Thresholds of their own for frequent labels, likewise.
    pub cross_validated_per_label: Option<CountsSummary>,
    /// A still lower threshold could not be judged by the labels kept.
    pub at_floor: bool,
}

impl ThresholdSummary {
    /// The summary of a fit.
    #[must_use]
    pub fn new(
        objective: Objective,
        fit: ThresholdFit,
        before: Option<Counts>,
        trial: Option<ThresholdTrial>,
    ) -> Self {
        Self {
            objective,
            cut: fit.cut,
            own: None,
            fitted: fit.counts.into(),
            before: before.map(Into::into),
            cross_validated: trial.map(|trial| trial.global.into()),
            cross_validated_per_label: trial.map(|trial| trial.per_label.into()),
            at_floor: fit.at_floor,
        }
    }
}

/// Everything that was fitted, and how well it does on charts it was not fitted on.
#[derive(Clone, Debug, Serialize)]
pub struct TuningSummary {
    /// Charts.
    pub charts: usize,
    /// Pairs of chart and label it was fitted on.
    pub candidates: usize,
    /// Gold codes, those outside the labels included.
    pub gold: u64,
    /// Gold codes that are no candidates: no labels, not listed, or ranked too low.
    pub missing_gold: u64,
    /// The calibration fitted.
    pub calibration: CalibrationFit,
    /// What cross-validation says of each kind of calibration; empty where it was not run.
    pub calibration_trials: Vec<CalibrationTrial>,
    /// The thresholds; none where none was fitted.
    pub threshold: Option<ThresholdSummary>,
    /// The rule for acceptance; none where it was refused or not asked for.
    pub accept: Option<AcceptRule>,
    /// Why there is no such rule.
    pub refusal: Option<Refusal>,
    /// The refusal in words.
    pub refusal_text: Option<String>,
}

impl TuningSummary {
    /// The summary of a set and its calibration; the rest is for the caller to add.
    #[must_use]
    pub fn new(
        set: &TuningSet,
        calibration: CalibrationFit,
        trials: Vec<CalibrationTrial>,
    ) -> Self {
        let found = set.candidates().iter().filter(|candidate| candidate.gold).count() as u64;
        Self {
            charts: set.charts(),
            candidates: set.candidates().len(),
            gold: set.gold(),
            missing_gold: set.gold() - found,
            calibration,
            calibration_trials: trials,
            threshold: None,
            accept: None,
            refusal: None,
            refusal_text: None,
        }
    }

    /// Adds what acceptance came to.
    #[must_use]
    pub fn with_accept(mut self, outcome: Result<AcceptRule, Refusal>) -> Self {
        match outcome {
            Ok(rule) => self.accept = Some(rule),
            Err(refusal) => {
                self.refusal_text = Some(refusal.to_string());
                self.refusal = Some(refusal);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibration::CalibrationKind;
    use super::super::risk::{RiskOptions, fit_accept};
    use super::super::threshold::fit_threshold;
    use super::*;

    #[test]
    fn the_summary_in_json_has_null_for_what_there_is_not() {
        let mut set = TuningSet::new(2);
        set.add(&[2.0, -1.0, -3.0], &[0, 2], 1).unwrap();
        set.add(&[1.0, 3.0, -4.0], &[], 0).unwrap();
        let calibration = CalibrationFit::None;
        let fit = fit_threshold(&set, &calibration, Objective::MicroF1).unwrap();
        let outcome = fit_accept(&set, &calibration, |_| true, RiskOptions::default()).unwrap();
        let trial = CalibrationTrial {
            kind: CalibrationKind::Platt,
            scores: None,
            refused: Some("few".to_owned()),
        };
        let mut summary = TuningSummary::new(&set, calibration, vec![trial]).with_accept(outcome);
        summary.threshold =
            Some(ThresholdSummary::new(Objective::MicroF1, fit, Some(Counts::default()), None));
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!((&json["gold"], &json["missing_gold"]), (&3.into(), &2.into()));
        assert_eq!(json["calibration"]["kind"], "none");
        assert_eq!(json["calibration_trials"][0]["scores"], serde_json::Value::Null);
        let threshold = &json["threshold"];
        assert_eq!(threshold["objective"], "micro_f1");
        assert_eq!(threshold["fitted"]["suggested"], 2);
        assert_eq!(threshold["fitted"]["f1"], 0.4);
        assert!(threshold["before"]["f1"].is_null() && threshold["cross_validated"].is_null());
        assert!(json["accept"].is_null());
        assert_eq!(json["refusal"]["reason"], "too_few_charts");
        assert!(json["refusal_text"].as_str().unwrap().contains("at least 59 charts"));
    }
}
