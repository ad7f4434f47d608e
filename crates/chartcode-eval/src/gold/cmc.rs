//! The XML of the Computational Medicine Center's challenge of 2007 (Pestian et al.): radiology
//! reports with the ICD-9-CM codes of three companies and their majority.

use std::path::{Path, PathBuf};

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::chart::LabelledChart;
use crate::error::{Error, Result};

use super::input::{self, Bytes};
use super::issues::Source;
use super::system::code_of;

const MAJORITY: &str = "CMC_MAJORITY";

/// Codes are those of the majority, or all where there is none; the text is its parts, each headed
/// by its type (`CLINICAL HISTORY: …`), a line each.
pub(super) struct Cmc {
    path: PathBuf,
    reader: Reader<Bytes>,
    buffer: Vec<u8>,
    system: String,
    /// Elements that are open around the `doc`s; none before the first tag.
    open: Option<usize>,
}

/// A `doc` as far as it is read.
#[derive(Default)]
struct Doc {
    id: Option<String>,
    /// Origin, type and spelling.
    codes: Vec<(Option<String>, Option<String>, String)>,
    text: String,
    part: Part,
    content: String,
    /// The first thing wrong with it.
    problem: Option<&'static str>,
}

/// What the text that is read belongs to.
#[derive(Default)]
enum Part {
    #[default]
    None,
    Code(Option<String>, Option<String>),
    Text(Option<String>),
}

impl Cmc {
    pub(super) fn open(path: &Path, system: Option<&str>) -> Result<Self> {
        let mut reader = Reader::from_reader(input::open(path)?);
        reader.config_mut().expand_empty_elements = true;
        let system = system.unwrap_or("icd9cm").to_owned();
        Ok(Self { path: path.to_owned(), reader, buffer: Vec::new(), system, open: None })
    }

    /// Reads on to the next `doc` and through it; none behind the last.
    fn doc(&mut self) -> Result<Option<Doc>> {
        let mut doc: Option<Doc> = None;
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer);
            let at = self.reader.buffer_position();
            let event = event.map_err(|error| damaged(&self.path, error, at))?;
            match (event, &mut doc) {
                (Event::DocType(declaration), _) if declaration.contains('[') => {
                    let problem = "declares entities of its own, which are not read; remove the \
                                   document type declaration";
                    return Err(input::file(&self.path, problem));
                }
                (Event::Start(tag), None) if tag.name().as_ref() == "doc" => {
                    doc = Some(Doc::new(&tag));
                }
                (Event::Start(_), None) => self.open = Some(self.open.unwrap_or(0) + 1),
                (Event::End(_), None) => self.open = self.open.map(|n| n.saturating_sub(1)),
                (Event::Start(tag), Some(doc)) => doc.start(&tag),
                (Event::End(tag), Some(_)) if tag.name().as_ref() == "doc" => return Ok(doc),
                (Event::End(tag), Some(doc)) => doc.end(tag.name().as_ref()),
                (Event::Text(text), Some(doc)) => doc.content.push_str(&text.xml10_content()),
                (Event::CData(text), Some(doc)) => doc.content.push_str(&text.xml10_content()),
                (Event::GeneralRef(reference), Some(doc)) => doc.reference(&reference),
                (Event::Eof, None) if self.open == Some(0) => return Ok(None),
                (Event::Eof, None) if self.open.is_none() => {
                    return Err(input::file(&self.path, "holds no XML element; docs is expected"));
                }
                (Event::Eof, _) => {
                    return Err(input::file(&self.path, "ends within an element; it is cut off"));
                }
                _ => {}
            }
        }
    }
}

impl Iterator for Cmc {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        let doc = self.doc().transpose()?;
        Some(doc.and_then(|doc| {
            doc.chart(&self.system).map_err(|problem| {
                let place = format!("byte {}", self.reader.buffer_position());
                Error::Record { path: self.path.clone(), place, problem }
            })
        }))
    }
}

impl Source for Cmc {}

impl Doc {
    fn new(tag: &BytesStart<'_>) -> Self {
        Self { id: attribute(tag, "id"), ..Self::default() }
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        match tag.name().as_ref() {
            "code" => self.part = Part::Code(attribute(tag, "origin"), attribute(tag, "type")),
            "text" => self.part = Part::Text(attribute(tag, "type")),
            "doc" => self.problem = Some("holds another doc"),
            _ => return,
        }
        self.content.clear();
    }

    fn end(&mut self, name: &str) {
        if !matches!(name, "code" | "text") {
            return;
        }
        let content = self.content.trim();
        match std::mem::take(&mut self.part) {
            Part::None => {}
            Part::Code(origin, kind) => self.codes.push((origin, kind, content.to_owned())),
            Part::Text(kind) => {
                if !self.text.is_empty() {
                    self.text.push('\n');
                }
                if let Some(kind) = kind {
                    self.text.push_str(&kind.replace('_', " "));
                    self.text.push_str(": ");
                }
                self.text.push_str(content);
            }
        }
    }

