//! Summaries to render: a realistic one, an almost empty one, and one of hostile words and huge
//! figures.

use super::parts::{chapters, curve, estimate, evidence, frequency, reliability, table, variant};
use crate::code::Code;
use crate::metric::{Estimate, MetricTable};
use crate::summary::*;

/// Like a model of the literature on five hundred charts: six variants, 22 chapters.
pub(super) fn realistic() -> Summary {
    let variants = [
        ("all", "All labels of the model count; gold codes outside them do not.", 0.0),
        ("present", "Only labels that are gold in at least one chart count.", 0.012),
        ("honest", "All labels count, and gold codes outside them are missed.", -0.031),
        ("category", "Codes are cut to their categories of three characters.", 0.081),
        ("frequent", "Only labels with a hundred training charts or more count.", 0.053),
        ("billable", "Only codes that can be billed count.", -0.008),
    ];
    Summary {
        format: SUMMARY_FORMAT,
        metrics: table(0.0),
        variants: variants.map(|(name, rule, shift)| variant(name, rule, shift)).into(),
        systems: vec![
            variant("icd10cm", "Diagnoses alone.", 0.02),
            variant("icd10pcs", "Procedures alone.", -0.09),
        ],
        chapters: chapters(),
        frequency: frequency(),
        operations: operations(),
        calibration: Some(CalibrationSummary {
            ece_suggested: estimate(0.062, 0.008),
            ece_all: 0.0011,
            brier: 0.0023,
            bins: reliability(),
        }),
        automation: Some(AutomationSummary {
            codes: curve(0.99, 0.42, Some((0.12, 0.871)), Some((0.041, 0.957))),
            charts: curve(0.8, 0.79, None, None),
        }),
        precision_recall: precision_recall(),
        confusions: confusions(),
        evidence: Some(evidence()),
        worst_charts: (0..30).map(chart).collect(),
        data: data(),
        run: run(),
    }
}

fn operations() -> Operations {
    Operations {
        code_accuracy: estimate(0.403, 0.011),
        code_over_code_accuracy: estimate(0.268, 0.009),
        chart_accuracy: estimate(0.031, 0.012),
        suggestions_kept: estimate(0.424, 0.013),
        codes_suggested: estimate(0.403, 0.011),
        charts_untouched: estimate(0.004, 0.003),
        charts_untouched_right: estimate(0.5, 0.35),
        codes_accepted: estimate(0.118, 0.009),
        codes_accepted_right: estimate(0.943, 0.012),
        corrections_per_chart: estimate(17.64, 0.7),
        suggested_per_chart: 14.92,
        gold_per_chart: 15.71,
    }
}

fn precision_recall() -> Vec<PrPoint> {
    (0..200)
        .map(|i| {
            let recall = 0.78 * f64::from(i) / 199.0;
            let ripple = 0.01 * (f64::from(i) * 0.9).sin() / (1.0 + f64::from(i) / 20.0);
            PrPoint {
                threshold: 0.99 * (1.0 - recall / 0.78).powi(2),
                precision: 0.97 - 0.9 * (recall / 0.84).powf(1.7) + ripple,
                recall,
            }
        })
        .collect()
}

fn confusions() -> Vec<Confusion> {
    let pairs = [
        (
            "E1165",
            "Type 2 diabetes mellitus with hyperglycemia",
            "E119",
            "Type 2 diabetes mellitus without complications",
        ),
        (
            "I5023",
            "Acute on chronic systolic (congestive) heart failure",
            "I509",
            "Heart failure, unspecified",
        ),
        (
            "N179",
            "Acute kidney failure, unspecified",
            "N170",
            "Acute kidney failure with tubular necrosis",
        ),
        (
            "J9601",
            "Acute respiratory failure with hypoxia",
            "J9600",
            "Acute respiratory failure, unspecified",
        ),
    ];
    (0..31)
        .map(|i| {
            let (missed, missed_title, suggested, suggested_title) = pairs[i % pairs.len()];
            Confusion {
                missed: Code::new("icd10cm", missed),
                missed_title: missed_title.to_owned(),
                suggested: Code::new("icd10cm", suggested),
                suggested_title: suggested_title.to_owned(),
                charts: 46 / (i + 1) + 1,
            }
        })
        .collect()
}

/// Chart `i` of the worst.
fn chart(i: usize) -> ChartErrors {
    let codes = |n: usize, from: usize| {
        (from..from + n)
            .map(|j| Code::new("icd10cm", &format!("K{:02}{}", j % 90 + 5, j % 10)))
            .collect()
    };
    ChartErrors {
        id: format!("2{:07}", 104_729 * (i + 3) % 9_999_991),
        missed: codes(31_usize.saturating_sub(i), 3 * i),
        wrong: codes(12_usize.saturating_sub(i / 3), 40 + i),
        right: codes(4 + i % 5, 70 + i),
        text: None,
    }
}

