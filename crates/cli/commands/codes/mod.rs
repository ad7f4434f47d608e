//! `chartcode codes`: code sets.

mod show;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chartcode_codes::{CodeSet, Draft, Library, System};
use serde_json::json;

use crate::args::InspectFormat;
use crate::codes_args::{CodesArgs, CodesCommand, CodesImportArgs, CodesListArgs};
use crate::failures::Failures;

pub(crate) fn run(args: &CodesArgs) -> anyhow::Result<Failures> {
    let folder = folder(args)?;
    match &args.command {
        // It opens no table: a damaged one is what it replaces.
        CodesCommand::Import(import) => run_import(import, &folder)?,
        CodesCommand::List(list) => run_list(list, &Library::open(&folder)?)?,
        CodesCommand::Show(show) => show::run(show, &Library::open(&folder)?)?,
    }
    Ok(Failures::default())
}

fn folder(args: &CodesArgs) -> anyhow::Result<PathBuf> {
    if let Some(folder) = &args.codes {
        return Ok(folder.clone());
    }
    let home =
        std::env::home_dir().context("there is no home folder: name one with --codes DIR")?;
    Ok(home.join(".local/share/chartcode/codes"))
}

fn run_import(args: &CodesImportArgs, folder: &Path) -> anyhow::Result<()> {
    let mut drafts: BTreeMap<(System, Option<String>), Draft> = BTreeMap::new();
    for path in &args.paths {
        let mut draft = chartcode_codes::read(path)?;
        if let Some(version) = &args.version {
            draft.version = Some(version.clone());
        }
        match drafts.get_mut(&(draft.system, draft.version.clone())) {
            Some(own) => own.merge(draft)?,
            None => {
                drafts.insert((draft.system, draft.version.clone()), draft);
            }
        }
    }
    let mut out = anstream::stdout();
    // All are built before the first is written.
    let built: Result<Vec<CodeSet>, _> = drafts.values().map(CodeSet::build).collect();
    for set in built? {
        let path = Library::path_in(folder, &set);
        set.save(&path)?;
        writeln!(out, "{}: {}", path.display(), summary(&set))?;
    }
    Ok(())
}

fn summary(set: &CodeSet) -> String {
    let days = set.in_force().map_or_else(String::new, |days| match days.until {
        Some(until) => format!(", in force {} to {until}", days.from),
        None => format!(", in force since {}", days.from),
    });
    let (system, version) = (set.system(), set.version());
    format!("{system} {version}, {} codes, {} billable{days}", set.len(), set.billable())
}

fn run_list(args: &CodesListArgs, library: &Library) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Text if library.sets().is_empty() => {
            writeln!(out, "no code set yet: chartcode codes import FILE…")?;
        }
        InspectFormat::Text => {
            for set in library.sets() {
                writeln!(out, "{}", summary(set))?;
            }
        }
        InspectFormat::Json => {
            let sets: Vec<_> = library
                .sets()
                .iter()
                .map(|set| {
                    json!({
                        "system": set.system(),
                        "version": set.version(),
                        "in_force": set.in_force(),
                        "codes": set.len(),
                        "billable": set.billable(),
                        "sources": set.sources(),
                    })
                })
                .collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&sets)?)?;
        }
    }
    Ok(())
}
