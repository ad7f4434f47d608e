//! Files that say which chart is in which split.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

use super::columns::{IDS, SPLITS, optional, required};
use super::input::{self, Lines};
use super::jsonl::id_of;
use super::rows::Rows;
use super::table::read_splits;

/// The split of each chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splits(HashMap<String, String>);

impl Splits {
    /// Reads a file of splits, gzipped or not:
    /// - CSV or TSV with a column of ids (`id`, `_id`, `note_id`, `hadm_id`) and one called
    ///   `split`; with a single column it is a list of ids;
    /// - Parquet or Feather with the same columns;
    /// - `.json`: `{"train": [ids]}`, `{id: "train"}` or a list of `{"id": …, "split": …}`;
    /// - `.jsonl`: such an object a line;
    /// - any other ending: a list of ids, one a line.
    ///
    /// A list of ids is one split, named as the file without its ending.
    ///
    /// # Errors
    /// [`Read`](crate::Error::Read); [`File`](crate::Error::File) or
    /// [`Record`](crate::Error::Record) where the file is no such, or where it puts a chart into
    /// two splits.
    pub fn read(path: &Path) -> Result<Self> {
        match input::ending(path).as_str() {
            "csv" | "tsv" => Self::read_table(path),
            "parquet" | "feather" | "arrow" => Self::read_columns(path),
            "json" => Self::read_json(path),
            "jsonl" | "ndjson" => Self::read_json_lines(path),
            _ => Self::read_ids(path),
        }
    }

    /// The split of a chart, where the file names it.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// The number of charts named.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no chart is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a chart.
    ///
    /// # Errors
    /// A problem to put behind the place in the file, where an id is blank or in another split.
    pub(crate) fn add(&mut self, id: &str, split: &str) -> Result<(), String> {
        let (id, split) = (id.trim(), split.trim());
        if id.is_empty() || split.is_empty() {
            return Err("has no id or no split".to_owned());
        }
        match self.0.insert(id.to_owned(), split.to_owned()) {
            Some(other) if other != split => {
                Err(format!("puts chart {id} into {split}, but it is in {other} already"))
            }
            _ => Ok(()),
        }
    }

    fn read_columns(path: &Path) -> Result<Self> {
        let mut splits = Self::default();
        for (row, (id, split)) in read_splits(path)?.into_iter().enumerate() {
            splits.add(&id, &split).map_err(|problem| Error::Record {
                path: path.to_owned(),
                place: format!("row {row}"),
                problem,
            })?;
        }
        Ok(splits)
    }

    fn read_table(path: &Path) -> Result<Self> {
        let mut rows = Rows::open(path)?;
        let header = rows.header()?;
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let in_file = |problem| input::file(path, problem);
        let (mut splits, list) = (Self::default(), list_name(path));
        let (id, split) = if header.len() == 1 {
            if optional(&header, None, &IDS).map_err(in_file)?.is_none() {
                splits.add(header[0], &list).map_err(|problem| input::record(path, 1, problem))?;
            }
            (0, None)
        } else {
            let id = required(&header, None, &IDS, "ids").map_err(in_file)?;
            (id, Some(required(&header, None, &SPLITS, "splits").map_err(in_file)?))
        };
        while let Some(row) = rows.next()? {
            let split = split.map_or(Ok(list.as_str()), |index| row.field(index))?;
            splits.add(row.field(id)?, split).map_err(|problem| row.error(problem))?;
        }
        Ok(splits)
    }

    fn read_json(path: &Path) -> Result<Self> {
        let value: Value = serde_json::from_str(&input::text(path)?)
            .map_err(|error| input::record(path, error.line() as u64, "is not JSON"))?;
        let mut splits = Self::default();
        let added = match &value {
            Value::Array(items) => items.iter().try_for_each(|item| splits.add_object(item)),
            Value::Object(fields) => {
                fields.iter().try_for_each(|(name, value)| splits.add_field(name, value))
            }
            _ => Err("is neither a list nor an object".to_owned()),
        };
        added.map_err(|problem| input::file(path, problem))?;
        Ok(splits)
    }

