//! What the words of the report mean.

use maud::html;

use super::page::{Section, section};
use super::words;
use crate::metric::Metric;
use crate::summary::Summary;

/// Words that no metric's name covers, with what they mean.
const TERMS: [(&str, &str); 5] = [
    ("Gold", "The codes that a human coder assigned."),
    ("Label", "A code that the model can suggest. Gold codes outside its labels it cannot find."),
    (
        "95 % interval",
        "The middle 95 of 100 figures of a bootstrap: the charts drawn again and again, with replacement.",
    ),
    (
        "Calibration error",
        "Mean distance of stated probability and observed share of gold over bins of probability, weighted by size (ECE).",
    ),
    ("Brier score", "Mean squared distance of probability and truth; 0 is perfect."),
];

/// The glossary: the metrics that the report shows, then the words around them.
pub(super) fn glossary(summary: &Summary) -> Section {
    section(
        "glossary",
        "Definitions",
        "What the figures mean",
        &html! {
            dl.glossary {
                @for (term, meaning) in entries(summary) {
                    div { dt { (term) } dd { (meaning) } }
                }
            }
        },
    )
}

fn entries(summary: &Summary) -> Vec<(String, &'static str)> {
    let tables = summary.variants.iter().chain(&summary.systems).map(|v| &v.metrics);
    let mut entries: Vec<(String, &'static str)> = Vec::new();
    for (metric, _) in std::iter::once(&summary.metrics).chain(tables).flat_map(|table| &table.0) {
        push(&mut entries, *metric);
    }
    let terms = TERMS.map(|(term, meaning)| (term.replace(' ', "\u{a0}"), meaning));
    entries.extend(terms);
    entries
}

fn push(entries: &mut Vec<(String, &'static str)>, metric: Metric) {
    let name = words::glossary_name(metric);
    if entries.iter().all(|(known, _)| *known != name) {
        entries.push((name, words::definition(metric)));
    }
}
