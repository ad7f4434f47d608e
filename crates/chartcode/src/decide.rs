//! Step 8: probabilities → decisions.

use serde::{Deserialize, Serialize};

/// What is to happen with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// Sure enough to stand without a look.
    Accept,
    /// For a coder to confirm or reject.
    Review,
    /// Not suggested.
    Drop,
}

/// The probabilities above which a code is reviewed or accepted.
///
/// "Above" is strict, as in the published systems: a code exactly at a threshold is below it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Codes above it are suggested.
    pub review: f64,
    /// Codes above it are accepted; none is where no threshold has earned that trust.
    #[serde(default)]
    pub accept: Option<f64>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { review: 0.5, accept: None }
    }
}

impl Thresholds {
    /// The decision for a code of this probability.
    #[must_use]
    pub fn decide(self, probability: f64) -> Decision {
        if probability <= self.review {
            Decision::Drop
        } else if self.accept.is_some_and(|accept| probability > accept) {
            Decision::Accept
        } else {
            Decision::Review
        }
    }

    /// The same with another threshold for review; acceptance asks for at least as much.
    #[must_use]
    pub(crate) fn with_review(self, review: f64) -> Self {
        Self { review, accept: self.accept.map(|accept| accept.max(review)) }
    }

    pub(crate) fn check(self) -> Result<(), String> {
        let in_range = |p: f64| (0.0..=1.0).contains(&p);
        if !in_range(self.review) || !self.accept.is_none_or(in_range) {
            return Err("thresholds lie between 0 and 1".to_owned());
        }
        if self.accept.is_some_and(|accept| accept < self.review) {
            return Err("threshold accept is below threshold review".to_owned());
        }
        Ok(())
    }
}

/// The labels worth reporting, highest logit first: all that are suggested, or the `top` best
/// whatever their probability. Equal logits keep label order.
#[must_use]
pub(crate) fn select(
    logits: &[f32],
    top: Option<usize>,
    suggests: impl Fn(usize, f32) -> bool,
) -> Vec<usize> {
    let mut labels: Vec<usize> = match top {
        Some(_) => (0..logits.len()).collect(),
        None => (0..logits.len()).filter(|&label| suggests(label, logits[label])).collect(),
    };
    let best_first =
        |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then_with(|| a.cmp(b));
    if let Some(top) = top
        && top < labels.len()
    {
        if top > 0 {
            labels.select_nth_unstable_by(top - 1, best_first);
        }
        labels.truncate(top);
    }
    labels.sort_unstable_by(best_first);
    labels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_exactly_at_a_threshold_is_below_it() {
        let thresholds = Thresholds { review: 0.25, accept: Some(0.75) };
        assert_eq!(thresholds.decide(0.25), Decision::Drop);
        assert_eq!(thresholds.decide(0.250_001), Decision::Review);
        assert_eq!(thresholds.decide(0.75), Decision::Review);
        assert_eq!(thresholds.decide(0.750_001), Decision::Accept);
    }

    #[test]
    fn without_an_accept_threshold_nothing_is_accepted() {
        assert_eq!(Thresholds { review: 0.5, accept: None }.decide(1.0), Decision::Review);
    }

    #[test]
    fn acceptance_never_asks_for_less_than_review() {
        let thresholds = Thresholds { review: 0.25, accept: Some(0.75) };
        assert_eq!(thresholds.with_review(0.8), Thresholds { review: 0.8, accept: Some(0.8) });
        assert_eq!(thresholds.with_review(0.1), Thresholds { review: 0.1, accept: Some(0.75) });
        let none = Thresholds { review: 0.25, accept: None }.with_review(0.8);
        assert_eq!(none.accept, None);
    }

    #[test]
    fn thresholds_are_checked() {
        for (review, accept) in [(-0.1, None), (0.5, Some(1.1)), (0.5, Some(0.4)), (f64::NAN, None)]
        {
            assert!(Thresholds { review, accept }.check().is_err());
        }
    }

    proptest! {
        #[test]
        fn selection_equals_sorting_everything(
            logits in proptest::collection::vec((-4_i8..4).prop_map(f32::from), 0..60),
            top in proptest::option::of(0_usize..70),
        ) {
            let mut expected: Vec<usize> = (0..logits.len()).collect();
            expected.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            match top {
                Some(top) => expected.truncate(top),
                None => expected.retain(|&label| logits[label] > 0.5),
            }
            prop_assert_eq!(select(&logits, top, |_, logit| logit > 0.5), expected);
        }
    }
}
