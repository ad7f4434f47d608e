//! Predictions in Parquet and Feather.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::context::{Checked, Context, Decision, Spelt};
use super::group::{Grouper, LongCells, LongRow};
use super::table_forms::Form;
use super::{Charts, PredictionOptions};
use crate::code::Code;
use crate::error::Result;
use crate::predicted::{Listed, PredictedChart, Scale};
use crate::table::{Batch, Ids, Numbers, Table, TableFile, Texts};

pub(super) fn open(path: &Path, options: &PredictionOptions) -> Result<(Scale, Charts)> {
    let table = TableFile::open(path)?;
    let (form, id, context) = Form::of(&table, options)?;
    let mut columns = form.columns();
    columns.push(id);
    let table = table.read(columns)?;
    let scale = context.scale;
    let groups = Grouper::new(context.clone());
    let ready = VecDeque::new();
    Ok((scale, Box::new(TableCharts { table, form, id, context, groups, ready })))
}

/// Charts are made a batch at a time.
struct TableCharts {
    table: Table,
    form: Form,
    id: usize,
    context: Context,
    groups: Grouper,
    ready: VecDeque<Result<PredictedChart>>,
}

impl Iterator for TableCharts {
    type Item = Result<PredictedChart>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let Some(batch) = self.table.next() else {
                return self.groups.finish();
            };
            if let Err(error) = batch.and_then(|batch| self.read(&batch)) {
                return Some(Err(error));
            }
        }
        self.ready.pop_front()
    }
}

impl TableCharts {
    fn read(&mut self, batch: &Batch) -> Result<()> {
        let ids = batch.ids(self.id)?;
        let rows = match &self.form {
            &Form::Long { code, system, decision, number } => {
                let rows = LongRows {
                    code: batch.ids(code)?,
                    system: system.map(|column| batch.texts(column)).transpose()?,
                    decision: decision.map(|column| batch.texts(column)).transpose()?,
                    number: number.map(|column| batch.numbers(column)).transpose()?,
                };
                self.read_long(batch, &ids, &rows);
                return Ok(());
            }
            &Form::Listed { codes, numbers } => listed(batch, codes, numbers, &self.context)?,
            Form::Dense { scores, labels } => dense(batch, *scores, labels)?,
            Form::Wide { columns, labels } => wide(batch, columns, labels)?,
        };
        for (row, answer) in rows.into_iter().enumerate() {
            let chart = self.chart(&ids, row, answer);
            self.ready.push_back(chart.map_err(|problem| batch.row_error(row, problem)));
        }
        Ok(())
    }

    fn chart(&self, ids: &Ids<'_>, row: usize, answer: Answer) -> Checked<PredictedChart> {
        let id = ids.get(row).ok_or("has no id")?;
        let chart = match answer {
            Ok(Row::Listed(codes)) => Context::listing(id.to_string(), codes),
            Ok(Row::Dense(labels, scores)) => self.context.dense(id.to_string(), labels, scores),
            Err(problem) => Err(problem),
        };
        chart.map_err(|problem| format!("chart {id:?}: {problem}"))
    }

    fn read_long(&mut self, batch: &Batch, ids: &Ids<'_>, rows: &LongRows<'_>) {
        for row in 0..batch.len() {
            let Some(id) = ids.get(row) else {
                self.ready.push_back(Err(batch.row_error(row, "has no id")));
                continue;
            };
            let code = rows.code.get(row).unwrap_or_default();
            let (system, decision) =
                (text(rows.system.as_ref(), row), text(rows.decision.as_ref(), row));
            let cells = Decision::of(decision.unwrap_or_default()).map(|decision| LongCells {
                spelt: Spelt { system, code: &code },
                number: rows.number.as_ref().and_then(|numbers| numbers.get(row)),
                decision,
            });
            let one = LongRow { id: &id, cells };
            self.ready.extend(self.groups.push(one, || batch.place(row)));
        }
    }
}

struct LongRows<'b> {
    code: Ids<'b>,
    system: Option<Texts<'b>>,
    decision: Option<Texts<'b>>,
    number: Option<Numbers<'b>>,
}

fn text<'b>(texts: Option<&Texts<'b>>, row: usize) -> Option<&'b str> {
    texts?.get(row)
}

/// What a row says of its chart.
enum Row {
    Listed(Vec<Listed>),
    Dense(Arc<[Code]>, Vec<f32>),
}

type Answer = Checked<Row>;

fn listed(
    batch: &Batch,
    codes: usize,
    numbers: Option<usize>,
    context: &Context,
) -> Result<Vec<Answer>> {
    let code_lists = batch.lists(codes)?;
    let spelt = Ids::of(code_lists.items());
    let spelt = spelt.ok_or_else(|| batch.wrong(codes, "lists of strings"))?;
    let number_lists = numbers.map(|column| batch.lists(column)).transpose()?;
    let numbers = number_lists.as_ref().zip(numbers).map(|(lists, column)| {
        let values = Numbers::of(lists.items());
        Ok((lists, values.ok_or_else(|| batch.wrong(column, "lists of numbers"))?))
    });
    let numbers = numbers.transpose()?;
    let answer = |row| {
        let codes = code_lists.get(row).unwrap_or(0..0);
        let scores = numbers.as_ref().map(|(lists, values)| {
            let scores = lists.get(row).unwrap_or(0..0);
            scores.map(|item| values.get(item)).collect::<Vec<_>>()
        });
        if let Some(scores) = scores.as_ref().filter(|scores| scores.len() != codes.len()) {
            return Err(format!("has {} codes and {} scores", codes.len(), scores.len()));
        }
        let one = |(place, item): (usize, usize)| {
            let code = spelt.get(item).unwrap_or_default();
            let number = scores.as_ref().and_then(|scores| scores[place]);
            context.listed(&Spelt { system: None, code: &code }, place, number, None)
        };
        codes.enumerate().map(one).collect::<Checked<_>>().map(Row::Listed)
    };
    Ok((0..batch.len()).map(answer).collect())
}

fn dense(batch: &Batch, column: usize, labels: &Arc<[Code]>) -> Result<Vec<Answer>> {
    let lists = batch.lists(column)?;
    let numbers = Numbers::of(lists.items());
    let numbers = numbers.ok_or_else(|| batch.wrong(column, "lists of numbers"))?;
    let answer = |row| {
        let range = lists.get(row).ok_or("has no scores")?;
        match numbers.singles(range) {
            Ok(scores) => Ok(Row::Dense(Arc::clone(labels), scores)),
            Err(place) => Err(format!("score {place} is missing")),
        }
    };
    Ok((0..batch.len()).map(answer).collect())
}

/// Columns become rows; a row with a missing score is an error, the others are not.
fn wide(batch: &Batch, columns: &[usize], labels: &Arc<[Code]>) -> Result<Vec<Answer>> {
    let mut scores = vec![0.0; batch.len() * columns.len()];
    let mut missing = BTreeMap::new();
    for (place, &column) in columns.iter().enumerate() {
        let gaps = batch.numbers(column)?.scatter(&mut scores[place..], columns.len());
        for row in gaps {
            missing.entry(row).or_insert(place);
        }
    }
    let rows = scores.chunks_exact(columns.len()).enumerate();
    let answer = |(row, scores): (usize, &[f32])| match missing.get(&row) {
        Some(&place) => Err(format!("{} has no score", labels[place])),
        None => Ok(Row::Dense(Arc::clone(labels), scores.to_vec())),
    };
    Ok(rows.map(answer).collect())
}
