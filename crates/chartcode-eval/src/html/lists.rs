//! Codes that are confused, and charts that went wrong.

use maud::{Markup, html};

use super::format::{number, plural};
use super::page::{self, Section};
use crate::code::Code;
use crate::summary::{ChartErrors, Confusion, Summary};

/// Confusions shown.
const CONFUSIONS: usize = 25;
/// Charts shown.
const CHARTS: usize = 25;
/// Codes of a chart shown in a cell.
const CODES: usize = 24;

/// The most-confused codes.
pub(super) fn confusions(summary: &Summary) -> Option<Section> {
    let all = &summary.confusions;
    let first = all.first()?;
    let most = all.iter().map(|confusion| confusion.charts).max().unwrap_or(1).max(1);
    let table = html! {
        table {
            caption { "Gold codes that were missed where a code of the same category was suggested." }
            thead {
                tr {
                    th scope="col" { "Missed" }
                    th scope="col" { "Suggested instead" }
                    th.num scope="col" { "Charts" }
                    th.bar aria-hidden="true" {}
                }
            }
            tbody {
                @for confusion in all.iter().take(CONFUSIONS) { (confusion_row(confusion, most)) }
            }
        }
    };
    let body = html! {
        (page::scroll("Most confused codes", &table))
        (more(all.len(), CONFUSIONS, "pair"))
    };
    let finding = format!(
        "In {}, {} was missed and {} suggested",
        plural(first.charts, "chart"),
        first.missed,
        first.suggested
    );
    Some(page::section("confusions", "Most confused codes", &finding, &body))
}

fn confusion_row(confusion: &Confusion, most: usize) -> Markup {
    let width = 100.0 * confusion.charts as f64 / most as f64;
    html! {
        tr {
            td { (titled(&confusion.missed, &confusion.missed_title)) }
            td { (titled(&confusion.suggested, &confusion.suggested_title)) }
            td.num { (number(confusion.charts)) }
            td.bar aria-hidden="true" { span style={ "width:" (format!("{width:.1}")) "%" } {} }
        }
    }
}

fn titled(code: &Code, title: &str) -> Markup {
    html! {
        span.code { (code) }
        @if !title.is_empty() { " " (title) }
    }
}

/// The charts with most errors.
pub(super) fn worst_charts(summary: &Summary) -> Option<Section> {
    let all = &summary.worst_charts;
    let first = all.first()?;
    let table = html! {
        table.charts {
            caption { "Charts with most errors, worst first." }
            thead {
                tr {
                    th scope="col" { "Chart" }
                    th scope="col" { "Missed" }
                    th scope="col" { "Wrongly suggested" }
                    th scope="col" { "Right" }
                }
            }
            tbody { @for chart in all.iter().take(CHARTS) { (chart_rows(chart)) } }
        }
    };
    let body = html! {
        (page::scroll("Charts with most errors", &table))
        (more(all.len(), CHARTS, "chart"))
    };
    let finding = format!(
        "The worst chart has {} and {} wrongly suggested",
        plural(first.missed.len(), "missed code"),
        number(first.wrong.len())
    );
    Some(page::section("charts", "Charts with most errors", &finding, &body))
}

fn chart_rows(chart: &ChartErrors) -> Markup {
    html! {
        tr {
            th scope="row" { (chart.id) }
            td { (codes(&chart.missed)) }
            td { (codes(&chart.wrong)) }
            td { (codes(&chart.right)) }
        }
        @if let Some(text) = &chart.text {
            tr.text {
                td colspan="4" { details { summary { "Text of " (chart.id) } pre { (text) } } }
            }
        }
    }
}

fn codes(codes: &[Code]) -> Markup {
    let hidden = codes.len().saturating_sub(CODES);
    html! {
        span.many { (number(codes.len())) }
        @for code in codes.iter().take(CODES) { " " span.code { (code) } }
        @if hidden > 0 { " and " (number(hidden)) " more" }
    }
}

fn more(all: usize, shown: usize, noun: &str) -> Markup {
    let hidden = all.saturating_sub(shown);
    html! {
        @if hidden > 0 {
            p.more { (plural(hidden, &format!("more {noun}"))) " not shown here." }
        }
    }
}
