//! Two runs on the same charts, compared chart by chart.

mod significance;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::bootstrap::{Bootstrap, Interval, Linearised, centre, percentiles};
use crate::chart_counts::ChartCounts;
use crate::error::{Error, Result};
use crate::metric::{Estimate, Metric};
use crate::metrics::{Evaluation, LabelSpace, RANKS};
use crate::record::ChartRecord;

use significance::{Exchange, bootstrap_p, holm};

/// The metrics that the randomization test is made for.
const RANDOMIZED: [Metric; 6] = [
    Metric::MicroF1,
    Metric::MacroF1,
    Metric::PrecisionAt(8),
    Metric::RPrecision,
    Metric::Map,
    Metric::ExactMatchRatio,
];

/// One of the runs to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its charts, over the label space that both share.
    pub records: &'a [ChartRecord],
    /// Its areas under curves, one influence a record. They are compared only where both runs
    /// have the same charts, as they belong to all charts of a run.
    pub linear: &'a [Linearised],
}

/// How the runs are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparing {
    /// The label space of both.
    pub space: LabelSpace,
    /// The paired bootstrap: a replicate draws the same charts for both runs.
    pub bootstrap: Bootstrap,
    /// Permutations of the randomization test; with 0 it is not made.
    pub permutations: usize,
}

impl Comparing {
    /// The usual comparison: 1,000 replicates, 1,000 permutations.
    #[must_use]
    pub fn new(space: LabelSpace) -> Self {
        Self { space, bootstrap: Bootstrap::default(), permutations: 1000 }
    }
}

/// Two runs on the same charts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Charts in both runs.
    pub charts: usize,
    /// Charts in the first run only; they do not count.
    pub only_first: usize,
    /// Charts in the second run only; they do not count.
    pub only_second: usize,
    /// Each metric.
    pub metrics: Vec<MetricComparison>,
    /// Charts whose F1 is higher in the second run; gold outside the labels counts as missed.
    pub wins: usize,
    /// Charts whose F1 is the same.
    pub ties: usize,
    /// Charts whose F1 is lower in the second run.
    pub losses: usize,
    /// Replicates of the bootstrap.
    pub replicates: usize,
    /// Permutations of the randomization test.
    pub permutations: usize,
    /// Seed of both.
    pub seed: u64,
}

/// A metric of two runs. All p-values are two-sided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricComparison {
    /// Its key, e.g. `micro_f1`.
    pub metric: String,
    /// The first run's figure.
    pub first: Option<f64>,
    /// The second run's figure.
    pub second: Option<f64>,
    /// Second minus first, with the interval of the paired bootstrap.
    pub difference: Estimate,
    /// Twice the share of replicates in which the difference is on the rarer side of 0.
    pub p_bootstrap: Option<f64>,
    /// The same, adjusted for the number of metrics (Holm 1979).
    pub p_bootstrap_holm: Option<f64>,
    /// The share of random exchanges of the two runs' answers, chart by chart, with as great a
    /// difference (approximate randomization; Noreen 1989). Not for all metrics.
    pub p_randomization: Option<f64>,
    /// The same, adjusted for the number of metrics it is made for.
    pub p_randomization_holm: Option<f64>,
}

impl Comparison {
    /// Compares two runs.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where a run has a chart twice, no chart is in both, a chart's gold
    /// differs between the runs, or a record is not one over the label space.
    pub fn new(first: Run<'_>, second: Run<'_>, how: &Comparing) -> Result<Self> {
        let pairs = pairs(first.records, second.records)?;
        let whole = pairs.len() == first.records.len() && pairs.len() == second.records.len();
        let pick = |records: &[ChartRecord], run: usize| -> Vec<ChartRecord> {
            pairs.iter().map(|pair| records[pair[run]].clone()).collect()
        };
        let runs = [pick(first.records, 0), pick(second.records, 1)];
        let linear = if whole { linear_pairs(first, second, &pairs) } else { Vec::new() };
        let metrics = compare(&runs, linear, how)?;
        let change = |(first, second): (&ChartRecord, &ChartRecord)| {
            ChartCounts::of(second).f1().total_cmp(&ChartCounts::of(first).f1())
        };
        let changes: Vec<Ordering> = runs[0].iter().zip(&runs[1]).map(change).collect();
        let count = |kind: Ordering| changes.iter().filter(|&&change| change == kind).count();
        Ok(Self {
            charts: pairs.len(),
            only_first: first.records.len() - pairs.len(),
            only_second: second.records.len() - pairs.len(),
            metrics,
            wins: count(Ordering::Greater),
            ties: count(Ordering::Equal),
            losses: count(Ordering::Less),
            replicates: how.bootstrap.replicates,
            permutations: how.permutations,
            seed: how.bootstrap.seed,
        })
    }
}

/// Where the charts of both runs stand in each, in the first run's order.
fn pairs(first: &[ChartRecord], second: &[ChartRecord]) -> Result<Vec<[usize; 2]>> {
    let (first_by_id, second_by_id) = (by_id(first, "first")?, by_id(second, "second")?);
    let mut pairs: Vec<[usize; 2]> =
        first_by_id.iter().filter_map(|(id, &at)| Some([at, *second_by_id.get(id)?])).collect();
    pairs.sort_unstable();
    let gold = |record: &ChartRecord| (record.gold.clone(), record.outside);
    let differs = |pair: &&[usize; 2]| gold(&first[pair[0]]) != gold(&second[pair[1]]);
    if let Some(pair) = pairs.iter().find(differs) {
        return Err(Error::Request(format!(
            "the gold codes of chart {} differ between the runs; evaluate both against the same \
             gold and labels",
            first[pair[0]].id
        )));
    }
    if pairs.is_empty() {
        return Err(Error::Request("no chart is in both runs; their ids must be the same".into()));
    }
    Ok(pairs)
}

