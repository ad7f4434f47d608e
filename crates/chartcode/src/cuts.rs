//! The thresholds as logits: what a decision needs is computed once, not for each label of each
//! chart.

use std::collections::BTreeMap;

use crate::decide::{Decision, Thresholds};
use crate::score::Calibration;

/// The sign of an f32.
const SIGN: u32 = 1 << 31;

/// From which logit on a label is suggested and accepted; infinite where none is high enough.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    review: f32,
    accept: f32,
}

/// The cuts of all labels. A decision is the one that the label's thresholds give to the
/// calibrated probability of its logit.
#[derive(Debug)]
pub(crate) struct Cuts {
    common: Cut,
    /// One a label where any label has a threshold of its own.
    each: Vec<Cut>,
}

impl Cuts {
    /// `own` has the review thresholds of labels that have one of their own, by label.
    pub(crate) fn new(
        calibration: &Calibration,
        thresholds: Thresholds,
        own: &BTreeMap<usize, f64>,
        labels: usize,
    ) -> Self {
        let accept = thresholds.accept.map_or(f32::INFINITY, |accept| cut(calibration, accept));
        let common = Cut { review: cut(calibration, thresholds.review), accept };
        let mut each = Vec::new();
        if !own.is_empty() {
            each.resize(labels, common);
        }
        for (&label, &review) in own {
            let review = cut(calibration, review);
            // The cut of the higher threshold is the higher cut.
            each[label] = Cut { review, accept: accept.max(review) };
        }
        Self { common, each }
    }

    fn of(&self, label: usize) -> Cut {
        self.each.get(label).copied().unwrap_or(self.common)
    }

    /// From which logit on a label is suggested; infinite where none is high enough.
    pub(crate) fn review(&self, label: usize) -> f32 {
        self.of(label).review
    }

    /// Whether a label of this logit is suggested.
    pub(crate) fn suggests(&self, label: usize, logit: f32) -> bool {
        logit >= self.review(label)
    }

    /// What is to happen with a label of this logit.
    pub(crate) fn decide(&self, label: usize, logit: f32) -> Decision {
        let cut = self.of(label);
        if logit >= cut.accept {
            Decision::Accept
        } else if logit >= cut.review {
            Decision::Review
        } else {
            Decision::Drop
        }
    }
}

/// The lowest finite logit whose probability is above `threshold`, by bisection over the bits of
/// f32: 32 probabilities. Infinite where there is none.
fn cut(calibration: &Calibration, threshold: f64) -> f32 {
    let (mut low, mut end) = (rank(f32::MIN), rank(f32::MAX) + 1);
    let none = end;
    while low < end {
        let middle = low.midpoint(end);
        if calibration.probability(of_rank(middle)) > threshold {
            end = middle;
        } else {
            low = middle + 1;
        }
    }
    if low == none { f32::INFINITY } else { of_rank(low) }
}

/// A float's place among all floats, that of 0 being 2³¹.
fn rank(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

fn of_rank(rank: u32) -> f32 {
    f32::from_bits(if rank & SIGN == 0 { !rank } else { rank ^ SIGN })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::score::tests::any;

    /// The logits next to a cut, where a wrong one would show.
    fn around(cut: f32) -> impl Iterator<Item = f32> {
        let middle = if cut.is_finite() { rank(cut) } else { rank(f32::MAX) };
        let range = middle.saturating_sub(300)..=middle.saturating_add(300);
        range.map(of_rank).filter(|logit| logit.is_finite())
    }

    proptest! {
        #[test]
        fn decisions_are_those_of_the_probabilities(
            calibration in any(),
            review in 0.0_f64..=1.0,
            beyond in proptest::option::of(0.0_f64..=1.0),
            own in proptest::collection::btree_map(0_usize..8, 0.0_f64..=1.0, 0..5),
            logits in proptest::collection::vec(-25_f32..25.0, 20),
        ) {
            let accept = beyond.map(|beyond| review + (1.0 - review) * beyond);
            let thresholds = Thresholds { review, accept };
            let cuts = Cuts::new(&calibration, thresholds, &own, 8);
            for label in 0..8 {
                let thresholds = own.get(&label).map_or(thresholds, |&own| thresholds.with_review(own));
                let Cut { review, accept } = cuts.of(label);
                for logit in logits.iter().copied().chain(around(review)).chain(around(accept)) {
                    let expected = thresholds.decide(calibration.probability(logit));
                    prop_assert_eq!(cuts.decide(label, logit), expected, "{}", logit);
                    prop_assert_eq!(cuts.suggests(label, logit), expected != Decision::Drop);
                }
            }
        }

        #[test]
        fn ranks_follow_the_order_of_floats(a in proptest::num::f32::NORMAL, b in -1_f32..1.0) {
            prop_assert_eq!(a.total_cmp(&b), rank(a).cmp(&rank(b)));
            prop_assert_eq!(of_rank(rank(a)), a);
        }
    }

    #[test]
    fn thresholds_at_the_ends_and_on_plateaus() {
        let isotonic = Calibration::Isotonic {
            logits: vec![-1.0, 0.0, 2.0, 3.0],
            probabilities: vec![0.2, 0.5, 0.5, 0.9],
        };
        // Strictly above the plateau: the first logit behind its end.
        assert_eq!(cut(&isotonic, 0.5), 2.0_f32.next_up());
        assert_eq!(cut(&isotonic, 0.1), f32::MIN);
        assert_eq!(cut(&isotonic, 0.9), f32::INFINITY);
        assert_eq!(cut(&Calibration::None, 1.0), f32::INFINITY);
        let half = cut(&Calibration::None, 0.5);
        assert!(half > 0.0 && half < 1e-15, "{half}");
        // Everything that is not 0 is above 0.
        assert!(cut(&Calibration::None, 0.0) < -700.0);
    }
}
