//! Parts of summaries to render.

use crate::metric::{Estimate, Metric, MetricTable};
use crate::summary::*;

/// A value with an interval around it, cut to shares where it is one.
pub(super) fn estimate(value: f64, half: f64) -> Estimate {
    let top = if value <= 1.0 { 1.0 } else { f64::INFINITY };
    Estimate {
        value: Some(value),
        low: Some((value - half).max(0.0)),
        high: Some((value + 1.1 * half).min(top)),
    }
}

/// The metrics of the literature, shifted.
pub(super) fn table(shift: f64) -> MetricTable {
    let metrics = [
        (Metric::MicroPrecision, 0.585),
        (Metric::MicroRecall, 0.541),
        (Metric::MicroF1, 0.562),
        (Metric::MacroPrecision, 0.243),
        (Metric::MacroRecall, 0.197),
        (Metric::MacroF1, 0.205),
        (Metric::MacroF1Mullenbach, 0.218),
        (Metric::ExactMatchRatio, 0.031),
        (Metric::PrecisionAt(5), 0.744),
        (Metric::PrecisionAt(8), 0.688),
        (Metric::PrecisionAt(15), 0.541),
        (Metric::RecallAt(10), 0.471),
        (Metric::RecallAt(15), 0.583),
        (Metric::RPrecision, 0.571),
        (Metric::Map, 0.613),
    ];
    let mut rows: Vec<(Metric, Estimate)> = metrics
        .map(|(metric, value)| (metric, estimate((value + shift).max(0.004), 0.006 + 0.01 * value)))
        .into();
    let alone = |value| Estimate { value: Some(value), low: None, high: None };
    rows.insert(7, (Metric::MicroFpr, alone(0.0007)));
    rows.insert(8, (Metric::MacroFpr, alone(0.000_02)));
    rows.push((Metric::MicroAuc, alone(0.9919)));
    rows.push((Metric::MacroAuc, if shift < -0.05 { alone(f64::NAN) } else { alone(0.966) }));
    MetricTable(rows)
}

/// A count times a factor that is not negative.
#[expect(clippy::cast_sign_loss, reason = "neither factor is negative")]
fn part(count: usize, factor: f64) -> usize {
    (count as f64 * factor) as usize
}

/// A variant of the metrics.
pub(super) fn variant(name: &str, rule: &str, shift: f64) -> Variant {
    Variant {
        name: name.to_owned(),
        rule: rule.to_owned(),
        charts: 500,
        labels: part(7_942, 1.0 - 4.0 * shift.abs()),
        gold: part(7_855, 1.0 - shift),
        metrics: table(shift),
    }
}

const CHAPTERS: [&str; 22] = [
    "Certain infectious and parasitic diseases (A00-B99)",
    "Neoplasms (C00-D49)",
    "Diseases of the blood and blood-forming organs and certain disorders involving the immune mechanism (D50-D89)",
    "Endocrine, nutritional and metabolic diseases (E00-E89)",
    "Mental, behavioral and neurodevelopmental disorders (F01-F99)",
    "Diseases of the nervous system (G00-G99)",
    "Diseases of the eye and adnexa (H00-H59)",
    "Diseases of the ear and mastoid process (H60-H95)",
    "Diseases of the circulatory system (I00-I99)",
    "Diseases of the respiratory system (J00-J99)",
    "Diseases of the digestive system (K00-K95)",
    "Diseases of the skin and subcutaneous tissue (L00-L99)",
    "Diseases of the musculoskeletal system and connective tissue (M00-M99)",
    "Diseases of the genitourinary system (N00-N99)",
    "Pregnancy, childbirth and the puerperium (O00-O9A)",
    "Certain conditions originating in the perinatal period (P00-P96)",
    "Congenital malformations, deformations and chromosomal abnormalities (Q00-Q99)",
    "Symptoms, signs and abnormal clinical and laboratory findings, not elsewhere classified (R00-R99)",
    "Injury, poisoning and certain other consequences of external causes (S00-T88)",
    "External causes of morbidity (V00-Y99)",
    "Factors influencing health status and contact with health services (Z00-Z99)",
    "Codes for special purposes (U00-U85)",
];

