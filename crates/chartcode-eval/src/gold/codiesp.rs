//! CodiEsp as published for CLEF eHealth 2020 (Miranda-Escalada et al.): a folder a split with
//! `text_files/<id>.txt`, `<split>D.tsv` (diagnoses), `<split>P.tsv` (procedures) and
//! `<split>X.tsv` (both, with the passages of the Spanish text that support them).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use crate::chart::{GoldEvidence, LabelledChart, Span};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::summary::DataIssue;

use super::GoldOptions;
use super::delimited::left_out;
use super::groups::Groups;
use super::input;
use super::issues::{EVIDENCE_NOT_PLACED, FILE_MISSING, Issues, Kind, Source};
use super::layout::entries;
use super::passage::{CodePoints, Marked};
use super::rows::{Row, Rows};
use super::system::code_of;

const SPANISH: &str = "text_files";
const ENGLISH: &str = "text_files_en";
const CODE_WITHOUT_TEXT: Kind =
    ("code_without_text", "annotated charts whose text file is missing; left out");
const TEXT_WITHOUT_CODE: Kind =
    ("text_without_code", "charts without any annotation; kept without codes");
const SPLIT_WITHOUT_CODES: Kind =
    ("split_without_codes", "folders of texts without annotations; left out");

/// The splits under one folder, one after the other, charts by the name of their files.
pub(super) struct Codiesp {
    /// Folders of texts in the order in which they are looked for.
    languages: &'static [&'static str],
    splits: VecDeque<Folder>,
    current: Option<Split>,
    pending: VecDeque<Error>,
    issues: Issues,
}

/// A folder with texts.
struct Folder {
    path: PathBuf,
    /// Its name, where it is one of several.
    split: Option<String>,
}

/// The annotations of a split, and the texts that are still to be read.
struct Split {
    name: Option<String>,
    texts: VecDeque<(String, PathBuf)>,
    codes: Groups,
    passages: HashMap<String, Vec<Passage>>,
}

/// A row of `X.tsv`.
struct Passage {
    code: Code,
    quote: String,
    spans: Vec<Span>,
}

impl Codiesp {
    pub(super) fn open(path: &Path, options: &GoldOptions) -> Result<Self> {
        let languages: &[&str] = match options.lang.as_deref() {
            None => &[SPANISH, ENGLISH],
            Some("es") => &[SPANISH],
            Some("en") => &[ENGLISH],
            Some(lang) => {
                return Err(Error::Request(format!("CodiEsp has no texts in {lang}; es or en")));
            }
        };
        let mut issues = Issues::default();
        let splits = folders(path, &mut issues)?;
        if splits.is_empty() {
            let problem = format!(
                "holds no split of CodiEsp: a folder {SPANISH} or {ENGLISH} beside files that end \
                 in D.tsv or P.tsv"
            );
            return Err(input::file(path, problem));
        }
        Ok(Self { languages, splits, current: None, pending: VecDeque::new(), issues })
    }

    /// Reads the annotations of the next split.
    fn advance(&mut self) -> Result<bool> {
        let Some(Folder { path, split }) = self.splits.pop_front() else {
            return Ok(false);
        };
        let texts = self.languages.iter().find(|name| path.join(name).is_dir());
        let Some(language) = texts else {
            let problem = format!("has no folder {}", self.languages.join(" or "));
            return Err(input::file(&path, problem));
        };
        let texts = text_files(&path.join(language))?;
        let mut current =
            Split { name: split, texts, codes: Groups::default(), passages: HashMap::new() };
        for (letter, system) in [('D', "icd10cm"), ('P', "icd10pcs")] {
            match annotations(&path, letter)? {
                Some(file) => self.pending.extend(current.read_codes(&file, system)?),
                None => self.issues.note(FILE_MISSING, format!("{letter}.tsv")),
            }
        }
        if *language == SPANISH
            && let Some(file) = annotations(&path, 'X')?
        {
            self.pending.extend(current.read_passages(&file)?);
        }
        current.count_unmatched(&mut self.issues);
        self.current = Some(current);
        Ok(true)
    }
}

