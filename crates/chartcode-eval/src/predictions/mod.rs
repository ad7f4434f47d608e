//! Any system's output, read chart by chart.
//!
//! | file | one chart |
//! |---|---|
//! | JSON lines, or a JSON array | a report of `chartcode code`; a line of `chartcode scores`; `{"id", "codes": [{"code", "probability"}]}`; `{"id", "codes": ["I10"]}`; `{"id", "predictions": {"I10": 0.9}}` |
//! | CSV, TSV | rows `id,code[,system][,probability][,decision]` that stand together; or a row with a column a code |
//! | Parquet, Feather | the same; or a row with lists `codes` and `probabilities`; or a row with a list of a score for each label |
//!
//! Text files may be compressed by gzip. Scores stand under `probability`, `logit` or `score`, or
//! their plurals. `score` and columns named by codes are taken for probabilities where the options
//! do not say otherwise, and a value outside `[0, 1]` is then an error.

mod context;
mod delimited;
mod group;
mod input;
mod json;
mod json_labels;
mod json_line;
mod json_records;
mod json_values;
mod labels;
mod table_forms;
mod tables;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use labels::read_labels;
pub use writer::ScoresWriter;

use crate::code::Code;
use crate::error::{Error, Result};
use crate::predicted::{PredictedChart, Scale};
use input::Input;

/// What a file of predictions does not say itself.
#[derive(Clone, Debug, Default)]
pub struct PredictionOptions {
    /// What the numbers mean. The file's own names say it where this does not.
    pub scale: Option<Scale>,
    /// The system of codes that come without one; without it their system is left empty.
    pub system: Option<String>,
    /// What the scores of a dense file are of, where the file has no labels itself.
    pub labels: Option<Arc<[Code]>>,
}

/// Predictions, chart by chart, in the order of the file. Memory does not grow with the number of
/// charts. An error of one record does not end the iteration.
pub struct PredictionReader {
    path: PathBuf,
    options: PredictionOptions,
    scale: Scale,
    charts: Charts,
}

type Charts = Box<dyn Iterator<Item = Result<PredictedChart>> + Send>;

/// Opens a file of predictions; see the module for the formats, which are told by the first bytes,
/// and by the file's ending between CSV and TSV.
///
/// # Errors
///
/// The file cannot be read, is of no known format, or lacks what its format needs.
pub fn open(path: &Path, options: &PredictionOptions) -> Result<PredictionReader> {
    let (scale, charts) = match Input::of(path)? {
        Input::Table => tables::open(path, options)?,
        Input::Json(form) => json::open(path, form, options)?,
        Input::Delimited(delimiter) => delimited::open(path, delimiter, options)?,
    };
    Ok(PredictionReader { path: path.to_owned(), options: options.clone(), scale, charts })
}

impl PredictionReader {
    /// What the numbers mean.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The same file from its start.
    ///
    /// # Errors
    ///
    /// Those of [`open`].
    pub fn again(&self) -> Result<Self> {
        open(&self.path, &self.options)
    }
}

impl Iterator for PredictionReader {
    type Item = Result<PredictedChart>;

    fn next(&mut self) -> Option<Self::Item> {
        self.charts.next()
    }
}

impl fmt::Debug for PredictionReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PredictionReader")
            .field("path", &self.path)
            .field("scale", &self.scale)
            .finish_non_exhaustive()
    }
}

/// Scores for every label have no order of their own.
fn dense_scale(scale: Scale) -> Result<()> {
    match scale {
        Scale::Order => {
            Err(Error::Request("the file has scores: their scale is no order".to_owned()))
        }
        Scale::Probability | Scale::Logit => Ok(()),
    }
}

#[cfg(test)]
mod tests;