    fn read_json_lines(path: &Path) -> Result<Self> {
        let mut splits = Self::default();
        let mut lines = Lines::open(path)?;
        while let Some((number, line)) = lines.next()? {
            serde_json::from_str(line)
                .map_err(|_| "is not JSON".to_owned())
                .and_then(|item| splits.add_object(&item))
                .map_err(|problem| input::record(path, number, problem))?;
        }
        Ok(splits)
    }

    fn read_ids(path: &Path) -> Result<Self> {
        let (mut splits, list) = (Self::default(), list_name(path));
        let mut lines = Lines::open(path)?;
        while let Some((number, line)) = lines.next()? {
            splits.add(line, &list).map_err(|problem| input::record(path, number, problem))?;
        }
        Ok(splits)
    }

    /// `{"id": …, "split": …}`.
    fn add_object(&mut self, item: &Value) -> Result<(), String> {
        let id = IDS.iter().find_map(|&name| item.get(name)).and_then(id_of);
        let id = id.ok_or_else(|| format!("has no {} that is an id", IDS.join(", ")))?;
        let split = item.get(SPLITS[0]).and_then(Value::as_str);
        self.add(&id, split.ok_or("has no split that is a string")?)
    }

    /// `"train": [ids]` or `id: "train"`.
    fn add_field(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::String(split) => self.add(name, split),
            Value::Array(ids) => ids.iter().try_for_each(|id| match id_of(id) {
                Some(id) => self.add(&id, name),
                None => Err(format!("has in {name} an id that is neither string nor integer")),
            }),
            _ => Err("has a field that is neither a list of ids nor a split".to_owned()),
        }
    }
}

/// The name of the split that a list of ids is.
fn list_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    let stem =
        if input::is_gz(path) { Path::new(stem).file_stem().unwrap_or_default() } else { stem };
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::write;
    use super::*;

    fn read(name: &str, text: &str) -> Result<Splits> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), name, text);
        Splits::read(&folder.path().join(name))
    }

    #[test]
    fn all_forms_say_the_same() {
        for (name, text) in [
            ("a.csv", "_id,split\r\n1,train\r\n2,dev\r\n"),
            ("a.tsv", "x\tsplit\thadm_id\ny\ttrain\t1\ny\tdev\t2\n"),
            ("a.json", r#"{"train": [1], "dev": ["2"]}"#),
            ("a.json", r#"{"1": "train", "2": "dev"}"#),
            ("a.json", r#"[{"id": 1, "split": "train"}, {"note_id": "2", "split": "dev"}]"#),
            (
                "a.jsonl",
                "{\"_id\": 1, \"split\": \"train\"}\n\n{\"id\": \"2\", \"split\": \"dev\"}",
            ),
        ] {
            let splits = read(name, text).unwrap();
            assert_eq!((splits.of("1"), splits.of("2")), (Some("train"), Some("dev")), "{text}");
            assert_eq!((splits.of("3"), splits.len(), splits.is_empty()), (None, 2, false));
        }
    }

    #[test]
    fn a_list_of_ids_is_the_split_of_its_name() {
        for (name, text) in [
            ("test.txt", "10\r\n\r\n11\r\n"),
            ("test", "10\n11"),
            ("test.csv", "10\n11\n"),
            ("test.csv", "hadm_id\n10\n11\n"),
        ] {
            let splits = read(name, text).unwrap();
            assert_eq!((splits.of("10"), splits.of("11")), (Some("test"), Some("test")), "{text}");
            assert_eq!(splits.len(), 2);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, text, problem) in [
            ("a.csv", "id,split\n1,train\n1,train\n1,dev\n", "line 4: puts chart 1 into dev, but"),
            ("a.csv", "id,split\n1,\n", "line 2: has no id or no split"),
            ("a.csv", "id,fold\n1,1\n", "none of its 2 columns is called split"),
            ("a.csv", "", "is empty"),
            ("a.json", "[1]", "has no id, _id, note_id, hadm_id"),
            ("a.json", "7", "neither a list nor an object"),
            ("a.json", "{\"train\": 7}", "neither a list of ids nor a split"),
            ("a.json", "{", "line 1: is not JSON"),
            ("a.jsonl", "{\"id\": 1}", "line 1: has no split"),
        ] {
            let error = read(name, text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
