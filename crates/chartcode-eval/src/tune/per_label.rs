//! Thresholds of their own for frequent labels.

use serde::{Deserialize, Serialize};

use super::calibration::CalibrationFit;
use super::fold::Folds;
use super::ranking::{Counts, Cut, Ranking};
use super::set::{Candidate, TuningSet};
use super::threshold::{Objective, best_f1, fit_threshold};
use crate::error::{Error, Result};

/// Which labels get a threshold of their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerLabelOptions {
    /// Labels that are gold in fewer charts keep the global threshold.
    pub min_positives: usize,
    /// How far a label's threshold is drawn to the global one, in logits: with n gold charts it
    /// lies at (n · own + shrinkage · global) / (n + shrinkage). 0 leaves it where it is.
    pub shrinkage: f64,
}

impl Default for PerLabelOptions {
    fn default() -> Self {
        Self { min_positives: 10, shrinkage: 10.0 }
    }
}

/// A label's own threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelCut {
    /// The label's column.
    pub label: u32,
    /// The label is suggested above it.
    pub cut: Cut,
    /// Charts it is gold in.
    pub positives: usize,
}

/// A threshold for each label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelThresholds {
    /// That of all labels without one of their own.
    pub global: Cut,
    /// The others, by label.
    pub own: Vec<LabelCut>,
}

impl LabelThresholds {
    /// The threshold of a label.
    #[must_use]
    pub fn of(&self, label: u32) -> Cut {
        let own = self.own.binary_search_by_key(&label, |own| own.label);
        own.map_or(self.global, |index| self.own[index].cut)
    }

    /// Whether a candidate is suggested.
    #[must_use]
    pub fn suggests(&self, candidate: &Candidate, calibration: &CalibrationFit) -> bool {
        calibration.probability(candidate.logit) > self.of(candidate.label).probability
    }
}

/// Fits thresholds that give each frequent label its highest F1.
///
/// They overfit where gold is scarce: [`cross_validate_thresholds`] tells whether they help.
///
/// # Errors
///
/// The shrinkage is not a number from 0 up.
pub fn fit_label_thresholds(
    set: &TuningSet,
    calibration: &CalibrationFit,
    global: Cut,
    options: PerLabelOptions,
) -> Result<LabelThresholds> {
    if !(options.shrinkage >= 0.0 && options.shrinkage.is_finite()) {
        return Err(Error::Request(format!(
            "label thresholds: shrinkage {} must be a finite number from 0 up",
            options.shrinkage
        )));
    }
    let mut candidates: Vec<&Candidate> = set.candidates().iter().collect();
    candidates.sort_by_key(|candidate| candidate.label);
    let mut dropped: Vec<u32> = set.dropped_gold().iter().map(|&(_, label)| label).collect();
    dropped.sort_unstable();
    let floor = (set.floor(), calibration);
    let mut own = Vec::new();
    for group in candidates.chunk_by(|a, b| a.label == b.label) {
        let label = group[0].label;
        let lost =
            dropped.partition_point(|&l| l <= label) - dropped.partition_point(|&l| l < label);
        let positives = lost + group.iter().filter(|candidate| candidate.gold).count();
        if positives < options.min_positives.max(1) {
            continue;
        }
        let ranking = Ranking::new(group.iter().copied(), positives as u64, lost as u64, floor);
        if let Some(fit) = best_f1(&ranking).filter(|fit| fit.counts.right > 0) {
            let cut = shrink(fit.cut, global, (positives as f64, options.shrinkage), calibration);
            own.push(LabelCut { label, cut, positives });
        }
    }
    Ok(LabelThresholds { global, own })
}

fn shrink(
    own: Cut,
    global: Cut,
    (positives, shrinkage): (f64, f64),
    calibration: &CalibrationFit,
) -> Cut {
    if shrinkage == 0.0 {
        return own;
    }
    let sum = positives * f64::from(own.logit) + shrinkage * f64::from(global.logit);
    let logit = (sum / (positives + shrinkage)) as f32;
    Cut { probability: calibration.probability(logit), logit }
}

/// What thresholds do on charts they were not fitted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ThresholdTrial {
    /// Folds.
    pub folds: usize,
    /// With one threshold.
    pub global: Counts,
    /// With thresholds of their own for frequent labels.
    pub per_label: Counts,
}

impl ThresholdTrial {
    /// Whether thresholds of their own have the higher micro-F1.
    #[must_use]
    pub fn per_label_is_better(&self) -> bool {
        self.per_label.beats(self.global)
    }
}

/// Fits both kinds of thresholds on all folds but one and counts on that one, in turn.
///
/// # Errors
///
/// The folds are of another number of charts, or a threshold cannot be fitted without one of them.
pub fn cross_validate_thresholds(
    set: &TuningSet,
    calibration: &CalibrationFit,
    objective: Objective,
    options: PerLabelOptions,
    folds: &Folds,
) -> Result<ThresholdTrial> {
    folds.check(set.charts())?;
    let none = Counts::default();
    let mut trial = ThresholdTrial { folds: folds.count(), global: none, per_label: none };
    for fold in 0..folds.count() {
        let train = set.subset(|chart| folds.of(chart) != fold);
        let test = set.subset(|chart| folds.of(chart) == fold);
        let global = fit_threshold(&train, calibration, objective)?.cut;
        let labels = fit_label_thresholds(&train, calibration, global, options)?;
        let above =
            |candidate: &Candidate| calibration.probability(candidate.logit) > global.probability;
        trial.global = trial.global.plus(count_suggestions(&test, above));
        trial.per_label = trial
            .per_label
            .plus(count_suggestions(&test, |candidate| labels.suggests(candidate, calibration)));
    }
    Ok(trial)
}

