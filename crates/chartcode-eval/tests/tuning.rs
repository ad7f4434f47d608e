//! Thresholds, calibration and error bounds against scikit-learn and scipy; the goldens are made
//! by `scripts/evaluation/make_tuning.py`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use chartcode_eval::tune::{
    CalibrationFit, CalibrationKind, ErrorBound, Folds, Objective, TuningSet,
    clopper_pearson_upper, cross_validate_calibration, fit_threshold,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    sets: Vec<Charts>,
    clopper_pearson: Vec<Pearson>,
    clustered: Vec<Clustered>,
}

#[derive(Deserialize)]
struct Charts {
    logits: Vec<Vec<f32>>,
    gold: Vec<Vec<u32>>,
    temperature: f64,
    platt: [f64; 2],
    isotonic: Points,
    threshold: Threshold,
    log_loss: f64,
    brier: f64,
    ece: f64,
}

#[derive(Deserialize)]
struct Points {
    logits: Vec<f64>,
    probabilities: Vec<f64>,
}

#[derive(Deserialize)]
struct Threshold {
    f1: f64,
    cut: f64,
    grid_f1: f64,
    grid_cut: f64,
    precision: f64,
    precision_cut: f64,
}

#[derive(Deserialize)]
struct Pearson {
    errors: f64,
    size: f64,
    confidence: f64,
    upper: f64,
}

#[derive(Deserialize)]
struct Clustered {
    codes: Vec<u32>,
    errors: Vec<u32>,
    confidence: f64,
    effective: f64,
    upper: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/tuning.json")).unwrap()
}

fn sets() -> Vec<(Charts, TuningSet)> {
    let build = |charts: Charts| {
        let mut set = TuningSet::new(300);
        for (logits, gold) in charts.logits.iter().zip(&charts.gold) {
            set.add(logits, gold, 0).unwrap();
        }
        (charts, set)
    };
    golden().sets.into_iter().map(build).collect()
}

fn near(ours: f64, theirs: f64, bound: f64) {
    assert!((ours - theirs).abs() <= bound, "{ours} is not {theirs}");
}

#[test]
fn sigmoids_are_those_of_scikit_learn_and_scipy() {
    for (golden, set) in sets() {
        let fit = |kind| CalibrationFit::fit(kind, &set).unwrap();
        let CalibrationFit::Temperature { scale } = fit(CalibrationKind::Temperature) else {
            panic!()
        };
        near(scale, golden.temperature, 1e-8);
        let CalibrationFit::Platt { scale, shift } = fit(CalibrationKind::Platt) else { panic!() };
        near(scale, golden.platt[0], 1e-6);
        near(shift, golden.platt[1], 1e-6);
    }
}

#[test]
fn isotonic_blocks_are_those_of_scikit_learn() {
    for (golden, set) in sets() {
        let fit = CalibrationFit::fit(CalibrationKind::Isotonic, &set).unwrap();
        let CalibrationFit::Isotonic { logits, probabilities } = fit else { panic!() };
        assert_eq!(logits.len(), golden.isotonic.logits.len());
        for (ours, theirs) in logits.iter().zip(&golden.isotonic.logits) {
            near(f64::from(*ours), *theirs, 1e-5);
        }
        for (ours, theirs) in probabilities.iter().zip(&golden.isotonic.probabilities) {
            near(*ours, *theirs, 1e-9);
        }
    }
}

#[test]
fn thresholds_are_those_of_scikit_learn() {
    for (golden, set) in sets() {
        let theirs = golden.threshold;
        let fit = |objective| fit_threshold(&set, &CalibrationFit::None, objective).unwrap();
        let exact = fit(Objective::MicroF1);
        near(exact.counts.f1().unwrap(), theirs.f1, 1e-12);
        near(exact.cut.probability, theirs.cut, 1e-12);
        let grid = fit(Objective::Grid);
        near(grid.counts.f1().unwrap(), theirs.grid_f1, 1e-12);
        near(grid.cut.probability, theirs.grid_cut, 1e-12);
        let precise = fit(Objective::Precision(theirs.precision));
        near(precise.cut.probability, theirs.precision_cut, 1e-12);
    }
}

#[test]
fn scores_of_uncalibrated_probabilities_are_those_of_scikit_learn() {
    for (golden, set) in sets() {
        let folds = Folds::new(set.charts(), 3, 0).unwrap();
        let trials = cross_validate_calibration(&set, &folds).unwrap();
        let scores = trials[0].scores.unwrap();
        near(scores.log_loss, golden.log_loss, 1e-12);
        near(scores.brier, golden.brier, 1e-12);
        near(scores.ece, golden.ece, 1e-12);
    }
}

#[test]
fn error_bounds_are_those_of_scipy() {
    for golden in golden().clopper_pearson {
        let ours = clopper_pearson_upper(golden.errors, golden.size, golden.confidence);
        near(ours, golden.upper, 1e-9);
    }
    for golden in golden().clustered {
        let charts: Vec<(u32, u32)> =
            golden.codes.iter().copied().zip(golden.errors.iter().copied()).collect();
        let ours = ErrorBound::new(&charts, golden.confidence);
        near(ours.effective, golden.effective, 1e-6 * golden.effective);
        near(ours.upper, golden.upper, 1e-8);
    }
}
