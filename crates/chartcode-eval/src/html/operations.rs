//! What a coding manager asks, in plain words and as a table.

use maud::{Markup, html};

use super::format::{decimal, finite, interval, out_of, percent, share};
use super::page::{self, Section};
use super::plots::{Mark, Paint};
use super::rows::{self, Column, Row};
use crate::error::Result;
use crate::metric::Estimate;
use crate::summary::{Operations, Summary};

/// The section.
pub(super) fn section(summary: &Summary) -> Result<Section> {
    let operations = &summary.operations;
    let table = page::scroll("For the coding manager", &table(operations)?);
    let body = html! {
        p.plain { (sentences(operations).join(" ")) }
        (table)
    };
    Ok(page::section("operations", "For the coding manager", &finding(operations), &body))
}

fn finding(operations: &Operations) -> String {
    match (finite(operations.suggestions_kept.value), finite(operations.codes_suggested.value)) {
        (Some(kept), Some(found)) => format!(
            "A reviewer keeps {} suggested codes; {} final codes had been suggested",
            out_of(kept),
            out_of(found)
        ),
        (None, Some(_)) => "No code was suggested".to_owned(),
        (Some(_), None) => "The charts have no final codes".to_owned(),
        (None, None) => "There is nothing to count: no suggested and no final codes".to_owned(),
    }
}

fn sentences(operations: &Operations) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(right) = finite(operations.chart_accuracy.value) {
        out.push(format!("{} charts need no change.", out_of(right)));
    }
    if let Some(corrections) = finite(operations.corrections_per_chart.value) {
        out.push(format!(
            "A chart takes {} corrections on average, codes to add or to strike: it has {} suggested \
             and {} final codes.",
            decimal(Some(corrections)),
            decimal(Some(operations.suggested_per_chart)),
            decimal(Some(operations.gold_per_chart))
        ));
    }
    out.extend(accepted(operations));
    out
}

fn accepted(operations: &Operations) -> Option<String> {
    let accepted = finite(operations.codes_accepted.value)?;
    if accepted <= 0.0 {
        return Some("No code was accepted without review.".to_owned());
    }
    let rightly = finite(operations.codes_accepted_right.value)
        .map(|right| format!(", {} of them rightly", share(Some(right))))
        .unwrap_or_default();
    let untouched = untouched(operations).map(|text| format!("; {text}")).unwrap_or_default();
    let accepted = out_of(accepted);
    Some(format!("{accepted} suggested codes were accepted without review{rightly}{untouched}."))
}

fn untouched(operations: &Operations) -> Option<String> {
    let charts = finite(operations.charts_untouched.value)?;
    if charts <= 0.0 {
        return Some("no chart would pass untouched".to_owned());
    }
    let right = finite(operations.charts_untouched_right.value)
        .map(|right| format!(", {} of these without any error", share(Some(right))))
        .unwrap_or_default();
    Some(format!("{} charts would pass untouched{right}", out_of(charts)))
}

fn figures(operations: &Operations) -> [(&'static str, &'static str, Estimate); 9] {
    let o = operations;
    [
        ("Suggestions kept", "suggested codes that the reviewer keeps", o.suggestions_kept),
        ("Codes suggested", "final codes that had been suggested", o.codes_suggested),
        ("Code accuracy", "codes right / codes the reviewer assigned", o.code_accuracy),
        (
            "Code-over-code accuracy",
            "codes right / codes that either assigned",
            o.code_over_code_accuracy,
        ),
        ("Chart accuracy", "charts without any error", o.chart_accuracy),
        ("Codes accepted", "suggested codes accepted without review", o.codes_accepted),
        ("… rightly", "of those, the share that is gold", o.codes_accepted_right),
        ("Charts untouched", "charts whose suggestions were all accepted", o.charts_untouched),
        ("… rightly", "of those, the share without any error", o.charts_untouched_right),
    ]
}

fn table(operations: &Operations) -> Result<Markup> {
    let columns = ["Value", "Interval"].map(|head| Column { head: html! { (head) }, wide: false });
    let rows = figures(operations).map(|(name, what, estimate)| Row {
        name: html! { (name) span.note { (what) } },
        marks: vec![Mark { estimate, paint: Paint::Ink }],
        label: format!("{name}: {} percent", percent(estimate.value)),
        figures: vec![
            html! { (percent(estimate.value)) },
            html! { span.range { (interval(estimate).unwrap_or_default()) } },
        ],
    });
    let caption = html! { "Figures in percent, with 95\u{202f}% intervals. Gold codes that the model cannot suggest count as missed." };
    rows::table(&caption, "Figure", &columns, &rows)
}
