//! Step 7: logits → probabilities.

use serde::{Deserialize, Serialize};

/// The map from logit to probability that was fitted on labelled charts. Always monotone, so the
/// order of the codes is the head's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// σ(logit).
    #[default]
    None,
    /// σ(scale · logit + shift), Platt's sigmoid; temperature scaling is the case `shift` = 0.
    Platt {
        /// Positive.
        scale: f64,
        /// Any finite number.
        shift: f64,
    },
}

impl Calibration {
    /// The probability in `[0, 1]` that a finite logit stands for.
    #[must_use]
    pub fn probability(self, logit: f32) -> f64 {
        let logit = f64::from(logit);
        match self {
            Self::None => sigmoid(logit),
            Self::Platt { scale, shift } => sigmoid(scale * logit + shift),
        }
    }

    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Platt { scale, shift }
                if !(scale > 0.0 && scale.is_finite() && shift.is_finite()) =>
            {
                Err(format!("calibration: scale {scale} must be positive, shift {shift} finite"))
            }
            _ => Ok(()),
        }
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn probabilities_are_in_range_and_monotone(
            a in -1e4_f32..1e4, b in -1e4_f32..1e4, scale in 0.01_f64..10.0, shift in -5.0..5.0,
        ) {
            for calibration in [Calibration::None, Calibration::Platt { scale, shift }] {
                let (low, high) = (calibration.probability(a.min(b)), calibration.probability(a.max(b)));
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
                prop_assert!(low <= high);
            }
        }
    }

    #[test]
    fn sigmoid_has_its_known_values() {
        assert!((sigmoid(0.0) - 0.5).abs() < 1e-15);
        assert!((sigmoid(2.0) - 0.880_797_077_977_882_3).abs() < 1e-15);
        assert!((sigmoid(-2.0) - 0.119_202_922_022_117_7).abs() < 1e-15);
    }
}
