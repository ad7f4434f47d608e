//! Labelled charts of a split.

use std::path::PathBuf;

use chartcode_eval::{GoldOptions, SplitChoice, SplitReader};

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
    pub(super) fn open(&self) -> Result<SplitReader> {
        let choice = SplitChoice { split: self.split.as_deref(), file: self.splits.as_deref() };
        Ok(SplitReader::open(&self.path, &self.options, choice)?)
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
