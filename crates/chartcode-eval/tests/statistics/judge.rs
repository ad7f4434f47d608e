//! Properties against a judge that walks dense matrices of charts and labels.

use chartcode_eval::{Bootstrap, ChartRecord, Evaluation, LabelSpace, Metric, Rule};
use proptest::prelude::*;

use crate::charts::records;

/// A random matrix of charts and labels.
#[derive(Clone, Debug)]
struct Matrix {
    labels: usize,
    gold: Vec<Vec<u32>>,
    outside: Vec<u32>,
    scores: Vec<Vec<f32>>,
    weights: Vec<u32>,
}

impl Matrix {
    fn records(&self) -> Vec<ChartRecord> {
        records(&self.gold, &self.outside, &self.scores, 0.5)
    }
}

prop_compose! {
    fn matrix()(labels in 1_usize..12, charts in 1_usize..16)(
        labels in Just(labels),
        gold in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.3), labels), charts),
        outside in prop::collection::vec(prop_oneof![3 => Just(0_u32), 1 => 1_u32..3], charts),
        scores in prop::collection::vec(prop::collection::vec(0_u8..=10, labels), charts),
        weights in prop::collection::vec(0_u32..4, charts),
    ) -> Matrix {
        let numbers = |row: &Vec<bool>| (0..).zip(row).filter_map(|(i, &g)| g.then_some(i)).collect();
        let tenths = |row: &Vec<u8>| row.iter().map(|&score| f32::from(score) / 10.0).collect();
        Matrix {
            labels,
            gold: gold.iter().map(numbers).collect(),
            outside,
            scores: scores.iter().map(tenths).collect(),
            weights,
        }
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![Just(Rule::All), Just(Rule::Present), Just(Rule::Honest { outside_labels: 4 })]
}

/// A chart as the judge sees it: a cell a column, gold and suggested, and the columns by rank.
struct Row {
    gold: Vec<bool>,
    suggested: Vec<bool>,
    order: Vec<usize>,
    outside: usize,
}

/// The charts, each as often as its weight says, and the number of columns. The outside columns of
/// [`Rule::Honest`] are left to the caller.
fn rows(matrix: &Matrix, rule: Rule) -> (Vec<Row>, usize) {
    let present = |label: u32| matrix.gold.iter().any(|gold| gold.contains(&label));
    let columns: Vec<u32> =
        (0..matrix.labels as u32).filter(|&l| rule != Rule::Present || present(l)).collect();
    let honest = matches!(rule, Rule::Honest { .. });
    let mut rows = Vec::new();
    for (chart, gold) in matrix.gold.iter().enumerate() {
        if gold.is_empty() && !honest {
            continue;
        }
        for _ in 0..matrix.weights[chart] {
            let score = |&label: &u32| matrix.scores[chart][label as usize];
            let mut order: Vec<usize> = (0..columns.len()).collect();
            order.sort_by(|&a, &b| score(&columns[b]).total_cmp(&score(&columns[a])));
            rows.push(Row {
                gold: columns.iter().map(|label| gold.contains(label)).collect(),
                suggested: columns.iter().map(|label| score(label) > 0.5).collect(),
                order,
                outside: if honest { matrix.outside[chart] as usize } else { 0 },
            });
        }
    }
    (rows, columns.len())
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: &[f64], count: usize) -> f64 {
    if count == 0 { f64::NAN } else { values.iter().sum::<f64>() / count as f64 }
}

