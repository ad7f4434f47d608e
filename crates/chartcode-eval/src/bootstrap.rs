//! Intervals by resampling charts.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;

use crate::metric::{Estimate, Metric, MetricTable};
use crate::metrics::Evaluation;

/// The percentile bootstrap (Efron 1979) over charts: whole charts are drawn with replacement, as
/// codes of one chart are not independent of each other.
///
/// A replicate depends on the seed and its own number alone, so that the same numbers come out for
/// any number of threads, and two tables with the same seed saw the same charts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Resamples; with 0 there are no intervals.
    pub replicates: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Confidence of the intervals, e.g. 0.95.
    pub level: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { replicates: 1000, seed: 0, level: 0.95 }
    }
}

/// A metric that is no function of records, near the weights 1: its value and what each chart adds
/// to it (its influence; Hampel 1974). Resampled as value + Σ (weight − 1) · influence.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearised {
    /// The metric, e.g. [`Metric::MicroAuc`].
    pub metric: Metric,
    /// Its value; not a number where it is not defined.
    pub value: f64,
    /// One number a record.
    pub influence: Vec<f64>,
}

impl Linearised {
    /// The value for weights, within `[0, 1]`.
    pub(crate) fn at(&self, weights: &[u32]) -> f64 {
        let pairs = self.influence.iter().zip(weights);
        let change: f64 = pairs.map(|(influence, &w)| influence * (f64::from(w) - 1.0)).sum();
        (self.value + change).clamp(0.0, 1.0)
    }
}

/// How an interval comes from the replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Between their percentiles.
    Percentile,
    /// The same, moved by the difference of the figure and their mean, within `[0, 1]`. For
    /// figures that resampling shifts: a resample misses rare labels altogether, so that macro
    /// means come out lower, and its bins are emptier, so that calibration errors come out higher.
    Centred,
}

impl Interval {
    /// The kind that suits a metric.
    pub(crate) fn of(metric: Metric) -> Self {
        match metric {
            Metric::MacroPrecision
            | Metric::MacroRecall
            | Metric::MacroF1
            | Metric::MacroF1Mullenbach => Self::Centred,
            _ => Self::Percentile,
        }
    }
}

impl Bootstrap {
    /// How often each chart is drawn in a replicate: as many draws as charts.
    #[must_use]
    pub fn weights(&self, charts: usize, replicate: usize) -> Vec<u32> {
        let mut random = random(self.seed, replicate);
        let mut weights = vec![0; charts];
        for _ in 0..charts {
            weights[below(&mut random, charts)] += 1;
        }
        weights
    }

    /// All metrics of an evaluation and those given as `linear`, with intervals.
    #[must_use]
    pub fn table(&self, evaluation: &Evaluation, linear: &[Linearised]) -> MetricTable {
        let names = evaluation.metrics().iter().copied();
        let metrics: Vec<Metric> = names.chain(linear.iter().map(|l| l.metric)).collect();
        let kinds: Vec<Interval> = metrics.iter().copied().map(Interval::of).collect();
        let estimates = self.intervals(evaluation.records(), &kinds, |weights| {
            let mut values = evaluation.values(weights);
            values.extend(linear.iter().map(|linear| linear.at(weights)));
            values
        });
        let mut table: Vec<_> = metrics.into_iter().zip(estimates).collect();
        table.sort_by_key(|&(metric, _)| metric);
        MetricTable(table)
    }

    /// One figure, e.g. a ratio of sums over charts, from a weight a chart.
    pub fn interval(&self, charts: usize, figure: impl Fn(&[u32]) -> f64 + Sync) -> Estimate {
        let kinds = [Interval::Percentile];
        self.intervals(charts, &kinds, |weights| vec![figure(weights)]).remove(0)
    }

    /// Several figures at once, one a kind of interval. Not a number means not defined; replicates
    /// in which a figure is not defined are left out of its interval.
    pub fn intervals(
        &self,
        charts: usize,
        kinds: &[Interval],
        figures: impl Fn(&[u32]) -> Vec<f64> + Sync,
    ) -> Vec<Estimate> {
        let values = figures(&vec![1; charts]);
        let replicates = self.replicates(charts, &figures);
        let estimate = |(column, &kind): (usize, &Interval)| {
            let replicates = replicates.iter().map(|row| row[column]).collect();
            estimate(values[column], replicates, kind, self.level)
        };
        kinds.iter().enumerate().map(estimate).collect()
    }

    /// The figures of every replicate, in order.
    pub(crate) fn replicates<T: Send>(
        &self,
        charts: usize,
        figures: &(impl Fn(&[u32]) -> T + Sync),
    ) -> Vec<T> {
        let replicates = if charts == 0 { 0 } else { self.replicates };
        (0..replicates).into_par_iter().map(|r| figures(&self.weights(charts, r))).collect()
    }
}

/// A figure and the interval that its replicates give.
fn estimate(value: f64, mut replicates: Vec<f64>, kind: Interval, level: f64) -> Estimate {
    replicates.retain(|replicate| !replicate.is_nan());
    if kind == Interval::Centred {
        centre(value, &mut replicates);
        for replicate in &mut replicates {
            *replicate = replicate.clamp(0.0, 1.0);
        }
    }
    percentiles(value, replicates, level)
}

