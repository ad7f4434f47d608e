//! Tables of splits, which published data keep apart from the charts.

use std::path::Path;

use crate::error::Result;
use crate::table::{TableFile, column, file_error, id_column};

/// The id and the split of each row of a Parquet or Feather file, with columns of ids and `split`.
///
/// # Errors
///
/// The file cannot be read, lacks a column, or has a row without an id or a split.
pub(crate) fn read_splits(path: &Path) -> Result<Vec<(String, String)>> {
    let table = TableFile::open(path)?;
    let id_place = id_column(table.names()).map_err(|problem| file_error(path, problem))?;
    let split_place = column(table.names(), "split")
        .ok_or_else(|| file_error(path, "has no column \"split\""))?;
    let mut pairs = Vec::new();
    for batch in table.read(vec![id_place, split_place])? {
        let batch = batch?;
        let (ids, splits) = (batch.ids(id_place)?, batch.texts(split_place)?);
        for row in 0..batch.len() {
            let id = ids.get(row).ok_or_else(|| batch.row_error(row, "has no id"))?;
            let split = splits.get(row);
            let split = split.ok_or_else(|| batch.row_error(row, "has no split"))?;
            pairs.push((id.into_owned(), split.to_owned()));
        }
    }
    Ok(pairs)
}