/// All chapters of ICD-10-CM, the last without a suggestion.
pub(super) fn chapters() -> Vec<Group> {
    let mut groups: Vec<Group> = (0..CHAPTERS.len())
        .map(|i| {
            let gold = 1 + (i * 7919 + 311) % 1283;
            group(
                &(i + 1).to_string(),
                CHAPTERS[i],
                gold,
                0.35 + 0.4 * ((i * 37 % 22) as f64) / 22.0,
            )
        })
        .collect();
    if let Some(last) = groups.last_mut() {
        let none = Estimate { value: None, low: None, high: None };
        (last.suggested, last.correct, last.precision) = (0, 0, none);
        (last.recall, last.f1) = (estimate(0.0, 0.0), estimate(0.0, 0.0));
    }
    groups
}

/// Bands of occurrences in training.
pub(super) fn frequency() -> Vec<Group> {
    let bands = [
        ("0", 214, 0.0),
        ("1-10", 611, 0.08),
        ("11-100", 1_903, 0.34),
        ("101-1000", 3_020, 0.58),
        (">1000", 2_107, 0.77),
    ];
    bands.map(|(name, gold, at)| group(name, "", gold, at)).into()
}

fn group(name: &str, title: &str, gold: usize, at: f64) -> Group {
    let half = 0.6 / (gold as f64).sqrt();
    let recall = (at - 0.06).max(0.0);
    let correct = part(gold, recall);
    Group {
        name: name.to_owned(),
        title: title.to_owned(),
        gold,
        suggested: part(correct, 1.0 / (at + 0.05)),
        correct,
        precision: estimate(at + 0.05, half),
        recall: estimate(recall, half),
        f1: estimate(at, half),
    }
}

/// Fifteen bins that promise too much.
pub(super) fn reliability() -> Vec<ReliabilityBin> {
    (0_u32..15)
        .map(|i| {
            let low = f64::from(i) / 15.0;
            let mean = low + if i == 0 { 0.0008 } else { 0.031 };
            ReliabilityBin {
                low,
                high: f64::from(i + 1) / 15.0,
                count: if i == 0 { 3_941_200 } else { (5_200 / (i + 1) + 90 * i).into() },
                mean_probability: mean,
                share_gold: mean.powf(1.25),
            }
        })
        .collect()
}

/// A falling curve with two targets, each a share and a threshold where it is reached.
pub(super) fn curve(
    top: f64,
    end: f64,
    first: Option<(f64, f64)>,
    second: Option<(f64, f64)>,
) -> AutomationCurve {
    let target = |precision, reached: Option<(f64, f64)>| AutomationTarget {
        precision,
        share: reached.map_or(estimate(0.0, 0.0), |(share, _)| estimate(share, 0.02)),
        threshold: reached.map(|(_, threshold)| threshold),
    };
    let points = (1..=100)
        .map(|i| {
            let share = f64::from(i) / 100.0;
            let ripple = 0.012 * (f64::from(i) * 1.7).sin() / (1.0 + f64::from(i) / 8.0);
            AutomationPoint {
                threshold: 1.0 - share,
                share,
                precision: top + (end - top) * share.powf(1.2) * 0.95 + ripple,
            }
        })
        .collect();
    AutomationCurve { targets: vec![target(0.95, first), target(0.98, second)], points }
}

/// Evidence of a dataset with passages.
pub(super) fn evidence() -> EvidenceSummary {
    let scores = |codes, shift: f64| EvidenceScores {
        codes,
        spans: codes * 2 + 17,
        charts: 118,
        token_precision: estimate(0.412 + shift, 0.02),
        token_recall: estimate(0.538 + shift, 0.02),
        token_f1: estimate(0.467 + shift, 0.02),
        iou: estimate(0.331 + shift, 0.02),
        iou_at_gold_size: estimate(0.372 + shift, 0.02),
        span_recall: estimate(0.761 + shift, 0.02),
        empty: estimate(0.048 - shift, 0.01),
    };
    EvidenceSummary {
        tokens: "words".to_owned(),
        all: scores(1_204, 0.0),
        suggested: scores(702, 0.037),
    }
}
