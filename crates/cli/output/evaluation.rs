//! The result of an evaluation on the terminal.

use std::io::{self, Write};

use chartcode_eval::{
    AutomationCurve, DataIssue, Estimate, EvidenceScores, Group, Metric, Summary, Variant,
};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// Chapters, confusions and examples shown; the HTML report has them all.
const MOST_ROWS: usize = 10;

/// A row of a table: its name, and what it shows of something.
pub(super) type Row<S, V> = (&'static str, fn(&S) -> V);

/// Prints a whole summary.
pub(crate) fn print(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    heading(summary, out)?;
    metrics(summary, out)?;
    if summary.systems.len() > 1 {
        variants("By code system", &summary.systems, out)?;
    }
    operations(summary, out)?;
    trust(summary, out)?;
    groups("By chapter", &summary.chapters, out)?;
    groups("By occurrences of the code in training", &summary.frequency, out)?;
    evidence(summary, out)?;
    confusions(summary, out)?;
    issues(&summary.data.issues, out)
}

fn heading(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let (run, data) = (&summary.run, &summary.data);
    writeln!(
        out,
        "{} on {}: {} charts, {} gold codes of {}; suggested: {}",
        run.model,
        data.gold,
        thousands(data.evaluated),
        thousands(data.codes),
        run.systems.join(", "),
        run.threshold
    )?;
    match run.seconds_per_chart {
        Some(seconds) => writeln!(out, "{:.1} ms a chart", seconds * 1e3),
        None => Ok(()),
    }
}

fn metrics(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let title = match summary.run.bootstrap {
        0 => "Metrics".to_owned(),
        _ => "Metrics (95 % interval, bootstrap over charts)".to_owned(),
    };
    variants(&title, &summary.variants, out)?;
    for variant in &summary.variants {
        writeln!(out, "  {}: {}", variant.name, variant.rule)?;
    }
    Ok(())
}

/// A table of variants side by side; the first with intervals.
fn variants(title: &str, variants: &[Variant], out: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table();
    let mut header = vec![String::new()];
    for (place, variant) in variants.iter().enumerate() {
        header.push(variant.name.clone());
        if place == 0 {
            header.push(String::new());
        }
    }
    table.set_header(header);
    let Some(first) = variants.first() else {
        return Ok(());
    };
    for &(metric, estimate) in &first.metrics.0 {
        let mut row = vec![name_of(metric), figure(estimate.value), interval(estimate)];
        for variant in &variants[1..] {
            row.push(figure(variant.metrics.get(metric).and_then(|estimate| estimate.value)));
        }
        table.add_row(row);
    }
    let counts: [Row<Variant, usize>; 3] =
        [("charts", |v| v.charts), ("labels", |v| v.labels), ("gold codes", |v| v.gold)];
    for (name, count) in counts {
        let mut row = vec![name.to_owned(), thousands(count(first)), String::new()];
        row.extend(variants[1..].iter().map(|variant| thousands(count(variant))));
        table.add_row(row);
    }
    section(title, table, out)
}

fn operations(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let operations = &summary.operations;
    let mut table = new_table();
    for (name, estimate) in [
        ("suggestions a reviewer keeps", operations.suggestions_kept),
        ("final codes that had been suggested", operations.codes_suggested),
        ("right / all codes either assigned", operations.code_over_code_accuracy),
        ("charts without an error", operations.chart_accuracy),
        ("codes accepted without review", operations.codes_accepted),
        ("  of those right", operations.codes_accepted_right),
        ("charts untouched", operations.charts_untouched),
        ("  of those right", operations.charts_untouched_right),
    ] {
        table.add_row([name.to_owned(), percent(estimate.value), percents(estimate)]);
    }
    let corrections = operations.corrections_per_chart;
    table.add_row([
        "corrections a chart".to_owned(),
        corrections.value.map_or_else(dash, |value| format!("{value:.1}")),
        between(corrections, |value| format!("{value:.1}")),
    ]);
    section("At work (gold codes that are no labels count as missed)", table, out)?;
    writeln!(
        out,
        "  {:.1} codes suggested and {:.1} gold codes a chart",
        operations.suggested_per_chart, operations.gold_per_chart
    )
}

fn trust(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table();
    if let Some(calibration) = &summary.calibration {
        let ece = calibration.ece_suggested;
        table.add_row([
            "calibration error (ECE), suggested".to_owned(),
            figure(ece.value),
            interval(ece),
        ]);
        table.add_row([
            "calibration error, all labels".to_owned(),
            format!("{:.5}", calibration.ece_all),
            String::new(),
        ]);
        table.add_row([
            "Brier score, all labels".to_owned(),
            format!("{:.5}", calibration.brier),
            String::new(),
        ]);
    }
    if let Some(automation) = &summary.automation {
        automation_rows("suggested codes", &automation.codes, &mut table);
        automation_rows("charts", &automation.charts, &mut table);
    }
    if table.is_empty() {
        return Ok(());
    }
    section("Probabilities (thresholds chosen on these charts)", table, out)
}

fn automation_rows(of: &str, curve: &AutomationCurve, table: &mut Table) {
    for target in &curve.targets {
        let name = format!("{of} acceptable at {:.0} % right", 100.0 * target.precision);
        let note = match target.threshold {
            Some(threshold) => format!("above {threshold:.3}"),
            None => "no threshold reaches it".to_owned(),
        };
        table.add_row([name, percent(target.share.value), note]);
    }
}

fn groups(title: &str, groups: &[Group], out: &mut dyn Write) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let mut table = new_table();
    table.set_header(["", "gold", "suggested", "precision", "recall", "F1", ""]);
    let mut largest: Vec<&Group> = groups.iter().collect();
    if groups.len() > MOST_ROWS {
        largest.sort_by_key(|group| std::cmp::Reverse(group.gold));
        largest.truncate(MOST_ROWS);
    }
    for group in &largest {
        let title = shortened(&group.title, 50);
        table.add_row([
            if title.is_empty() { group.name.clone() } else { title },
            thousands(group.gold),
            thousands(group.suggested),
            figure(group.precision.value),
            figure(group.recall.value),
            figure(group.f1.value),
            interval(group.f1),
        ]);
    }
    section(title, table, out)?;
    more(groups.len(), out)
}