/// Counts over a set's candidates, of which some are suggested, e.g. by the threshold in force
/// before.
#[must_use]
pub fn count_suggestions(set: &TuningSet, suggests: impl Fn(&Candidate) -> bool) -> Counts {
    let mut counts = Counts { gold: set.gold(), ..Counts::default() };
    for candidate in set.candidates().iter().filter(|candidate| suggests(candidate)) {
        counts.suggested += 1;
        counts.right += u64::from(candidate.gold);
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand_pcg::Pcg64;

    use super::super::calibration::sigmoid;
    use super::*;

    const PLAIN: PerLabelOptions = PerLabelOptions { min_positives: 1, shrinkage: 0.0 };

    fn global(logit: f32) -> Cut {
        Cut { probability: sigmoid(f64::from(logit)), logit }
    }

    proptest! {
        #[test]
        fn a_label_of_its_own_has_its_highest_f1(
            charts in proptest::collection::vec(
                proptest::collection::vec((-6_i8..6, any::<bool>()), 3), 1..12),
        ) {
            let mut set = TuningSet::new(9);
            for chart in &charts {
                let logits: Vec<f32> = chart.iter().map(|&(x, _)| f32::from(x)).collect();
                let gold: Vec<u32> = (0..3).filter(|&l| chart[l as usize].1).collect();
                set.add(&logits, &gold, 0).unwrap();
            }
            let fit = fit_label_thresholds(&set, &CalibrationFit::None, global(0.0), PLAIN).unwrap();
            for label in 0..3 {
                let f1 = |above: &dyn Fn(f32) -> bool| {
                    let column = charts.iter().map(|chart| chart[label]);
                    let (mut right, mut either) = (0.0, 0.0);
                    for (x, gold) in column {
                        let taken = above(f32::from(x));
                        right += f64::from(u8::from(taken && gold));
                        either += f64::from(u8::from(taken) + u8::from(gold));
                    }
                    if either > 0.0 { 2.0 * right / either } else { 0.0 }
                };
                let cut = fit.of(label as u32);
                let ours = f1(&|x| sigmoid(f64::from(x)) > cut.probability);
                let best = (-14..14).map(|t| f1(&|x| x > f32::from(t as i8) / 2.0)).fold(0.0, f64::max);
                prop_assert!(ours == best || best == 0.0, "{} {}", ours, best);
            }
        }
    }

    /// Charts of labels whose gold is drawn with probability σ(slope · (logit − offset(label))).
    fn drawn(charts: usize, labels: u32, offset: impl Fn(u32) -> f64, seed: u64) -> TuningSet {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut set = TuningSet::new(500);
        for _ in 0..charts {
            let logits: Vec<f32> = (0..labels).map(|_| rng.random::<f32>() * 8.0 - 6.0).collect();
            let gold: Vec<u32> = (0..labels)
                .filter(|&l| {
                    rng.random::<f64>() < sigmoid(2.0 * (f64::from(logits[l as usize]) - offset(l)))
                })
                .collect();
            set.add(&logits, &gold, 1).unwrap();
        }
        set
    }

    fn trial(set: &TuningSet, options: PerLabelOptions) -> ThresholdTrial {
        let folds = Folds::new(set.charts(), 5, 3).unwrap();
        cross_validate_thresholds(set, &CalibrationFit::None, Objective::MicroF1, options, &folds)
            .unwrap()
    }

    #[test]
    fn cross_validation_tells_a_need_from_noise() {
        let different = drawn(300, 12, |label| f64::from(label % 4) - 2.0, 1);
        assert!(trial(&different, PerLabelOptions::default()).per_label_is_better());
        let alike = drawn(80, 100, |_| 0.0, 2);
        assert!(!trial(&alike, PLAIN).per_label_is_better());
        let f1 = |options| trial(&alike, options).per_label.f1().unwrap();
        assert!(f1(PerLabelOptions { shrinkage: 10.0, ..PLAIN }) > f1(PLAIN));
    }

    #[test]
    fn cross_validation_counts_every_code_once() {
        let set = drawn(40, 8, |_| 0.0, 5);
        let trial = trial(&set, PLAIN);
        assert_eq!((trial.global.gold, trial.per_label.gold), (set.gold(), set.gold()));
        let whole = fit_threshold(&set, &CalibrationFit::None, Objective::MicroF1).unwrap();
        assert!(trial.global.f1() <= whole.counts.f1());
    }

    #[test]
    fn scarce_labels_keep_the_global_threshold() {
        let mut set = TuningSet::new(9);
        for chart in 0..12_i8 {
            let gold: &[u32] = if chart < 11 { &[0] } else { &[1] };
            set.add(&[f32::from(chart), 3.0], gold, 0).unwrap();
        }
        let options = PerLabelOptions { min_positives: 10, shrinkage: 11.0 };
        let fit = fit_label_thresholds(&set, &CalibrationFit::None, global(5.0), options).unwrap();
        assert_eq!(fit.own.len(), 1);
        assert_eq!((fit.own[0].label, fit.own[0].positives), (0, 11));
        assert_eq!(fit.of(1), global(5.0));
        // Its own threshold is −0.5, below all logits; 11 gold charts leave it half the way to 5.
        assert_eq!(fit.of(0), global(2.25));
        let refused = PerLabelOptions { shrinkage: f64::NAN, ..options };
        assert!(fit_label_thresholds(&set, &CalibrationFit::None, global(5.0), refused).is_err());
    }
}