/// Every metric, one after the other, cell by cell.
fn judge(matrix: &Matrix, rule: Rule, metric: Metric) -> f64 {
    let (rows, columns) = rows(matrix, rule);
    let more = if let Rule::Honest { outside_labels } = rule { outside_labels } else { 0 };
    let classes = columns + more;
    if rows.is_empty() || (classes == 0 && !matches!(metric, Metric::ExactMatchRatio)) {
        return f64::NAN;
    }
    let count = |gold: bool, suggested: bool, column: Option<usize>| -> usize {
        let cells = |row: &Row| {
            let kept = (0..columns).filter(|&at| column.is_none_or(|column| column == at));
            kept.filter(|&at| row.gold[at] == gold && row.suggested[at] == suggested).count()
        };
        rows.iter().map(cells).sum()
    };
    let outside: usize = rows.iter().map(|row| row.outside).sum();
    let counts = |column| {
        let missed = count(true, false, column) + if column.is_none() { outside } else { 0 };
        (count(true, true, column), count(false, true, column), missed)
    };
    let over_labels = |figure: &dyn Fn((usize, usize, usize)) -> f64| -> Vec<f64> {
        (0..columns).map(|column| figure(counts(Some(column)))).collect()
    };
    let precision = |(tp, fp, _): (usize, usize, usize)| ratio(tp, tp + fp);
    let recall = |(tp, _, r#fn): (usize, usize, usize)| ratio(tp, tp + r#fn);
    let f1 = |(tp, fp, r#fn): (usize, usize, usize)| ratio(2 * tp, 2 * tp + fp + r#fn);
    let ranked: Vec<&Row> =
        rows.iter().filter(|row| row.outside > 0 || row.gold.contains(&true)).collect();
    let of_gold = |row: &Row| row.gold.iter().filter(|&&gold| gold).count() + row.outside;
    let hits = |row: &Row, k: usize| row.order.iter().take(k).filter(|&&at| row.gold[at]).count();
    let over_charts = |figure: &dyn Fn(&Row) -> f64| {
        let values: Vec<f64> = ranked.iter().map(|row| figure(row)).collect();
        mean(&values, values.len())
    };
    match metric {
        Metric::MicroPrecision => precision(counts(None)),
        Metric::MicroRecall => recall(counts(None)),
        Metric::MicroF1 => f1(counts(None)),
        Metric::MacroPrecision => mean(&over_labels(&precision), classes),
        Metric::MacroRecall => mean(&over_labels(&recall), classes),
        Metric::MacroF1 => mean(&over_labels(&f1), classes),
        Metric::MacroF1Mullenbach => {
            let p = mean(&over_labels(&precision), matrix.labels);
            let r = mean(&over_labels(&recall), matrix.labels);
            if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 }
        }
        Metric::MicroFpr => {
            let (tp, fp, missed) = counts(None);
            ratio(fp, classes * rows.len() - tp - missed)
        }
        Metric::MacroFpr => {
            let fpr = |(tp, fp, r#fn): (usize, usize, usize)| ratio(fp, rows.len() - tp - r#fn);
            mean(&over_labels(&fpr), classes)
        }
        Metric::PrecisionAt(k) => over_charts(&|row| ratio(hits(row, k as usize), k as usize)),
        Metric::RecallAt(k) => over_charts(&|row| ratio(hits(row, k as usize), of_gold(row))),
        Metric::RPrecision => over_charts(&|row| ratio(hits(row, of_gold(row)), of_gold(row))),
        Metric::Map => over_charts(&|row| {
            let found = (1..=columns).filter(|&k| row.gold[row.order[k - 1]]);
            found.map(|k| ratio(hits(row, k), k)).sum::<f64>() / of_gold(row) as f64
        }),
        Metric::ExactMatchRatio => {
            let exact = rows.iter().filter(|row| row.outside == 0 && row.gold == row.suggested);
            ratio(exact.count(), rows.len())
        }
        _ => unreachable!("not a function of records"),
    }
}

proptest! {
    #[test]
    fn values_are_the_judges(matrix in matrix(), rule in rule()) {
        let space = LabelSpace { labels: matrix.labels, rule };
        let evaluation = Evaluation::new(&space, &matrix.records(), &[3, 1]).unwrap();
        let values = evaluation.values(&matrix.weights);
        for (&metric, value) in evaluation.metrics().iter().zip(values) {
            let expected = judge(&matrix, rule, metric);
            let same = (value - expected).abs() < 1e-9 || value.is_nan() && expected.is_nan();
            prop_assert!(same, "{metric} {rule:?}: {value} for {expected}");
        }
    }

    /// A chart counted twice is the chart and its copy.
    #[test]
    fn weights_are_copies(matrix in matrix(), rule in rule()) {
        let space = LabelSpace { labels: matrix.labels, rule };
        let records = matrix.records();
        let twice = [records.clone(), records.clone()].concat();
        let [one, two] =
            [&records, &twice].map(|r| Evaluation::new(&space, r, &[5]).unwrap());
        let (by_weight, by_copy) = (one.values(&vec![2; records.len()]), two.values(&vec![1; twice.len()]));
        for (a, b) in by_weight.iter().zip(by_copy) {
            prop_assert!((a - b).abs() < 1e-12 || a.is_nan() && b.is_nan());
        }
    }
}

#[test]
fn the_same_for_any_number_of_threads() {
    let gold: Vec<Vec<u32>> = (0..40).map(|i| vec![i % 5, 5 + i % 3]).collect();
    let scores: Vec<Vec<f32>> =
        (0..40).map(|i| (0..8).map(|j| (i * 7 + j * 13) as f32 % 11.0 / 11.0).collect()).collect();
    let records = records(&gold, &[0; 40], &scores, 0.5);
    let space = LabelSpace { labels: 8, rule: Rule::Present };
    let evaluation = Evaluation::new(&space, &records, &[5]).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Bootstrap::default().table(&evaluation, &[]))
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn records_of_another_label_space_are_told() {
    let good = records(&[vec![0, 2]], &[0], &[vec![0.9, 0.1, 0.8]], 0.5).remove(0);
    let error = |change: &dyn Fn(&mut ChartRecord), labels| {
        let mut record = good.clone();
        change(&mut record);
        let space = LabelSpace { labels, rule: Rule::All };
        Evaluation::new(&space, &[record], &[5]).unwrap_err().to_string()
    };
    assert!(error(&|_| (), 2).contains("chart 0 names a label beyond the 2"));
    assert!(error(&|r| r.gold.reverse(), 3).contains("ascending"));
    assert!(error(&|r| r.gold = vec![0, 1, 2], 3).contains("one rank a gold label"));
    assert!(error(&|r| r.ranks[0] = 0, 3).contains("ascending from 1"));
    assert!(error(&|r| r.suggested.push(r.suggested[0]), 3).contains("suggests a label twice"));
    let space = LabelSpace { labels: 3, rule: Rule::All };
    assert!(Evaluation::new(&space, std::slice::from_ref(&good), &[0]).is_err());
}
