//! The metrics of the literature, by every rule of the label space.

use maud::{Markup, html};

use super::format::{UNDEFINED, finite, interval, number, percent, plural, share};
use super::page::{self, Section};
use super::words;
use crate::metric::{Estimate, Metric, MetricTable};
use crate::summary::{Summary, Variant};

/// A column of the table.
struct Column<'a> {
    name: &'a str,
    counts: Vec<String>,
    metrics: &'a MetricTable,
}

/// The section.
pub(super) fn section(summary: &Summary) -> Section {
    let columns = columns(summary);
    let rules: Vec<&Variant> = summary.variants.iter().chain(&summary.systems).collect();
    let body = html! {
        @if columns.iter().all(|column| column.metrics.0.is_empty()) {
            p { "No metric was computed." }
        } @else {
            (page::scroll("Metrics", &table(&columns)))
            dl.rules {
                @for variant in rules.iter().filter(|variant| !variant.rule.is_empty()) {
                    div { dt { (words::variant(&variant.name)) } dd { (variant.rule) } }
                }
            }
        }
    };
    page::section("metrics", "Metrics", &finding(summary), &body)
}

fn finding(summary: &Summary) -> String {
    let f1 = |metrics: &MetricTable| finite(metrics.get(Metric::MicroF1)?.value);
    let Some(all) = f1(&summary.metrics) else {
        return "Micro F1 is not defined on these charts".to_owned();
    };
    let honest = summary.variants.iter().find(|v| v.name == "honest").and_then(|v| f1(&v.metrics));
    let head = format!("Micro F1 is {}", share(Some(all)));
    match honest {
        Some(honest) if all - honest >= 0.005 => format!(
            "{head}, and {} when codes that the model cannot know count as missed",
            share(Some(honest))
        ),
        Some(_) => format!("{head}, codes that the model cannot know counted or not"),
        None => head,
    }
}

fn columns(summary: &Summary) -> Vec<Column<'_>> {
    let variants = summary.variants.iter().chain(&summary.systems);
    let mut columns: Vec<Column<'_>> = variants
        .map(|variant| Column {
            name: words::variant(&variant.name),
            counts: vec![
                plural(variant.charts, "chart"),
                plural(variant.labels, "label"),
                format!("{} gold", number(variant.gold)),
            ],
            metrics: &variant.metrics,
        })
        .collect();
    if summary.variants.is_empty() {
        columns.insert(
            0,
            Column { name: "All labels", counts: Vec::new(), metrics: &summary.metrics },
        );
    }
    columns
}

/// Every metric of any column, in the order in which they first come, ranking last.
fn metrics(columns: &[Column<'_>], ranking: bool) -> Vec<Metric> {
    let mut out = Vec::new();
    for &(metric, _) in columns.iter().flat_map(|column| &column.metrics.0) {
        if words::is_ranking(metric) == ranking && !out.contains(&metric) {
            out.push(metric);
        }
    }
    out
}

fn table(columns: &[Column<'_>]) -> Markup {
    html! {
        table.metrics.stacked[columns.len() > 4] {
            caption { "Figures in percent, with 95\u{202f}% intervals." }
            thead {
                tr {
                    th scope="col" { "Metric" }
                    @for column in columns {
                        th.num scope="col" {
                            (column.name)
                            @for count in &column.counts { span.note { (count) } }
                        }
                    }
                }
            }
            (group("Suggested codes", columns, false))
            (group("Ranking of all labels", columns, true))
        }
    }
}

fn group(name: &str, columns: &[Column<'_>], ranking: bool) -> Markup {
    let metrics = metrics(columns, ranking);
    html! {
        @if !metrics.is_empty() {
            tbody {
                tr.group { th colspan=(columns.len() + 1) scope="colgroup" { (name) } }
                @for &metric in &metrics {
                    tr {
                        th scope="row" { (words::name(metric)) }
                        @for column in columns {
                            td.num { (cell(column.metrics.get(metric))) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(estimate: Option<Estimate>) -> Markup {
    let range = estimate.and_then(interval);
    html! {
        @match estimate { Some(e) => (percent(e.value)), None => (UNDEFINED) }
        @if let Some(range) = &range { " " span.range { (range) } }
    }
}
