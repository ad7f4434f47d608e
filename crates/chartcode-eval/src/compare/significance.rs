//! p-values of differences.

use std::collections::BTreeMap;

use rand_pcg::rand_core::Rng as _;
use rayon::prelude::*;

use crate::bootstrap::random;
use crate::metric::Metric;
use crate::metrics::Evaluation;

/// Differences this close are equal: sums of the same numbers in another order.
const CLOSE: f64 = 1e-12;

/// Twice the share of replicates on the rarer side of 0, 0 itself on both, the figure counted as
/// one more replicate so that no p-value is 0; none without replicates.
pub(super) fn bootstrap_p(replicates: &[f64]) -> Option<f64> {
    let below = replicates.iter().filter(|&&difference| difference <= CLOSE).count();
    let above = replicates.iter().filter(|&&difference| difference >= -CLOSE).count();
    let p = 2.0 * (below.min(above) + 1) as f64 / (replicates.len() + 1) as f64;
    (!replicates.is_empty()).then(|| p.min(1.0))
}

/// Random exchanges of two runs' answers.
pub(super) struct Exchange {
    /// The first run's charts, and behind them the second's in the same order.
    pub(super) both: Evaluation,
    /// Charts of each run.
    pub(super) charts: usize,
}

impl Exchange {
    /// For each metric the share of exchanges with as great a difference, the runs as they are
    /// counted as one of them.
    pub(super) fn p_values(
        &self,
        metrics: &[Metric],
        permutations: usize,
        seed: u64,
    ) -> BTreeMap<Metric, f64> {
        let observed = self.differences(&vec![0; self.charts]);
        let greater = |permutation: usize| -> Vec<bool> {
            let differences = self.differences(&self.exchanged(seed, permutation));
            differences.iter().zip(&observed).map(|(d, o)| *d >= o - CLOSE).collect()
        };
        let exchanges: Vec<Vec<bool>> = (0..permutations).into_par_iter().map(greater).collect();
        let p = |(at, &metric): (usize, &Metric)| {
            let asked = metrics.contains(&metric) && permutations > 0 && !observed[at].is_nan();
            let as_great = exchanges.iter().filter(|exchange| exchange[at]).count();
            asked.then(|| (metric, (as_great + 1) as f64 / (permutations + 1) as f64))
        };
        self.both.metrics().iter().enumerate().filter_map(p).collect()
    }

    /// Which charts are exchanged: each with probability one half. The complement of the seed
    /// keeps these random numbers apart from those of the bootstrap.
    fn exchanged(&self, seed: u64, permutation: usize) -> Vec<u32> {
        let mut random = random(!seed, permutation);
        let mut bits = Vec::with_capacity(self.charts + 63);
        while bits.len() < self.charts {
            let word = random.next_u64();
            bits.extend((0..64).map(|bit| (word >> bit & 1) as u32));
        }
        bits.truncate(self.charts);
        bits
    }

    /// |difference| of each metric where the charts marked 1 are exchanged.
    fn differences(&self, exchanged: &[u32]) -> Vec<f64> {
        let kept = || exchanged.iter().map(|&bit| 1 - bit);
        let moved = || exchanged.iter().copied();
        let first: Vec<u32> = kept().chain(moved()).collect();
        let second: Vec<u32> = moved().chain(kept()).collect();
        let (first, second) = (self.both.values(&first), self.both.values(&second));
        second.iter().zip(first).map(|(second, first)| (second - first).abs()).collect()
    }
}

/// p-values adjusted for their number (Holm 1979), in their order; those that are none stay so.
pub(super) fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(f64, usize)> =
        p_values.iter().enumerate().filter_map(|(at, p)| Some(((*p)?, at))).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut adjusted = vec![None; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, &(p, at)) in order.iter().enumerate() {
        least = least.max(p * (order.len() - rank) as f64).min(1.0);
        adjusted[at] = Some(least);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `statsmodels.stats.multitest.multipletests(p, method="holm")`; see
    /// `scripts/evaluation/make_metrics.py`.
    #[test]
    fn holm_is_that_of_statsmodels() {
        let p = [Some(0.01), None, Some(0.04), Some(0.03), Some(0.005), Some(0.9)];
        let expected = [Some(0.04), None, Some(0.09), Some(0.09), Some(0.025), Some(0.9)];
        for (adjusted, expected) in holm(&p).into_iter().zip(expected) {
            assert_eq!(adjusted.is_some(), expected.is_some());
            let difference = adjusted.unwrap_or(0.0) - expected.unwrap_or(0.0);
            assert!(difference.abs() < 1e-12);
        }
    }

    #[test]
    fn bootstrap_p_counts_both_sides() {
        assert_eq!(bootstrap_p(&[]), None);
        assert_eq!(bootstrap_p(&[0.0; 9]), Some(1.0));
        assert_eq!(bootstrap_p(&[0.1; 99]), Some(2.0 / 100.0));
        let mut mixed = vec![-0.2; 4];
        mixed.extend([0.3; 95]);
        assert_eq!(bootstrap_p(&mixed), Some(2.0 * 5.0 / 100.0));
    }
}
