//! The map from logit to probability.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::isotonic::isotonic;
use super::logistic::{platt, temperature};
use super::set::TuningSet;
use crate::error::{Error, Result};

/// A kind of calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationKind {
    /// σ(logit).
    None,
    /// One parameter (Guo et al. 2017).
    Temperature,
    /// Two parameters (Platt 1999).
    Platt,
    /// Any monotone map (Zadrozny and Elkan 2002).
    Isotonic,
}

impl CalibrationKind {
    /// All kinds, the simplest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Temperature, Self::Platt, Self::Isotonic];
}

impl fmt::Display for CalibrationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Temperature => "temperature",
            Self::Platt => "platt",
            Self::Isotonic => "isotonic",
        })
    }
}

/// A fitted map from logit to probability. Monotone: no two codes change places.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CalibrationFit {
    /// σ(logit).
    #[default]
    None,
    /// σ(scale · logit).
    Temperature {
        /// Positive; one over the temperature.
        scale: f64,
    },
    /// σ(scale · logit + shift).
    Platt {
        /// Positive.
        scale: f64,
        /// Any finite number.
        shift: f64,
    },
    /// Straight lines between points, flat beyond the first and the last. Logits beyond them have
    /// equal probabilities, and no threshold parts them.
    Isotonic {
        /// Ascending, at least one.
        logits: Vec<f32>,
        /// As many, in (0, 1), not falling.
        probabilities: Vec<f64>,
    },
}

impl CalibrationFit {
    /// Fits the map on all candidates of a set.
    ///
    /// Candidates are the pairs a threshold can reach; those that rank lower are dropped whatever
    /// their probability. An isotonic map has a point of its own for them at its low end, or the
    /// long tail of labels would have the probability of the weakest candidates.
    ///
    /// # Errors
    ///
    /// The candidates are all gold or none is, or have one score, or score higher the less they
    /// are gold. Isotonic regression needs only one candidate.
    pub fn fit(kind: CalibrationKind, set: &TuningSet) -> Result<Self> {
        let pairs = set.candidates().iter().map(|c| (c.logit, c.gold)).collect();
        Ok(Self::fit_pairs(kind, pairs)?.with_tail(set))
    }

    /// Adds the point for what ranks below the candidates, one pair of either kind added as for
    /// the other points.
    fn with_tail(mut self, set: &TuningSet) -> Self {
        if let (Self::Isotonic { logits, probabilities }, Some((floor, dropped, gold))) =
            (&mut self, set.tail())
        {
            let share = (gold as f64 + 1.0) / (dropped as f64 + 2.0);
            if floor < logits[0] && share < probabilities[0] {
                logits.insert(0, floor);
                probabilities.insert(0, share);
            }
        }
        self
    }

