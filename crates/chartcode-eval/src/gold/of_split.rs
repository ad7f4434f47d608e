//! The charts of one split.

use std::path::Path;

use super::{GoldOptions, GoldReader, Layout, Splits, open};
use crate::chart::LabelledChart;
use crate::error::Result;
use crate::summary::DataIssue;

/// Which charts of a source are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitChoice<'s> {
    /// Only charts of this split; all where none is named.
    pub split: Option<&'s str>,
    /// A file that says which split each chart is in, where the charts do not.
    pub file: Option<&'s Path>,
}

/// The charts of a source that are in the split that was asked for. The others are counted.
#[derive(Debug)]
pub struct SplitReader {
    charts: GoldReader,
    splits: Option<Splits>,
    split: Option<String>,
    others: usize,
}

impl SplitReader {
    /// Opens a source of labelled charts.
    ///
    /// # Errors
    /// As [`open`](crate::open_gold) and [`Splits::read`].
    pub fn open(path: &Path, options: &GoldOptions, choice: SplitChoice<'_>) -> Result<Self> {
        let charts = open(path, options)?;
        let splits = choice.file.map(Splits::read).transpose()?;
        Ok(Self { charts, splits, split: choice.split.map(str::to_owned), others: 0 })
    }

    /// The layout of the source.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.charts.layout()
    }

    /// What only the reader could see; complete when all charts are read.
    #[must_use]
    pub fn issues(&self) -> Vec<DataIssue> {
        self.charts.issues()
    }

    /// How many charts of other splits have been left out.
    #[must_use]
    pub fn others(&self) -> usize {
        self.others
    }

    fn is_wanted(&self, chart: &LabelledChart) -> bool {
        let Some(wanted) = &self.split else {
            return true;
        };
        let split = match &self.splits {
            Some(splits) => splits.of(&chart.id),
            None => chart.split.as_deref(),
        };
        split == Some(wanted)
    }
}

impl Iterator for SplitReader {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.charts.next()? {
                Ok(chart) if !self.is_wanted(&chart) => self.others += 1,
                other => return Some(other),
            }
        }
    }
}
