//! Step 7: logits → probabilities.

use serde::{Deserialize, Serialize};

/// The map from logit to probability that was fitted on labelled charts. It never falls, so the
/// order of the codes is the head's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Calibration {
    /// σ(logit).
    #[default]
    None,
    /// σ(scale · logit): temperature scaling (Guo et al. 2017), `scale` being 1 / temperature.
    Temperature {
        /// Positive.
        scale: f64,
    },
    /// σ(scale · logit + shift), Platt's sigmoid.
    Platt {
        /// Positive.
        scale: f64,
        /// Any finite number.
        shift: f64,
    },
    /// Isotonic regression (Zadrozny and Elkan 2002): straight lines from point to point, constant
    /// before the first and behind the last. Logits of one plateau have the same probability.
    Isotonic {
        /// Where the points stand, at least two, rising strictly.
        logits: Vec<f32>,
        /// Their probabilities, as many, in `[0, 1]`, never falling.
        probabilities: Vec<f64>,
    },
}

impl Calibration {
    /// The probability in `[0, 1]` that a finite logit stands for.
    ///
    /// # Panics
    /// Where isotonic points are none, or fewer probabilities than logits: no manifest is read or
    /// written with such.
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

    /// What the numbers alone rule out.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_scale = |scale: f64| scale > 0.0 && scale.is_finite();
        let problem = match self {
            Self::Temperature { scale } if !is_scale(*scale) => {
                format!("scale {scale} must be positive")
            }
            Self::Platt { scale, shift } if !(is_scale(*scale) && shift.is_finite()) => {
                format!("scale {scale} must be positive, shift {shift} finite")
            }
            Self::Isotonic { logits, probabilities } => match flaw(logits, probabilities) {
                Some(flaw) => flaw,
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        Err(format!("calibration: {problem}"))
    }
}

/// What is wrong with the points of an isotonic calibration.
fn flaw(logits: &[f32], probabilities: &[f64]) -> Option<String> {
    if logits.len() != probabilities.len() || logits.len() < 2 {
        return Some(format!(
            "{} logits and {} probabilities: there must be as many of each, at least 2",
            logits.len(),
            probabilities.len()
        ));
    }
    if let Some(place) = logits.iter().position(|logit| !logit.is_finite()) {
        return Some(format!("logit {place} is not finite"));
    }
    if let Some(place) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Some(format!("probability {place} is not between 0 and 1"));
    }
    if let Some(place) = logits.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Some(format!("logit {} is not above the one before it", place + 1));
    }
    let place = probabilities.windows(2).position(|pair| pair[0] > pair[1])?;
    Some(format!("probability {} is below the one before it", place + 1))
}

/// Each step rounds monotonically and the end of a line is held to its point, so that the result
/// never falls, not even by a rounding error.
fn interpolate(logits: &[f32], probabilities: &[f64], logit: f32) -> f64 {
    let end = logits.partition_point(|&point| point <= logit);
    if end == 0 || end == logits.len() {
        return probabilities[end.min(logits.len() - 1)];
    }
    let (x0, x1) = (f64::from(logits[end - 1]), f64::from(logits[end]));
    let (p0, p1) = (probabilities[end - 1], probabilities[end]);
    let share = (f64::from(logit) - x0) / (x1 - x0);
    (p0 + (p1 - p0) * share).min(p1)
}

