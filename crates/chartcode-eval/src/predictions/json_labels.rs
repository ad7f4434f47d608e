//! The labels of dense lines, which are the same on every line of most files.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::context::{Checked, Context, Spelt, distinct};
use crate::code::Code;

/// The labels of the line read last. A line that repeats them costs a comparison of bytes.
#[derive(Default)]
pub(super) struct JsonLabels {
    spelt: String,
    /// One behind each label in `spelt`.
    ends: Vec<usize>,
    /// What they are as codes, or why they are none; once asked for.
    codes: Option<Checked<Arc<[Code]>>>,
}

impl JsonLabels {
    /// The labels as codes; `None` where no line had any yet.
    pub(super) fn codes(&mut self, context: &Context) -> Option<Checked<Arc<[Code]>>> {
        if self.ends.is_empty() {
            return None;
        }
        if self.codes.is_none() {
            self.codes = Some(self.parse(context));
        }
        self.codes.clone()
    }

    fn parse(&self, context: &Context) -> Checked<Arc<[Code]>> {
        let spelt = (0..self.ends.len()).filter_map(|label| self.get(label));
        let codes = spelt.map(|code| context.code(&Spelt { system: None, code }));
        distinct(codes.collect::<Result<_, _>>()?)
    }

    fn get(&self, label: usize) -> Option<&str> {
        let start =
            label.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.spelt.get(start..*self.ends.get(label)?)
    }

    /// Keeps the first `count` labels.
    fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.spelt.truncate(self.ends.last().copied().unwrap_or(0));
        self.codes = None;
    }

    fn push(&mut self, label: &str) {
        self.spelt.push_str(label);
        self.ends.push(self.spelt.len());
        self.codes = None;
    }
}

impl<'de> DeserializeSeed<'de> for &mut JsonLabels {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut JsonLabels {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of codes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut count = 0;
        while list.next_element_seed(OneLabel { labels: &mut *self, place: count })?.is_some() {
            count += 1;
        }
        if count < self.ends.len() {
            self.truncate(count);
        }
        Ok(())
    }
}

/// The label at a place, compared with what stood there on the line before.
struct OneLabel<'l> {
    labels: &'l mut JsonLabels,
    place: usize,
}

impl<'de> DeserializeSeed<'de> for OneLabel<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for OneLabel<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code")
    }

    fn visit_str<E>(self, label: &str) -> Result<(), E> {
        if self.labels.get(self.place) != Some(label) {
            self.labels.truncate(self.place);
            self.labels.push(label);
        }
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, label: u64) -> Result<(), E> {
        self.visit_str(&label.to_string())
    }
}
