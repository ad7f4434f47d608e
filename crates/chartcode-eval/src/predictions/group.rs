//! Charts from rows of one code each.

use super::context::{Checked, Context, Decision, Spelt};
use crate::error::Result;
use crate::predicted::{Listed, PredictedChart};

/// One row of a long table.
pub(super) struct LongRow<'a> {
    pub(super) id: &'a str,
    /// What else is in it, or why that cannot be used.
    pub(super) cells: Checked<LongCells<'a>>,
}

/// The cells of a row but for the id.
pub(super) struct LongCells<'a> {
    pub(super) spelt: Spelt<'a>,
    pub(super) number: Option<f64>,
    pub(super) decision: Option<Decision>,
}

/// Puts rows of one id that stand together into one chart.
pub(super) struct Grouper {
    context: Context,
    open: Option<Group>,
}

struct Group {
    id: String,
    place: String,
    codes: Vec<Listed>,
    /// A row without a code: the chart has none.
    blank: bool,
    problem: Option<(String, String)>,
}

impl Grouper {
    pub(super) fn new(context: Context) -> Self {
        Self { context, open: None }
    }

    /// Takes a row that stands at `place`; gives the chart before it where it begins another.
    pub(super) fn push(
        &mut self,
        row: LongRow<'_>,
        place: impl Fn() -> String,
    ) -> Option<Result<PredictedChart>> {
        let begins = self.open.as_ref().is_none_or(|group| group.id != row.id);
        let done = if begins { self.finish() } else { None };
        let group = self.open.get_or_insert_with(|| Group {
            id: row.id.to_owned(),
            place: place(),
            codes: Vec::new(),
            blank: false,
            problem: None,
        });
        if let Err(problem) = row.cells.and_then(|cells| group.add(&cells, &self.context)) {
            group.problem.get_or_insert_with(|| (place(), problem));
        }
        done
    }

    /// The last chart.
    pub(super) fn finish(&mut self) -> Option<Result<PredictedChart>> {
        let group = self.open.take()?;
        let of_chart = |problem: String| format!("chart {:?}: {problem}", group.id);
        if let Some((place, problem)) = &group.problem {
            return Some(Err(self.context.error(place, of_chart(problem.clone()))));
        }
        let chart = Context::listing(group.id.clone(), group.codes);
        Some(chart.map_err(|problem| self.context.error(&group.place, of_chart(problem))))
    }
}

impl Group {
    fn add(&mut self, cells: &LongCells<'_>, context: &Context) -> Checked<()> {
        let empty = cells.spelt.code.trim().is_empty();
        if self.blank || (empty && !self.codes.is_empty()) {
            return Err("one of its rows has no code".to_owned());
        }
        self.blank = empty;
        if !empty {
            let place = self.codes.len();
            let listed = context.listed(&cells.spelt, place, cells.number, cells.decision)?;
            self.codes.push(listed);
        }
        Ok(())
    }
}
