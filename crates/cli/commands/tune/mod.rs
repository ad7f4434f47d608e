//! `chartcode tune`: thresholds and calibration from labelled charts.

mod collect;
mod fit;
mod write;

pub(super) use write::calibration;

use std::io::Write as _;

use anyhow::bail;
use chartcode_eval::tune::Folds;

use crate::commands::{bundle, gold};
use crate::eval_args::{EvalFormat, TuneArgs};
use crate::failures::{self, Failures};
use crate::output::tuning;

pub(crate) fn run(args: &TuneArgs) -> anyhow::Result<Failures> {
    check(args)?;
    let failures = Failures::default();
    let path = bundle(args.engine.bundle.as_deref())?;
    if let Some(out) = &args.out
        && std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some())
    {
        bail!("{} is there already: a tuned bundle goes into a new folder", out.display());
    }
    let gold = gold::read(&args.gold, args.quiet, &failures)?;
    let collected = collect::collect(args, &gold, &failures)?;
    let folds = Folds::new(collected.set.charts(), args.folds as usize, args.seed)?;
    let fitted = fit::fit(args, &collected, &folds)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        EvalFormat::Table => tuning::print(&fitted.summary, &mut out)?,
        EvalFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &fitted.summary)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    match &args.out {
        Some(folder) if !args.dry_run => {
            let version = write::write(args, &path, &gold, &collected, &fitted)?;
            failures::note(&format!("version {version} is in {}", folder.display()));
        }
        _ => failures::note("nothing was written (--dry-run)"),
    }
    Ok(failures)
}

fn check(args: &TuneArgs) -> anyhow::Result<()> {
    if args.at_precision.is_some_and(|precision| !(0.0..=1.0).contains(&precision)) {
        bail!("--at-precision must be between 0 and 1");
    }
    if !(args.accept_error > 0.0 && args.accept_error < 1.0) {
        bail!("--accept-error is a share of codes, such as 0.05");
    }
    if !(args.confidence > 0.5 && args.confidence < 1.0) {
        bail!("--confidence must be between 0.5 and 1");
    }
    Ok(())
}
