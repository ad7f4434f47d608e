//! Against the figures of `scripts/evaluation/make_metrics.py`.

use std::collections::BTreeMap;

use chartcode_eval::{
    AgreementLevel, AgreementSummary, Bootstrap, ChartRecord, Code, ComparedRun, Comparing,
    Comparison, Estimate, Evaluation, LabelSpace, LabelledChart, Metric, RANKS, Rule,
    ece_suggested,
};
use serde::Deserialize;

use crate::charts::records;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    agreement: Agreement,
}

/// Scores and threshold in hundredths.
#[derive(Deserialize)]
struct Case {
    labels: usize,
    threshold: f32,
    outside_labels: usize,
    gold: Vec<Vec<u32>>,
    outside: Vec<u32>,
    scores: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
    expected: Figures,
    expected_second: Figures,
    ece_suggested: f64,
    micro_f1_interval: [f64; 2],
    map_p_randomization: f64,
}

/// Values by metric, by rule.
type Figures = BTreeMap<String, BTreeMap<String, f64>>;

#[derive(Deserialize)]
struct Agreement {
    first: Vec<Vec<String>>,
    second: Vec<Vec<String>>,
    codes: BTreeMap<String, f64>,
    categories: BTreeMap<String, f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/metrics.json")).unwrap()
}

impl Case {
    fn records(&self, scores: &[Vec<f32>]) -> Vec<ChartRecord> {
        let hundredth = |row: &Vec<f32>| row.iter().map(|score| score / 100.0).collect();
        let scores: Vec<Vec<f32>> = scores.iter().map(hundredth).collect();
        records(&self.gold, &self.outside, &scores, self.threshold / 100.0)
    }

    fn space(&self, rule: &str) -> LabelSpace {
        let rule = match rule {
            "all" => Rule::All,
            "present" => Rule::Present,
            _ => Rule::Honest { outside_labels: self.outside_labels },
        };
        LabelSpace { labels: self.labels, rule }
    }
}

fn assert_close(what: &str, value: Option<f64>, expected: f64, tolerance: f64) {
    let value = value.unwrap_or(f64::NAN);
    assert!((value - expected).abs() < tolerance, "{what}: {value} for {expected}");
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    for case in golden().cases {
        for (scores, figures) in
            [(&case.scores, &case.expected), (&case.second, &case.expected_second)]
        {
            let records = case.records(scores);
            for (rule, expected) in figures {
                let evaluation = Evaluation::new(&case.space(rule), &records, &RANKS).unwrap();
                let values = evaluation.values(&vec![1; records.len()]);
                assert_eq!(values.len(), expected.len());
                for (metric, value) in evaluation.metrics().iter().zip(values) {
                    let metric = metric.to_string();
                    assert_close(&format!("{rule} {metric}"), Some(value), expected[&metric], 1e-9);
                }
            }
        }
    }
}

#[test]
fn intervals_are_those_of_scipy() {
    for case in golden().cases {
        // Charts without gold are left out before they are drawn, as they are in the reference.
        let mut records = case.records(&case.scores);
        records.retain(|record| !record.gold.is_empty());
        let evaluation = Evaluation::new(&case.space("all"), &records, &RANKS).unwrap();
        let bootstrap = Bootstrap { replicates: 8000, ..Bootstrap::default() };
        let estimate = bootstrap.table(&evaluation, &[]).get(Metric::MicroF1).unwrap();
        assert_close("low", estimate.low, case.micro_f1_interval[0], 0.006);
        assert_close("high", estimate.high, case.micro_f1_interval[1], 0.006);
    }
}

#[test]
fn every_interval_holds_its_figure() {
    for case in golden().cases {
        let records = case.records(&case.scores);
        for rule in ["all", "present", "honest"] {
            let evaluation = Evaluation::new(&case.space(rule), &records, &RANKS).unwrap();
            for (metric, Estimate { value, low, high }) in
                Bootstrap::default().table(&evaluation, &[]).0
            {
                assert!(
                    low <= value && value <= high,
                    "{rule} {metric}: {low:?} {value:?} {high:?}"
                );
            }
        }
    }
}

#[test]
fn calibration_is_that_of_numpy() {
    for case in golden().cases {
        let records = case.records(&case.scores);
        let ece = ece_suggested(&records, Bootstrap::default()).unwrap();
        assert_close("ece", ece.value, case.ece_suggested, 1e-9);
    }
}

#[test]
fn randomization_is_that_of_scipy() {
    for case in golden().cases {
        let runs = [case.records(&case.scores), case.records(&case.second)];
        let [first, second] = runs.each_ref().map(|records| ComparedRun { records, linear: &[] });
        let bootstrap = Bootstrap { replicates: 200, ..Bootstrap::default() };
        let how = Comparing { bootstrap, permutations: 4000, ..Comparing::new(case.space("all")) };
        let comparison = Comparison::new(first, second, &how).unwrap();
        let map = comparison.metrics.iter().find(|row| row.metric == "map").unwrap();
        assert_close("p of map", map.p_randomization, case.map_p_randomization, 0.03);
        assert_close("map of the second", map.second, case.expected_second["all"]["map"], 1e-9);
    }
}

#[test]
fn agreement_is_that_of_scikit_learn() {
    let golden = golden().agreement;
    let charts = |sets: &[Vec<String>]| -> Vec<LabelledChart> {
        let chart = |(id, codes): (usize, &Vec<String>)| LabelledChart {
            id: id.to_string(),
            text: None,
            codes: codes.iter().map(|code| Code::new("icd10cm", code)).collect(),
            evidence: Vec::new(),
            split: None,
        };
        sets.iter().enumerate().map(chart).collect()
    };
    let (first, second) = (charts(&golden.first), charts(&golden.second));
    let summary = AgreementSummary::new(&first, &second, Bootstrap::default()).unwrap();
    let check = |level: &AgreementLevel, expected: &BTreeMap<String, f64>| {
        for (key, estimate) in [
            ("kappa", level.kappa),
            ("mean_kappa", level.mean_kappa),
            ("micro_f1", level.micro_f1),
            ("exact", level.exact),
            ("jaccard", level.jaccard),
        ] {
            assert_close(key, estimate.value, expected[key], 1e-9);
            assert!(estimate.low < estimate.value && estimate.value < estimate.high, "{key}");
        }
    };
    check(&summary.codes, &golden.codes);
    check(&summary.categories, &golden.categories);
}
