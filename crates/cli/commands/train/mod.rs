//! `chartcode train`: encoders and heads from the user's own data.

mod codes;
mod contrastive;
mod watch;

use std::io::Write as _;
use std::path::Path;

use chartcode::Bundle;
use serde::Serialize;

use crate::commands::{bundle, gold::file_name};
use crate::eval_args::EvalFormat;
use crate::failures::Failures;
use crate::train_args::{TrainArgs, TrainRunArgs, Training};

pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<Failures> {
    match &args.what {
        Training::Contrastive(args) => contrastive::run(args)?,
        Training::Codes(args) => codes::run(args)?,
    }
    Ok(Failures::default())
}

fn open(args: &TrainRunArgs) -> anyhow::Result<Bundle> {
    Ok(Bundle::open(bundle(args.bundle.as_deref())?)?)
}

fn id(args: &TrainRunArgs) -> String {
    args.id.clone().unwrap_or_else(|| file_name(Path::new(&args.output)))
}

/// Prints a summary: rows for people, or all of it for programs.
fn print(
    format: EvalFormat,
    summary: &impl Serialize,
    rows: &[(&str, String)],
) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    match format {
        EvalFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(summary)?)?,
        EvalFormat::Table => {
            let bold = anstyle::Style::new().bold();
            for (name, value) in rows {
                writeln!(out, "{bold}{name:<10}{bold:#} {value}")?;
            }
        }
    }
    Ok(())
}

/// Figures in one line.
fn figures(figures: &std::collections::BTreeMap<String, f64>) -> String {
    let shown: Vec<String> =
        figures.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    shown.join(", ")
}

/// How many steps there were, in words.
fn steps(steps: u64, best: u64, stopped_early: bool, resumed_at: u64) -> String {
    let end = if stopped_early { ", stopped early" } else { "" };
    let start = match resumed_at {
        0 => String::new(),
        step => format!(", taken up behind step {step}"),
    };
    format!("{steps}{end}{start}; the weights of step {best} kept")
}
