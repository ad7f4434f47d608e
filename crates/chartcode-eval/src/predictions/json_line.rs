//! One record of JSON.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::context::{Checked, Named};
use super::json_labels::JsonLabels;
use super::json_values::{Entries, Entry, NumbersSeed, Word};
use crate::predicted::Scale;

/// A record as it stands. One is used for all records of a file, and keeps its buffers.
#[derive(Default)]
pub(super) struct JsonLine {
    pub(super) id: Option<String>,
    pub(super) entries: Option<Vec<Entry>>,
    /// What [`JsonLine::scores`] are; none where there are none.
    pub(super) named: Option<Named>,
    pub(super) scores: Vec<f32>,
    pub(super) labels: JsonLabels,
    /// The field that is being read, and what it should be.
    field: Option<(&'static str, &'static str)>,
}

impl JsonLine {
    /// Reads a record; of several lists of numbers the one that is `wanted` most.
    ///
    /// An error says what is wrong, and quotes nothing.
    pub(super) fn read(&mut self, json: &[u8], wanted: Scale) -> Checked<()> {
        self.id = None;
        self.entries = None;
        self.named = None;
        self.field = None;
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = LineSeed { line: self, wanted }.deserialize(&mut deserializer);
        read.and_then(|()| deserializer.end()).map_err(|error| self.problem(&error))
    }

    /// What the record's numbers are called; `Err` where it has no codes and so says nothing.
    pub(super) fn says(&self, wanted: Scale) -> Result<Option<Named>, ()> {
        match (self.named, self.entries.as_deref()) {
            (Some(named), _) => Ok(Some(named)),
            (None, Some([first, ..])) => Ok(first.number(wanted).map(|(named, _)| named)),
            (None, Some([]) | None) => Err(()),
        }
    }

    /// Whether the scores are those of labels, not of codes listed beside them.
    pub(super) fn is_dense(&self) -> bool {
        self.named.is_some() && self.entries.is_none()
    }

    fn problem(&self, error: &serde_json::Error) -> String {
        let place = match error.line() {
            0 | 1 => format!("column {}", error.column()),
            line => format!("its line {line}, column {}", error.column()),
        };
        match (error.classify(), self.field) {
            (Category::Data, Some((field, form))) => {
                format!("field {field:?} is not {form} ({place})")
            }
            (Category::Data, None) => "is not a JSON object".to_owned(),
            (Category::Eof, _) => {
                "ends within a value; was the file written to its end?".to_owned()
            }
            (Category::Syntax | Category::Io, _) => {
                format!("is not JSON in UTF-8 ({place}); NaN and Infinity are not JSON either")
            }
        }
    }

    fn numbers<'de, A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        named: Named,
        wanted: Scale,
    ) -> Result<(), A::Error> {
        if self.named.is_some_and(|other| other.rank(wanted) <= named.rank(wanted)) {
            map.next_value::<IgnoredAny>()?;
            return Ok(());
        }
        match map.next_value_seed(NumbersSeed(named, &mut self.scores))? {
            Some(entries) => self.entries = Some(entries),
            None => self.named = Some(named),
        }
        Ok(())
    }
}

struct LineSeed<'l> {
    line: &'l mut JsonLine,
    wanted: Scale,
}

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let line = self.line;
        while let Some(key) = map.next_key::<String>()? {
            line.field = field(&key);
            match (line.field, Named::of(&key)) {
                (Some(("id", _)), _) => line.id = Some(map.next_value::<Word>()?.0),
                (Some(("labels", _)), _) => map.next_value_seed(&mut line.labels)?,
                (Some(("codes" | "predictions", _)), _) => {
                    line.entries = Some(map.next_value_seed(Entries)?);
                }
                (_, Some(named)) => line.numbers(&mut map, named, self.wanted)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        line.field = None;
        Ok(())
    }
}

const NUMBERS: &str = "a list of numbers or an object from codes to numbers";
const CODES: &str = "a list of codes, of objects with a \"code\" and numbers, or an object from \
    codes to numbers";

/// The fields that are read, and their forms.
fn field(key: &str) -> Option<(&'static str, &'static str)> {
    let known = [
        ("id", "a string or a whole number"),
        ("labels", "a list of codes"),
        ("codes", CODES),
        ("predictions", CODES),
        ("probability", NUMBERS),
        ("probabilities", NUMBERS),
        ("logit", NUMBERS),
        ("logits", NUMBERS),
        ("score", NUMBERS),
        ("scores", NUMBERS),
    ];
    known.into_iter().find(|(name, _)| *name == key)
}
