//! The tabular list of ICD-10-CM in XML, as CDC/NCHS publishes it (`icd10cm-tabular-….xml`).
//!
//! It lists codes without their seventh characters and says which to add (`sevenChrDef`, for a code
//! and all below it); those codes are added here, with `X` at empty places.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::unknown;
use crate::code_key::CodeKey;
use crate::draft::{Draft, DraftGroup, Owner};
use crate::error::{Error, Result};
use crate::group::GroupKind;
use crate::note::NoteKind;
use crate::system::System;

/// Elements lie at most this deep in a release: 11; more is an attack.
const MOST_DEPTH: usize = 64;

/// A code whose element is open.
struct Open {
    key: Option<CodeKey>,
    title: String,
    sevenths: Vec<(char, String)>,
    has_children: bool,
}

struct Tabular<'a> {
    path: &'a Path,
    text: &'a str,
    draft: Draft,
    /// Names of the elements that are open.
    path_in: Vec<String>,
    chapter: String,
    section: String,
    codes: Vec<Open>,
    /// Text of the innermost element.
    content: String,
    character: Option<char>,
    exceptions: Vec<Exception>,
}

/// Seventh characters that a note takes away: "7th characters D and S do not apply to codes in
/// category S06 with 6th character 7 - …, or 8 - …".
struct Exception {
    category: CodeKey,
    sixth: Vec<char>,
    seventh: Vec<char>,
}

impl Exception {
    fn of(note: &str) -> Option<Self> {
        let (seventh, rest) = note
            .strip_prefix("7th characters ")?
            .split_once(" do not apply to codes in category ")?;
        let (category, rest) = rest.split_once(" with 6th character ")?;
        let words = |text: &str| -> Vec<char> {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            let single = |word: &str| word.parse::<char>().ok().filter(|c| !c.is_lowercase());
            words.filter_map(single).collect()
        };
        let (sixth, seventh) = (words(rest), words(seventh));
        Some(Self { category: CodeKey::parse(category)?, sixth, seventh })
    }

    fn holds(&self, key: CodeKey, seventh: char) -> bool {
        key.is_within(self.category)
            && key.as_str().chars().nth(5).is_some_and(|sixth| self.sixth.contains(&sixth))
            && self.seventh.contains(&seventh)
    }
}

