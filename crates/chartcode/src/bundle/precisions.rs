//! What computing in another precision does to a bundle's answers.

use chartcode_kernels::{Isa, Precision};
use serde::{Deserialize, Serialize};

/// Precisions that were measured against f32 on labelled charts, with the bundle's own thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precisions {
    /// Charts.
    pub charts: usize,
    /// Whose codes they have, in one line for people.
    pub gold: String,
    /// The share of the suggested codes that a precision must leave as they are to be chosen by
    /// itself, in `[0, 1]`.
    pub keep: f64,
    /// f32 and the others.
    pub measured: Vec<MeasuredPrecision>,
}

/// What was measured of one precision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredPrecision {
    /// What large products were computed in.
    pub precision: Precision,
    /// Charts for which the same codes are suggested as in f32.
    pub same_charts: usize,
    /// Codes that f32 suggests.
    pub codes: u64,
    /// Codes that are suggested in one of the two and not in the other.
    pub changed_codes: u64,
    /// The largest difference of a suggested code's logit.
    pub logit_difference: f32,
    /// Micro F1 against the gold, in `[0, 1]`.
    pub micro_f1: f64,
    /// Mean average precision against the gold, in `[0, 1]`.
    pub map: f64,
}

impl MeasuredPrecision {
    /// The share of the suggested codes that stay.
    #[must_use]
    pub fn kept(&self) -> f64 {
        if self.codes == 0 {
            return if self.changed_codes == 0 { 1.0 } else { 0.0 };
        }
        1.0 - self.changed_codes as f64 / self.codes as f64
    }
}

impl Precisions {
    /// The fastest precision on a CPU that keeps the suggested codes, as far as this says; f32 where
    /// none does.
    #[must_use]
    pub fn fastest(&self, isa: Isa) -> Precision {
        let is_fast = |precision| match precision {
            Precision::Int8 => isa.has_bytes(),
            Precision::Bf16 => isa.has_bf16(),
            _ => false,
        };
        let keeps = |precision: Precision| {
            self.measured.iter().any(|own| own.precision == precision && own.kept() >= self.keep)
        };
        let faster = [Precision::Int8, Precision::Bf16];
        faster.into_iter().find(|&p| is_fast(p) && keeps(p)).unwrap_or(Precision::F32)
    }

    /// What the numbers alone rule out.
    pub(super) fn check(&self) -> Result<(), String> {
        let shares = self.measured.iter().flat_map(|own| [own.micro_f1, own.map]);
        match shares.chain([self.keep]).find(|share| !(0.0..=1.0).contains(share)) {
            Some(share) => Err(format!("precisions hold {share}, which is not between 0 and 1")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precisions(changed: [u64; 2], keep: f64) -> Precisions {
        let measured = |(precision, changed_codes)| MeasuredPrecision {
            precision,
            same_charts: 1,
            codes: 100,
            changed_codes,
            logit_difference: 0.1,
            micro_f1: 0.5,
            map: 0.5,
        };
        let others = [Precision::Bf16, Precision::Int8].into_iter().zip(changed);
        Precisions {
            charts: 1,
            gold: String::new(),
            keep,
            measured: others.map(measured).collect(),
        }
    }

    #[test]
    fn what_changes_codes_is_not_chosen() {
        for isa in Isa::all() {
            assert_eq!(precisions([1, 1], 1.0).fastest(isa), Precision::F32);
            let bf16 = if isa.has_bf16() { Precision::Bf16 } else { Precision::F32 };
            assert_eq!(precisions([0, 1], 1.0).fastest(isa), bf16);
            let int8 = if isa.has_bytes() { Precision::Int8 } else { bf16 };
            assert_eq!(precisions([0, 2], 0.97).fastest(isa), int8);
        }
    }

    #[test]
    fn what_was_not_measured_is_not_chosen() {
        let nothing = Precisions { measured: Vec::new(), ..precisions([0, 0], 1.0) };
        assert_eq!(nothing.fastest(Isa::best()), Precision::F32);
    }
}
