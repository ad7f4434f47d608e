//! Tables in files: Parquet, Feather (Arrow IPC) and Arrow streams.
//!
//! Rows come in small batches, so that memory does not grow with the file: a row group of Parquet,
//! or a record batch of Arrow, at a time. Errors name file, column and row, never a cell's content.
//! Rows count from 0, as in pandas.

mod arrow_check;
mod arrow_layout;
mod batch;
mod list;
mod names;
mod number;
mod open;
mod text;

pub(crate) use batch::Batch;
pub(crate) use list::{Lists, is_list_of};
pub(crate) use names::{column, id_column, one_of};
pub(crate) use number::{Numbers, is_float, is_number};
pub(crate) use open::TableFile;
pub(crate) use text::{Ids, Texts, is_id, is_text};

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::error::{Error, Result};

/// Whether a file that begins so is read by [`TableFile`], be it to say why it cannot be.
pub(crate) fn is_table(start: &[u8]) -> bool {
    open::Format::of(start).is_some()
}

/// An error about a whole file.
pub(crate) fn file_error(path: &Path, problem: impl Into<String>) -> Error {
    Error::File { path: path.to_owned(), problem: problem.into() }
}

/// An error about one record of a file.
pub(crate) fn record_error(
    path: &Path,
    place: impl Into<String>,
    problem: impl Into<String>,
) -> Error {
    Error::Record { path: path.to_owned(), place: place.into(), problem: problem.into() }
}

type Batches = Box<dyn Iterator<Item = std::result::Result<RecordBatch, ArrowError>> + Send>;

/// The rows of a table, in batches.
pub(crate) struct Table {
    path: Arc<Path>,
    columns: Arc<[usize]>,
    batches: Batches,
    /// What of the file's own batch has not been given yet.
    rest: Option<RecordBatch>,
    rows_at_once: usize,
    row: usize,
}

impl Table {
    fn new(path: Arc<Path>, columns: Arc<[usize]>, batches: Batches, rows_at_once: usize) -> Self {
        Self { path, columns, batches, rest: None, rows_at_once, row: 0 }
    }

    fn refill(&mut self) -> Option<Result<RecordBatch>> {
        if let Some(rest) = self.rest.take() {
            return Some(Ok(rest));
        }
        loop {
            match self.batches.next()? {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => {
                    // Behind a damaged batch nothing can be relied on.
                    self.batches = Box::new(std::iter::empty());
                    let problem = format!("is damaged behind row {}: {error}", self.row);
                    return Some(Err(file_error(&self.path, problem)));
                }
            }
        }
    }
}

impl Iterator for Table {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.refill()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        let rows = batch.num_rows().min(self.rows_at_once);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let first = self.row;
        self.row += rows;
        let (path, columns) = (Arc::clone(&self.path), Arc::clone(&self.columns));
        Some(Ok(Batch::new(path, columns, first, batch.slice(0, rows))))
    }
}

#[cfg(test)]
mod tests;
