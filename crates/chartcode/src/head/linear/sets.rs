//! Labels weighed together: which sets of them charts have.

/// A distribution over sets of labels: `p(S) ∝ exp(c_S + Σ_{l ∈ S} a_l)`, where `a_l` is what the
/// chart says for label l and `c_S` how usual the set is.
///
/// A label's logit is that of all sets with it against all without: a cough is not coded where
/// pneumonia is, however much the note says of it. Sets other than these are not reached by one
/// distribution, yet each of their labels is scored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSets {
    /// The labels of each set, rising; the empty set is one of them.
    pub members: Vec<Vec<u32>>,
    /// How usual each set is.
    pub bias: Vec<f64>,
}

impl LabelSets {
    /// The probability of each set for these scores of labels, and the log of their total weight.
    #[must_use]
    pub fn probabilities(&self, scores: &[f64]) -> (Vec<f64>, f64) {
        let weight = |(members, bias): (&Vec<u32>, &f64)| {
            bias + members.iter().map(|&label| scores[label as usize]).sum::<f64>()
        };
        let mut weights: Vec<f64> = self.members.iter().zip(&self.bias).map(weight).collect();
        let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for weight in &mut weights {
            *weight = (*weight - most).exp();
        }
        let total: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= total;
        }
        (weights, most + total.ln())
    }

    /// The logit of each label, finite whatever the scores.
    #[must_use]
    pub fn logits(&self, scores: &[f64]) -> Vec<f64> {
        let (probabilities, _) = self.probabilities(scores);
        let (mut with, mut without) = (vec![0.0; scores.len()], vec![0.0; scores.len()]);
        for (members, probability) in self.members.iter().zip(probabilities) {
            let mut next = members.iter().peekable();
            for label in 0..scores.len() {
                let is_in = next.next_if(|&&member| member as usize == label).is_some();
                let sum = if is_in { &mut with } else { &mut without };
                sum[label] += probability;
            }
        }
        let log = |sum: f64| sum.max(f64::MIN_POSITIVE).ln();
        with.into_iter().zip(without).map(|(with, without)| log(with) - log(without)).collect()
    }

    /// What makes the sets no distribution over sets of so many labels.
    pub(super) fn contradiction(&self, labels: usize) -> Option<&'static str> {
        let is_set = |members: &Vec<u32>| {
            members.is_sorted_by(|a, b| a < b) && members.iter().all(|&l| (l as usize) < labels)
        };
        if self.members.len() != self.bias.len() {
            return Some("set.offsets and set.bias must tell of as many sets");
        }
        if !self.members.iter().all(is_set) {
            return Some("set.label must rise within a set and name labels");
        }
        if !self.members.iter().any(Vec::is_empty) {
            return Some("set.offsets must have the empty set");
        }
        let mut seen = vec![false; labels];
        self.members.iter().flatten().for_each(|&label| seen[label as usize] = true);
        seen.contains(&false).then_some("set.label must have every label in some set")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_of_other_sets_are_suppressed() {
        let sets = LabelSets { members: vec![vec![], vec![0], vec![1]], bias: vec![0.0; 3] };
        // Alone each has a logit of 2; both at once is no set.
        let logits = sets.logits(&[2.0, 2.0]);
        let expected = 2.0_f64 - (1.0 + 2.0_f64.exp()).ln();
        assert!(logits.iter().all(|logit| (logit - expected).abs() < 1e-12), "{logits:?}");
    }

    #[test]
    fn extreme_scores_have_finite_logits() {
        let sets = LabelSets { members: vec![vec![], vec![0], vec![0, 1]], bias: vec![0.0; 3] };
        for scores in [[1e6, -1e6], [-1e6, 1e6], [1e6, 1e6]] {
            assert!(sets.logits(&scores).iter().all(|logit| logit.is_finite()));
        }
    }

    #[test]
    fn what_is_no_distribution_is_told() {
        let sets = |members: &[&[u32]]| LabelSets {
            bias: vec![0.0; members.len()],
            members: members.iter().map(|set| set.to_vec()).collect(),
        };
        assert_eq!(sets(&[&[], &[0], &[0, 1]]).contradiction(2), None);
        assert!(sets(&[&[0], &[1]]).contradiction(2).is_some());
        assert!(sets(&[&[], &[1, 0]]).contradiction(2).is_some());
        assert!(sets(&[&[], &[0, 2]]).contradiction(2).is_some());
        assert!(sets(&[&[], &[0]]).contradiction(2).is_some());
        assert!(LabelSets { bias: vec![], ..sets(&[&[]]) }.contradiction(0).is_some());
    }

    proptest! {
        /// With all sets and no biases labels are free of each other.
        #[test]
        fn with_all_sets_a_label_has_its_own_score(
            scores in proptest::collection::vec(-8.0_f64..8.0, 3),
        ) {
            let subset = |bits: u32| (0..3).filter(|label| bits >> label & 1 == 1).collect();
            let sets = LabelSets { members: (0..8).map(subset).collect(), bias: vec![0.0; 8] };
            for (logit, score) in sets.logits(&scores).iter().zip(&scores) {
                prop_assert!((logit - score).abs() < 1e-6);
            }
        }
    }
}
