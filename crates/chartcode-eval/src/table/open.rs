//! Opens tables of any of the formats.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use arrow_ipc::reader::{FileReaderBuilder, StreamReader};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::arrow_check;
use super::{Batches, Table, file_error};
use crate::error::{Error, Result};

/// Cells that are decoded at once, where rows are wide.
const CELLS_AT_ONCE: usize = 1 << 19;
const ROWS_AT_ONCE: usize = 256;

/// The formats, told by the first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Parquet,
    ArrowFile,
    ArrowStream,
    FeatherV1,
}

impl Format {
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        [
            (&b"PAR1"[..], Self::Parquet),
            (b"ARROW1", Self::ArrowFile),
            (b"\xff\xff\xff\xff", Self::ArrowStream),
            (b"FEA1", Self::FeatherV1),
        ]
        .into_iter()
        .find_map(|(magic, format)| start.starts_with(magic).then_some(format))
    }
}

/// A table of which nothing but the columns' names and types is known yet.
pub(crate) struct TableFile {
    path: Arc<Path>,
    schema: SchemaRef,
    source: Source,
}

enum Source {
    Parquet(Box<ParquetRecordBatchReaderBuilder<File>>),
    ArrowFile(File),
    ArrowStream(File),
}

impl TableFile {
    /// Reads what a table's columns are.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no table, is damaged, or is Feather of version 1.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(read)?;
        let mut start = Vec::new();
        file.by_ref().take(8).read_to_end(&mut start).map_err(read)?;
        file.rewind().map_err(read)?;
        let damaged = |error: ArrowError| {
            file_error(path, format!("is damaged or was not written to its end: {error}"))
        };
        let (schema, source) = match Format::of(&start) {
            Some(Format::Parquet) => parquet(file).map_err(damaged)?,
            Some(Format::ArrowFile) => {
                arrow_check::check_file(&mut file).map_err(damaged)?;
                let schema = arrow_file(&file, None).map_err(damaged)?.schema();
                (schema, Source::ArrowFile(file))
            }
            Some(Format::ArrowStream) => {
                arrow_check::check_stream(&mut file).map_err(damaged)?;
                file.rewind().map_err(read)?;
                let schema = stream(&file, None).map_err(damaged)?.schema();
                file.rewind().map_err(read)?;
                (schema, Source::ArrowStream(file))
            }
            Some(Format::FeatherV1) => return Err(file_error(path, FEATHER_V1)),
            None => return Err(file_error(path, "is neither Parquet nor Feather (Arrow)")),
        };
        Ok(Self { path: path.into(), schema, source })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// All columns, and the file's metadata.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.schema.fields().iter().map(|field| field.name().as_str())
    }

    /// The rows, with only these `columns`: batches know them by the same numbers.
    ///
    /// # Errors
    ///
    /// The file is damaged.
    pub(crate) fn read(self, mut columns: Vec<usize>) -> Result<Table> {
        columns.sort_unstable();
        columns.dedup();
        let rows = (CELLS_AT_ONCE / columns.len().max(1)).clamp(1, ROWS_AT_ONCE);
        let damaged = |error: ArrowError| file_error(&self.path, format!("is damaged: {error}"));
        let batches: Batches = match self.source {
            Source::Parquet(builder) => {
                let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
                let builder = builder.with_projection(mask).with_batch_size(rows);
                Box::new(builder.build().map_err(|error| damaged(error.into()))?)
            }
            Source::ArrowFile(file) => {
                Box::new(arrow_file(&file, Some(columns.clone())).map_err(damaged)?)
            }
            Source::ArrowStream(file) => {
                Box::new(stream(&file, Some(columns.clone())).map_err(damaged)?)
            }
        };
        Ok(Table::new(self.path, columns.into(), batches, rows))
    }
}

const FEATHER_V1: &str = "is Feather of version 1, which nothing new reads; write it again as \
    version 2, with a pyarrow that still reads it: \
    pyarrow.feather.write_feather(pyarrow.feather.read_table(OLD), NEW, version=2)";

fn parquet(file: File) -> std::result::Result<(SchemaRef, Source), ArrowError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    if builder.metadata().row_groups().iter().any(is_impossible) {
        return Err(ArrowError::ParquetError("a row group is of no possible size".to_owned()));
    }
    Ok((Arc::clone(builder.schema()), Source::Parquet(Box::new(builder))))
}

/// What the reader would panic at.
fn is_impossible(group: &RowGroupMetaData) -> bool {
    let is_early = |column: &ColumnChunkMetaData| {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        start.min(column.compressed_size()) < 0
    };
    !(0..1 << 40).contains(&group.num_rows()) || group.columns().iter().any(is_early)
}

fn arrow_file(
    file: &File,
    columns: Option<Vec<usize>>,
) -> std::result::Result<arrow_ipc::reader::FileReader<BufReader<File>>, ArrowError> {
    let builder = match columns {
        Some(columns) => FileReaderBuilder::new().with_projection(columns),
        None => FileReaderBuilder::new(),
    };
    builder.build(BufReader::new(file.try_clone()?))
}

fn stream(
    file: &File,
    columns: Option<Vec<usize>>,
) -> std::result::Result<StreamReader<BufReader<File>>, ArrowError> {
    StreamReader::try_new_buffered(file.try_clone()?, columns)
}
