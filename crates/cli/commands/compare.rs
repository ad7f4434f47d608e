//! `chartcode compare`: is one run better than another?

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;

use anyhow::Context as _;
use chartcode_eval::{Bootstrap, Run};

use crate::commands::eval::CHARTS;
use crate::eval_args::{CompareArgs, EvalFormat};
use crate::failures::Failures;
use crate::output::comparison;

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Failures> {
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let bootstrap =
        Bootstrap { replicates: args.replicates as usize, seed: args.seed, ..Bootstrap::default() };
    let found = chartcode_eval::compare_runs(&a, &b, bootstrap)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        EvalFormat::Table => comparison::print(&[&a.model, &b.model], &found, &mut out)?,
        EvalFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &found)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(Failures::default())
}

/// A run: the folder that `eval --output` wrote, or the file in it.
fn read(path: &Path) -> anyhow::Result<Run> {
    let path = if path.is_dir() { path.join(CHARTS) } else { path.to_owned() };
    let file = File::open(&path).with_context(|| {
        format!("cannot open {} (chartcode eval --output writes it)", path.display())
    })?;
    Ok(Run::read(&path, BufReader::new(file))?)
}
