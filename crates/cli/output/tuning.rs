//! What a tuning found, on the terminal.

use std::io::{self, Write};

use chartcode_eval::tune::{AcceptRule, CountsSummary, ThresholdSummary, TuningSummary};

use super::evaluation::{figure, new_table, section, thousands};

/// Prints a tuning.
pub(crate) fn print(summary: &TuningSummary, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} charts with {} gold codes, {} of which cannot be suggested",
        thousands(summary.charts),
        thousands(summary.gold as usize),
        thousands(summary.missing_gold as usize)
    )?;
    calibration(summary, out)?;
    if let Some(threshold) = &summary.threshold {
        thresholds(threshold, out)?;
    }
    match (&summary.accept, &summary.refusal_text) {
        (Some(rule), _) => accept(rule, out),
        (None, Some(refusal)) => writeln!(out, "\nAcceptance: {refusal}"),
        (None, None) => Ok(()),
    }
}

fn calibration(summary: &TuningSummary, out: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table();
    table.set_header(["", "log loss", "Brier", "ECE", "ECE of suggested", ""]);
    for trial in &summary.calibration_trials {
        let chosen = if trial.kind == summary.calibration.kind() { "chosen" } else { "" };
        let row = match (&trial.scores, &trial.refused) {
            (Some(scores), _) => [
                figure(Some(scores.log_loss)),
                figure(Some(scores.brier)),
                figure(Some(scores.ece)),
                figure(scores.ece_suggested),
                chosen.to_owned(),
            ],
            (None, refused) => {
                let why = refused.clone().unwrap_or_default();
                [String::new(), String::new(), String::new(), String::new(), why]
            }
        };
        table.add_row(std::iter::once(trial.kind.to_string()).chain(row));
    }
    section("Calibration, cross-validated over charts", table, out)
}

fn thresholds(threshold: &ThresholdSummary, out: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table();
    table.set_header(["", "suggested", "right", "precision", "recall", "F1"]);
    let mut row = |name: &str, counts: Option<CountsSummary>| {
        if let Some(counts) = counts {
            table.add_row([
                name.to_owned(),
                thousands(counts.counts.suggested as usize),
                thousands(counts.counts.right as usize),
                figure(counts.precision),
                figure(counts.recall),
                figure(counts.f1),
            ]);
        }
    };
    row("the bundle as it was", threshold.before);
    row("one threshold, on the charts it was chosen on", Some(threshold.fitted));
    row("  cross-validated", threshold.cross_validated);
    row("thresholds of frequent codes, cross-validated", threshold.cross_validated_per_label);
    section(&format!("Threshold: probability > {:.4}", threshold.cut.probability), table, out)?;
    if let Some(own) = threshold.own {
        writeln!(out, "  {own} frequent codes have thresholds of their own")?;
    }
    if threshold.at_floor {
        writeln!(out, "  a lower threshold could not be judged by the labels that were kept")?;
    }
    Ok(())
}

fn accept(rule: &AcceptRule, out: &mut dyn Write) -> io::Result<()> {
    let percent = |share: Option<f64>| share.map_or(0.0, |share| 100.0 * share);
    writeln!(
        out,
        "\nAcceptance: codes above {:.4} stand without review. With {:.0} % confidence at most {} % \
         of them are wrong on charts like these\n  (bound {:.1} %; {} of {} codes in {} charts were \
         wrong). That is {:.1} % ({:.1}–{:.1}) of the suggested codes;\n  {:.1} % of the charts need \
         no hands.",
        rule.cut.probability,
        100.0 * rule.confidence,
        100.0 * rule.alpha,
        100.0 * rule.bound.upper,
        rule.bound.errors,
        rule.bound.codes,
        rule.bound.charts,
        percent(rule.share_of_suggested.value),
        percent(rule.share_of_suggested.low),
        percent(rule.share_of_suggested.high),
        percent(rule.charts_fully_accepted.value),
    )
}
