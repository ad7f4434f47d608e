//! Predictions in JSON.

use std::path::Path;

use super::context::{Checked, Context, Decision, Named, Spelt};
use super::input::JsonForm;
use super::json_line::JsonLine;
use super::json_records::Records;
use super::json_values::Entry;
use super::{Charts, PredictionOptions, dense_scale};
use crate::error::Result;
use crate::predicted::{Listed, PredictedChart, Scale};

pub(super) fn open(
    path: &Path,
    form: JsonForm,
    options: &PredictionOptions,
) -> Result<(Scale, Charts)> {
    let named = first_named(path, form, options)?;
    let context = Context::new(path, options, named);
    let records = Records::open(path, form)?;
    Ok((context.scale, Box::new(JsonCharts { records, line: JsonLine::default(), context })))
}

/// What the first record that has codes calls its numbers.
fn first_named(path: &Path, form: JsonForm, options: &PredictionOptions) -> Result<Option<Named>> {
    let wanted = options.scale.unwrap_or(Scale::Probability);
    let mut records = Records::open(path, form)?;
    let mut line = JsonLine::default();
    while let Some(json) = records.next(path) {
        if line.read(json?, wanted).is_err() {
            continue; // The pass over the charts will say what is wrong with it.
        }
        if line.is_dense() {
            dense_scale(wanted)?;
        }
        if let Ok(named) = line.says(wanted) {
            return Ok(named);
        }
    }
    Ok(None)
}

struct JsonCharts {
    records: Records,
    line: JsonLine,
    context: Context,
}

impl Iterator for JsonCharts {
    type Item = Result<PredictedChart>;

    fn next(&mut self) -> Option<Self::Item> {
        let json = match self.records.next(&self.context.path)? {
            Ok(json) => json,
            Err(error) => return Some(Err(error)),
        };
        let read = self.line.read(json, self.context.scale);
        let chart = read.and_then(|()| chart(&mut self.line, &self.context));
        Some(chart.map_err(|problem| self.context.error(self.records.place(), problem)))
    }
}

fn chart(line: &mut JsonLine, context: &Context) -> Checked<PredictedChart> {
    let id = line.id.take().filter(|id| !id.is_empty());
    let id = id.ok_or("has no field \"id\" (a string or a whole number)")?;
    let of_chart = |problem| format!("chart {id:?}: {problem}");
    fits_first(line, context).map_err(of_chart)?;
    if !line.is_dense() {
        let codes = listed(line, context).map_err(of_chart)?;
        let problem = |problem| format!("chart {id:?}: {problem}");
        return Context::listing(id.clone(), codes).map_err(problem);
    }
    let labels = line.labels.codes(context).or_else(|| context.labels.clone().map(Ok));
    let labels = labels.ok_or("scores need \"labels\", on the first line at least")?;
    let labels = labels.map_err(of_chart)?;
    context.dense(id.clone(), labels, std::mem::take(&mut line.scores)).map_err(of_chart)
}

/// Whether the numbers of a record are those the file began with.
fn fits_first(line: &JsonLine, context: &Context) -> Checked<()> {
    let Ok(named) = line.says(context.scale) else { return Ok(()) };
    match (named, context.scale) {
        _ if context.forced => Ok(()),
        (Some(_), Scale::Order) => Err("has scores, where the charts before have none".to_owned()),
        (Some(Named::Scale(scale)), wanted) if scale != wanted => {
            Err(format!("has no {}, which the charts before have", context.noun()))
        }
        _ => Ok(()),
    }
}

fn listed(line: &mut JsonLine, context: &Context) -> Checked<Vec<Listed>> {
    let Some(mut entries) = line.entries.take() else {
        return Err("has neither codes nor scores".to_owned());
    };
    if let Some(named) = line.named {
        if entries.len() != line.scores.len() {
            return Err(format!("has {} codes and {} scores", entries.len(), line.scores.len()));
        }
        for (entry, &score) in entries.iter_mut().zip(&line.scores) {
            entry.set(named, f64::from(score));
        }
    }
    let one = |(place, entry)| one(place, entry, context);
    entries.iter().enumerate().map(one).collect()
}

fn one(place: usize, entry: &Entry, context: &Context) -> Checked<Listed> {
    let spelt = Spelt { system: entry.system.as_deref(), code: &entry.code.0 };
    let usable = |named| context.forced || Named::rank(named, context.scale) < 2;
    let number = entry.number(context.scale).filter(|&(named, _)| usable(named));
    let decision = Decision::of(entry.decision.as_deref().unwrap_or_default())?;
    let listed = context.listed(&spelt, place, number.map(|(_, number)| number), decision)?;
    Ok(Listed { evidence: entry.shown(), ..listed })
}
