//! One threshold for all labels.

use serde::{Deserialize, Serialize};

use super::calibration::CalibrationFit;
use super::ranking::{Counts, Cut, Ranking};
use super::set::TuningSet;
use crate::error::{Error, Result};

/// Steps of the published grid: `linspace(0, 1, 100)`.
const GRID: u32 = 100;

/// What a threshold is to achieve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The highest micro-F1 any threshold gives (Yuan et al. 2022, MSMN); of equal ones the
    /// highest threshold.
    MicroF1,
    /// The highest micro-F1 on the grid `linspace(0, 1, 100)`; of equal ones the lowest threshold
    /// (Edin et al. 2023, medical-coding-reproducibility).
    Grid,
    /// The lowest threshold with at least this precision.
    Precision(f64),
}

/// A threshold and what it does on the charts it was fitted on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdFit {
    /// Codes above it are suggested.
    pub cut: Cut,
    /// Counts on the tuning set; gold outside the labels counts as missed.
    pub counts: Counts,
    /// A threshold so low that it takes pairs which were not kept might do as well or better;
    /// keeping more labels a chart would tell.
    pub at_floor: bool,
}

/// Fits one threshold for all labels.
///
/// Ties of probability are never parted; the threshold lies midway to the next lower probability.
///
/// # Errors
///
/// No gold code is among the candidates, or no threshold has the precision asked for.
pub fn fit_threshold(
    set: &TuningSet,
    calibration: &CalibrationFit,
    objective: Objective,
) -> Result<ThresholdFit> {
    let ranking = Ranking::of(set, calibration);
    if ranking.groups.last().is_none_or(|all| all.counts.right == 0) {
        return Err(Error::Request(format!(
            "threshold: none of the {} gold codes of {} charts is among the scored labels",
            set.gold(),
            set.charts()
        )));
    }
    match objective {
        Objective::MicroF1 => best_f1(&ranking)
            .ok_or_else(|| Error::Request("threshold: no candidate to part".to_owned())),
        Objective::Grid => best_of_grid(&ranking),
        Objective::Precision(target) => lowest_with_precision(&ranking, target),
    }
}

/// The exact maximiser of F1.
pub(super) fn best_f1(ranking: &Ranking) -> Option<ThresholdFit> {
    let mut best: Option<(usize, Counts)> = None;
    for (index, group) in ranking.groups.iter().enumerate() {
        if best.is_none_or(|(_, counts)| group.counts.beats(counts)) {
            best = Some((index, group.counts));
        }
    }
    let (index, counts) = best?;
    Some(ThresholdFit { cut: ranking.cut(index), counts, at_floor: beaten(ranking, counts) })
}

fn best_of_grid(ranking: &Ranking) -> Result<ThresholdFit> {
    let mut best: Option<(Cut, Counts)> = None;
    for step in 0..GRID {
        let probability = f64::from(step) / f64::from(GRID - 1);
        if probability < ranking.floor_probability {
            continue;
        }
        if let Some((cut, counts)) = ranking.cut_at(probability)
            && best.is_none_or(|(_, before)| counts.beats(before))
        {
            best = Some((cut, counts));
        }
    }
    match best {
        Some((cut, counts)) if counts.right > 0 => {
            Ok(ThresholdFit { cut, counts, at_floor: beaten(ranking, counts) })
        }
        _ => Err(Error::Request(
            "threshold: no step of the grid finds a gold code; all their probabilities lie \
             between two steps, use the exact maximum"
                .to_owned(),
        )),
    }
}

fn lowest_with_precision(ranking: &Ranking, target: f64) -> Result<ThresholdFit> {
    if !(0.0..=1.0).contains(&target) {
        return Err(Error::Request(format!("threshold: precision {target} is not within 0 to 1")));
    }
    if let Some(index) = ranking.groups.iter().rposition(|group| group.counts.reaches(target)) {
        return Ok(ThresholdFit {
            cut: ranking.cut(index),
            counts: ranking.groups[index].counts,
            at_floor: ranking.blurred.iter().any(|counts| counts.reaches(target)),
        });
    }
    let precision = |counts: Counts| counts.precision().unwrap_or(0.0);
    let better = |a: Counts, b: Counts| if precision(b) > precision(a) { b } else { a };
    let best = ranking.groups.iter().map(|group| group.counts).reduce(better).unwrap_or_default();
    Err(Error::Request(format!(
        "threshold: no threshold has a precision of {target}; the highest is {:.3}, with {} codes \
         suggested",
        precision(best),
        best.suggested
    )))
}

