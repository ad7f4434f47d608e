//! Agreement of the passages shown with those that a human marked.

use maud::{Markup, html};

use super::format::{interval, percent, plural, share};
use super::page::{self, Section};
use super::plots::{Mark, Paint};
use super::rows::{self, Column, Row};
use crate::error::Result;
use crate::metric::Estimate;
use crate::summary::{EvidenceScores, EvidenceSummary, Summary};

/// The section, where the gold has passages.
pub(super) fn section(summary: &Summary) -> Result<Option<Section>> {
    let Some(evidence) = &summary.evidence else {
        return Ok(None);
    };
    let table = page::scroll("Evidence", &table(evidence)?);
    let body = html! {
        (table)
        p.more {
            "Tokens are " (evidence.tokens) ". Gold codes that are labels and have gold passages: "
            (counts(&evidence.all)) "; of these were suggested: " (counts(&evidence.suggested)) "."
        }
    };
    let finding = format!(
        "{} of gold passages are touched by the evidence shown",
        share(evidence.all.span_recall.value)
    );
    Ok(Some(page::section("evidence", "Evidence", &finding, &body)))
}

fn counts(scores: &EvidenceScores) -> String {
    format!(
        "{} with {} in {}",
        plural(scores.codes, "code"),
        plural(scores.spans, "passage"),
        plural(scores.charts, "chart")
    )
}

type Get = fn(&EvidenceScores) -> Estimate;

const ROWS: [(&str, &str, Get); 7] = [
    ("Token precision", "tokens shown that are gold", |e| e.token_precision),
    ("Token recall", "gold tokens that are shown", |e| e.token_recall),
    ("Token F1", "their harmonic mean", |e| e.token_f1),
    ("Overlap (IoU)", "shared tokens / tokens of either, mean over codes", |e| e.iou),
    ("Overlap at gold size", "the same for as many tokens as are gold", |e| e.iou_at_gold_size),
    ("Passage recall", "gold passages of which a token is shown", |e| e.span_recall),
    ("Codes without evidence", "codes for which no passage is shown", |e| e.empty),
];

fn table(evidence: &EvidenceSummary) -> Result<Markup> {
    let column = |name: &str, scores: &EvidenceScores| Column {
        head: html! { (name) span.note { (plural(scores.codes, "code")) } },
        wide: false,
    };
    let columns = [column("All", &evidence.all), column("Suggested", &evidence.suggested)];
    let rows = ROWS.map(|(name, what, get)| {
        let all = get(&evidence.all);
        Row {
            name: html! { (name) span.note { (what) } },
            marks: vec![Mark { estimate: all, paint: Paint::Ink }],
            label: format!("{name}: {} percent", percent(all.value)),
            figures: vec![figure(all), figure(get(&evidence.suggested))],
        }
    });
    let caption = html! { "Figures in percent; the plot shows all codes with gold passages." };
    rows::table(&caption, "Figure", &columns, &rows)
}

fn figure(estimate: Estimate) -> Markup {
    html! {
        (percent(estimate.value))
        @if let Some(range) = interval(estimate) { " " span.range { (range) } }
    }
}
