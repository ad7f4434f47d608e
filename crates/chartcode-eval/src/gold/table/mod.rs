//! Labelled charts from Parquet and Feather.
//!
//! Where neither the table nor the caller says the system of a code, its spelling does.
//!
//! | codes | system |
//! |---|---|
//! | lists `icd10_diag`, `icd10_proc`, `icd9_diag`, `icd9_proc` (medical-coding-reproducibility) | by their names |
//! | lists `diagnosis_codes`, `procedure_codes` (explainable-medical-coding) | lists `…_code_types` beside them, or the caller's |
//! | `target`, `codes` or `labels`: a list, or a string of codes | column `system`, or the caller's |
//! | `code`: a row a code, rows of a chart together | column `system`, or the caller's |

mod codes;
mod long;
mod plan;
mod rows;
mod spans;
mod splits;

pub(crate) use plan::TableColumns;
pub(crate) use splits::read_splits;

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;

use super::GoldOptions;
use super::issues::Source;
use crate::chart::LabelledChart;
use crate::error::Result;
use crate::summary::DataIssue;
use crate::table::{Batch, Table, TableFile};
use long::Long;
use plan::Plan;

/// The charts of a table, in its order. Memory does not grow with their number, but for the ids
/// of a table with a row a code. An error of one row does not end the iteration.
pub(crate) struct GoldTable {
    table: Table,
    plan: Plan,
    long: Option<Long>,
    ready: VecDeque<Result<LabelledChart>>,
    unread_spans: usize,
}

impl GoldTable {
    /// Opens a table as the options say.
    ///
    /// # Errors
    /// As [`GoldTable::open`].
    pub(super) fn with(path: &Path, options: &GoldOptions) -> Result<Self> {
        let columns = options.columns.clone();
        let system = options.system.clone();
        let (id, text, codes) = (columns.id, columns.text, columns.codes);
        Self::open(path, &TableColumns { id, text, codes, system_column: columns.system, system })
    }

    /// Opens a table.
    ///
    /// # Errors
    ///
    /// The file cannot be read or is damaged; it has no column of ids or of codes, or one of
    /// another type; nothing says the system of the codes.
    pub(crate) fn open(path: &Path, columns: &TableColumns) -> Result<Self> {
        let table = TableFile::open(path)?;
        let plan = Plan::of(&table, columns)?;
        let long = plan.is_long().then(|| Long::new(path));
        let table = table.read(plan.columns())?;
        Ok(Self { table, plan, long, ready: VecDeque::new(), unread_spans: 0 })
    }

    fn read(&mut self, batch: &Batch) -> Result<()> {
        if let Some(long) = &mut self.long {
            return long.read(batch, &self.plan, &mut self.ready);
        }
        self.unread_spans += rows::read(batch, &self.plan, &mut self.ready)?;
        Ok(())
    }

    /// Charts so far whose passages were not in the form that is read:
    /// of each code a list of `[start, end]`. They come without evidence.
    pub(crate) fn unread_spans(&self) -> usize {
        self.unread_spans
    }
}

impl Iterator for GoldTable {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let Some(batch) = self.table.next() else {
                return self.long.as_mut()?.finish();
            };
            if let Err(error) = batch.and_then(|batch| self.read(&batch)) {
                return Some(Err(error));
            }
        }
        self.ready.pop_front()
    }
}

impl Source for GoldTable {
    fn issues(&self) -> Vec<DataIssue> {
        if self.unread_spans() == 0 {
            return Vec::new();
        }
        vec![DataIssue {
            kind: "evidence_not_read".to_owned(),
            what: "charts whose passages are not lists of [start, end] a code; read without them"
                .to_owned(),
            count: self.unread_spans(),
            examples: Vec::new(),
        }]
    }
}

impl fmt::Debug for GoldTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoldTable").field("plan", &self.plan).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
