//! MDACE (Cheng et al., ACL 2023): JSON files of annotations on the notes of MIMIC-III, one file
//! an admission and form, with the notes' text injected or beside a `NOTEEVENTS.csv`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::chart::{GoldEvidence, LabelledChart, Span};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::summary::DataIssue;

use super::columns::required;
use super::input;
use super::issues::{EVIDENCE_NOT_PLACED, Issues, Kind, Source};
use super::jsonl::id_of;
use super::layout::entries;
use super::passage::{CodePoints, Marked};
use super::rows::Rows;
use super::system::code_of;

const NOTE_MISSING: Kind =
    ("note_missing", "annotated notes that the file of notes does not have; codes kept");
const EVIDENCE_WITHOUT_TEXT: Kind =
    ("evidence_without_text", "gold passages in notes whose text is not there; left out");

/// A chart an admission (`hadm_id`), whose forms may lie in several files. Its text is that of its
/// notes in the order of the files, with a blank line between; its codes are those of the
/// annotations, each once, in their order.
pub(super) struct Mdace {
    charts: VecDeque<(String, Vec<PathBuf>)>,
    /// Texts of the annotated notes, where a file of notes was given.
    notes: Option<HashMap<String, String>>,
    pending: VecDeque<Error>,
    issues: Issues,
}

#[derive(Deserialize)]
struct Form {
    hadm_id: Value,
    notes: Vec<Note>,
}

#[derive(Deserialize)]
struct Note {
    #[serde(rename = "note_id")]
    id: Value,
    text: Option<String>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    begin: usize,
    end: usize,
    code: String,
    code_system: String,
    covered_text: Option<String>,
}

impl Mdace {
    pub(super) fn open(path: &Path, notes: Option<&Path>) -> Result<Self> {
        let mut files = Vec::new();
        json_files(path, &mut files)?;
        if files.is_empty() {
            return Err(input::file(path, "holds no .json file; MDACE has one an admission"));
        }
        let (mut charts, mut places) = (VecDeque::<(String, Vec<PathBuf>)>::new(), HashMap::new());
        let (mut wanted, mut pending) = (HashSet::new(), VecDeque::new());
        for file in files {
            match Form::read(&file) {
                Ok((id, form)) => {
                    wanted.extend(form.notes.iter().filter_map(|note| id_of(&note.id)));
                    let place = *places.entry(id.clone()).or_insert(charts.len());
                    if place == charts.len() {
                        charts.push_back((id, Vec::new()));
                    }
                    charts[place].1.push(file);
                }
                Err(error @ Error::Record { .. }) => pending.push_back(error),
                Err(error) => return Err(error),
            }
        }
        let notes = match notes {
            Some(notes) => Some(texts(notes, &wanted, &mut pending)?),
            None => None,
        };
        Ok(Self { charts, notes, pending, issues: Issues::default() })
    }

    fn chart(&mut self, id: String, files: &[PathBuf]) -> Result<LabelledChart> {
        let mut joined = Joined::default();
        let mut marks = Vec::new();
        for file in files {
            for mut note in Form::read(file)?.1.notes {
                let place = self.place(&mut joined, &mut note, &id, file)?;
                for (i, mark) in note.annotations.into_iter().enumerate() {
                    let code = code(&mark).map_err(|problem| {
                        bad(file, &joined.ids[place], format!("code {} {problem}", i + 1))
                    })?;
                    marks.push((place, code, mark));
                }
            }
        }
        let mut codes: Vec<Code> = Vec::new();
        let mut evidence = Vec::new();
        for (place, code, mark) in marks {
            if !codes.contains(&code) {
                codes.push(code.clone());
            }
            evidence.extend(joined.evidence(place, code, &mark, &id, &mut self.issues));
        }
        Ok(LabelledChart { id, text: joined.text(), codes, evidence, split: None })
    }

    /// The place of a note among the chart's; a new one where it has not been seen.
    fn place(
        &mut self,
        joined: &mut Joined,
        note: &mut Note,
        chart: &str,
        file: &Path,
    ) -> Result<usize> {
        let Some(note_id) = id_of(&note.id) else {
            return Err(bad(file, "without id", "has no note_id".to_owned()));
        };
        if let Some(place) = joined.ids.iter().position(|id| *id == note_id) {
            return Ok(place);
        }
        let noted = self.notes.as_ref().and_then(|notes| notes.get(&note_id)).cloned();
        if self.notes.is_some() && noted.is_none() && note.text.is_none() {
            self.issues.note(NOTE_MISSING, format!("{chart}/{note_id}"));
        }
        Ok(joined.push(note_id, note.text.take().or(noted)))
    }
}

