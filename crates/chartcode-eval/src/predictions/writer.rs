//! Scores for every label, written as Parquet.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::context::distinct;
use super::dense_scale;
use super::table_forms::LABELS_KEY;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::predicted::Scale;
use crate::table::file_error;

/// Scores that are encoded at once.
const SCORES_AT_ONCE: usize = 1 << 18;
/// Scores of a row group, which is held in memory until it is whole.
const SCORES_A_GROUP: usize = 1 << 22;

/// Writes a score for every label of every chart as Parquet: column `id`, and column
/// `probabilities` or `logits` with a list of L floats of 32 bits. The labels stand in the file's
/// metadata under `labels`, as a JSON list of `{"system", "code"}`. [`crate::predictions::open`]
/// reads it, and so do pandas and polars.
///
/// Memory does not grow with the number of charts. A file that was not finished cannot be read.
pub struct ScoresWriter {
    path: PathBuf,
    labels: usize,
    schema: Arc<Schema>,
    writer: ArrowWriter<File>,
    ids: Vec<String>,
    scores: Vec<f32>,
}

impl ScoresWriter {
    /// Begins a file, in place of any that was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written; there are no labels, or one twice; the scale is an order.
    pub fn create(path: &Path, labels: &[Code], scale: Scale) -> Result<Self> {
        dense_scale(scale)?;
        let labels = distinct(labels.to_vec()).map_err(Error::Request)?;
        let schema = schema(path, &labels, scale)?;
        let group = (SCORES_A_GROUP / labels.len()).max(1);
        let file =
            File::create(path).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        let writer =
            ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(column(scale), group)))
                .map_err(|error| write_error(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            labels: labels.len(),
            schema,
            writer,
            ids: Vec::new(),
            scores: Vec::new(),
        })
    }

    /// Adds a chart, with as many finite scores as there are labels.
    ///
    /// # Errors
    ///
    /// The scores are not; the file cannot be written.
    pub fn push(&mut self, id: &str, scores: &[f32]) -> Result<()> {
        if scores.len() != self.labels {
            let counts = format!("{} scores for {} labels", scores.len(), self.labels);
            return Err(Error::Request(format!("chart {id:?} has {counts}")));
        }
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(Error::Request(format!("a score of chart {id:?} is not finite")));
        }
        self.ids.push(id.to_owned());
        self.scores.extend_from_slice(scores);
        if self.scores.len() >= SCORES_AT_ONCE { self.write() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.write()?;
        let closed = self.writer.close();
        closed.map(drop).map_err(|error| write_error(&self.path, error))
    }

    fn write(&mut self) -> Result<()> {
        let ids = StringArray::from_iter_values(self.ids.drain(..));
        let scores: ArrayRef = Arc::new(Float32Array::from(std::mem::take(&mut self.scores)));
        let batch = size(self.labels).and_then(|size| {
            let lists = FixedSizeListArray::try_new(item(), size, scores, None)?;
            RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(ids), Arc::new(lists)])
        });
        let batch = batch.map_err(|error| write_error(&self.path, error.into()))?;
        self.writer.write(&batch).map_err(|error| write_error(&self.path, error))
    }
}

impl fmt::Debug for ScoresWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScoresWriter")
            .field("path", &self.path)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// The name of an element, as Parquet's own specification has it.
const ITEM: &str = "element";

fn column(scale: Scale) -> &'static str {
    if scale == Scale::Logit { "logits" } else { "probabilities" }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new(ITEM, DataType::Float32, false))
}

fn size(labels: usize) -> std::result::Result<i32, ArrowError> {
    i32::try_from(labels).map_err(|_| ArrowError::InvalidArgumentError("too many labels".into()))
}

fn schema(path: &Path, labels: &[Code], scale: Scale) -> Result<Arc<Schema>> {
    let size = size(labels.len()).map_err(|error| write_error(path, error.into()))?;
    let fields = vec![
        Field::new("id", DataType::Utf8, false),
        Field::new(column(scale), DataType::FixedSizeList(item(), size), false),
    ];
    let labels = serde_json::to_string(labels)
        .map_err(|error| Error::Write { path: path.to_owned(), source: error.into() })?;
    let metadata = HashMap::from([(LABELS_KEY.to_owned(), labels)]);
    Ok(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

/// Bytes of equal weight side by side, and zstd: of 8,000 logits a chart a quarter is saved, and
/// time is as without.
fn properties(scores: &str, group: usize) -> WriterProperties {
    let path = [scores, "list", ITEM].map(str::to_owned);
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_column_encoding(ColumnPath::new(path.to_vec()), Encoding::BYTE_STREAM_SPLIT)
        .build()
}

fn write_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::Write { path: path.to_owned(), source: *source },
            Err(source) => file_error(path, format!("cannot be written: {source}")),
        },
        error => file_error(path, format!("cannot be written: {error}")),
    }
}
