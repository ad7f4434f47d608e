//! `chartcode code`: the main job.

use std::path::Path;

use chartcode::{Engine, Report};

use crate::args::{CodeArgs, Format};
use crate::commands::load;
use crate::failures::{self, Failures};
use crate::input::Charts;
use crate::journal::Journal;
use crate::output::{self, Paper};
use crate::progress::Progress;

pub(crate) fn run(args: &CodeArgs) -> anyhow::Result<Failures> {
    let options = args
        .engine
        .options()
        .threshold(args.threshold)
        .top(args.top.map(|top| top as usize))
        .prune(args.prune)
        .evidence(args.evidence.into());
    let engine = load(&args.engine, options)?;
    engine.require_head()?;
    match &args.output {
        Some(path) => to_file(args, &engine, path),
        None => to_stdout(args, &engine),
    }
}

fn to_stdout(args: &CodeArgs, engine: &Engine) -> anyhow::Result<Failures> {
    let format = args.format.unwrap_or(Format::Table);
    let stdout = std::io::stdout();
    let mut writer = output::writer(format, Box::new(stdout), Paper::of_stdout());
    let failures = code(args, engine, |_| false, |report| writer.report(report))?;
    writer.finish()?;
    Ok(failures)
}

fn to_file(args: &CodeArgs, engine: &Engine, path: &Path) -> anyhow::Result<Failures> {
    let format = args.format.unwrap_or_else(|| format_of(path));
    let mut journal = Journal::open(path, args.force, engine.stamp())?;
    let done = journal.take_done();
    if !done.is_empty() {
        failures::note(&format!("going on after {} charts that are done", done.len()));
    }
    let failures = code(args, engine, |id| done.contains(id), |report| journal.append(report))?;
    journal.finish(format)?;
    Ok(failures)
}

/// Codes all charts but those that `skip` names, and hands on each report in the charts' order.
fn code(
    args: &CodeArgs,
    engine: &Engine,
    skip: impl Fn(&str) -> bool,
    mut hand_on: impl FnMut(&Report) -> anyhow::Result<()>,
) -> anyhow::Result<Failures> {
    let failures = Failures::default();
    let progress = Progress::over(&args.charts);
    let charts = Charts::new(&args.charts);
    let bytes = charts.bytes_read();
    let readable = charts.filter_map(|chart| {
        chart.inspect_err(|error| progress.suspend(|| failures.add(error))).ok()
    });
    let due = readable.filter(|chart| !skip(chart.id()));
    for (count, (_, report)) in engine.code_batch(due).enumerate() {
        match report {
            Ok(report) => progress.suspend(|| hand_on(&report))?,
            Err(error) => progress.suspend(|| failures.add(&error.into())),
        }
        progress.set(count + 1, bytes.get());
    }
    Ok(failures)
}

fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some("txt") => Format::Table,
        _ => Format::Jsonl,
    }
}
