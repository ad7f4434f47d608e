//! The frame of the report, and the order of its sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{curves, data, evidence, glossary, groups, header, lists, metrics, operations};
use crate::error::Result;
use crate::summary::Summary;

pub(super) const STYLE: &str = include_str!("style.css");

/// Tags without an end are written closed, so that the page is XML too.
const META: &str = concat!(
    r#"<meta charset="utf-8"/>"#,
    r#"<meta name="viewport" content="width=device-width, initial-scale=1"/>"#,
    r#"<meta name="color-scheme" content="light dark"/>"#,
    r#"<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>"#,
);

/// The whole page.
pub(super) fn page(summary: &Summary) -> Result<Markup> {
    let sections = [
        Some(operations::section(summary)?),
        Some(metrics::section(summary)),
        Some(curves::precision_recall(summary)?),
        Some(curves::reliability(summary)?),
        Some(curves::automation(summary)?),
        groups::systems(summary)?,
        groups::chapters(summary)?,
        groups::frequency(summary)?,
        lists::confusions(summary),
        evidence::section(summary)?,
        lists::worst_charts(summary),
        Some(data::section(summary)),
        Some(glossary::glossary(summary)),
    ];
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (PreEscaped(META))
                title { "Evaluation of " (header::model(summary)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (header::header(summary)?)
                    nav aria-label="Sections" {
                        @for section in sections.iter().flatten() {
                            a href={ "#" (section.id) } { (section.topic) }
                        }
                    }
                    @for section in sections.iter().flatten() { (section.markup) }
                }
                (footer(summary))
            }
        }
    })
}

/// A part of the report.
pub(super) struct Section {
    /// Its anchor.
    id: &'static str,
    /// What it is about.
    topic: &'static str,
    markup: Markup,
}

/// A section: its anchor, its topic, what it found, and the evidence for that.
pub(super) fn section(
    id: &'static str,
    topic: &'static str,
    finding: &str,
    body: &Markup,
) -> Section {
    let markup = html! {
        section id=(id) {
            h2 { span.topic { (topic) } " " span.finding { (finding) } }
            (body)
        }
    };
    Section { id, topic, markup }
}

/// A table that scrolls sideways by itself where the page is too narrow for it.
pub(super) fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

fn footer(summary: &Summary) -> Markup {
    let with_text = summary.worst_charts.iter().any(|chart| chart.text.is_some());
    html! {
        footer {
            p {
                @if with_text {
                    strong { "This file holds the text of charts. Keep it as you keep the charts." }
                } @else {
                    "This file holds ids and codes of charts, and no chart’s text."
                }
                " It loads nothing and sends nothing."
            }
        }
    }
}
