//! Predictions in CSV and its kin.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use csv::{Reader, ReaderBuilder, StringRecord};

use super::context::{Checked, Context, Decision, Named, Spelt, distinct};
use super::group::{Grouper, LongCells, LongRow};
use super::input::text;
use super::{Charts, PredictionOptions, dense_scale};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::predicted::{PredictedChart, Scale};
use crate::table::{column, file_error, id_column};

type Rows = Reader<Box<dyn BufRead + Send>>;

pub(super) fn open(
    path: &Path,
    delimiter: u8,
    options: &PredictionOptions,
) -> Result<(Scale, Charts)> {
    let mut rows =
        ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text(path)?);
    let header = rows.headers().map_err(|error| row_error(path, error))?.clone();
    let id = id_column(header.iter()).map_err(|problem| file_error(path, problem))?;
    if let Some(code) = column(header.iter(), "code") {
        let columns = LongColumns::of(&header, id, code, options.scale);
        let context = Context::new(path, options, columns.number.map(|(named, _)| named));
        let scale = context.scale;
        let groups = Grouper::new(context.clone());
        let row = StringRecord::new();
        return Ok((scale, Box::new(Long { rows, columns, groups, context, row, over: false })));
    }
    let context = Context::new(path, options, Some(Named::Score));
    dense_scale(context.scale)?;
    let scale = context.scale;
    let (columns, labels) =
        wide_labels(&header, id, &context).map_err(|problem| file_error(path, problem))?;
    let (cells, row) = (header.len(), StringRecord::new());
    Ok((scale, Box::new(Wide { rows, id, columns, labels, cells, context, row })))
}

/// An error of the CSV reader, which may quote cells, in words that do not.
fn row_error(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = match error.into_kind() {
        csv::ErrorKind::Io(source) => return Error::Read { path: path.to_owned(), source },
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        _ => "is not CSV".to_owned(),
    };
    crate::table::record_error(path, format!("line {line}"), problem)
}

fn complete(row: &StringRecord, cells: usize) -> Checked<()> {
    if row.len() == cells {
        return Ok(());
    }
    Err(format!("has {} cells, the header {cells}", row.len()))
}

fn place(row: &StringRecord) -> String {
    format!("line {}", row.position().map_or(0, csv::Position::line))
}

struct LongColumns {
    id: usize,
    code: usize,
    system: Option<usize>,
    decision: Option<usize>,
    number: Option<(Named, usize)>,
    /// Of all columns.
    count: usize,
}

impl LongColumns {
    fn of(header: &StringRecord, id: usize, code: usize, scale: Option<Scale>) -> Self {
        let wanted = scale.unwrap_or(Scale::Probability);
        let numbers = header.iter().enumerate();
        let numbers = numbers.filter_map(|(index, name)| Some((Named::of(name)?, index)));
        Self {
            id,
            code,
            system: column(header.iter(), "system"),
            decision: column(header.iter(), "decision"),
            number: numbers.min_by_key(|(named, _)| named.rank(wanted)),
            count: header.len(),
        }
    }

    fn cells<'r>(&self, row: &'r StringRecord) -> Checked<LongCells<'r>> {
        complete(row, self.count)?;
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let code = cell(self.code);
        let number = match self.number {
            Some((_, column)) if !code.trim().is_empty() => Some(number(cell(column))?),
            _ => None,
        };
        Ok(LongCells {
            spelt: Spelt { system: self.system.map(cell), code },
            number,
            decision: Decision::of(self.decision.map(cell).unwrap_or_default())?,
        })
    }
}

/// A row a code.
struct Long {
    rows: Rows,
    columns: LongColumns,
    groups: Grouper,
    context: Context,
    row: StringRecord,
    over: bool,
}

