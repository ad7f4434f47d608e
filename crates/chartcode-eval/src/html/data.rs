//! What was read, what of it could not be used, and how it was run.

use maud::{Markup, html};

use super::format::{count, decimal, finite, number, plural};
use super::page::{self, Section};
use super::words;
use crate::summary::{DataIssue, RunSummary, Summary};

/// Examples shown of an issue.
const EXAMPLES: usize = 5;

/// The section.
pub(super) fn section(summary: &Summary) -> Section {
    let data = &summary.data;
    let left = data.charts.saturating_sub(data.evaluated);
    let finding = if left == 0 {
        format!("{} read, all evaluated", plural(data.charts, "chart"))
    } else {
        format!("{} read, {} not evaluated", plural(data.charts, "chart"), number(left))
    };
    let body = html! {
        @if data.issues.is_empty() {
            p { "Nothing about the data was found wanting." }
        } @else {
            (page::scroll("Issues of the data", &issues(&data.issues)))
        }
        dl.facts.run {
            @for (name, value) in facts(summary) { div { dt { (name) } dd { (value) } } }
        }
    };
    page::section("data", "Data and run", &finding, &body)
}

fn issues(issues: &[DataIssue]) -> Markup {
    html! {
        table {
            caption { "What a reader of the figures should know about the data." }
            thead {
                tr {
                    th scope="col" { "Issue" }
                    th.num scope="col" { "Count" }
                    th scope="col" { "Examples" }
                }
            }
            tbody {
                @for issue in issues {
                    tr {
                        th scope="row" { (issue.kind.replace('_', " ")) span.note { (issue.what) } }
                        td.num { (number(issue.count)) }
                        td { (examples(issue)) }
                    }
                }
            }
        }
    }
}

fn examples(issue: &DataIssue) -> Markup {
    let shown = issue.examples.len().min(EXAMPLES);
    let hidden = issue.count.saturating_sub(shown);
    html! {
        @for example in &issue.examples[..shown] { span.code { (example) } " " }
        @if shown > 0 && hidden > 0 { "and " (number(hidden)) " more" }
    }
}

fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let run = &summary.run;
    let data = &summary.data;
    let systems: Vec<&str> = run.systems.iter().map(|key| words::system(key)).collect();
    let facts = [
        ("Engine", run.engine.clone()),
        ("Model", run.model.clone()),
        ("Bundle digest", run.bundle_digest.clone().unwrap_or_default()),
        ("Code set", run.code_set.clone().unwrap_or_default()),
        ("Code systems", systems.join(", ")),
        ("Suggested", run.threshold.clone()),
        ("Gold", data.gold.clone()),
        ("Layout of the gold", data.layout.clone()),
        ("Gold codes", number(data.codes)),
        ("Intervals", bootstrap(run)),
        ("Speed", speed(run)),
        ("Made", run.date.clone()),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn bootstrap(run: &RunSummary) -> String {
    match run.bootstrap {
        0 => "none: no bootstrap was run".to_owned(),
        n => format!("{} bootstrap replicates over charts, seed {}", number(n), count(run.seed)),
    }
}

fn speed(run: &RunSummary) -> String {
    let Some(seconds) = finite(run.seconds_per_chart) else {
        return String::new();
    };
    let seconds = format!("{} s a chart", decimal(Some(seconds)));
    run.threads.map_or(seconds.clone(), |n| format!("{seconds} on {}", plural(n, "thread")))
}