pub(super) fn read(path: &Path, text: &str) -> Result<Draft> {
    let mut reader = Reader::from_str(text);
    let mut tabular = Tabular {
        path,
        text,
        draft: Draft::new(System::Icd10Cm),
        path_in: Vec::new(),
        chapter: String::new(),
        section: String::new(),
        codes: Vec::new(),
        content: String::new(),
        character: None,
        exceptions: Vec::new(),
    };
    loop {
        let at = reader.buffer_position() as usize;
        let damaged =
            |source| Error::Xml { path: path.to_owned(), line: line_of(text, at), source };
        match reader.read_event().map_err(damaged)? {
            Event::Start(element) => tabular.open(&element, at)?,
            Event::End(_) => tabular.close(at)?,
            Event::Text(part) => tabular.content.push_str(&part),
            Event::CData(part) => tabular.content.push_str(&part),
            Event::GeneralRef(entity) => tabular.entity(&entity, at)?,
            Event::Eof => break,
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
    tabular.finish()
}

impl Tabular<'_> {
    fn error(&self, at: usize, problem: impl Into<String>) -> Error {
        let line = line_of(self.text, at);
        Error::Line { path: self.path.to_owned(), line, problem: problem.into() }
    }

    /// The element around the innermost one.
    fn outer(&self) -> &str {
        self.path_in.iter().rev().nth(1).map_or("", String::as_str)
    }

    fn open(&mut self, element: &BytesStart<'_>, at: usize) -> Result<()> {
        let name = element.name().as_ref().to_owned();
        match (self.path_in.len(), name.as_str()) {
            (0, "ICD10CM.tabular") => {}
            (0, _) => return Err(unknown(self.path)),
            (MOST_DEPTH.., _) => return Err(self.error(at, "elements lie too deep")),
            (_, "diag") => {
                if let Some(parent) = self.codes.last_mut() {
                    parent.has_children = true;
                }
                self.codes.push(Open {
                    key: None,
                    title: String::new(),
                    sevenths: Vec::new(),
                    has_children: false,
                });
            }
            (_, "section") => self.section = self.attribute(element, "id", at)?,
            (_, "extension") => {
                let character = self.attribute(element, "char", at)?;
                let mut characters = character.chars();
                self.character = characters.next();
                if self.character.is_none() || characters.next().is_some() {
                    return Err(self.error(at, "a seventh character is not one character"));
                }
            }
            _ => {}
        }
        self.path_in.push(name);
        self.content.clear();
        Ok(())
    }

    fn attribute(&self, element: &BytesStart<'_>, name: &str, at: usize) -> Result<String> {
        let found = element.attributes().flatten().find(|one| one.key.as_ref() == name);
        let found = found.map(|found| found.value.into_owned());
        found.ok_or_else(|| self.error(at, format!("no attribute {name:?}")))
    }

    fn entity(&mut self, entity: &BytesRef<'_>, at: usize) -> Result<()> {
        if let Ok(Some(character)) = entity.resolve_char_ref() {
            self.content.push(character);
            return Ok(());
        }
        let name: &str = entity;
        // Entities of its own a release has none: they are how a small file becomes a huge one.
        let text = quick_xml::escape::resolve_predefined_entity(name)
            .ok_or_else(|| self.error(at, format!("unknown entity {name:?}")))?;
        self.content.push_str(text);
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<()> {
        let content = self.content.split_whitespace().collect::<Vec<_>>().join(" ");
        self.content.clear();
        let name = self.path_in.last().cloned().unwrap_or_default();
        match (name.as_str(), self.outer()) {
            ("version", "ICD10CM.tabular") => self.draft.version = Some(content),
            ("name", "chapter") => self.chapter = content,
            ("name", "diag") => {
                let key = CodeKey::parse(&content).filter(|key| System::Icd10Cm.fits(*key));
                let key = key.ok_or_else(|| self.error(at, format!("{content:?} is no code")))?;
                if let Some(code) = self.codes.last_mut() {
                    code.key = Some(key);
                }
            }
            ("desc", "diag") => {
                if let Some(code) = self.codes.last_mut() {
                    code.title = content;
                }
            }
            ("desc", "chapter") => self.group(GroupKind::Chapter, &content, at)?,
            ("desc", "section") => self.group(GroupKind::Section, &content, at)?,
            ("note", outer) => {
                if let Some(kind) = NoteKind::of_element(outer) {
                    let owner = self.owner(at)?;
                    self.exceptions.extend(Exception::of(&content));
                    self.draft.notes.push((owner, kind, content));
                }
            }
            ("extension", _) => {
                if let (Some(code), Some(character)) =
                    (self.codes.last_mut(), self.character.take())
                {
                    code.sevenths.push((character, content));
                }
            }
            ("diag", _) => self.close_code(at)?,
            _ => {}
        }
        self.path_in.pop();
        Ok(())
    }

    fn owner(&self, at: usize) -> Result<Owner> {
        if let Some(code) = self.codes.last() {
            return code.key.map(Owner::Code).ok_or_else(|| self.error(at, "a note before a name"));
        }
        Ok(if self.path_in.iter().any(|name| name == "section") {
            Owner::Group(GroupKind::Section, self.section.clone())
        } else {
            Owner::Group(GroupKind::Chapter, self.chapter.clone())
        })
    }

    /// A chapter or section; its range ends its title: `Cholera (A00-A09)`, `Provisional (U00-U49)`.
    fn group(&mut self, kind: GroupKind, title: &str, at: usize) -> Result<()> {
        let (title, range) = title.rsplit_once('(').unwrap_or((title, ""));
        let range = range.trim_end().trim_end_matches(')');
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Some(first), Some(last)) = (CodeKey::parse(first), CodeKey::parse(last)) else {
            return Err(self.error(at, format!("the title of a {kind:?} ends without its range")));
        };
        let id = match kind {
            GroupKind::Chapter => self.chapter.clone(),
            GroupKind::Section => self.section.clone(),
        };
        let group = DraftGroup { title: title.trim_end().to_owned(), first, last };
        self.draft.groups.insert((kind, id), group);
        Ok(())
    }

    fn close_code(&mut self, at: usize) -> Result<()> {
        let Some(code) = self.codes.pop() else { return Ok(()) };
        let key = code.key.ok_or_else(|| self.error(at, "a code without a name"))?;
        if code.title.is_empty() {
            return Err(self.error(at, format!("{} has no title", key.as_str())));
        }
        let inherited = self.codes.iter().rev().map(|open| &open.sevenths);
        let mut nearest = std::iter::once(&code.sevenths).chain(inherited);
        let sevenths = nearest.find(|sevenths| !sevenths.is_empty()).cloned().unwrap_or_default();
        let is_complete = key.len() == 7 || sevenths.is_empty();
        self.draft.add_code(key, &code.title, Some(!code.has_children && is_complete));
        if !code.has_children && !is_complete {
            for (character, meaning) in &sevenths {
                let is_taken_away = self.exceptions.iter().any(|one| one.holds(key, *character));
                if let Some(whole) = key.with_seventh(*character)
                    && !is_taken_away
                {
                    let title = format!("{}, {meaning}", code.title);
                    self.draft.add_code(whole, &title, Some(true));
                }
            }
        }
        if !code.sevenths.is_empty() {
            self.draft.sevenths.insert(key, code.sevenths);
        }
        Ok(())
    }

    fn finish(self) -> Result<Draft> {
        if !self.path_in.is_empty() {
            return Err(self.error(self.text.len(), "the file ends before its last element does"));
        }
        if self.draft.is_empty() {
            return Err(unknown(self.path));
        }
        Ok(self.draft)
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    before.split(|&byte| byte == b'\n').count()
}
