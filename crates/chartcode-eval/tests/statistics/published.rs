//! The test vectors of medical-coding-reproducibility (`tests/test_metrics.py`).

use chartcode_eval::{Bootstrap, Evaluation, LabelSpace, Metric, MetricTable, Rule};

use crate::charts::records;

fn table(scores: [[f32; 4]; 2], gold: [&[u32]; 2], ranks: &[u32]) -> MetricTable {
    let gold = gold.map(<[u32]>::to_vec);
    let records = records(&gold, &[0, 0], &scores.map(|row| row.to_vec()), 0.5);
    let space = LabelSpace { labels: 4, rule: Rule::All };
    let evaluation = Evaluation::new(&space, &records, ranks).unwrap();
    Bootstrap { replicates: 0, ..Bootstrap::default() }.table(&evaluation, &[])
}

fn assert_value(table: &MetricTable, metric: Metric, expected: f64, tolerance: f64) {
    let value = table.get(metric).unwrap().value.unwrap();
    assert!((value - expected).abs() < tolerance, "{metric}: {value} for {expected}");
}

#[test]
fn precision_at_k_and_false_positive_rates() {
    let scores = [[0.6, 0.6, 0.8, 0.4], [0.1, 0.56, 0.9, 0.3]];
    let table = table(scores, [&[1, 2, 3], &[1, 2]], &[4, 2, 4]);
    assert_value(&table, Metric::PrecisionAt(4), 0.625, 1e-12);
    assert_value(&table, Metric::RecallAt(4), 1.0, 1e-12);
    assert_value(&table, Metric::MicroFpr, 1.0 / 3.0, 1e-12);
    assert_value(&table, Metric::MacroFpr, 0.125, 1e-12);
    // The first chart's labels 0 and 1 tie at 0.6; torch takes label 1, equal scores rank in label
    // order here.
    assert_value(&table, Metric::PrecisionAt(2), 0.75, 1e-12);
    assert_eq!(table.0.len(), 16);
    let ordered = [[0.59, 0.6, 0.8, 0.4], scores[1]];
    let table = self::table(ordered, [&[1, 2, 3], &[1, 2]], &[2]);
    assert_value(&table, Metric::PrecisionAt(2), 1.0, 1e-12);
}

#[test]
fn average_precision_and_r_precision() {
    let scores = [[0.5, 0.6, 0.8, 0.4], [0.1, 0.56, 0.9, 0.3]];
    let table = table(scores, [&[1, 2, 3], &[1, 2]], &[5]);
    assert_value(&table, Metric::Map, 0.96, 0.005);
    assert_value(&table, Metric::RPrecision, 0.83, 0.005);
    let scores = [[0.9, 0.6, 0.8, 0.4], [0.1, 0.56, 0.4, 0.3]];
    let table = self::table(scores, [&[1, 3], &[1, 2, 3]], &[5]);
    assert_value(&table, Metric::Map, 0.708, 0.0005);
}
