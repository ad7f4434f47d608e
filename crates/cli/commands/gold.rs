//! Labelled charts for the commands that measure.

use std::path::Path;

use anyhow::bail;
use chartcode_eval::{Columns, DataIssue, GoldOptions, GoldSet, SplitChoice, SplitReader};

use crate::eval_args::{GoldArgs, SourceArgs};
use crate::failures::Failures;
use crate::progress::Progress;

/// A gold set with what is to be said of its source.
pub(crate) struct Gold {
    pub(crate) set: GoldSet,
    pub(crate) name: String,
    pub(crate) layout: String,
    /// What only the reader could see.
    pub(crate) issues: Vec<DataIssue>,
    /// Charts of other splits.
    pub(crate) other_splits: usize,
}

/// Reads ids and codes of all charts; their text is not kept.
pub(crate) fn read(args: &GoldArgs, quiet: bool, failures: &Failures) -> anyhow::Result<Gold> {
    read_from(&args.gold, &args.source, quiet, failures)
}

/// As [`read`], from a path of another name.
pub(crate) fn read_from(
    path: &Path,
    source: &SourceArgs,
    quiet: bool,
    failures: &Failures,
) -> anyhow::Result<Gold> {
    let progress = Progress::of_steps(quiet);
    progress.step("reading the gold");
    let mut reader = open(path, source)?;
    let mut set = GoldSet::new();
    for chart in reader.by_ref() {
        match chart {
            Ok(chart) => {
                set.add(&chart);
            }
            Err(error) => {
                set.add_error(&error);
                progress.suspend(|| failures.add_record(&error.into()));
            }
        }
    }
    if set.charts().is_empty() {
        bail!(
            "no labelled chart in {}{}",
            path.display(),
            source.split.as_ref().map_or_else(String::new, |s| format!(" of split {s}"))
        );
    }
    Ok(Gold {
        set,
        name: file_name(path),
        layout: reader.layout().to_string(),
        issues: reader.issues(),
        other_splits: reader.others(),
    })
}

/// Reads a gold set of which only the codes are wanted; any bad record is an error.
pub(crate) fn read_plain(path: &Path, source: &SourceArgs) -> anyhow::Result<GoldSet> {
    let mut set = GoldSet::new();
    for chart in SplitReader::open(path, &options(source)?, SplitChoice::default())? {
        set.add(&chart?);
    }
    Ok(set)
}

/// The charts of a source that are in the split that was asked for.
pub(crate) fn open(path: &Path, source: &SourceArgs) -> anyhow::Result<SplitReader> {
    let choice = SplitChoice { split: source.split.as_deref(), file: source.splits.as_deref() };
    Ok(SplitReader::open(path, &options(source)?, choice)?)
}

/// How a source is to be read.
pub(crate) fn options(source: &SourceArgs) -> anyhow::Result<GoldOptions> {
    Ok(GoldOptions {
        layout: source.layout,
        notes: source.notes.clone(),
        system: source.gold_system.clone(),
        lang: source.lang.clone(),
        columns: columns(&source.columns)?,
    })
}

/// The names of columns from `what=name` pairs.
fn columns(pairs: &[String]) -> anyhow::Result<Columns> {
    let mut columns = Columns::default();
    for pair in pairs {
        let Some((what, name)) = pair.split_once('=') else {
            bail!("--columns takes pairs such as id=hadm_id, not {pair:?}");
        };
        let name = Some(name.to_owned());
        match what {
            "id" => columns.id = name,
            "text" => columns.text = name,
            "codes" => columns.codes = name,
            "system" => columns.system = name,
            _ => bail!("--columns names id, text, codes or system, not {what:?}"),
        }
    }
    Ok(columns)
}

/// The last part of a path, for people.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
