//! Charts from a table with a row a code.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::codes;
use super::plan::Plan;
use crate::chart::LabelledChart;
use crate::error::Result;
use crate::table::{Batch, Texts, record_error};

/// Puts rows of one id that stand together into one chart. Rows of one id that stand apart would
/// be charts with a part of their codes, so they are an error.
pub(super) struct Long {
    path: Arc<Path>,
    open: Option<Open>,
    seen: HashSet<String>,
}

struct Open {
    chart: LabelledChart,
    place: String,
    problem: Option<String>,
}

impl Long {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), open: None, seen: HashSet::new() }
    }

    /// Adds the charts that end in a batch to `into`.
    pub(super) fn read(
        &mut self,
        batch: &Batch,
        plan: &Plan,
        into: &mut VecDeque<Result<LabelledChart>>,
    ) -> Result<()> {
        let ids = batch.ids(plan.id)?;
        let texts = plan.text.map(|column| batch.texts(column)).transpose()?;
        let splits = plan.split.map(|column| batch.texts(column)).transpose()?;
        for column in &plan.codes {
            for (row, codes) in codes::of_rows(batch, column)?.into_iter().enumerate() {
                let Some(id) = ids.get(row) else {
                    into.push_back(Err(batch.row_error(row, "has no id")));
                    continue;
                };
                let place = || batch.place(row);
                into.extend(self.begin(&id, place));
                let Some(open) = &mut self.open else { continue };
                match codes {
                    Ok(codes) => open.chart.codes.extend(codes),
                    Err(problem) => open.fail(place(), problem),
                }
                let text = |texts: &Option<Texts<'_>>| texts.as_ref()?.get(row).map(str::to_owned);
                open.chart.text = open.chart.text.take().or_else(|| text(&texts));
                open.chart.split = open.chart.split.take().or_else(|| text(&splits));
            }
        }
        Ok(())
    }

    /// The last chart.
    pub(super) fn finish(&mut self) -> Option<Result<LabelledChart>> {
        let Open { chart, place, problem } = self.open.take()?;
        let Some(problem) = problem else { return Some(Ok(chart)) };
        Some(Err(record_error(&self.path, place, format!("chart {:?}: {problem}", chart.id))))
    }

    /// Makes the chart of `id` the open one; gives the one before it where that was another.
    fn begin(&mut self, id: &str, place: impl Fn() -> String) -> Option<Result<LabelledChart>> {
        if self.open.as_ref().is_some_and(|open| open.chart.id == id) {
            return None;
        }
        let done = self.finish();
        let again = !self.seen.insert(id.to_owned());
        let problem = "its rows do not stand together; sort the table by id";
        self.open = Some(Open {
            chart: LabelledChart {
                id: id.to_owned(),
                text: None,
                codes: Vec::new(),
                evidence: Vec::new(),
                split: None,
            },
            place: place(),
            problem: again.then(|| problem.to_owned()),
        });
        done
    }
}

impl Open {
    /// The first problem counts.
    fn fail(&mut self, place: String, problem: String) {
        if self.problem.is_none() {
            self.place = place;
            self.problem = Some(problem);
        }
    }
}
