//! `chartcode import`: from a published checkpoint to a bundle.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anstyle::Style;
use chartcode::{Findings, Import, Manifest};
use serde::Serialize;

use crate::args::{ImportArgs, InspectFormat};
use crate::failures::Failures;
use crate::progress::Progress;

#[derive(Serialize)]
struct Outcome<'a> {
    source: String,
    bundle: Option<String>,
    findings: &'a Findings,
    manifest: &'a Manifest,
}

pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<Failures> {
    let source = locate(args)?;
    let progress = Progress::of_steps(args.quiet);
    progress.step("reading");
    let mut options = args.options();
    if options.id.is_none() {
        options.id = args
            .out
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
    }
    let mut import = Import::open(&source, &options)?;
    progress.step("checking every tensor");
    let findings = import.check()?.clone();
    if let Some(out) = &args.out {
        progress.step("writing");
        import.write(out, args.weights.into())?;
    }
    progress.clear();
    let outcome = Outcome {
        source: args.source.display().to_string(),
        bundle: args.out.as_ref().map(|out| out.display().to_string()),
        findings: &findings,
        manifest: import.manifest(),
    };
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&outcome)?)?,
        InspectFormat::Text => print(&outcome, &mut out)?,
    }
    Ok(Failures::default())
}

/// The checkpoint on this machine: the path as given, or what the hub has under that name.
fn locate(args: &ImportArgs) -> anyhow::Result<PathBuf> {
    if args.source.exists() {
        return Ok(args.source.clone());
    }
    let name = args.source.to_string_lossy();
    let is_hub_name = name.split('/').count() == 2 && !name.starts_with(['.', '/', '~']);
    anyhow::ensure!(is_hub_name, "{name} is not there");
    from_hub(&name, args)
}

#[cfg(feature = "hub")]
fn from_hub(name: &str, args: &ImportArgs) -> anyhow::Result<PathBuf> {
    crate::hub::folder(name, &args.revision, args.allow_network, args.quiet)
}

#[cfg(not(feature = "hub"))]
fn from_hub(name: &str, _: &ImportArgs) -> anyhow::Result<PathBuf> {
    anyhow::bail!(
        "{name} is not there, and this build of chartcode has no network code: fetch the model's \
         folder by other means"
    )
}

fn print(outcome: &Outcome<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let (findings, manifest) = (outcome.findings, outcome.manifest);
    let head = findings.head.as_deref().unwrap_or("none: the bundle embeds charts and codes none");
    let labels = findings.labels.as_ref().map_or_else(
        || "none".to_owned(),
        |(count, source)| format!("{count}, in the order of {source}"),
    );
    let encoder = match findings.prefix.as_str() {
        "" => findings.encoder.clone(),
        prefix => format!("{}, keys under {prefix}", findings.encoder),
    };
    let written = outcome.bundle.as_deref().unwrap_or("nothing: --check");
    let rows = [
        ("found", findings.weights.join(", ")),
        ("encoder", encoder),
        ("head", head.to_owned()),
        ("labels", labels),
        ("windows", super::inspect::windows(manifest)),
        ("text", super::inspect::text(manifest)),
        (
            "threshold",
            findings.head.as_ref().map_or_else(String::new, |_| findings.threshold.clone()),
        ),
        ("used", format!("{} tensors; none missing", findings.used)),
        ("ignored", ignored(&findings.ignored)),
        ("assumed", findings.assumed.join("; ")),
        ("written", written.to_owned()),
    ];
    let bold = Style::new().bold();
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{bold}{name:<10}{bold:#} {value}")?;
    }
    Ok(())
}

/// What was left out: the first ones by name, and how many there are.
fn ignored(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names.len() {
        0 => "nothing".to_owned(),
        count if count <= SHOWN => names.join(", "),
        count => format!("{}, … ({count} in all)", names[..SHOWN].join(", ")),
    }
}
