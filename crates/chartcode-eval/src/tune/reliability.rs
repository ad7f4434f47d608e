//! How far a calibration can be trusted on charts it was not fitted on.

use serde::Serialize;

use super::calibration::{CalibrationFit, CalibrationKind};
use super::fold::Folds;
use super::set::{Candidate, TuningSet};
use super::threshold::{Objective, fit_threshold};
use crate::error::Result;

/// Bins of the expected calibration error.
const BINS: usize = 15;
/// Probabilities are kept this far from 0 and 1 in the log loss.
const CLIP: f64 = 1e-15;

/// Errors of probabilities; the lower the better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationScores {
    /// Mean of −ln of the probability given to what is true, over all candidates.
    pub log_loss: f64,
    /// Mean squared difference of probability and truth, over all candidates.
    pub brier: f64,
    /// Expected calibration error over all candidates, 15 bins of equal width (Guo et al. 2017).
    pub ece: f64,
    /// The same over the candidates above the threshold of highest micro-F1 alone, which a coder
    /// sees; none where there is no such threshold.
    pub ece_suggested: Option<f64>,
}

/// Cross-validated scores of one kind of calibration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationTrial {
    /// The kind.
    pub kind: CalibrationKind,
    /// Its scores on charts it was not fitted on; none where it cannot be fitted.
    pub scores: Option<CalibrationScores>,
    /// Why it cannot.
    pub refused: Option<String>,
}

/// Scores every kind of calibration on each fold of the charts, fitted on the others.
///
/// # Errors
///
/// The folds are of another number of charts, or there is no candidate.
pub fn cross_validate_calibration(set: &TuningSet, folds: &Folds) -> Result<Vec<CalibrationTrial>> {
    folds.check(set.charts())?;
    let suggested_above =
        fit_threshold(set, &CalibrationFit::None, Objective::MicroF1).ok().map(|fit| fit.cut.logit);
    let trial = |kind| match trial(set, folds, kind, suggested_above) {
        Ok(scores) => CalibrationTrial { kind, scores, refused: None },
        Err(why) => CalibrationTrial { kind, scores: None, refused: Some(why.to_string()) },
    };
    Ok(CalibrationKind::ALL.into_iter().map(trial).collect())
}

/// The kind with the lowest cross-validated log loss; of equal ones the simplest.
#[must_use]
pub fn best_calibration(trials: &[CalibrationTrial]) -> CalibrationKind {
    let mut best: Option<(f64, CalibrationKind)> = None;
    for trial in trials {
        if let Some(scores) = trial.scores
            && best.is_none_or(|(loss, _)| scores.log_loss < loss)
        {
            best = Some((scores.log_loss, trial.kind));
        }
    }
    best.map_or(CalibrationKind::None, |(_, kind)| kind)
}

fn trial(
    set: &TuningSet,
    folds: &Folds,
    kind: CalibrationKind,
    suggested_above: Option<f32>,
) -> Result<Option<CalibrationScores>> {
    let (mut all, mut suggested) = (Tally::default(), Tally::default());
    for fold in 0..folds.count() {
        let inside = |chart: u32| folds.of(chart as usize) == fold;
        let (test, train): (Vec<&Candidate>, Vec<&Candidate>) =
            set.candidates().iter().partition(|c| inside(c.chart));
        let fit =
            CalibrationFit::fit_pairs(kind, train.iter().map(|c| (c.logit, c.gold)).collect())?;
        for candidate in test {
            let probability = fit.probability(candidate.logit);
            all.add(probability, candidate.gold);
            if suggested_above.is_some_and(|cut| candidate.logit > cut) {
                suggested.add(probability, candidate.gold);
            }
        }
    }
    Ok(all.ece().map(|ece| CalibrationScores {
        log_loss: all.log_loss / all.count,
        brier: all.brier / all.count,
        ece,
        ece_suggested: suggested.ece(),
    }))
}

/// Sums over pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: f64,
    log_loss: f64,
    brier: f64,
    /// Σ probability − Σ gold of each bin `(low, high]`, the first `[low, high]`.
    gaps: [f64; BINS],
}

