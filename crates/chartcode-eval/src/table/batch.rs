//! Some rows of a table.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};

use super::{Ids, Lists, Numbers, Texts, file_error, record_error};
use crate::error::{Error, Result};

/// Some rows of a table. Columns are numbered as in the file.
pub(crate) struct Batch {
    path: Arc<Path>,
    /// Those that were read, ascending.
    columns: Arc<[usize]>,
    first: usize,
    rows: RecordBatch,
}

impl Batch {
    pub(super) fn new(
        path: Arc<Path>,
        columns: Arc<[usize]>,
        first: usize,
        rows: RecordBatch,
    ) -> Self {
        Self { path, columns, first, rows }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Ids: strings or whole numbers.
    pub(crate) fn ids(&self, column: usize) -> Result<Ids<'_>> {
        self.array(column)
            .and_then(Ids::of)
            .ok_or_else(|| self.wrong(column, "ids: strings or integers"))
    }

    /// Strings.
    pub(crate) fn texts(&self, column: usize) -> Result<Texts<'_>> {
        self.array(column).and_then(Texts::of).ok_or_else(|| self.wrong(column, "strings"))
    }

    /// Numbers.
    pub(crate) fn numbers(&self, column: usize) -> Result<Numbers<'_>> {
        self.array(column).and_then(Numbers::of).ok_or_else(|| self.wrong(column, "numbers"))
    }

    /// Lists of anything.
    pub(crate) fn lists(&self, column: usize) -> Result<Lists> {
        self.array(column).and_then(Lists::of).ok_or_else(|| self.wrong(column, "lists"))
    }

    /// What [`Batch::lists`] says of lists that hold something else than `expected`.
    pub(crate) fn wrong(&self, column: usize, expected: &str) -> Error {
        let problem = match self.array(column) {
            Some(array) => format!("holds {}, not {expected}", array.data_type()),
            None => "is not there".to_owned(),
        };
        file_error(&self.path, format!("column {} {problem}", self.name(column)))
    }

    /// The place of a row, for errors.
    pub(crate) fn place(&self, row: usize) -> String {
        format!("row {}", self.first + row)
    }

    /// An error about a row.
    pub(crate) fn row_error(&self, row: usize, problem: impl Into<String>) -> Error {
        record_error(&self.path, self.place(row), problem)
    }

    fn name(&self, column: usize) -> String {
        let schema = self.rows.schema();
        let place = self.columns.binary_search(&column);
        place.map_or_else(|_| column.to_string(), |place| schema.field(place).name().clone())
    }

    fn array(&self, column: usize) -> Option<&dyn Array> {
        let place = self.columns.binary_search(&column).ok()?;
        Some(self.rows.column(place).as_ref())
    }
}
