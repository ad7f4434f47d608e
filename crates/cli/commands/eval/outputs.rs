//! What an evaluation leaves behind.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chartcode_eval::{Outcome, html};

use crate::eval_args::{EvalArgs, EvalFormat};
use crate::failures;
use crate::output::evaluation;

const REPORT: &str = "report.html";
const METRICS: &str = "metrics.json";
/// The charts of a run, for `chartcode compare`.
pub(crate) const CHARTS: &str = "charts.jsonl";
const JOURNAL: &str = "scores.part";

/// Where the scores of an unfinished run are.
pub(super) fn journal_path(folder: &Path) -> PathBuf {
    folder.join(JOURNAL)
}

/// Makes the folder, before hours of work go into it.
pub(super) fn prepare(folder: &Path, force: bool) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in [REPORT, METRICS, CHARTS] {
        let path = folder.join(name);
        if path.exists() && !force {
            bail!("{} is there already: --force replaces it", path.display());
        }
    }
    if force {
        let journal = journal_path(folder);
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", journal.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Prints the outcome, and writes it to the folder where one is asked for.
pub(super) fn write(args: &EvalArgs, outcome: &Outcome) -> anyhow::Result<()> {
    if let Some(folder) = &args.run.output {
        into_folder(folder, outcome)?;
    }
    let stdout = std::io::stdout();
    let mut out = BufWriter::new(stdout.lock());
    match args.format {
        EvalFormat::Table => evaluation::print(&outcome.summary, &mut out)?,
        EvalFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &outcome.summary)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    if let Some(folder) = &args.run.output {
        failures::note(&format!("the report is in {}", folder.join(REPORT).display()));
    }
    Ok(())
}

fn into_folder(folder: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    let path = folder.join(CHARTS);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    outcome.run.write(&path, &mut BufWriter::new(file))?;
    let mut json = serde_json::to_vec_pretty(&outcome.summary)?;
    json.push(b'\n');
    put(METRICS, &json)?;
    put(REPORT, html::render(&outcome.summary)?.as_bytes())?;
    // Everything is written: the scores need not be kept for another try.
    let _ = fs::remove_file(journal_path(folder));
    Ok(())
}
