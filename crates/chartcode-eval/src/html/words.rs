//! Names of metrics, variants and code systems, and what the metrics mean.

use crate::metric::Metric;

/// A metric as the literature writes it.
pub(super) fn name(metric: Metric) -> String {
    let name = match metric {
        Metric::MicroPrecision => "Micro precision",
        Metric::MicroRecall => "Micro recall",
        Metric::MicroF1 => "Micro F1",
        Metric::MacroPrecision => "Macro precision",
        Metric::MacroRecall => "Macro recall",
        Metric::MacroF1 => "Macro F1",
        Metric::MacroF1Mullenbach => "Macro F1 (Mullenbach)",
        Metric::MicroFpr => "Micro false positive rate",
        Metric::MacroFpr => "Macro false positive rate",
        Metric::MicroAuc => "Micro AUC",
        Metric::MacroAuc => "Macro AUC",
        Metric::PrecisionAt(k) => return format!("P@{k}"),
        Metric::RecallAt(k) => return format!("R@{k}"),
        Metric::RPrecision => "R-precision",
        Metric::Map => "MAP",
        Metric::ExactMatchRatio => "Exact match ratio",
    };
    name.to_owned()
}

/// What a metric is, in one line.
pub(super) fn definition(metric: Metric) -> &'static str {
    match metric {
        Metric::MicroPrecision => "Of all suggested codes, the share that is gold.",
        Metric::MicroRecall => "Of all gold codes, the share that was suggested.",
        Metric::MicroF1 => {
            "Harmonic mean of micro precision and micro recall: 2 TP / (2 TP + FP + FN)."
        }
        Metric::MacroPrecision => "Precision of each code, averaged; 0 where undefined.",
        Metric::MacroRecall => "Recall of each code, averaged; 0 where undefined.",
        Metric::MacroF1 => {
            "F1 of each code, averaged: rare codes weigh as much as frequent ones; 0 where undefined."
        }
        Metric::MacroF1Mullenbach => {
            "Harmonic mean of macro precision and macro recall, as in the papers from CAML to PLM-ICD."
        }
        Metric::MicroFpr => "Of all codes that are not gold, the share that was suggested.",
        Metric::MacroFpr => "The same of each code, averaged.",
        Metric::MicroAuc => {
            "Chance that a gold pair of chart and code scores above one that is not gold."
        }
        Metric::MacroAuc => "The same of each code that is gold in some chart, averaged.",
        Metric::PrecisionAt(_) => {
            "Share of gold among the k highest-ranked codes, averaged over charts."
        }
        Metric::RecallAt(_) => {
            "Share of a chart’s gold codes among the k highest-ranked, averaged over charts."
        }
        Metric::RPrecision => {
            "Share of gold among the n highest-ranked codes, n the chart’s number of gold codes."
        }
        Metric::Map => {
            "Mean average precision: how far up the ranking of all codes a chart’s gold codes stand."
        }
        Metric::ExactMatchRatio => {
            "Share of charts whose suggested codes are exactly the gold ones."
        }
    }
}

/// The name under which the glossary explains a metric: one for all k.
pub(super) fn glossary_name(metric: Metric) -> String {
    match metric {
        Metric::PrecisionAt(_) => "P@k".to_owned(),
        Metric::RecallAt(_) => "R@k".to_owned(),
        _ => name(metric),
    }
}

/// Whether a metric judges the ranking of all labels, not the suggestions.
pub(super) fn is_ranking(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::MicroAuc
            | Metric::MacroAuc
            | Metric::PrecisionAt(_)
            | Metric::RecallAt(_)
            | Metric::RPrecision
            | Metric::Map
    )
}

/// A code system's name; others as they are.
pub(super) fn system(key: &str) -> &str {
    match key {
        "icd10cm" => "ICD-10-CM",
        "icd10pcs" => "ICD-10-PCS",
        "icd9cm" => "ICD-9-CM",
        "icd9pcs" => "ICD-9-CM procedures",
        "hcpcs" => "HCPCS",
        "cpt" => "CPT",
        other => other,
    }
}

/// A variant's or a system's name as the head of a column.
pub(super) fn variant(key: &str) -> &str {
    match key {
        "all" => "All labels",
        "present" => "Present",
        "honest" => "Honest",
        "category" => "Category",
        other => system(other),
    }
}
