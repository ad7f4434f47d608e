//! Candidates in falling order of probability, and the places where a threshold can part them.

use serde::{Deserialize, Serialize};

use super::calibration::CalibrationFit;
use super::set::{Candidate, TuningSet};

/// A threshold: what lies strictly above it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// As a calibrated probability.
    pub probability: f64,
    /// As a logit that parts the tuning set in the same way.
    pub logit: f32,
}

/// Codes counted over charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Codes suggested.
    pub suggested: u64,
    /// Those of them that are gold.
    pub right: u64,
    /// Gold codes, those outside the labels included.
    pub gold: u64,
}

impl Counts {
    /// Share of the suggested that is gold; none where nothing is suggested.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        share(self.right, self.suggested)
    }

    /// Share of the gold that was suggested; none where there is no gold.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        share(self.right, self.gold)
    }

    /// 2 right / (suggested + gold); none where there is neither.
    #[must_use]
    pub fn f1(self) -> Option<f64> {
        share(2 * self.right, self.suggested + self.gold)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            suggested: self.suggested + other.suggested,
            right: self.right + other.right,
            gold: self.gold + other.gold,
        }
    }

    /// Whether F1 is higher than the other's, without rounding.
    pub(super) fn beats(self, other: Self) -> bool {
        let side = |a: Self, b: Self| u128::from(a.right) * u128::from(b.suggested + b.gold);
        side(self, other) > side(other, self)
    }

    /// Whether precision is at least `target`; never where nothing is suggested.
    pub(super) fn reaches(self, target: f64) -> bool {
        self.precision().is_some_and(|precision| precision >= target)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Candidates of one probability, which no threshold can part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) probability: f64,
    high: f32,
    low: f32,
    /// Everything down to this group.
    pub(super) counts: Counts,
}

/// Groups of candidates in falling order of probability, down to the floor of the set.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    pub(super) groups: Vec<Group>,
    /// Counts that no set reaching to the floor or below can surpass, one for each candidate there
    /// and one for none of them: exact ones are unknown there.
    pub(super) blurred: Vec<Counts>,
    floor: f32,
    /// Probability of the floor; 0 where there is none.
    pub(super) floor_probability: f64,
}

impl Ranking {
    /// The ranking of some candidates of a set; `gold` of them can be found at all, and `dropped`
    /// of the gold rank below the candidates.
    pub(super) fn new<'a>(
        candidates: impl Iterator<Item = &'a Candidate>,
        gold: u64,
        dropped: u64,
        (floor, calibration): (f32, &CalibrationFit),
    ) -> Self {
        let mut pairs: Vec<(f32, bool)> = candidates.map(|c| (c.logit, c.gold)).collect();
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let floor_probability =
            if floor.is_finite() { calibration.probability(floor) } else { 0.0 };
        let mut ranking =
            Self { groups: Vec::new(), blurred: Vec::new(), floor, floor_probability };
        let mut counts = Counts { gold, ..Counts::default() };
        for (logit, is_gold) in pairs {
            counts.suggested += 1;
            counts.right += u64::from(is_gold);
            let probability = calibration.probability(logit);
            if probability <= floor_probability {
                let (suggested, right) = (counts.suggested + dropped, counts.right + dropped);
                ranking.blurred.push(Counts { suggested, right, gold });
                continue;
            }
            match ranking.groups.last_mut() {
                Some(last) if last.probability == probability => {
                    last.low = logit;
                    last.counts = counts;
                }
                _ => ranking.groups.push(Group { probability, high: logit, low: logit, counts }),
            }
        }
        if floor.is_finite() {
            // Whatever lies there is at best all the dropped gold, or else at least one other code.
            let above = ranking.groups.last().map(|group| group.counts).unwrap_or_default();
            let suggested = above.suggested + dropped.max(1);
            ranking.blurred.push(Counts { suggested, right: above.right + dropped, gold });
        }
        ranking
    }

    /// The ranking of a whole set.
    pub(super) fn of(set: &TuningSet, calibration: &CalibrationFit) -> Self {
        let dropped = set.dropped_gold().len() as u64;
        Self::new(set.candidates().iter(), set.gold(), dropped, (set.floor(), calibration))
    }

    /// The threshold that takes group `index` and all before it: midway to the next group.
    pub(super) fn cut(&self, index: usize) -> Cut {
        let group = &self.groups[index];
        let (next_probability, next_logit) = match self.groups.get(index + 1) {
            Some(next) => (next.probability, next.high),
            None if self.floor.is_finite() => (self.floor_probability, self.floor),
            None => (0.0, group.low - 1.0),
        };
        Cut {
            probability: between(group.probability, next_probability),
            logit: between(f64::from(group.low), f64::from(next_logit)).min(f64::from(f32::MAX))
                as f32,
        }
        .below(group.low, next_logit)
    }

    /// The threshold at a given probability: a logit that parts the set in the same way.
    pub(super) fn cut_at(&self, probability: f64) -> Option<(Cut, Counts)> {
        let taken = self.groups.partition_point(|group| group.probability > probability);
        let group = taken.checked_sub(1)?;
        Some((Cut { probability, ..self.cut(group) }, self.groups[group].counts))
    }
}

impl Cut {
    /// Rounding to f32 must not lift the logit to the lowest one taken.
    fn below(self, taken: f32, next: f32) -> Self {
        Self { logit: if self.logit < taken { self.logit } else { next }, ..self }
    }
}

/// Midway, but strictly below `high` and not below `low`.
fn between(high: f64, low: f64) -> f64 {
    let middle = low + (high - low) / 2.0;
    if middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cut_takes_its_groups_and_no_more(
            logits in proptest::collection::vec((-12_i8..40).prop_map(f32::from), 1..40),
            keep in 1_usize..50,
        ) {
            let mut set = TuningSet::new(keep);
            set.add(&logits, &[0], 0).unwrap();
            let calibration = CalibrationFit::None;
            let ranking = Ranking::of(&set, &calibration);
            for (index, group) in ranking.groups.iter().enumerate() {
                let cut = ranking.cut(index);
                let by_probability =
                    logits.iter().filter(|&&l| calibration.probability(l) > cut.probability);
                prop_assert_eq!(by_probability.count() as u64, group.counts.suggested);
                let by_logit = logits.iter().filter(|&&l| l > cut.logit).count() as u64;
                prop_assert_eq!(by_logit, group.counts.suggested);
                prop_assert!((0.0..1.0).contains(&cut.probability));
            }
        }
    }

    #[test]
    fn neighbours_without_a_number_between_are_parted() {
        let above = f32::from_bits(1.0_f32.to_bits() + 1);
        let mut set = TuningSet::new(9);
        set.add(&[above, 1.0], &[0], 0).unwrap();
        let cut = Ranking::of(&set, &CalibrationFit::None).cut(0);
        assert!(cut.logit < above && cut.logit >= 1.0);
        assert_eq!(between(1.0, 1.0_f64.next_down()), 1.0_f64.next_down());
    }
}
