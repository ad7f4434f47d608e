//! Values in a line of JSON, read without building a tree.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::context::Named;
use crate::chart::Span;
use crate::evidence::Shown;
use crate::predicted::Scale;

/// A string, or a whole number in its place.
#[derive(Debug)]
pub(super) struct Word(pub(super) String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl Visitor<'_> for WordVisitor {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a whole number")
    }

    fn visit_str<E>(self, word: &str) -> Result<Word, E> {
        Ok(Word(word.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }
}

/// One code of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) code: Word,
    #[serde(default)]
    pub(super) system: Option<String>,
    #[serde(default)]
    probability: Option<f64>,
    #[serde(default)]
    logit: Option<f64>,
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    pub(super) decision: Option<String>,
    #[serde(default)]
    evidence: Vec<Passage>,
}

/// A passage as reports have it; other fields, such as its text, are not read.
#[derive(Debug, Deserialize)]
struct Passage {
    characters: Span,
    #[serde(default)]
    contribution: f32,
}

impl Entry {
    pub(super) fn new(code: Word, number: Option<(Named, f64)>) -> Self {
        let mut entry = Self {
            code,
            system: None,
            probability: None,
            logit: None,
            score: None,
            decision: None,
            evidence: Vec::new(),
        };
        if let Some((named, number)) = number {
            entry.set(named, number);
        }
        entry
    }

    pub(super) fn set(&mut self, named: Named, number: f64) {
        match named {
            Named::Scale(Scale::Probability) => self.probability = Some(number),
            Named::Scale(Scale::Logit) => self.logit = Some(number),
            _ => self.score = Some(number),
        }
    }

    /// The passages shown for it, those without any character left out.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let there = self.evidence.iter().filter(|passage| {
            passage.characters.start < passage.characters.end && !passage.contribution.is_nan()
        });
        let shown = |p: &Passage| Shown { span: p.characters, strength: p.contribution };
        there.map(shown).collect()
    }

    /// The number that serves best where numbers of a scale are wanted.
    pub(super) fn number(&self, wanted: Scale) -> Option<(Named, f64)> {
        let numbers = [
            (Named::Scale(Scale::Probability), self.probability),
            (Named::Scale(Scale::Logit), self.logit),
            (Named::Score, self.score),
        ];
        let there = numbers.into_iter().filter_map(|(named, number)| Some((named, number?)));
        there.min_by_key(|(named, _)| named.rank(wanted))
    }
}

/// A list of codes or of objects with a code each, or an object from code to number.
pub(super) struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entry>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("codes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element_seed(OneEntry)? {
            entries.push(entry);
        }
        Ok(entries)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Entry>, A::Error> {
        numbered(map, Named::Score)
    }
}

fn numbered<'de, A: MapAccess<'de>>(mut map: A, named: Named) -> Result<Vec<Entry>, A::Error> {
    let mut entries = Vec::new();
    while let Some((code, number)) = map.next_entry::<String, f64>()? {
        entries.push(Entry::new(Word(code), Some((named, number))));
    }
    Ok(entries)
}

struct OneEntry;

impl<'de> DeserializeSeed<'de> for OneEntry {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneEntry {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code")
    }

    fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<Entry, E> {
        Ok(Entry::new(WordVisitor.visit_str::<E>(code)?, None))
    }

    fn visit_u64<E: serde::de::Error>(self, code: u64) -> Result<Entry, E> {
        Ok(Entry::new(WordVisitor.visit_u64::<E>(code)?, None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        Entry::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Numbers: a list, written into the vector, or an object from code to number.
pub(super) struct NumbersSeed<'v>(pub(super) Named, pub(super) &'v mut Vec<f32>);

impl<'de> DeserializeSeed<'de> for NumbersSeed<'_> {
    type Value = Option<Vec<Entry>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NumbersSeed<'_> {
    type Value = Option<Vec<Entry>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        self.1.clear();
        while let Some(number) = list.next_element()? {
            self.1.push(number);
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        numbered(map, self.0).map(Some)
    }
}