impl Iterator for Codiesp {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.pending.pop_front() {
                return Some(Err(error));
            }
            if let Some(current) = &mut self.current {
                while let Some((id, path)) = current.texts.pop_front() {
                    if let Some(chart) = current.chart(&id, &path, &mut self.issues).transpose() {
                        return Some(chart);
                    }
                }
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Source for Codiesp {
    fn issues(&self) -> Vec<DataIssue> {
        self.issues.list()
    }
}

/// The folder itself, or those in it, that have texts and annotations.
fn folders(path: &Path, issues: &mut Issues) -> Result<VecDeque<Folder>> {
    let has_texts = |path: &Path| path.join(SPANISH).is_dir() || path.join(ENGLISH).is_dir();
    if has_texts(path) {
        let coded = annotations(path, 'D')?.is_some() || annotations(path, 'P')?.is_some();
        let folder = Folder { path: path.to_owned(), split: None };
        return Ok(coded.then_some(folder).into_iter().collect());
    }
    let mut found = VecDeque::new();
    for path in entries(path)?.into_iter().filter(|path| has_texts(path)) {
        let split = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if annotations(&path, 'D')?.is_some() || annotations(&path, 'P')?.is_some() {
            found.push_back(Folder { path, split: Some(split) });
        } else {
            issues.note(SPLIT_WITHOUT_CODES, split);
        }
    }
    Ok(found)
}

/// The file of a folder whose name ends in the letter and `.tsv`.
fn annotations(folder: &Path, letter: char) -> Result<Option<PathBuf>> {
    let end = format!("{letter}.tsv");
    let mut files = entries(folder)?;
    files.retain(|file| file.to_string_lossy().ends_with(&end));
    match files.len() {
        0 | 1 => Ok(files.pop()),
        n => {
            Err(input::file(folder, format!("holds {n} files that end in {end}; one is expected")))
        }
    }
}

fn text_files(folder: &Path) -> Result<VecDeque<(String, PathBuf)>> {
    let files = entries(folder)?.into_iter().filter(|file| input::ending(file) == "txt");
    let id = |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(files.map(|file| (id(&file), file)).collect())
}

impl Split {
    /// Reads `id TAB code`. Gives the rows that are no such.
    fn read_codes(&mut self, file: &Path, system: &str) -> Result<Vec<Error>> {
        each_row(file, |row| {
            let (id, raw) = (row.field(0)?.trim(), row.field(1)?);
            if id.is_empty() {
                return Err(row.error("has no id"));
            }
            let place = self.codes.place(id);
            match code_of(raw, Some(system)) {
                Ok(code) => self.codes.add(place, [code]),
                Err(problem) => {
                    self.codes.damage(place);
                    return Err(left_out(row.error(format!("(chart {id}) the code {problem}"))));
                }
            }
            Ok(())
        })
    }

    /// Reads `id TAB type TAB code TAB mention TAB offsets`. Gives the rows that are no such.
    fn read_passages(&mut self, file: &Path) -> Result<Vec<Error>> {
        each_row(file, |row| {
            let id = row.field(0)?.trim();
            let system = match row.field(1)?.trim() {
                "DIAGNOSTICO" => "icd10cm",
                "PROCEDIMIENTO" => "icd10pcs",
                _ => return Err(row.error("is neither DIAGNOSTICO nor PROCEDIMIENTO")),
            };
            let code = code_of(row.field(2)?, Some(system))
                .map_err(|problem| row.error(format!("(chart {id}) the code {problem}")))?;
            let spans = row.field(4)?.split(';').map(span).collect::<Option<Vec<Span>>>();
            let spans = spans.ok_or_else(|| {
                row.error(format!("(chart {id}) has offsets that are no pairs of numbers"))
            })?;
            let quote = row.field(3)?.to_owned();
            self.passages.entry(id.to_owned()).or_default().push(Passage { code, quote, spans });
            Ok(())
        })
    }

    fn count_unmatched(&self, issues: &mut Issues) {
        let texts: BTreeSet<&str> = self.texts.iter().map(|(id, _)| id.as_str()).collect();
        for id in self.codes.ids().iter().filter(|id| !texts.contains(id.as_str())) {
            issues.note(CODE_WITHOUT_TEXT, id);
        }
        for id in texts.into_iter().filter(|id| self.codes.find(id).is_none()) {
            issues.note(TEXT_WITHOUT_CODE, id);
        }
    }

    /// The chart of a text; none where its annotations are damaged.
    fn chart(
        &mut self,
        id: &str,
        path: &Path,
        issues: &mut Issues,
    ) -> Result<Option<LabelledChart>> {
        let codes = match self.codes.find(id).map(|place| self.codes.get(place)) {
            None => Vec::new(),
            Some(Some((_, codes))) => codes,
            Some(None) => return Ok(None),
        };
        let text = input::text(path).map_err(left_out)?;
        let evidence = self.evidence(id, &text, issues);
        let (id, split) = (id.to_owned(), self.name.clone());
        Ok(Some(LabelledChart { id, text: Some(text), codes, evidence, split }))
    }

    fn evidence(&mut self, id: &str, text: &str, issues: &mut Issues) -> Vec<GoldEvidence> {
        let points = CodePoints::new(text);
        let mut kept = Vec::new();
        for Passage { code, quote, spans } in self.passages.remove(id).unwrap_or_default() {
            match (Marked { code, spans, quote: Some(&quote) }).check(Some(&points), id, issues) {
                Ok(evidence) => kept.extend(evidence),
                Err(_) => issues.note(EVIDENCE_NOT_PLACED, id),
            }
        }
        kept
    }
}

/// `start end`.
fn span(offsets: &str) -> Option<Span> {
    let mut numbers = offsets.split_whitespace().map(str::parse);
    let span = Span { start: numbers.next()?.ok()?, end: numbers.next()?.ok()? };
    numbers.next().is_none().then_some(span)
}

/// Reads all rows; gives those that could not be used.
fn each_row(file: &Path, mut read: impl FnMut(Row<'_>) -> Result<()>) -> Result<Vec<Error>> {
    let mut rows = Rows::open_plain_tabs(file)?;
    let mut bad = Vec::new();
    loop {
        match rows.next().and_then(|row| row.map(&mut read).transpose()) {
            Ok(Some(())) => {}
            Ok(None) => return Ok(bad),
            Err(error @ Error::Record { .. }) => bad.push(error),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
