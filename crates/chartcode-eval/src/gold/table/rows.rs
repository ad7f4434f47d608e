//! Charts from a table with a row a chart.

use std::collections::VecDeque;

use super::codes::{self, Checked};
use super::plan::Plan;
use super::spans;
use crate::chart::{GoldEvidence, LabelledChart};
use crate::code::Code;
use crate::error::Result;
use crate::table::{Batch, Ids, Texts};

/// Adds the charts of a batch to `into`; gives how many have passages that cannot be read.
pub(super) fn read(
    batch: &Batch,
    plan: &Plan,
    into: &mut VecDeque<Result<LabelledChart>>,
) -> Result<usize> {
    let columns = Columns {
        ids: batch.ids(plan.id)?,
        texts: plan.text.map(|column| batch.texts(column)).transpose()?,
        splits: plan.split.map(|column| batch.texts(column)).transpose()?,
    };
    let (answers, unread) = answers(batch, plan)?;
    for (row, answer) in answers.into_iter().enumerate() {
        let chart = columns.chart(row, answer);
        into.push_back(chart.map_err(|problem| batch.row_error(row, problem)));
    }
    Ok(unread)
}

/// The codes of a chart and their passages.
type Gold = (Vec<Code>, Vec<GoldEvidence>);

/// Of each row its codes, those of all columns joined.
fn answers(batch: &Batch, plan: &Plan) -> Result<(Vec<Checked<Gold>>, usize)> {
    let mut rows: Vec<Checked<Gold>> = vec![Ok(Gold::default()); batch.len()];
    let mut unread = vec![false; batch.len()];
    for column in &plan.codes {
        let found = codes::of_rows(batch, column)?;
        let passages = column.spans.map(|spans| spans::of_rows(batch, spans));
        for (row, codes) in found.into_iter().enumerate() {
            let passages = passages.as_ref().map(|passages| &passages[row]);
            let Ok(gold) = &mut rows[row] else { continue };
            match codes {
                Ok(codes) => {
                    unread[row] |= !add(gold, codes, passages);
                }
                Err(problem) => rows[row] = Err(problem),
            }
        }
    }
    Ok((rows, unread.into_iter().filter(|&unread| unread).count()))
}

/// Adds the codes of one column; whether its passages could be read.
fn add(gold: &mut Gold, codes: Vec<Code>, passages: Option<&spans::Row>) -> bool {
    let understood = match passages {
        None | Some(Ok(None)) => true,
        Some(Ok(Some(passages))) if passages.len() == codes.len() => {
            let each = codes.iter().zip(passages).filter(|(_, spans)| !spans.is_empty());
            gold.1.extend(
                each.map(|(code, spans)| GoldEvidence { code: code.clone(), spans: spans.clone() }),
            );
            true
        }
        Some(_) => false,
    };
    gold.0.extend(codes);
    understood
}

struct Columns<'b> {
    ids: Ids<'b>,
    texts: Option<Texts<'b>>,
    splits: Option<Texts<'b>>,
}

impl Columns<'_> {
    fn chart(&self, row: usize, gold: Checked<Gold>) -> Checked<LabelledChart> {
        let id = self.ids.get(row).ok_or("has no id")?;
        let (codes, evidence) = gold.map_err(|problem| format!("chart {id:?}: {problem}"))?;
        let text = |texts: &Option<Texts<'_>>| texts.as_ref()?.get(row).map(str::to_owned);
        Ok(LabelledChart {
            id: id.into_owned(),
            text: text(&self.texts),
            codes,
            evidence,
            split: text(&self.splits),
        })
    }
}
