//! What a fit found, on the terminal and as JSON.

use std::io::{self, Write};

use chartcode_eval::tune::TuningSummary;
use chartcode_train::fit::{Fit, Trial};
use serde::Serialize;

use super::evaluation::{figure, new_table, section, thousands};
use super::tuning;
use crate::commands::fit::{ChartsSummary, DevSummary};

/// Codes that are named where they were left out.
const NAMED: usize = 12;

/// Everything a fit found.
#[derive(Debug, Serialize)]
pub(crate) struct FitReport<'f> {
    /// What was read.
    charts: &'f ChartsSummary,
    /// Each setting that was tried.
    trials: &'f [Trial],
    /// Which of them the bundle has.
    chosen: usize,
    /// Calibration and thresholds.
    tuning: &'f TuningSummary,
    /// The bundle on charts that nothing was fitted on.
    dev: Option<DevSummary>,
}

impl<'f> FitReport<'f> {
    pub(crate) fn new(charts: &'f ChartsSummary, fitted: &'f Fit, dev: Option<DevSummary>) -> Self {
        let cross = &fitted.cross_validation;
        let tuning = &fitted.tuning.summary;
        Self { charts, trials: &cross.trials, chosen: cross.chosen, tuning, dev }
    }
}

/// Prints a fit.
pub(crate) fn print(report: &FitReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let charts = report.charts;
    writeln!(
        out,
        "{} labels of {} from {}",
        thousands(charts.labels),
        charts.system,
        charts.source
    )?;
    if charts.without_codes > 0 {
        let count = thousands(charts.without_codes);
        writeln!(out, "  {count} charts without a code of {} were left out", charts.system)?;
    }
    left_out(report.charts, out)?;
    trials(report, out)?;
    writeln!(out)?;
    tuning::print(report.tuning, out)?;
    if let Some(dev) = &report.dev {
        let mut table = new_table();
        table.set_header(["charts", "suggested", "right", "precision", "recall", "F1", "MAP"]);
        table.add_row([
            thousands(dev.charts),
            thousands(dev.counts.counts.suggested as usize),
            thousands(dev.counts.counts.right as usize),
            figure(dev.counts.precision),
            figure(dev.counts.recall),
            figure(dev.counts.f1),
            figure(Some(dev.map)),
        ]);
        section("The bundle on other charts", table, out)?;
    }
    Ok(())
}

fn left_out(charts: &ChartsSummary, out: &mut dyn Write) -> io::Result<()> {
    if charts.left_out.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = charts.left_out.keys().take(NAMED).map(String::as_str).collect();
    let more = match charts.left_out.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more", thousands(more)),
    };
    writeln!(
        out,
        "  {} codes that too few charts have are no labels: {}{more}",
        thousands(charts.left_out.len()),
        named.join(", ")
    )
}

fn trials(report: &FitReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table();
    table.set_header(["inputs", "codes", "C", "micro-F1", "folds from", "to", "MAP", ""]);
    for (number, trial) in report.trials.iter().enumerate() {
        let least = trial.folds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = trial.folds.iter().copied().fold(0.0, f64::max);
        table.add_row([
            trial.inputs.name().to_owned(),
            trial.form.name().to_owned(),
            trial.strength.to_string(),
            figure(Some(trial.micro_f1)),
            figure(Some(least)),
            figure(Some(most)),
            figure(Some(trial.map)),
            if number == report.chosen { "chosen".to_owned() } else { String::new() },
        ]);
    }
    section("Heads, cross-validated over charts", table, out)
}
