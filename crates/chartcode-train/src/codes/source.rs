//! Labelled charts of a split.

use std::path::PathBuf;

use chartcode_eval::{DataIssue, GoldOptions, GoldReader, LabelledChart, Splits, open_gold};

use crate::error::Result;

/// A source of labelled charts.
#[derive(Clone, Debug)]
pub struct ChartsFile {
    /// A file or a folder.
    pub path: PathBuf,
    /// How it is read.
    pub options: GoldOptions,
    /// Only charts of this split.
    pub split: Option<String>,
    /// A file that says which split each chart is in, where the charts do not.
    pub splits: Option<PathBuf>,
}

impl ChartsFile {
    /// The charts, one by one.
    pub(super) fn open(&self) -> Result<Source> {
        let charts = open_gold(&self.path, &self.options)?;
        let splits = self.splits.as_deref().map(Splits::read).transpose()?;
        Ok(Source { charts, splits, split: self.split.clone() })
    }

    /// What the charts come from, for people: the file's name and the split.
    pub(super) fn name(&self) -> String {
        let name = crate::write::by_name(&self.path);
        match &self.split {
            Some(split) => format!("{name}, split {split}"),
            None => name,
        }
    }
}

/// The charts of a source that are in the split that was asked for.
#[derive(Debug)]
pub(super) struct Source {
    charts: GoldReader,
    splits: Option<Splits>,
    split: Option<String>,
}

impl Source {
    pub(super) fn issues(&self) -> Vec<DataIssue> {
        self.charts.issues()
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

impl Iterator for Source {
    type Item = chartcode_eval::Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.charts.next()? {
                Ok(chart) if !self.is_wanted(&chart) => {}
                other => return Some(other),
            }
        }
    }
}