/// The logistic function without overflow on either side.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Points of an isotonic calibration, plateaus included.
    pub(crate) fn isotonic() -> impl Strategy<Value = Calibration> {
        let steps = proptest::collection::vec((0.01_f32..3.0, 0_u8..4), 2..12);
        (steps, -20.0_f32..5.0).prop_map(|(steps, start)| {
            let risen: f64 = steps.iter().map(|&(_, rise)| f64::from(rise)).sum();
            let (mut x, mut y) = (start, 0.0);
            let mut points = (Vec::new(), Vec::new());
            for (run, rise) in steps {
                (x, y) = (x + run, y + f64::from(rise));
                points.0.push(x);
                points.1.push(y / risen.max(1.0));
            }
            Calibration::Isotonic { logits: points.0, probabilities: points.1 }
        })
    }

    /// Every kind of calibration.
    pub(crate) fn any() -> impl Strategy<Value = Calibration> {
        prop_oneof![
            Just(Calibration::None),
            (0.01_f64..10.0).prop_map(|scale| Calibration::Temperature { scale }),
            (0.01_f64..10.0, -5.0..5.0)
                .prop_map(|(scale, shift)| Calibration::Platt { scale, shift }),
            isotonic(),
        ]
    }

    proptest! {
        #[test]
        fn probabilities_are_in_range_and_monotone(
            calibration in any(), a in -1e4_f32..1e4, b in -25_f32..25.0,
        ) {
            prop_assert_eq!(calibration.check(), Ok(()));
            let (low, high) = (calibration.probability(a.min(b)), calibration.probability(a.max(b)));
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= high);
        }

        #[test]
        fn isotonic_agrees_with_a_walk_along_the_points(
            calibration in isotonic(), logit in -25_f32..25.0,
        ) {
            let Calibration::Isotonic { logits, probabilities } = &calibration else {
                unreachable!("as made above")
            };
            let points: Vec<(f64, f64)> =
                logits.iter().map(|&x| f64::from(x)).zip(probabilities.iter().copied()).collect();
            let x = f64::from(logit);
            let (first, last) = (points[0], points[points.len() - 1]);
            let line = points.windows(2).find(|line| line[0].0 <= x && x <= line[1].0);
            let expected = line.map_or(if x < first.0 { first.1 } else { last.1 }, |line| {
                let share = (x - line[0].0) / (line[1].0 - line[0].0);
                line[0].1 * (1.0 - share) + line[1].1 * share
            });
            prop_assert!((calibration.probability(logit) - expected).abs() < 1e-12);
        }

        #[test]
        fn every_calibration_is_read_back_as_it_was_written(calibration in any()) {
            let written = serde_json::to_string(&calibration).unwrap();
            prop_assert_eq!(serde_json::from_str::<Calibration>(&written).unwrap(), calibration);
        }
    }

    #[test]
    fn isotonic_meets_its_points_and_is_constant_outside() {
        let calibration = Calibration::Isotonic {
            logits: vec![-2.0, 0.0, 1.0, 3.0],
            probabilities: vec![0.1, 0.3, 0.3, 0.9],
        };
        for (logit, probability) in
            [(-9.0, 0.1), (-2.0, 0.1), (0.0, 0.3), (0.5, 0.3), (1.0, 0.3), (3.0, 0.9), (9.0, 0.9)]
        {
            assert_eq!(calibration.probability(logit), probability, "{logit}");
        }
        assert!((calibration.probability(-1.0) - 0.2).abs() < 1e-15);
        assert!((calibration.probability(2.5) - 0.75).abs() < 1e-15);
    }

    #[test]
    fn temperature_is_platt_without_a_shift() {
        let temperature = Calibration::Temperature { scale: 0.7 };
        let platt = Calibration::Platt { scale: 0.7, shift: 0.0 };
        for logit in [-3.5_f32, 0.0, 2.25] {
            assert_eq!(temperature.probability(logit), platt.probability(logit));
        }
    }

    #[test]
    fn calibrations_are_checked() {
        let isotonic = |logits: &[f32], probabilities: &[f64]| Calibration::Isotonic {
            logits: logits.to_vec(),
            probabilities: probabilities.to_vec(),
        };
        for (calibration, problem) in [
            (Calibration::Temperature { scale: 0.0 }, "must be positive"),
            (Calibration::Temperature { scale: f64::NAN }, "must be positive"),
            (Calibration::Platt { scale: 1.0, shift: f64::INFINITY }, "finite"),
            (isotonic(&[], &[]), "at least 2"),
            (isotonic(&[1.0], &[0.5]), "at least 2"),
            (isotonic(&[1.0, 2.0], &[0.5]), "2 logits and 1 probabilities"),
            (isotonic(&[1.0, f32::NAN], &[0.5, 0.6]), "logit 1 is not finite"),
            (isotonic(&[1.0, 1.0], &[0.5, 0.6]), "logit 1 is not above"),
            (isotonic(&[1.0, 2.0, 3.0], &[0.5, 0.6, 0.4]), "probability 2 is below"),
            (isotonic(&[1.0, 2.0], &[0.5, 1.1]), "probability 1 is not between"),
            (isotonic(&[1.0, 2.0], &[f64::NAN, 1.0]), "probability 0 is not between"),
        ] {
            let found = calibration.check().unwrap_err();
            assert!(found.contains(problem), "{found}");
        }
    }

    #[test]
    fn sigmoid_has_its_known_values() {
        assert!((sigmoid(0.0) - 0.5).abs() < 1e-15);
        assert!((sigmoid(2.0) - 0.880_797_077_977_882_3).abs() < 1e-15);
        assert!((sigmoid(-2.0) - 0.119_202_922_022_117_7).abs() < 1e-15);
    }
}