/// Records by id.
fn by_id<'a>(records: &'a [ChartRecord], name: &str) -> Result<BTreeMap<&'a str, usize>> {
    let mut map = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        if map.insert(record.id.as_str(), at).is_some() {
            let problem = format!("chart {} is twice in the {name} run; leave one out", record.id);
            return Err(Error::Request(problem));
        }
    }
    Ok(map)
}

/// The areas under curves that both runs have, their influences in the order of the pairs.
fn linear_pairs(first: Run<'_>, second: Run<'_>, pairs: &[[usize; 2]]) -> Vec<[Linearised; 2]> {
    let pick = |linear: &Linearised, run: usize| Linearised {
        influence: pairs.iter().filter_map(|p| linear.influence.get(p[run]).copied()).collect(),
        ..linear.clone()
    };
    let both = |linear: &Linearised| {
        let other = second.linear.iter().find(|other| other.metric == linear.metric)?;
        Some([pick(linear, 0), pick(other, 1)])
    };
    first.linear.iter().filter_map(both).collect()
}

/// The runs made ready, their charts in the same order.
struct Pair {
    evaluations: [Evaluation; 2],
    linear: Vec<[Linearised; 2]>,
}

impl Pair {
    fn metrics(&self) -> Vec<Metric> {
        let linear = self.linear.iter().map(|pair| pair[0].metric);
        self.evaluations[0].metrics().iter().copied().chain(linear).collect()
    }

    /// The metrics of a run.
    fn values(&self, run: usize, weights: &[u32]) -> Vec<f64> {
        let mut values = self.evaluations[run].values(weights);
        values.extend(self.linear.iter().map(|pair| pair[run].at(weights)));
        values
    }

    /// Every metric with the difference of the runs, in the usual order.
    fn compare(&self, bootstrap: Bootstrap) -> Vec<(Metric, MetricComparison)> {
        let charts = self.evaluations[0].records();
        let difference = |weights: &[u32]| -> Vec<f64> {
            let (first, second) = (self.values(0, weights), self.values(1, weights));
            second.iter().zip(first).map(|(second, first)| second - first).collect()
        };
        let replicates = bootstrap.replicates(charts, &difference);
        let ones = vec![1; charts];
        let (first, second) = (self.values(0, &ones), self.values(1, &ones));
        let row = |(at, metric): (usize, Metric)| {
            let replicates = replicates.iter().map(|row| row[at]).collect();
            (metric, compare_metric(metric, [first[at], second[at]], replicates, bootstrap.level))
        };
        let mut rows: Vec<_> = self.metrics().into_iter().enumerate().map(row).collect();
        rows.sort_by_key(|&(metric, _)| metric);
        rows
    }
}

/// A metric of both runs and the replicates of its difference.
fn compare_metric(
    metric: Metric,
    values: [f64; 2],
    mut replicates: Vec<f64>,
    level: f64,
) -> MetricComparison {
    let change = values[1] - values[0];
    replicates.retain(|replicate| !replicate.is_nan());
    if Interval::of(metric) == Interval::Centred {
        centre(change, &mut replicates);
    }
    let [first, second] = values.map(|value| (!value.is_nan()).then_some(value));
    let p_bootstrap = (!change.is_nan()).then(|| bootstrap_p(&replicates)).flatten();
    MetricComparison {
        metric: metric.to_string(),
        first,
        second,
        difference: percentiles(change, replicates, level),
        p_bootstrap,
        p_bootstrap_holm: None,
        p_randomization: None,
        p_randomization_holm: None,
    }
}

/// Every metric of two runs whose charts stand in the same order.
fn compare(
    runs: &[Vec<ChartRecord>; 2],
    linear: Vec<[Linearised; 2]>,
    how: &Comparing,
) -> Result<Vec<MetricComparison>> {
    let ready = |records: &[ChartRecord]| Evaluation::new(&how.space, records, &RANKS);
    let pair = Pair { evaluations: [ready(&runs[0])?, ready(&runs[1])?], linear };
    let mut rows = pair.compare(how.bootstrap);
    let exchange = Exchange { both: ready(&runs.concat())?, charts: runs[0].len() };
    let randomized = exchange.p_values(&RANDOMIZED, how.permutations, how.bootstrap.seed);
    for (metric, row) in &mut rows {
        row.p_randomization = randomized.get(metric).copied();
    }
    let mut rows: Vec<MetricComparison> = rows.into_iter().map(|(_, row)| row).collect();
    let bootstrap: Vec<_> = rows.iter().map(|row| row.p_bootstrap).collect();
    let randomization: Vec<_> = rows.iter().map(|row| row.p_randomization).collect();
    let adjusted = holm(&bootstrap).into_iter().zip(holm(&randomization));
    for (row, (bootstrap, randomization)) in rows.iter_mut().zip(adjusted) {
        row.p_bootstrap_holm = bootstrap;
        row.p_randomization_holm = randomization;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
