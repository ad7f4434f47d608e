//! Typed look-ups in a `config.json`, whose field names differ from family to family.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The fields of a `config.json`. A field may have several names; the first that is there, and
/// not null, counts.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    path: &'a Path,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: &'a Path, map: &'a Map<String, Value>) -> Self {
        Self { path, map }
    }

    /// The fields of an object inside this one.
    pub(super) fn object(&self, names: &[&str]) -> Option<Fields<'a>> {
        let (_, value) = self.find(names)?;
        value.as_object().map(|map| Fields { path: self.path, map })
    }

    pub(super) fn size(&self, names: &[&str]) -> Result<usize> {
        let missing = || self.problem(format!("has no {}", names[0]));
        self.optional_size(names)?.ok_or_else(missing)
    }

    pub(super) fn size_or(&self, names: &[&str], default: usize) -> Result<usize> {
        Ok(self.optional_size(names)?.unwrap_or(default))
    }

    pub(super) fn optional_size(&self, names: &[&str]) -> Result<Option<usize>> {
        self.typed(names, "a whole number that is not negative", |value| {
            value.as_u64().and_then(|size| usize::try_from(size).ok())
        })
    }

    /// A number that may be negative, as −1 is where it stands for "not set".
    pub(super) fn integer_or(&self, names: &[&str], default: i64) -> Result<i64> {
        Ok(self.typed(names, "a whole number", Value::as_i64)?.unwrap_or(default))
    }

    pub(super) fn number_or(&self, names: &[&str], default: f64) -> Result<f64> {
        Ok(self.typed(names, "a number", Value::as_f64)?.unwrap_or(default))
    }

    pub(super) fn flag_or(&self, names: &[&str], default: bool) -> Result<bool> {
        Ok(self.typed(names, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    pub(super) fn text(&self, names: &[&str]) -> Result<Option<&'a str>> {
        self.typed(names, "a string", Value::as_str)
    }

    pub(super) fn texts(&self, names: &[&str]) -> Result<Vec<&'a str>> {
        let strings =
            |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>();
        Ok(self.typed(names, "a list of strings", strings)?.unwrap_or_default())
    }

    /// A list of sizes, or one size that stands for `count` equal ones.
    pub(super) fn sizes_or(
        &self,
        names: &[&str],
        count: usize,
        default: usize,
    ) -> Result<Vec<usize>> {
        let size = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
        let sizes = |value: &'a Value| match value {
            Value::Array(values) => values.iter().map(size).collect::<Option<Vec<_>>>(),
            one => size(one).map(|size| vec![size; count]),
        };
        let sizes = self.typed(names, "a whole number or a list of them", sizes)?;
        let sizes = sizes.unwrap_or_else(|| vec![default; count]);
        if sizes.len() == count {
            return Ok(sizes);
        }
        Err(self.problem(format!("{} has {} entries for {count} layers", names[0], sizes.len())))
    }

    /// A value of an enumeration that serde knows, e.g. an activation.
    pub(super) fn parsed<T: serde::de::DeserializeOwned>(
        &self,
        names: &[&'static str],
        supported: &'static str,
    ) -> Result<Option<T>> {
        let Some((name, value)) = self.find(names) else {
            return Ok(None);
        };
        let field = names.iter().find(|known| **known == name).copied().unwrap_or(names[0]);
        T::deserialize(value).map(Some).map_err(|_| Error::Unsupported {
            path: self.path.to_owned(),
            field,
            value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            supported,
        })
    }

    /// All fields, which must be strings.
    pub(super) fn strings(&self) -> Result<std::collections::BTreeMap<String, String>> {
        let string = |(name, value): (&String, &Value)| match value.as_str() {
            Some(text) => Ok((name.clone(), text.to_owned())),
            None => Err(self.problem(format!("entry {name:?} of id2label is not a string"))),
        };
        self.map.iter().map(string).collect()
    }

    pub(super) fn problem(&self, problem: String) -> Error {
        Error::Inconsistent { path: self.path.to_owned(), problem }
    }

    pub(super) fn unsupported(
        &self,
        field: &'static str,
        value: impl Into<String>,
        supported: &'static str,
    ) -> Error {
        Error::Unsupported { path: self.path.to_owned(), field, value: value.into(), supported }
    }

    fn find(&self, names: &[&str]) -> Option<(&'a str, &'a Value)> {
        names
            .iter()
            .find_map(|name| self.map.get_key_value(*name).filter(|(_, value)| !value.is_null()))
            .map(|(name, value)| (name.as_str(), value))
    }

    fn typed<T>(
        &self,
        names: &[&str],
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some((name, value)) = self.find(names) else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.problem(format!("{name} is not {kind}"))),
        }
    }
}