    /// A character, or one of the five entities that XML itself has. Others are not expanded.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        let character = match reference.as_ref() {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        match character {
            Some(character) => self.content.push(character),
            None => self.problem = Some("has an entity that XML does not define"),
        }
    }

    fn chart(self, system: &str) -> Result<LabelledChart, String> {
        let id = self.id.filter(|id| !id.trim().is_empty()).ok_or("ends a doc without id")?;
        if let Some(problem) = self.problem {
            return Err(format!("(chart {id}) {problem}"));
        }
        let majority = self.codes.iter().any(|(origin, ..)| origin.as_deref() == Some(MAJORITY));
        let mut codes = Vec::new();
        for (i, (origin, kind, code)) in self.codes.iter().enumerate() {
            if !majority || origin.as_deref() == Some(MAJORITY) {
                let code = code_of(code, kind.as_deref().or(Some(system)))
                    .map_err(|problem| format!("(chart {id}) code {} {problem}", i + 1))?;
                codes.push(code);
            }
        }
        let text = (!self.text.is_empty()).then_some(self.text);
        Ok(LabelledChart { id, text, codes, evidence: Vec::new(), split: None })
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok().flatten()?;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// The messages of the XML reader may quote the document.
fn damaged(path: &Path, error: quick_xml::Error, at: u64) -> Error {
    match error {
        quick_xml::Error::Io(error) => Error::Read {
            path: path.to_owned(),
            source: std::io::Error::new(error.kind(), error.to_string()),
        },
        quick_xml::Error::Encoding(_) => {
            input::file(path, format!("is not UTF-8 near byte {at}; convert the file"))
        }
        _ => input::file(path, format!("is not well-formed XML near byte {at}; it may be cut off")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, Read, codes};
    use super::super::{GoldOptions, Layout};

    const ONE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<docs>
 <doc id="97636670" type="RADIOLOGY_REPORT">
  <codes>
   <code origin="CMC_MAJORITY" type="ICD-9-CM">786.2</code>
   <code origin="COMPANY1" type="ICD-9-CM">786.07</code>
  </codes>
  <texts>
   <text origin="CCHMC_RADIOLOGY" type="CLINICAL_HISTORY"> Cough &amp; fever &lt;38&#176;. </text>
   <text origin="CCHMC_RADIOLOGY" type="IMPRESSION"><![CDATA[Normal.]]></text>
  </texts>
 </doc>
 <doc id="2"><codes><code origin="COMPANY1">786.2</code><code origin="COMPANY3">780.6</code></codes></doc>
 "#;

    fn read(text: &str) -> Read {
        testing::read("a.xml", text.as_bytes(), &GoldOptions::default())
    }

    #[test]
    fn docs_are_read_with_the_codes_of_the_majority() {
        let all = read(&format!("{ONE}</docs>"));
        assert_eq!((all.layout, all.errors.len(), all.charts.len()), (Layout::Cmc, 0, 2));
        let text = all.charts[0].text.as_deref();
        assert_eq!(text, Some("CLINICAL HISTORY: Cough & fever <38°.\nIMPRESSION: Normal."));
        assert_eq!(
            (all.charts[0].id.as_str(), codes(&all.charts[0])),
            ("97636670", "icd9cm:786.2".into())
        );
        assert_eq!(
            (all.charts[1].text.as_deref(), codes(&all.charts[1]).as_str()),
            (None, "icd9cm:786.2 icd9cm:780.6")
        );
    }

    #[test]
    fn a_bad_doc_is_named_and_the_next_one_read() {
        let docs = "<doc><codes/></doc><doc id='3'><texts><text>&secret;</text></texts></doc>\
                    <doc id='4'><codes><code/></codes></doc><doc id='5'/></docs>";
        let all = read(&format!("{ONE}{docs}"));
        assert_eq!((all.charts.len(), all.charts[2].id.as_str()), (3, "5"));
        for (error, problem) in all.errors.iter().zip([
            "ends a doc without id",
            "(chart 3) has an entity that XML does not define",
            "(chart 4) code 1 is empty",
        ]) {
            assert!(error.ends_with(problem), "{error}");
        }
        assert_eq!(all.errors.len(), 3);
    }

    #[test]
    fn damage_ends_the_stream() {
        for (end, problem) in [
            ("", "ends within an element; it is cut off"),
            ("<doc id='3'><texts><text>sec", "cut off"),
            ("</wrong>", "is not well-formed XML"),
            ("<doc id='3'", "is not well-formed XML"),
        ] {
            let all = read(&format!("{ONE}{end}"));
            assert_eq!((all.charts.len(), all.errors.len()), (2, 1), "{end}");
            assert!(all.errors[0].contains(problem), "{}", all.errors[0]);
        }
        let bytes = [ONE.as_bytes(), b"<doc id='3'><texts><text>caf\xe9</text>"].concat();
        let all = testing::read("a.xml", &bytes, &GoldOptions::default());
        assert!(all.errors[0].contains("is not UTF-8"), "{}", all.errors[0]);
        let all = read("");
        assert!(all.errors[0].contains("holds no XML element"), "{}", all.errors[0]);
    }

    #[test]
    fn entities_are_not_declared_here() {
        let bomb =
            "<!DOCTYPE docs [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><docs><doc id='1'/></docs>";
        let all = read(bomb);
        assert!(all.charts.is_empty());
        assert!(all.errors[0].contains("declares entities of its own"), "{}", all.errors[0]);
    }
}