impl Long {
    fn push(&mut self) -> Checked<Option<Result<PredictedChart>>> {
        let id = self.row.get(self.columns.id).unwrap_or_default();
        if id.is_empty() {
            return Err("has no id".to_owned());
        }
        let row = LongRow { id, cells: self.columns.cells(&self.row) };
        Ok(self.groups.push(row, || place(&self.row)))
    }
}

impl Iterator for Long {
    type Item = Result<PredictedChart>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            match self.rows.read_record(&mut self.row) {
                Ok(true) => match self.push() {
                    Ok(Some(chart)) => return Some(chart),
                    Ok(None) => {}
                    Err(problem) => {
                        return Some(Err(self.context.error(place(&self.row), problem)));
                    }
                },
                Ok(false) => self.over = true,
                Err(error) => {
                    self.over = matches!(error.kind(), csv::ErrorKind::Io(_));
                    return Some(Err(row_error(&self.context.path, error)));
                }
            }
        }
        self.groups.finish()
    }
}

/// A column of some other system's table that is no score, whatever it holds.
fn is_bookkeeping(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "",
        "index",
        "__index_level_0__",
        "unnamed: 0",
        "target",
        "targets",
        "split",
        "num_words",
        "num_targets",
    ];
    let name = name.trim().to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || id_column(std::iter::once(name.as_str())).is_ok()
}

fn wide_labels(
    header: &StringRecord,
    id: usize,
    context: &Context,
) -> Checked<(Vec<usize>, Arc<[Code]>)> {
    let scores = header.iter().enumerate();
    let scores: Vec<(usize, &str)> =
        scores.filter(|&(index, name)| index != id && !is_bookkeeping(name)).collect();
    if scores.is_empty() {
        return Err("has neither a column \"code\" nor a column for each code".to_owned());
    }
    let code = |&(_, code): &(usize, &str)| context.code(&Spelt { system: None, code });
    let labels = distinct(scores.iter().map(code).collect::<Checked<_>>()?)?;
    Ok((scores.iter().map(|&(index, _)| index).collect(), labels))
}

/// A row a chart, a column a code.
struct Wide {
    rows: Rows,
    id: usize,
    columns: Vec<usize>,
    labels: Arc<[Code]>,
    /// Of all columns.
    cells: usize,
    context: Context,
    row: StringRecord,
}

impl Wide {
    fn chart(&self) -> Checked<PredictedChart> {
        let cell = |column: usize| self.row.get(column).unwrap_or_default();
        let id = cell(self.id);
        if id.is_empty() {
            return Err("has no id".to_owned());
        }
        let of_chart = |problem: String| format!("chart {id:?}: {problem}");
        complete(&self.row, self.cells).map_err(of_chart)?;
        let score = |(&column, label): (&usize, &Code)| {
            single(cell(column)).map_err(|problem| of_chart(format!("of {label}, {problem}")))
        };
        let scores = self.columns.iter().zip(self.labels.iter()).map(score);
        let scores = scores.collect::<Checked<_>>()?;
        self.context.dense(id.to_owned(), Arc::clone(&self.labels), scores).map_err(of_chart)
    }
}

impl Iterator for Wide {
    type Item = Result<PredictedChart>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.read_record(&mut self.row) {
            Ok(false) => None,
            Ok(true) => {
                let problem = |problem| self.context.error(place(&self.row), problem);
                Some(self.chart().map_err(problem))
            }
            Err(error) => {
                let fatal = matches!(error.kind(), csv::ErrorKind::Io(_));
                if fatal {
                    self.rows = ReaderBuilder::new().from_reader(Box::new(std::io::empty()));
                }
                Some(Err(row_error(&self.context.path, error)))
            }
        }
    }
}

const NO_NUMBER: &str = "a score is no number";

fn number(cell: &str) -> Checked<f64> {
    cell.trim().parse().map_err(|_| NO_NUMBER.to_owned())
}

fn single(cell: &str) -> Checked<f32> {
    cell.trim().parse().map_err(|_| NO_NUMBER.to_owned())
}
