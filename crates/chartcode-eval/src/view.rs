//! Records of the charts over some of the labels.

use crate::rank::ranks;
use crate::record::{ChartRecord, Suggestion};
use crate::row::RowScores;

/// The labels of one code system, numbered anew, with the charts' records over them.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Its key.
    pub(crate) name: String,
    /// The new number of each label.
    number: Vec<Option<u32>>,
    /// Which labels it has, and which of those are gold somewhere.
    pub(crate) mask: Vec<bool>,
    present: Vec<bool>,
    pub(crate) labels: usize,
    pub(crate) records: Vec<ChartRecord>,
}

impl View {
    pub(crate) fn new(name: String, mask: Vec<bool>, present: &[bool]) -> Self {
        let mut labels = 0;
        let number = mask
            .iter()
            .map(|&has| {
                has.then(|| {
                    labels += 1;
                    labels - 1
                })
            })
            .collect();
        let present = mask.iter().zip(present).map(|(&has, &present)| has && present).collect();
        Self { name, number, mask, present, labels: labels as usize, records: Vec::new() }
    }

    /// Takes in a chart; `outside` is its number of gold codes of this view that are no labels.
    pub(crate) fn push(&mut self, row: RowScores<'_>, whole: &ChartRecord, outside: u32) {
        let gold: Vec<u32> =
            whole.gold.iter().copied().filter(|&label| self.mask[label as usize]).collect();
        let own = |suggestion: &Suggestion| {
            let label = self.number[suggestion.label as usize]?;
            Some(Suggestion { label, ..*suggestion })
        };
        let labels = self.mask.len();
        self.records.push(ChartRecord {
            id: whole.id.clone(),
            outside,
            suggested: whole.suggested.iter().filter_map(own).collect(),
            ranks: ranks(row, labels, &gold, Some(&self.mask)),
            present_ranks: ranks(row, labels, &gold, Some(&self.present)),
            gold: gold.iter().filter_map(|&label| self.number[label as usize]).collect(),
        });
    }
}

/// The record of a chart over all of so many labels, without its suggestions.
pub(crate) fn record(id: &str, row: RowScores<'_>, labels: usize, gold: Vec<u32>) -> ChartRecord {
    let ranks = ranks(row, labels, &gold, None);
    let present_ranks = ranks.clone();
    ChartRecord { id: id.to_owned(), ranks, present_ranks, gold, ..ChartRecord::default() }
}
