//! The names of the metrics, and a value with its interval.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// A metric of the research literature. `Display` gives its key in JSON, e.g. `precision_at_8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// TP / (TP + FP), summed over labels and charts.
    MicroPrecision,
    /// TP / (TP + FN), summed over labels and charts.
    MicroRecall,
    /// 2 TP / (2 TP + FP + FN), summed over labels and charts.
    MicroF1,
    /// Mean over labels of TP / (TP + FP), 0 where undefined.
    MacroPrecision,
    /// Mean over labels of TP / (TP + FN), 0 where undefined.
    MacroRecall,
    /// Mean over labels of F1, 0 where undefined (Edin et al. 2023; scikit-learn).
    MacroF1,
    /// Harmonic mean of macro precision and macro recall (Mullenbach et al. 2018 and its
    /// successors up to PLM-ICD).
    MacroF1Mullenbach,
    /// FP / (FP + TN), summed over labels and charts.
    MicroFpr,
    /// Mean over labels of FP / (FP + TN).
    MacroFpr,
    /// Area under the ROC curve of all pairs of label and chart.
    MicroAuc,
    /// Mean area under the ROC curve over labels that are gold in some chart but not in all.
    MacroAuc,
    /// Share of gold among the k highest-ranked labels, mean over charts.
    PrecisionAt(u32),
    /// Share of the gold labels that are among the k highest-ranked, mean over charts.
    RecallAt(u32),
    /// Share of gold among the n highest-ranked labels, n the chart's number of gold labels.
    RPrecision,
    /// Mean over charts of the average precision of the ranking of all labels.
    Map,
    /// Share of charts whose suggested labels are exactly the gold ones.
    ExactMatchRatio,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self {
            Self::MicroPrecision => "micro_precision",
            Self::MicroRecall => "micro_recall",
            Self::MicroF1 => "micro_f1",
            Self::MacroPrecision => "macro_precision",
            Self::MacroRecall => "macro_recall",
            Self::MacroF1 => "macro_f1",
            Self::MacroF1Mullenbach => "macro_f1_mullenbach",
            Self::MicroFpr => "micro_fpr",
            Self::MacroFpr => "macro_fpr",
            Self::MicroAuc => "micro_auc",
            Self::MacroAuc => "macro_auc",
            Self::PrecisionAt(k) => return write!(f, "precision_at_{k}"),
            Self::RecallAt(k) => return write!(f, "recall_at_{k}"),
            Self::RPrecision => "r_precision",
            Self::Map => "map",
            Self::ExactMatchRatio => "exact_match_ratio",
        };
        f.write_str(key)
    }
}

/// A figure with its 95 % interval; JSON `null` where it is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

/// Metrics in the order in which they are shown; a JSON object from key to [`Estimate`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricTable(pub Vec<(Metric, Estimate)>);

impl MetricTable {
    /// The estimate of a metric, where it was computed.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<Estimate> {
        self.0.iter().find(|(key, _)| *key == metric).map(|&(_, estimate)| estimate)
    }
}

impl Serialize for MetricTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (metric, estimate) in &self.0 {
            map.serialize_entry(&metric.to_string(), estimate)?;
        }
        map.end()
    }
}
