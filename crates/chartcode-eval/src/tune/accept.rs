//! The rule by which codes stand without a look, and what it would do.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::bound::ErrorBound;
use super::ranking::Cut;
use crate::metric::Estimate;

/// Suggested codes strictly above a threshold are accepted without review.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AcceptRule {
    /// The threshold.
    pub cut: Cut,
    /// The share of wrong codes that is allowed.
    pub alpha: f64,
    /// The confidence with which it is kept.
    pub confidence: f64,
    /// The test at the threshold, on the tuning set.
    pub bound: ErrorBound,
    /// Accepted codes / suggested codes, with the 95 % interval of a bootstrap over charts.
    pub share_of_suggested: Estimate,
    /// Accepted codes that are gold / gold codes, likewise.
    pub share_of_gold: Estimate,
    /// Charts in which all suggestions are accepted, and there is one / charts, likewise.
    pub charts_fully_accepted: Estimate,
}

/// What one chart has of each kind of code.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChartShare {
    pub(super) suggested: u32,
    pub(super) accepted: u32,
    pub(super) wrong: u32,
    pub(super) gold: u32,
}

/// The three shares of [`AcceptRule`], over charts, each drawn as often as `replicates` say.
pub(super) fn shares(charts: &[ChartShare], replicates: usize, seed: u64) -> [Estimate; 3] {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut drawn: [Vec<f64>; 3] = Default::default();
    for _ in 0..replicates {
        let sample = (0..charts.len()).map(|_| &charts[rng.random_range(0..charts.len())]);
        for (values, ratio) in drawn.iter_mut().zip(ratios(sample)) {
            values.extend(ratio);
        }
    }
    let mut point = ratios(charts.iter()).into_iter();
    drawn.map(|values| interval(point.next().flatten(), values))
}

fn ratios<'a>(charts: impl Iterator<Item = &'a ChartShare>) -> [Option<f64>; 3] {
    let mut sums = [(0_u64, 0_u64); 3];
    for chart in charts {
        let all = chart.suggested > 0 && chart.accepted == chart.suggested;
        let parts = [chart.accepted, chart.accepted - chart.wrong, u32::from(all)];
        for (sum, (part, whole)) in
            sums.iter_mut().zip(parts.into_iter().zip([chart.suggested, chart.gold, 1]))
        {
            *sum = (sum.0 + u64::from(part), sum.1 + u64::from(whole));
        }
    }
    sums.map(|(part, whole)| (whole > 0).then(|| part as f64 / whole as f64))
}

/// Percentiles 2.5 and 97.5, the nearest ranks.
fn interval(value: Option<f64>, mut drawn: Vec<f64>) -> Estimate {
    drawn.sort_unstable_by(f64::total_cmp);
    let rank = |per_mille: usize| {
        let last = drawn.len().checked_sub(1)?;
        drawn.get((last * per_mille + 500) / 1000).copied()
    };
    Estimate { value, low: rank(25), high: rank(975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_ratios_of_sums_with_their_intervals() {
        let chart =
            |suggested, accepted, wrong, gold| ChartShare { suggested, accepted, wrong, gold };
        let charts: Vec<ChartShare> = (0..400)
            .map(|i| if i % 4 == 0 { chart(2, 2, 1, 5) } else { chart(6, 1, 0, 3) })
            .collect();
        let [suggested, gold, untouched] = shares(&charts, 800, 3);
        assert_eq!(suggested.value, Some(5.0 / 20.0));
        assert_eq!(gold.value, Some(4.0 / 14.0));
        assert_eq!(untouched.value, Some(0.25));
        // A binomial share of 400 charts has the standard error √(0.25 · 0.75 / 400) = 0.0217.
        let (low, high) = (untouched.low.unwrap(), untouched.high.unwrap());
        assert!(
            (low - (0.25 - 1.96 * 0.0217)).abs() < 0.008
                && (high - (0.25 + 1.96 * 0.0217)).abs() < 0.008
        );
    }

    #[test]
    fn undefined_shares_have_no_value() {
        let nothing = Estimate { value: None, low: None, high: None };
        assert_eq!(shares(&[], 10, 0)[0], nothing);
        let [suggested, gold, untouched] = shares(&[ChartShare::default()], 10, 0);
        assert_eq!((suggested, gold, untouched.value), (nothing, nothing, Some(0.0)));
    }
}