/// Whether a set that reaches below the floor could have an F1 as high.
fn beaten(ranking: &Ranking, counts: Counts) -> bool {
    ranking.blurred.iter().any(|blurred| !counts.beats(*blurred))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(charts: &[Vec<(i8, bool)>], keep: usize, outside: u32) -> TuningSet {
        let mut set = TuningSet::new(keep);
        for chart in charts {
            let logits: Vec<(u32, f32)> =
                (0..).zip(chart.iter().map(|&(x, _)| f32::from(x) / 2.0)).collect();
            let gold: Vec<u32> = (0..).zip(chart).filter(|(_, c)| c.1).map(|(l, _)| l).collect();
            set.add_listed(&logits, &gold, outside).unwrap();
        }
        set
    }

    /// Counts over all pairs at a threshold, whatever was kept.
    fn naive(charts: &[Vec<(i8, bool)>], outside: u32, above: impl Fn(f32) -> bool) -> Counts {
        let mut counts = Counts::default();
        for chart in charts {
            counts.gold += u64::from(outside);
            for &(x, gold) in chart {
                let taken = above(f32::from(x) / 2.0);
                counts.suggested += u64::from(taken);
                counts.right += u64::from(taken && gold);
                counts.gold += u64::from(gold);
            }
        }
        counts
    }

    fn charts() -> impl Strategy<Value = Vec<Vec<(i8, bool)>>> {
        let chart = proptest::collection::vec((-9_i8..9, proptest::bool::weighted(0.4)), 1..9);
        proptest::collection::vec(chart, 1..7)
    }

    proptest! {
            #[test]
            fn the_threshold_is_the_best_of_all(charts in charts(), keep in 1_usize..12, outside in 0_u32..3) {
                let calibration = CalibrationFit::None;
                let Ok(fit) = fit_threshold(&set(&charts, keep, outside), &calibration, Objective::MicroF1)
                else { return Ok(()) };
                let probability = |x: f32| calibration.probability(x);
                prop_assert_eq!(fit.counts, naive(&charts, outside, |x| probability(x) > fit.cut.probability));
                prop_assert_eq!(fit.counts, naive(&charts, outside, |x| x > fit.cut.logit));
                let all = (-19..19).map(|t| naive(&charts, outside, |x| x > f32::from(t as i8) / 2.0));
                let best = all.fold(Counts { gold: 1, ..Counts::default() }, |a, b| if b.beats(a) { b } else { a });
                prop_assert!(fit.at_floor || !best.beats(fit.counts));
            }

            #[test]
            fn the_lowest_threshold_with_a_precision_is_found(charts in charts(), target in 0.05..1.0) {
                let Ok(fit) = fit_threshold(&set(&charts, 99, 0), &CalibrationFit::None, Objective::Precision(target))
                else {
    let reached = (-19..19).any(|t| {
                        naive(&charts, 0, |x| x > f32::from(t as i8) / 2.0).reaches(target)
                    });
                    let gold = charts.iter().flatten().any(|pair| pair.1);
                    prop_assert!(!reached || !gold);
                    return Ok(());
                };
                prop_assert!(fit.counts.reaches(target));
                for t in -19..19 {
                    let counts = naive(&charts, 0, |x| x > f32::from(t as i8) / 2.0);
                    prop_assert!(counts.suggested <= fit.counts.suggested || !counts.reaches(target));
                }
            }
        }

    #[test]
    fn the_grid_takes_the_first_maximum() {
        // σ(2) = 0.881 and σ(-2) = 0.119: every step from 12/99 to 87/99 gives the same set.
        let set = set(&[vec![(4, true), (-4, false)]], 9, 0);
        let fit = fit_threshold(&set, &CalibrationFit::None, Objective::Grid).unwrap();
        assert_eq!(fit.cut.probability, 12.0 / 99.0);
        assert_eq!(fit.counts, Counts { suggested: 1, right: 1, gold: 1 });
        assert!(fit.cut.logit < 2.0 && fit.cut.logit >= -2.0);
    }

    #[test]
    fn degenerate_sets_have_an_answer() {
        let message = |charts: &[Vec<(i8, bool)>], objective| {
            fit_threshold(&set(charts, 9, 1), &CalibrationFit::None, objective)
                .unwrap_err()
                .to_string()
        };
        assert!(message(&[], Objective::MicroF1).contains("none of the 0 gold codes of 0 charts"));
        let negatives = [vec![(1, false), (2, false)]];
        assert!(message(&negatives, Objective::MicroF1).contains("none of the 1 gold codes"));
        let mixed = [vec![(2, false), (1, true)]];
        assert!(
            message(&mixed, Objective::Precision(0.9)).contains("the highest is 0.500, with 2")
        );
        assert!(message(&mixed, Objective::Precision(1.5)).contains("not within 0 to 1"));
        let small = [vec![(-18, true)]];
        let tiny = CalibrationFit::Platt { scale: 2.0, shift: -20.0 };
        assert!(fit_threshold(&set(&small, 9, 0), &tiny, Objective::Grid).is_ok());

        let positives = set(&[vec![(1, true), (2, true)]], 9, 0);
        let fit = fit_threshold(&positives, &CalibrationFit::None, Objective::MicroF1).unwrap();
        assert_eq!(fit.counts.f1(), Some(1.0));
        let tied = set(&[vec![(3, true), (3, false), (3, false)]], 9, 0);
        let fit = fit_threshold(&tied, &CalibrationFit::None, Objective::MicroF1).unwrap();
        assert_eq!(fit.counts, Counts { suggested: 3, right: 1, gold: 1 });
    }

    #[test]
    fn a_threshold_that_may_lie_lower_says_so() {
        let charts = [vec![(4, true), (3, true), (2, true), (-9, false)]];
        let fit =
            |keep| fit_threshold(&set(&charts, keep, 0), &CalibrationFit::None, Objective::MicroF1);
        assert!(fit(2).unwrap().at_floor && fit(2).unwrap().counts.right == 2);
        assert!(!fit(3).unwrap().at_floor);
        assert!(!fit(9).unwrap().at_floor);
    }
}