impl Tally {
    fn add(&mut self, probability: f64, gold: bool) {
        let truth = f64::from(u8::from(gold));
        let given = if gold { probability } else { 1.0 - probability };
        self.count += 1.0;
        self.log_loss -= given.max(CLIP).ln();
        self.brier += (probability - truth).powi(2);
        // In range, since probabilities are.
        #[allow(clippy::cast_sign_loss, reason = "a probability is not negative")]
        let bin = ((probability * BINS as f64).ceil() as usize).saturating_sub(1).min(BINS - 1);
        self.gaps[bin] += probability - truth;
    }

    fn ece(&self) -> Option<f64> {
        let gap: f64 = self.gaps.iter().map(|gap| gap.abs()).sum();
        (self.count > 0.0).then(|| gap / self.count)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;

    use super::super::calibration::sigmoid;
    use super::*;

    /// Charts of 20 labels whose gold is drawn with the probability `truth(logit)`.
    fn drawn(charts: usize, truth: impl Fn(f64) -> f64) -> TuningSet {
        let mut rng = Pcg64::seed_from_u64(4);
        let mut set = TuningSet::new(50);
        for _ in 0..charts {
            let logits: Vec<f32> = (0..20).map(|_| rng.random::<f32>() * 12.0 - 8.0).collect();
            let gold: Vec<u32> = (0..20)
                .filter(|&l| rng.random::<f64>() < truth(f64::from(logits[l as usize])))
                .collect();
            set.add(&logits, &gold, 0).unwrap();
        }
        set
    }

    fn best(set: &TuningSet) -> CalibrationKind {
        let folds = Folds::new(set.charts(), 5, 0).unwrap();
        best_calibration(&cross_validate_calibration(set, &folds).unwrap())
    }

    #[test]
    fn the_kind_that_made_the_gold_wins() {
        assert_eq!(best(&drawn(800, |x| sigmoid(0.4 * x))), CalibrationKind::Temperature);
        assert_eq!(best(&drawn(800, |x| sigmoid(0.7 * x - 1.5))), CalibrationKind::Platt);
        let steps = |x: f64| {
            if x > 2.0 {
                0.9
            } else if x > -4.0 {
                0.4
            } else {
                0.02
            }
        };
        assert_eq!(best(&drawn(800, steps)), CalibrationKind::Isotonic);
    }

    #[test]
    fn a_good_calibration_lowers_every_error() {
        let set = drawn(400, |x| sigmoid(0.5 * x - 1.0));
        let folds = Folds::new(400, 5, 1).unwrap();
        let trials = cross_validate_calibration(&set, &folds).unwrap();
        let scores = |index: usize| trials[index].scores.unwrap();
        let (before, after) = (scores(0), scores(2));
        assert!(after.log_loss < before.log_loss - 0.02 && after.brier < before.brier - 0.005);
        assert!(after.ece < 0.02 && before.ece > 0.08);
        assert!(after.ece_suggested.unwrap() < before.ece_suggested.unwrap());
    }

    #[test]
    fn what_cannot_be_fitted_says_why_and_is_not_chosen() {
        let set = drawn(10, |_| 0.0);
        let folds = Folds::new(10, 2, 0).unwrap();
        let trials = cross_validate_calibration(&set, &folds).unwrap();
        assert!(trials[0].scores.unwrap().ece_suggested.is_none());
        assert!(trials[1].refused.as_ref().unwrap().contains("0 of 100 candidates are gold"));
        assert!(trials[2].scores.is_none() && trials[3].scores.is_some());
        assert_eq!(best_calibration(&[]), CalibrationKind::None);
        assert!(cross_validate_calibration(&set, &Folds::new(9, 2, 0).unwrap()).is_err());
    }

    #[test]
    fn certain_and_wrong_is_not_infinitely_bad() {
        let mut tally = Tally::default();
        tally.add(1.0, false);
        assert!((tally.log_loss - 34.538_776_394_910_68).abs() < 1e-9);
        assert_eq!(tally.ece(), Some(1.0));
    }
}