/// Moves replicates so that their mean is the figure; none of them is not a number.
pub(crate) fn centre(value: f64, replicates: &mut [f64]) {
    let shift = value - replicates.iter().sum::<f64>() / replicates.len() as f64;
    for replicate in replicates {
        *replicate += shift;
    }
}

/// A figure and the percentiles of its replicates, none of which is not a number.
pub(crate) fn percentiles(value: f64, mut replicates: Vec<f64>, level: f64) -> Estimate {
    if value.is_nan() || replicates.is_empty() {
        return Estimate { value: (!value.is_nan()).then_some(value), low: None, high: None };
    }
    replicates.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    let [low, high] = [tail, 1.0 - tail].map(|share| Some(quantile(&replicates, share)));
    Estimate { value: Some(value), low, high }
}

/// A quantile of numbers in ascending order, linear between them (numpy's default).
#[expect(clippy::cast_sign_loss, reason = "a place in a list is not negative")]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// The random numbers of a replicate. Seeds that lie far apart, not streams of one seed: those of a
/// congruential generator resemble each other.
pub(crate) fn random(seed: u64, replicate: usize) -> Pcg64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    Pcg64::seed_from_u64(seed.wrapping_add((replicate as u64 + 1).wrapping_mul(GOLDEN)))
}

/// A number below `end`; the bias is under end / 2^64.
fn below(random: &mut Pcg64, end: usize) -> usize {
    ((u128::from(random.next_u64()) * end as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bootstrap(replicates: usize) -> Bootstrap {
        Bootstrap { replicates, seed: 7, level: 0.95 }
    }

    /// The mean of numbers, as a figure.
    fn weighted_mean(values: &[f64]) -> impl Fn(&[u32]) -> f64 + Sync {
        |weights| {
            let all: u32 = weights.iter().sum();
            let sum: f64 = values.iter().zip(weights).map(|(v, &w)| v * f64::from(w)).sum();
            sum / f64::from(all)
        }
    }

    #[test]
    fn as_many_draws_as_charts_each_as_likely() {
        let mut drawn = [0_u32; 50];
        for replicate in 0..400 {
            let weights = bootstrap(400).weights(50, replicate);
            assert_eq!(weights.iter().sum::<u32>(), 50);
            for (sum, weight) in drawn.iter_mut().zip(weights) {
                *sum += weight;
            }
        }
        // 20,000 draws over 50 charts: 400 each, standard deviation 19.8.
        assert!(drawn.iter().all(|&sum| (310..490).contains(&sum)), "{drawn:?}");
    }

    /// The mean of n numbers is normal with deviation s / √n, near enough for n = 400.
    #[test]
    fn the_interval_of_a_mean_is_the_analytic_one() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20) / 20.0).collect();
        let estimate = bootstrap(4000).interval(400, weighted_mean(&values));
        let centre = values.iter().sum::<f64>() / 400.0;
        let variance = values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 400.0;
        let half = 1.959_964 * (variance / 400.0).sqrt();
        assert_eq!(estimate.value, Some(centre));
        assert!((estimate.low.unwrap() - (centre - half)).abs() < 0.06 * half);
        assert!((estimate.high.unwrap() - (centre + half)).abs() < 0.06 * half);
    }

    /// Of 400 samples of 80 charts, about 95 % have the true share within their interval.
    #[test]
    fn intervals_cover_as_often_as_they_say() {
        let truth = 0.3;
        let covered = (0..400).filter(|&sample| {
            let mut random = random(99, sample);
            let mut hit = || f64::from(u8::from(below(&mut random, 10) < 3));
            let values: Vec<f64> = (0..80).map(|_| hit()).collect();
            let bootstrap = Bootstrap { replicates: 300, seed: sample as u64, level: 0.95 };
            let estimate = bootstrap.interval(80, weighted_mean(&values));
            estimate.low.unwrap() <= truth && truth <= estimate.high.unwrap()
        });
        let covered = covered.count();
        assert!((364..=392).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn the_same_for_any_number_of_threads() {
        let values: Vec<f64> = (0..97).map(|i| f64::from(i * i % 89)).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bootstrap(200).interval(97, weighted_mean(&values)))
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn what_is_not_defined_has_no_interval() {
        let nothing = Estimate { value: None, low: None, high: None };
        assert_eq!(bootstrap(10).interval(5, |_| f64::NAN), nothing);
        let empty = bootstrap(10).interval(0, |_| 0.5);
        assert_eq!(empty, Estimate { value: Some(0.5), low: None, high: None });
        let mostly = bootstrap(100).interval(3, |w| if w[0] > 0 { 0.5 } else { f64::NAN });
        assert_eq!((mostly.low, mostly.high), (Some(0.5), Some(0.5)));
    }

    #[test]
    fn linearised_figures_move_by_influence() {
        let linear =
            Linearised { metric: Metric::MicroAuc, value: 0.9, influence: vec![0.05, -0.05, 0.0] };
        assert!((linear.at(&[2, 0, 1]) - 1.0).abs() < 1e-12);
        assert_eq!(linear.at(&[9, 0, 1]), 1.0);
        assert!((linear.at(&[0, 2, 1]) - 0.8).abs() < 1e-12);
    }
}
