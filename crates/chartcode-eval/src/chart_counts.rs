//! A chart's counts, every label and every gold code outside the labels taken together.

use crate::record::ChartRecord;

/// How a chart came out. Gold codes outside the labels are gold, and missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChartCounts {
    /// Gold codes.
    pub(crate) gold: usize,
    /// Suggested codes.
    pub(crate) suggested: usize,
    /// Suggested codes that are gold.
    pub(crate) correct: usize,
}

impl ChartCounts {
    /// The counts of a chart.
    pub(crate) fn of(record: &ChartRecord) -> Self {
        let correct = record.suggested.iter().filter(|entry| is_gold(record, entry.label)).count();
        let gold = record.gold.len() + record.outside as usize;
        Self { gold, suggested: record.suggested.len(), correct }
    }

    /// Codes to add and to strike.
    pub(crate) fn errors(self) -> usize {
        self.gold + self.suggested - 2 * self.correct
    }

    /// F1; 1 where there is neither gold nor suggestion.
    pub(crate) fn f1(self) -> f64 {
        match self.gold + self.suggested {
            0 => 1.0,
            all => (2 * self.correct) as f64 / all as f64,
        }
    }
}

/// Whether a label is gold in a chart.
pub(crate) fn is_gold(record: &ChartRecord, label: u32) -> bool {
    record.gold.binary_search(&label).is_ok()
}
