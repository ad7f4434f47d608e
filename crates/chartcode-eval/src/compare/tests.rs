use super::*;
use crate::metrics::Rule;
use crate::record::Suggestion;

fn record(id: usize, gold: &[u32], suggested: &[u32], ranks: &[u32]) -> ChartRecord {
    let suggestion = |&label: &u32| Suggestion { label, probability: None, accepted: false };
    ChartRecord {
        id: format!("c{id}"),
        gold: gold.to_vec(),
        outside: 0,
        suggested: suggested.iter().map(suggestion).collect(),
        ranks: ranks.to_vec(),
        present_ranks: ranks.to_vec(),
    }
}

/// A run over four labels that is right in `right` of every ten charts.
fn run(charts: usize, right: usize) -> Vec<ChartRecord> {
    let chart = |id: usize| {
        let gold = (id % 4) as u32;
        if id * 7 % 10 < right {
            record(id, &[gold], &[gold], &[1])
        } else {
            record(id, &[gold], &[(gold + 1) % 4], &[2])
        }
    };
    (0..charts).map(chart).collect()
}

fn comparing() -> Comparing {
    let bootstrap = Bootstrap { replicates: 400, seed: 5, level: 0.95 };
    let space = LabelSpace { labels: 4, rule: Rule::All };
    Comparing { space, bootstrap, permutations: 400 }
}

fn only(records: &[ChartRecord]) -> Run<'_> {
    Run { records, linear: &[] }
}

fn row<'a>(comparison: &'a Comparison, metric: &str) -> &'a MetricComparison {
    comparison.metrics.iter().find(|row| row.metric == metric).unwrap()
}

#[test]
fn a_better_run_is_significantly_better() {
    let (first, second) = (run(200, 5), run(200, 8));
    let comparison = Comparison::new(only(&first), only(&second), &comparing()).unwrap();
    assert_eq!((comparison.wins, comparison.ties, comparison.losses), (60, 140, 0));
    let micro = row(&comparison, "micro_f1");
    assert_eq!((micro.first, micro.second), (Some(0.5), Some(0.8)));
    assert!((micro.difference.value.unwrap() - 0.3).abs() < 1e-12);
    // The mean of 200 draws of 0 or 1 with a share of 0.3: ± 1.96 · √(0.21 / 200) = ± 0.0635.
    assert!((micro.difference.low.unwrap() - 0.2365).abs() < 0.012);
    assert!((micro.difference.high.unwrap() - 0.3635).abs() < 0.012);
    assert_eq!(micro.p_bootstrap, Some(2.0 / 401.0));
    assert_eq!(micro.p_randomization, Some(1.0 / 401.0));
    assert_eq!(micro.p_randomization_holm, Some(6.0 / 401.0));
    assert!(micro.p_bootstrap_holm > micro.p_bootstrap);
    assert_eq!(row(&comparison, "precision_at_5").p_randomization, None);
    // Both labels stand within the first eight in either run.
    assert_eq!(row(&comparison, "precision_at_8").p_randomization, Some(1.0));
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let records = run(50, 5);
    let comparison = Comparison::new(only(&records), only(&records), &comparing()).unwrap();
    for row in &comparison.metrics {
        assert_eq!(row.first, row.second);
        let zero = Estimate { value: Some(0.0), low: Some(0.0), high: Some(0.0) };
        assert_eq!(row.difference, zero);
        assert_eq!(row.p_bootstrap_holm, Some(1.0));
        assert!(row.p_randomization.is_none_or(|p| p == 1.0));
    }
}

/// The exact sign test over all 2^n exchanges: 7 charts better by 1, 1 worse, of 8 that differ.
/// |difference| ≥ 6 happens in 2 · (8 + 1) of 256 exchanges.
#[test]
fn the_randomization_test_approaches_the_exact_one() {
    let first: Vec<_> = (0..8).map(|i| record(i, &[0], &[u32::from(i != 7)], &[1])).collect();
    let second: Vec<_> = (0..8).map(|i| record(i, &[0], &[u32::from(i == 7)], &[1])).collect();
    let how = Comparing { permutations: 20_000, ..comparing() };
    let comparison = Comparison::new(only(&first), only(&second), &how).unwrap();
    let p = row(&comparison, "exact_match_ratio").p_randomization.unwrap();
    assert!((p - 18.0 / 256.0).abs() < 0.006, "{p}");
    assert_eq!((comparison.wins, comparison.losses), (7, 1));
}

#[test]
fn charts_of_one_run_only_are_left_out() {
    let (first, mut second) = (run(30, 5), run(40, 8));
    second.rotate_left(3);
    second.truncate(35);
    let auc = |value: f64, charts: usize| {
        [Linearised { metric: Metric::MicroAuc, value, influence: vec![0.01; charts] }]
    };
    let (linear_first, linear_second) = (auc(0.9, 30), auc(0.8, 35));
    let comparison = Comparison::new(
        Run { records: &first, linear: &linear_first },
        Run { records: &second, linear: &linear_second },
        &comparing(),
    )
    .unwrap();
    assert_eq!((comparison.charts, comparison.only_first, comparison.only_second), (27, 3, 8));
    assert!(comparison.metrics.iter().all(|row| row.metric != "micro_auc"));
}

#[test]
fn areas_under_curves_go_by_influence_in_any_order_of_charts() {
    let first = run(20, 5);
    let mut second = run(20, 5);
    second.reverse();
    let influence: Vec<f64> = (0..20).map(|i| f64::from(i - 10) / 1000.0).collect();
    let reversed: Vec<f64> = influence.iter().rev().copied().collect();
    let linear = |value, influence| [Linearised { metric: Metric::MicroAuc, value, influence }];
    let (linear_first, linear_second) = (linear(0.8, influence), linear(0.85, reversed));
    let comparison = Comparison::new(
        Run { records: &first, linear: &linear_first },
        Run { records: &second, linear: &linear_second },
        &comparing(),
    )
    .unwrap();
    let auc = row(&comparison, "micro_auc");
    // The same influence chart by chart cancels out in every replicate.
    for end in [auc.difference.value, auc.difference.low, auc.difference.high] {
        assert!((end.unwrap() - 0.05).abs() < 1e-9);
    }
}

#[test]
fn what_cannot_be_compared_is_told() {
    let records = run(5, 5);
    let error = |second: &[ChartRecord]| {
        Comparison::new(only(&records), only(second), &comparing()).unwrap_err().to_string()
    };
    let mut other = run(5, 5);
    other[2].outside = 1;
    assert!(error(&other).contains("gold codes of chart c2 differ"));
    let twice = [run(5, 5), run(1, 5)].concat();
    assert!(error(&twice).contains("chart c0 is twice in the second run"));
    assert!(error(&[]).contains("no chart is in both"));
}
