//! What was evaluated, and the headline.

use maud::{Markup, html};

use super::format::{UNDEFINED, finite, interval, number, percent};
use super::plots::{self, Mark, Paint};
use super::words;
use crate::error::Result;
use crate::metric::{Estimate, Metric};
use crate::summary::Summary;

/// Characters of a digest that tell bundles apart at a glance.
const DIGEST: usize = 12;

/// The model, or what stands in for its name.
pub(super) fn model(summary: &Summary) -> &str {
    if summary.run.model.is_empty() { "an unnamed model" } else { &summary.run.model }
}

/// The head of the report.
pub(super) fn header(summary: &Summary) -> Result<Markup> {
    Ok(html! {
        header {
            p.eyebrow { "Evaluation of automated coding" }
            h1 { (model(summary)) }
            dl.facts {
                @for (name, value) in facts(summary) {
                    div { dt { (name) } dd { (value) } }
                }
            }
            div.tiles { (tiles(summary)?) }
        }
    })
}

fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let run = &summary.run;
    let data = &summary.data;
    let systems: Vec<&str> = run.systems.iter().map(|key| words::system(key)).collect();
    let digest = run.bundle_digest.as_deref().map(short);
    let facts = [
        ("Gold", data.gold.clone()),
        ("Charts evaluated", number(data.evaluated)),
        ("Gold codes", number(data.codes)),
        ("Code systems", systems.join(", ")),
        ("Code set", run.code_set.clone().unwrap_or_default()),
        ("Suggested", run.threshold.clone()),
        ("Bundle digest", digest.unwrap_or_default()),
        ("Date", date(&run.date)),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(DIGEST).collect()
}

/// The day and minute of a time of RFC 3339; anything else as it is.
fn date(date: &str) -> String {
    match date.split_once('T') {
        Some((day, time)) if day.len() == 10 && time.is_ascii() && time.len() > 5 => {
            format!("{day} {} UTC", &time[..5])
        }
        _ => date.to_owned(),
    }
}

fn tiles(summary: &Summary) -> Result<Markup> {
    let tiles = [
        (Metric::MicroF1, Paint::Ink, "Micro F1", "suggested codes against gold"),
        (Metric::Map, Paint::Ink, "MAP", "the ranking of all labels"),
        (Metric::MicroPrecision, Paint::Blue, "Precision", "of suggested codes, gold"),
        (Metric::MicroRecall, Paint::Orange, "Recall", "of gold codes, suggested"),
    ];
    let mut out = Vec::with_capacity(tiles.len());
    for (metric, paint, name, what) in tiles {
        let none = Estimate { value: None, low: None, high: None };
        let estimate = summary.metrics.get(metric).unwrap_or(none);
        out.push(tile(name, what, Mark { estimate, paint })?);
    }
    Ok(html! { @for tile in &out { (tile) } })
}

fn tile(name: &str, what: &str, mark: Mark) -> Result<Markup> {
    let estimate = mark.estimate;
    let value = percent(estimate.value);
    let range = interval(estimate);
    let label = format!("{name} {value} percent");
    let plot = finite(estimate.value).map(|_| plots::row(&[mark], &label)).transpose()?;
    Ok(html! {
        div.tile {
            p.name { (name) }
            p.value {
                (value)
                @if value != UNDEFINED { span.unit { "\u{202f}%" } }
            }
            p.range {
                @if let Some(range) = &range { "95\u{202f}% interval " (range) }
                @else if estimate.value.is_none() { "not defined" } @else { "no interval" }
            }
            @if let Some(plot) = &plot { div.strip { (plot) } }
            p.what { (what) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_digests_are_shortened_where_they_are_what_they_should_be() {
        assert_eq!(date("2026-02-03T04:05:06Z"), "2026-02-03 04:05 UTC");
        assert_eq!(date("Tuesday"), "Tuesday");
        assert_eq!(date(""), "");
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
    }
}
