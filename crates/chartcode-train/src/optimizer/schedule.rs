//! How the learning rate changes in training.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the learning rate falls behind the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decay {
    /// Not at all.
    Constant,
    /// In a straight line to nought at the last step.
    Linear,
    /// Along half a cosine to nought at the last step (Loshchilov and Hutter 2017).
    Cosine,
}

/// A learning rate that rises in a straight line from nought during warm-up and then falls, as
/// Transformers' `get_linear_schedule_with_warmup` and its kin have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    peak: f64,
    warm_up: u64,
    steps: u64,
    decay: Decay,
}

impl Schedule {
    /// A schedule over `steps` optimizer steps, of which the first `warm_up` rise to `peak`.
    ///
    /// # Errors
    /// [`Error::Option`] for a peak that is not a positive number, or a warm-up longer than
    /// training.
    pub fn new(peak: f64, warm_up: u64, steps: u64, decay: Decay) -> Result<Self> {
        if !(peak > 0.0 && peak.is_finite()) {
            let range = "the numbers above 0";
            return Err(Error::Option { option: "the learning rate", value: peak, range });
        }
        if warm_up > steps {
            let range = "0 to the number of steps";
            return Err(Error::Option { option: "the warm-up", value: warm_up as f64, range });
        }
        Ok(Self { peak, warm_up, steps, decay })
    }

    /// The learning rate of a step, counted from 0.
    #[must_use]
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return self.peak * step as f64 / self.warm_up as f64;
        }
        let rest = (self.steps - self.warm_up).max(1) as f64;
        let progress = ((step - self.warm_up) as f64 / rest).min(1.0);
        self.peak
            * match self.decay {
                Decay::Constant => 1.0,
                Decay::Linear => 1.0 - progress,
                Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `transformers.get_*_schedule_with_warmup(optimizer, 4, 12)` 5.23.0, peak 0.02.
    #[test]
    fn rates_equal_transformers() {
        let rates = |decay, steps: [u64; 7]| {
            let schedule = Schedule::new(0.02, 4, 12, decay).unwrap();
            steps.map(|step| schedule.rate(step))
        };
        let steps = [0, 1, 4, 5, 8, 11, 12];
        let linear = [0.0, 0.005, 0.02, 0.0175, 0.01, 0.0025, 0.0];
        let cosine =
            [0.0, 0.005, 0.02, 0.019_238_795_325_112_867, 0.01, 0.000_761_204_674_887_133, 0.0];
        for (decay, expected) in [(Decay::Linear, linear), (Decay::Cosine, cosine)] {
            for (rate, expected) in rates(decay, steps).into_iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-15, "{decay:?} {rate} {expected}");
            }
        }
        assert_eq!(rates(Decay::Constant, steps)[6], 0.02);
    }

    #[test]
    fn what_cannot_be_a_schedule_is_refused() {
        assert!(Schedule::new(0.0, 0, 10, Decay::Linear).is_err());
        assert!(Schedule::new(f64::NAN, 0, 10, Decay::Linear).is_err());
        assert!(Schedule::new(0.1, 11, 10, Decay::Linear).is_err());
    }
}
