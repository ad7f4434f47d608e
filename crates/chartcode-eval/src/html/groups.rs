//! Precision and recall by system, chapter and frequency in training.

use maud::{Markup, html};

use super::format::{finite, interval, number, percent, share};
use super::page::{self, Section};
use super::plots::{Mark, Paint};
use super::rows::{self, Column, Row};
use super::words;
use crate::error::Result;
use crate::metric::{Estimate, Metric, MetricTable};
use crate::summary::{Group, Summary, Variant};

/// Groups with fewer gold codes say little about themselves, and are not named in a finding.
const FEW: usize = 30;
/// Chapters shown; code sets have fewer.
const SHOWN: usize = 60;

/// A line of such a table.
struct Line {
    key: String,
    title: String,
    gold: usize,
    suggested: Option<usize>,
    precision: Estimate,
    recall: Estimate,
    f1: Estimate,
}

impl From<&Group> for Line {
    fn from(group: &Group) -> Self {
        Self {
            key: group.name.clone(),
            title: group.title.clone(),
            gold: group.gold,
            suggested: Some(group.suggested),
            precision: group.precision,
            recall: group.recall,
            f1: group.f1,
        }
    }
}

impl From<&Variant> for Line {
    fn from(variant: &Variant) -> Self {
        let get = |metric| estimate(&variant.metrics, metric);
        Self {
            key: String::new(),
            title: words::variant(&variant.name).to_owned(),
            gold: variant.gold,
            suggested: None,
            precision: get(Metric::MicroPrecision),
            recall: get(Metric::MicroRecall),
            f1: get(Metric::MicroF1),
        }
    }
}

fn estimate(metrics: &MetricTable, metric: Metric) -> Estimate {
    metrics.get(metric).unwrap_or(Estimate { value: None, low: None, high: None })
}

impl Line {
    fn name(&self) -> &str {
        if self.title.is_empty() { &self.key } else { &self.title }
    }
}

/// Each code system.
pub(super) fn systems(summary: &Summary) -> Result<Option<Section>> {
    let lines: Vec<Line> = summary.systems.iter().map(Line::from).collect();
    let finding = extremes(&lines);
    section(("systems", "By code system"), &finding, "Code system", &lines)
}

/// Each chapter, those with most gold codes first.
pub(super) fn chapters(summary: &Summary) -> Result<Option<Section>> {
    let mut lines: Vec<Line> = summary.chapters.iter().map(Line::from).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.gold));
    let finding = extremes(&lines);
    section(("chapters", "By chapter"), &finding, "Chapter", &lines)
}

/// By occurrences in training, in the order of the summary.
pub(super) fn frequency(summary: &Summary) -> Result<Option<Section>> {
    let lines: Vec<Line> = summary.frequency.iter().map(Line::from).collect();
    let finding = match (lines.first(), lines.last()) {
        (Some(first), Some(last)) if lines.len() > 1 => format!(
            "F1 is {} for codes with {} training charts and {} for those with {}",
            share(first.f1.value),
            first.key,
            share(last.f1.value),
            last.key
        ),
        _ => "All codes are of one frequency".to_owned(),
    };
    section(("frequency", "By frequency in training"), &finding, "Training charts", &lines)
}

/// The best and the worst line that has enough gold codes.
fn extremes(lines: &[Line]) -> String {
    let mut known: Vec<(f64, &Line)> = lines
        .iter()
        .filter(|line| line.gold >= FEW)
        .filter_map(|line| Some((finite(line.f1.value)?, line)))
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    match (known.first(), known.last()) {
        (Some(worst), Some(best)) if known.len() > 1 => format!(
            "F1 is {} for {} and {} for {}",
            share(Some(best.0)),
            best.1.name(),
            share(Some(worst.0)),
            worst.1.name()
        ),
        _ => format!("Too few gold codes to compare: at least {FEW} are needed in two lines"),
    }
}

fn section(
    (id, topic): (&'static str, &'static str),
    finding: &str,
    head: &str,
    lines: &[Line],
) -> Result<Option<Section>> {
    if lines.is_empty() {
        return Ok(None);
    }
    let table = page::scroll(topic, &table(head, lines)?);
    let more = lines.len().saturating_sub(SHOWN);
    let body = html! {
        (table)
        @if more > 0 { p.more { (number(more)) " more with fewer gold codes are not shown." } }
    };
    Ok(Some(page::section(id, topic, finding, &body)))
}

fn table(head: &str, lines: &[Line]) -> Result<Markup> {
    let with_suggested = lines.iter().any(|line| line.suggested.is_some());
    let heads = [
        ("Gold", false),
        ("Suggested", true),
        ("Precision", true),
        ("Recall", true),
        ("F1", false),
    ];
    let columns: Vec<Column> = heads
        .into_iter()
        .filter(|(name, _)| with_suggested || *name != "Suggested")
        .map(|(name, wide)| Column { head: html! { (name) }, wide })
        .collect();
    let rows: Vec<Row> = lines.iter().take(SHOWN).map(|line| row(line, with_suggested)).collect();
    let caption = html! {
        span.key-blue { "Precision" } " and " span.key-orange { "recall" }
        " in percent, with 95\u{202f}% intervals as lines."
    };
    rows::table(&caption, head, &columns, &rows)
}

fn row(line: &Line, with_suggested: bool) -> Row {
    let (precision, recall) = (percent(line.precision.value), percent(line.recall.value));
    let mut figures = vec![html! { (number(line.gold)) }];
    if with_suggested {
        figures.push(html! { @if let Some(n) = line.suggested { (number(n)) } });
    }
    figures.push(html! { (precision) });
    figures.push(html! { (recall) });
    figures.push(html! {
        (percent(line.f1.value))
        @if let Some(range) = interval(line.f1) { " " span.range { (range) } }
    });
    Row {
        name: html! {
            @if line.key.is_empty() || line.title.is_empty() { (line.name()) }
            @else { span.key { (line.key) } " " (line.title) }
        },
        marks: vec![
            Mark { estimate: line.precision, paint: Paint::Blue },
            Mark { estimate: line.recall, paint: Paint::Orange },
        ],
        label: format!("Precision {precision}, recall {recall}"),
        figures,
    }
}