impl Iterator for Mdace {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.pending.pop_front() {
            return Some(Err(error));
        }
        let (id, files) = self.charts.pop_front()?;
        Some(self.chart(id, &files))
    }
}

impl Source for Mdace {
    fn issues(&self) -> Vec<DataIssue> {
        self.issues.list()
    }
}

/// The notes of a chart, one behind the other.
#[derive(Default)]
struct Joined {
    ids: Vec<String>,
    texts: Vec<Option<String>>,
    /// Code points in front of each note.
    starts: Vec<usize>,
    length: usize,
}

impl Joined {
    const BETWEEN: &str = "\n\n";

    fn push(&mut self, id: String, text: Option<String>) -> usize {
        if let Some(text) = &text {
            if self.length > 0 {
                self.length += Self::BETWEEN.len();
            }
            self.starts.push(self.length);
            self.length += text.chars().count();
        } else {
            self.starts.push(0);
        }
        self.ids.push(id);
        self.texts.push(text);
        self.ids.len() - 1
    }

    /// The passage of an annotation, moved from its note into the chart.
    fn evidence(
        &self,
        place: usize,
        code: Code,
        mark: &Annotation,
        chart: &str,
        issues: &mut Issues,
    ) -> Option<GoldEvidence> {
        let Some(text) = &self.texts[place] else {
            issues.note(EVIDENCE_WITHOUT_TEXT, chart);
            return None;
        };
        let spans = vec![Span { start: mark.begin, end: mark.end }];
        let marked = Marked { code, spans, quote: mark.covered_text.as_deref() };
        let Ok(evidence) = marked.check(Some(&CodePoints::new(text)), chart, issues) else {
            issues.note(EVIDENCE_NOT_PLACED, chart);
            return None;
        };
        let mut evidence = evidence?;
        for span in &mut evidence.spans {
            span.start += self.starts[place];
            span.end += self.starts[place];
        }
        Some(evidence)
    }

    fn text(self) -> Option<String> {
        let texts: Vec<String> = self.texts.into_iter().flatten().collect();
        (!texts.is_empty()).then(|| texts.join(Self::BETWEEN))
    }
}

impl Form {
    /// The file's admission and its notes.
    fn read(path: &Path) -> Result<(String, Self)> {
        // The message of serde_json may quote the note.
        let form: Self = serde_json::from_str(&input::text(path)?).map_err(|error| {
            let problem = "is not as MDACE writes its files: hadm_id, notes, and of each note \
                           note_id and annotations with begin, end, code and code_system";
            let place = format!("line {} column {}", error.line(), error.column());
            Error::Record { path: path.to_owned(), place, problem: problem.to_owned() }
        })?;
        let id = id_of(&form.hadm_id)
            .ok_or_else(|| input::record(path, 1, "has no hadm_id that is a string or a number"))?;
        Ok((id, form))
    }
}

fn bad(file: &Path, note: &str, problem: String) -> Error {
    Error::Record { path: file.to_owned(), place: format!("note {note}"), problem }
}

/// The third volume of ICD-9-CM, which holds procedures, is a system of its own here.
fn code(mark: &Annotation) -> Result<Code, &'static str> {
    let code = code_of(&mark.code, Some(&mark.code_system))?;
    if code.system == "icd9cm" && mark.code.trim().find('.') == Some(2) {
        return code_of(&mark.code, Some("icd9pcs"));
    }
    Ok(code)
}

fn json_files(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in entries(path)? {
            if entry.is_dir() || input::ending(&entry) == "json" {
                json_files(&entry, files)?;
            }
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

/// The texts of these notes in a file like `NOTEEVENTS.csv`.
fn texts(
    path: &Path,
    wanted: &HashSet<String>,
    bad: &mut VecDeque<Error>,
) -> Result<HashMap<String, String>> {
    let mut rows = Rows::open(path)?;
    let header = rows.header()?;
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let column = |usual, what| {
        required(&header, None, usual, what).map_err(|problem| input::file(path, problem))
    };
    let (id, text) =
        (column(&["row_id", "note_id"], "ids of the notes")?, column(&["text"], "text")?);
    let mut found = HashMap::new();
    let mut read = || -> Result<bool> {
        let Some(row) = rows.next()? else {
            return Ok(false);
        };
        let id = row.field(id)?.trim();
        if wanted.contains(id) {
            found.insert(id.to_owned(), row.field(text)?.to_owned());
        }
        Ok(true)
    };
    loop {
        match read() {
            Ok(true) => {}
            Ok(false) => return Ok(found),
            Err(error @ Error::Record { .. }) => bad.push_back(error),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