fn data() -> DataSummary {
    let issue = |kind: &str, what: &str, count, examples: &[&str]| DataIssue {
        kind: kind.to_owned(),
        what: what.to_owned(),
        count,
        examples: examples.iter().map(|&example| example.to_owned()).collect(),
    };
    DataSummary {
        gold: "discharge-test.jsonl".to_owned(),
        layout: "jsonl".to_owned(),
        charts: 512,
        evaluated: 500,
        codes: 7855,
        issues: vec![
            issue(
                "empty_text",
                "Charts without a note were not evaluated.",
                12,
                &["20004711", "20012345"],
            ),
            issue(
                "retired_code",
                "Codes that the code set no longer has count as missed.",
                41,
                &["I97.89", "K52.8"],
            ),
        ],
    }
}

fn run() -> RunSummary {
    RunSummary {
        engine: "chartcode 0.1.0".to_owned(),
        model: "plm-icd-mimic4-icd10 1.2.0".to_owned(),
        bundle_digest: Some(format!("sha256:{}", "9f86d081884c7d65".repeat(4))),
        code_set: Some("ICD-10-CM/PCS FY2026".to_owned()),
        systems: vec!["icd10cm".to_owned(), "icd10pcs".to_owned()],
        threshold: "probability > 0.213".to_owned(),
        bootstrap: 1000,
        seed: 7,
        seconds_per_chart: Some(0.84),
        threads: Some(8),
        date: "2026-02-03T04:05:06Z".to_owned(),
    }
}

/// One chart, no probabilities, nothing defined.
pub(super) fn empty() -> Summary {
    let none = Estimate { value: None, low: None, high: None };
    Summary {
        format: SUMMARY_FORMAT,
        metrics: MetricTable::default(),
        variants: Vec::new(),
        systems: Vec::new(),
        chapters: Vec::new(),
        frequency: Vec::new(),
        operations: Operations {
            code_accuracy: none,
            code_over_code_accuracy: none,
            chart_accuracy: none,
            suggestions_kept: none,
            codes_suggested: none,
            charts_untouched: none,
            charts_untouched_right: none,
            codes_accepted: none,
            codes_accepted_right: none,
            corrections_per_chart: none,
            suggested_per_chart: f64::NAN,
            gold_per_chart: 0.0,
        },
        calibration: None,
        automation: None,
        precision_recall: Vec::new(),
        confusions: Vec::new(),
        evidence: None,
        worst_charts: Vec::new(),
        data: DataSummary { charts: 1, evaluated: 1, ..DataSummary::default() },
        run: RunSummary::default(),
    }
}

/// Figures that overflow, words that break out of HTML, text of charts.
pub(super) fn hostile() -> Summary {
    const EVIL: &str = "</td></style><script>alert('x')</script> & \"quoted\" <b>";
    let mut summary = realistic();
    summary.run.model = EVIL.to_owned();
    summary.run.threshold = EVIL.to_owned();
    summary.run.code_set = Some(EVIL.to_owned());
    summary.run.bundle_digest = Some(EVIL.to_owned());
    summary.run.systems.push(EVIL.to_owned());
    summary.run.date = EVIL.to_owned();
    summary.run.seed = u64::MAX;
    summary.data.gold = EVIL.to_owned();
    summary.data.charts = usize::MAX;
    summary.data.issues[0].kind = EVIL.to_owned();
    summary.data.issues[0].what = EVIL.to_owned();
    summary.data.issues[0].examples = vec![EVIL.to_owned()];
    for variant in summary.variants.iter_mut().chain(&mut summary.systems) {
        variant.name = EVIL.to_owned();
        variant.rule = EVIL.to_owned();
        variant.labels = usize::MAX;
    }
    for group in summary.chapters.iter_mut().chain(&mut summary.frequency) {
        group.name = EVIL.to_owned();
        group.title = EVIL.to_owned();
        group.gold = usize::MAX;
        group.precision = Estimate { value: Some(f64::NAN), low: Some(-7.0), high: Some(1e300) };
        group.recall = Estimate { value: Some(1e300), low: Some(f64::NEG_INFINITY), high: None };
    }
    for confusion in &mut summary.confusions {
        confusion.missed = Code::new(EVIL, EVIL);
        confusion.missed_title = EVIL.to_owned();
        confusion.suggested_title = EVIL.to_owned();
        confusion.charts = usize::MAX;
    }
    for chart in &mut summary.worst_charts {
        chart.id = EVIL.to_owned();
        chart.missed = vec![Code::new("cpt", EVIL); 400];
        chart.text = Some(format!("Chief complaint: {EVIL}\n\n  pain"));
    }
    break_curves(&mut summary);
    summary
}

fn break_curves(summary: &mut Summary) {
    let bad = [f64::NAN, f64::INFINITY, -3.0, 1e300];
    for (i, value) in bad.into_iter().enumerate() {
        summary.precision_recall[10 * i].precision = value;
        summary.precision_recall[10 * i + 5].recall = value;
        if let Some(calibration) = &mut summary.calibration {
            calibration.bins[i].share_gold = value;
            calibration.bins[i + 5].count = u64::MAX;
        }
        if let Some(automation) = &mut summary.automation {
            automation.codes.points[10 * i].precision = value;
            automation.charts.points[10 * i].share = value;
            automation.codes.targets[i % 2].share.value = Some(value);
        }
    }
}