fn evidence(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let Some(evidence) = &summary.evidence else {
        return Ok(());
    };
    let mut table = new_table();
    table.set_header(["", "all gold codes", "", "suggested ones"]);
    let rows: [Row<EvidenceScores, Estimate>; 7] = [
        ("token precision", |e| e.token_precision),
        ("token recall", |e| e.token_recall),
        ("token F1", |e| e.token_f1),
        ("IoU", |e| e.iou),
        ("IoU of the n strongest tokens", |e| e.iou_at_gold_size),
        ("span recall", |e| e.span_recall),
        ("without a passage", |e| e.empty),
    ];
    for (name, value) in rows {
        let (all, suggested) = (value(&evidence.all), value(&evidence.suggested));
        table.add_row([name.to_owned(), figure(all.value), interval(all), figure(suggested.value)]);
    }
    let title = format!(
        "Evidence against gold passages ({}; {} codes, {} passages, {} charts)",
        evidence.tokens,
        thousands(evidence.all.codes),
        thousands(evidence.all.spans),
        thousands(evidence.all.charts)
    );
    section(&title, table, out)
}

fn confusions(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.confusions.is_empty() {
        return Ok(());
    }
    let mut table = new_table();
    table.set_header(["missed", "", "suggested instead", "", "charts"]);
    for confusion in summary.confusions.iter().take(MOST_ROWS) {
        table.add_row([
            confusion.missed.code.clone(),
            shortened(&confusion.missed_title, 34),
            confusion.suggested.code.clone(),
            shortened(&confusion.suggested_title, 34),
            confusion.charts.to_string(),
        ]);
    }
    section("Most confused", table, out)
}

fn issues(issues: &[DataIssue], out: &mut dyn Write) -> io::Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nData")?;
    for issue in issues {
        write!(out, "  {:>7} {}", thousands(issue.count), issue.what)?;
        if !issue.examples.is_empty() {
            write!(out, " ({})", issue.examples.join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn more(rows: usize, out: &mut dyn Write) -> io::Result<()> {
    match rows.saturating_sub(MOST_ROWS) {
        0 => Ok(()),
        rest => writeln!(out, "  … {rest} more in the HTML report and in JSON"),
    }
}

/// How many charts two sets share, and how many only one of them has.
pub(super) fn shared(
    charts: usize,
    only: [usize; 2],
    names: [&str; 2],
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "{} charts in both", thousands(charts))?;
    if only.iter().sum::<usize>() > 0 {
        let [a, b] = names;
        write!(out, "; {} only in {a} and {} only in {b} left out", only[0], only[1])?;
    }
    writeln!(out)
}

pub(crate) fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

pub(crate) fn section(title: &str, mut table: Table, out: &mut dyn Write) -> io::Result<()> {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "\n{title}")?;
    for line in table.lines() {
        writeln!(out, " {}", line.trim_end())?;
    }
    Ok(())
}

pub(super) fn name_of(metric: Metric) -> String {
    match metric {
        Metric::MicroPrecision => "micro precision".to_owned(),
        Metric::MicroRecall => "micro recall".to_owned(),
        Metric::MicroF1 => "micro F1".to_owned(),
        Metric::MacroPrecision => "macro precision".to_owned(),
        Metric::MacroRecall => "macro recall".to_owned(),
        Metric::MacroF1 => "macro F1 (mean of labels' F1)".to_owned(),
        Metric::MacroF1Mullenbach => "macro F1 (of macro P and R, CAML)".to_owned(),
        Metric::MicroFpr => "micro FPR".to_owned(),
        Metric::MacroFpr => "macro FPR".to_owned(),
        Metric::MicroAuc => "micro AUC".to_owned(),
        Metric::MacroAuc => "macro AUC".to_owned(),
        Metric::PrecisionAt(k) => format!("precision@{k}"),
        Metric::RecallAt(k) => format!("recall@{k}"),
        Metric::RPrecision => "R-precision".to_owned(),
        Metric::Map => "MAP".to_owned(),
        Metric::ExactMatchRatio => "exact match ratio".to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn figure(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| {
        if value != 0.0 && value.abs() < 0.001 {
            format!("{value:.1e}")
        } else {
            format!("{value:.3}")
        }
    })
}

pub(super) fn interval(estimate: Estimate) -> String {
    between(estimate, |value| figure(Some(value)))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| format!("{:.1} %", 100.0 * value))
}

fn percents(estimate: Estimate) -> String {
    between(estimate, |value| format!("{:.1}", 100.0 * value))
}

fn between(estimate: Estimate, show: impl Fn(f64) -> String) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{}–{}", show(low), show(high)),
        _ => String::new(),
    }
}

fn dash() -> String {
    "–".to_owned()
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// `12,345`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
