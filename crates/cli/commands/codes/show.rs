//! `chartcode codes show`.

use std::io::Write as _;

use anstyle::Style;
use anyhow::Context as _;
use chartcode_codes::{CodeSet, Entry, GroupKind, Library, NoteKind};
use serde::Serialize;

use crate::args::InspectFormat;
use crate::codes_args::CodesShowArgs;

#[derive(Serialize)]
struct Shown<'a> {
    system: &'static str,
    version: &'a str,
    code: String,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    billable: Option<bool>,
    /// Chapter, section, and the codes from the category down.
    above: Vec<Named<'a>>,
    below: Vec<Named<'a>>,
    seventh_characters: Vec<(char, &'a str)>,
    notes: Vec<Note<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    code: String,
    title: &'a str,
}

#[derive(Serialize)]
struct Note<'a> {
    /// Where it stands: the code itself, one above it, a section or a chapter.
    at: String,
    kind: &'static str,
    text: &'a str,
}

pub(crate) fn run(args: &CodesShowArgs, library: &Library) -> anyhow::Result<()> {
    let set = pick(args, library)?;
    let entry = set.find(&args.code).with_context(|| {
        format!("no code {:?} in {} {}", args.code, set.system(), set.version())
    })?;
    let shown = Shown::of(set, entry);
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?,
        InspectFormat::Text => print(&shown, &mut out)?,
    }
    Ok(())
}

fn pick<'a>(args: &CodesShowArgs, library: &'a Library) -> anyhow::Result<&'a CodeSet> {
    let system = args.system;
    let (found, wanted) = match (&args.version, args.date) {
        (Some(version), _) => (library.get(system, version), format!("{system} {version}")),
        (None, Some(day)) => (library.in_force(system, day), format!("{system} in force on {day}")),
        (None, None) => (library.newest(system), system.to_string()),
    };
    found.with_context(|| format!("no code set {wanted}: chartcode codes import FILE…"))
}

impl<'a> Shown<'a> {
    fn of(set: &'a CodeSet, entry: Entry<'a>) -> Self {
        let named = |entry: Entry<'a>| Named { code: entry.code(), title: entry.title() };
        let mut codes: Vec<Entry<'a>> = entry.ancestors().collect();
        codes.reverse();
        let mut above = Vec::new();
        let mut notes = Vec::new();
        for kind in [GroupKind::Chapter, GroupKind::Section] {
            let Some(group) = entry.group(kind) else { continue };
            let code = match kind {
                GroupKind::Chapter => format!("Chapter {}", group.id),
                _ => group.id.to_owned(),
            };
            let at = |(kind, text): (NoteKind, &'a str)| Note::new(code.clone(), kind, text);
            notes.extend(set.group_notes(&group).map(at));
            above.push(Named { code, title: group.title });
        }
        for entry in codes.iter().copied().chain([entry]) {
            notes.extend(entry.notes().map(|(kind, text)| Note::new(entry.code(), kind, text)));
        }
        above.extend(codes.into_iter().map(named));
        Self {
            system: set.system().id(),
            version: set.version(),
            code: entry.code(),
            title: entry.title(),
            billable: entry.is_billable_known().then_some(entry.is_billable()),
            above,
            below: entry.children().map(named).collect(),
            seventh_characters: entry.seventh_characters(),
            notes,
        }
    }
}

impl<'a> Note<'a> {
    fn new(at: String, kind: NoteKind, text: &'a str) -> Self {
        Self { at, kind: kind.heading(), text }
    }
}

fn print(shown: &Shown<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let bold = Style::new().bold();
    let billable = match shown.billable {
        Some(true) => "billable",
        Some(false) => "not billable: a header of others",
        None => "not stated whether billable",
    };
    writeln!(out, "{bold}{}{bold:#}  {}", shown.code, shown.title)?;
    writeln!(out, "{} {}, {billable}", shown.system, shown.version)?;
    for (depth, one) in shown.above.iter().enumerate() {
        writeln!(out, "{:depth$}{}  {}", "", one.code, one.title)?;
    }
    if !shown.below.is_empty() {
        writeln!(out, "\n{bold}Below it{bold:#}")?;
    }
    for one in &shown.below {
        writeln!(out, "  {}  {}", one.code, one.title)?;
    }
    if !shown.seventh_characters.is_empty() {
        writeln!(out, "\n{bold}7th characters{bold:#}")?;
    }
    for (character, meaning) in &shown.seventh_characters {
        writeln!(out, "  {character}  {meaning}")?;
    }
    let mut last = ("", "");
    for note in &shown.notes {
        if last != (note.at.as_str(), note.kind) {
            writeln!(out, "\n{bold}{}{bold:#} (at {})", note.kind, note.at)?;
        }
        last = (note.at.as_str(), note.kind);
        writeln!(out, "  {}", note.text)?;
    }
    Ok(())
}