    /// Fits the map on pairs of logit and truth.
    pub(super) fn fit_pairs(kind: CalibrationKind, pairs: Vec<(f32, bool)>) -> Result<Self> {
        match kind {
            CalibrationKind::None => Ok(Self::None),
            CalibrationKind::Temperature => temperature(&pairs),
            CalibrationKind::Platt => platt(&pairs),
            CalibrationKind::Isotonic => isotonic(pairs),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> CalibrationKind {
        match self {
            Self::None => CalibrationKind::None,
            Self::Temperature { .. } => CalibrationKind::Temperature,
            Self::Platt { .. } => CalibrationKind::Platt,
            Self::Isotonic { .. } => CalibrationKind::Isotonic,
        }
    }

    /// The probability in `[0, 1]` that a finite logit stands for.
    #[must_use]
    pub fn probability(&self, logit: f32) -> f64 {
        let x = f64::from(logit);
        match self {
            Self::None => sigmoid(x),
            Self::Temperature { scale } => sigmoid(scale * x),
            Self::Platt { scale, shift } => sigmoid(scale * x + shift),
            Self::Isotonic { logits, probabilities } => interpolate(logits, probabilities, logit),
        }
    }

    /// Whether a map that was read keeps the rules of its kind.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn check(&self) -> Result<()> {
        let fine = match self {
            Self::None => true,
            Self::Temperature { scale } => *scale > 0.0 && scale.is_finite(),
            Self::Platt { scale, shift } => *scale > 0.0 && scale.is_finite() && shift.is_finite(),
            Self::Isotonic { logits, probabilities } => {
                !logits.is_empty()
                    && logits.len() == probabilities.len()
                    && logits.iter().all(|x| x.is_finite())
                    && logits.is_sorted_by(|a, b| a < b)
                    && probabilities.iter().all(|p| *p > 0.0 && *p < 1.0)
                    && probabilities.is_sorted()
            }
        };
        if fine {
            return Ok(());
        }
        Err(Error::Request(format!(
            "calibration {}: scales must be positive, shifts finite; isotonic points must have \
             rising logits and as many probabilities in (0, 1) that do not fall",
            self.kind()
        )))
    }
}

/// The logistic function without overflow on either side.
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

fn interpolate(logits: &[f32], probabilities: &[f64], logit: f32) -> f64 {
    let right = logits.partition_point(|&x| x <= logit);
    let Some(left) = right.checked_sub(1) else { return probabilities[0] };
    if right == logits.len() {
        return probabilities[left];
    }
    let (x0, x1) = (f64::from(logits[left]), f64::from(logits[right]));
    let (y0, y1) = (probabilities[left], probabilities[right]);
    // Never above the right point by rounding, so that the map stays monotone.
    (y0 + (y1 - y0) * ((f64::from(logit) - x0) / (x1 - x0))).min(y1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = CalibrationFit> {
        proptest::collection::btree_map(-50_i32..50, 0.001..0.999, 1..8).prop_map(|points| {
            let logits = points.keys().map(|&x| x as f32 / 3.0).collect();
            let mut probabilities: Vec<f64> = points.into_values().collect();
            probabilities.sort_by(f64::total_cmp);
            CalibrationFit::Isotonic { logits, probabilities }
        })
    }

    proptest! {
        #[test]
        fn every_map_is_monotone_within_range_and_survives_json(
            isotonic in points(), a in -40_f32..40.0, b in -40_f32..40.0,
            scale in 0.01..10.0, shift in -5.0..5.0,
        ) {
            for fit in [CalibrationFit::None, CalibrationFit::Temperature { scale },
                        CalibrationFit::Platt { scale, shift }, isotonic] {
                let (low, high) = (fit.probability(a.min(b)), fit.probability(a.max(b)));
                prop_assert!((0.0..=1.0).contains(&low) && low <= high && high <= 1.0);
                prop_assert!(fit.check().is_ok());
                let json = serde_json::to_string(&fit).unwrap();
                let read: CalibrationFit = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(read.kind(), fit.kind());
                // serde_json reads a number to the last bit but one.
                prop_assert!((read.probability(a) - fit.probability(a)).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn what_ranks_below_the_candidates_has_a_point_of_its_own() {
        let mut logits = vec![-9.0_f32; 100];
        (logits[0], logits[1], logits[2]) = (2.0, 1.0, -3.0);
        let mut set = TuningSet::new(3);
        for chart in 0..10 {
            // One chart in ten has a gold label among those that are dropped.
            let gold: &[u32] = if chart == 0 { &[0, 50] } else { &[0] };
            set.add(&logits, gold, 0).unwrap();
        }
        let fit = CalibrationFit::fit(CalibrationKind::Isotonic, &set).unwrap();
        fit.check().unwrap();
        assert_eq!(fit.probability(-9.0), 2.0 / 972.0);
        assert!(fit.probability(-3.0) > 0.01, "{fit:?}");

        let mut whole = TuningSet::new(100);
        (0..10).for_each(|_| whole.add(&logits, &[0], 0).unwrap());
        let fit = CalibrationFit::fit(CalibrationKind::Isotonic, &whole).unwrap();
        let mut listed = TuningSet::new(1);
        (0..10).for_each(|_| listed.add_listed(&[(0, 1.0), (1, -1.0)], &[0], 0).unwrap());
        assert_eq!((whole.tail(), listed.tail()), (None, None));
        assert!(fit.probability(-9.0) < 0.01);
    }

    #[test]
    fn isotonic_points_are_joined_by_straight_lines() {
        let fit = CalibrationFit::Isotonic {
            logits: vec![-1.0, 1.0, 2.0],
            probabilities: vec![0.25, 0.5, 0.75],
        };
        let expected =
            [(-9.0, 0.25), (-1.0, 0.25), (0.0, 0.375), (1.0, 0.5), (1.5, 0.625), (9.0, 0.75)];
        for (logit, probability) in expected {
            assert_eq!(fit.probability(logit), probability);
        }
    }

    #[test]
    fn maps_that_break_their_rules_are_refused() {
        let isotonic = |logits: &[f32], probabilities: &[f64]| CalibrationFit::Isotonic {
            logits: logits.to_vec(),
            probabilities: probabilities.to_vec(),
        };
        for fit in [
            CalibrationFit::Temperature { scale: 0.0 },
            CalibrationFit::Platt { scale: f64::NAN, shift: 0.0 },
            CalibrationFit::Platt { scale: 1.0, shift: f64::INFINITY },
            isotonic(&[], &[]),
            isotonic(&[0.0], &[0.1, 0.2]),
            isotonic(&[0.0, 0.0], &[0.1, 0.2]),
            isotonic(&[0.0, 1.0], &[0.2, 0.1]),
            isotonic(&[0.0, 1.0], &[0.2, 1.0]),
            isotonic(&[f32::NAN], &[0.2]),
        ] {
            assert!(fit.check().is_err(), "{fit:?}");
        }
    }

    #[test]
    fn the_form_in_json_names_its_kind() {
        let json =
            serde_json::to_string(&CalibrationFit::Platt { scale: 2.0, shift: -0.5 }).unwrap();
        assert_eq!(json, r#"{"kind":"platt","scale":2.0,"shift":-0.5}"#);
    }
}
