//! Label order as it is published beside weights.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::files::Files;
use super::labels::{Labels, inconsistent};
use crate::encoder::Config;
use crate::error::{Error, Result};

/// Names that a label file goes by, the first that exists is the one.
const NAMES: [&str; 5] =
    ["target2index.json", "target_tokenizer.json", "ALL_CODES.txt", "labels.tsv", "labels.tsv.gz"];

/// Labels, and where they came from, for people.
pub(super) struct FoundLabels {
    pub(super) labels: Labels,
    pub(super) source: String,
}

/// Finds the label order of a checkpoint: in `named`, in a file of a known name, in `id2label`.
pub(super) fn find(
    files: &Files,
    named: Option<&Path>,
    config: &Config,
) -> Result<Option<FoundLabels>> {
    if let Some(path) = named {
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let source = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(Some(FoundLabels { labels: parse(path, &bytes)?, source }));
    }
    if let Some(name) = files.first(&NAMES) {
        let bytes = files.read(name)?;
        let labels = parse(&files.path(name), &bytes)?;
        return Ok(Some(FoundLabels { labels, source: name.to_owned() }));
    }
    if config.id2label.is_empty() {
        return Ok(None);
    }
    let labels =
        by_number(&files.path("config.json"), "id2label", config.id2label.len(), |index| {
            config.id2label.get(&index.to_string()).map(String::as_str)
        })?;
    Ok(Some(FoundLabels { labels, source: "id2label of config.json".to_owned() }))
}

/// Reads a label file by its content and ending:
///
/// - a JSON object: code to index (`target2index.json`), or index to code (`id2label`);
/// - a JSON list: codes in order (`target_tokenizer.json`);
/// - `.txt`: a code a line, the order being that of the sorted set of lines (`ALL_CODES.txt`);
/// - `.tsv`, `.tsv.gz`: chartcode's own.
fn parse(path: &Path, bytes: &[u8]) -> Result<Labels> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".tsv") || name.ends_with(".tsv.gz") {
        return Labels::parse(path, bytes);
    }
    if name.ends_with(".json") {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { path: path.to_owned(), source })?;
        return of_json(path, &value);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| inconsistent(path, "it is not UTF-8".to_owned()))?;
    let codes: BTreeSet<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Labels::from_codes(path, codes)
}

fn of_json(path: &Path, value: &Value) -> Result<Labels> {
    match value {
        Value::Array(codes) => {
            let codes: Option<Vec<&str>> = codes.iter().map(Value::as_str).collect();
            let problem = || inconsistent(path, "an entry of the list is not a string".to_owned());
            Labels::from_codes(path, codes.ok_or_else(problem)?)
        }
        Value::Object(map) if map.values().all(Value::is_string) => {
            by_number(path, "the object", map.len(), |index| map.get(&index.to_string())?.as_str())
        }
        Value::Object(map) => {
            let mut codes: BTreeMap<u64, &str> = BTreeMap::new();
            for (code, index) in map {
                let Some(index) = index.as_u64() else {
                    let problem = format!("the index of {code} is not a whole number");
                    return Err(inconsistent(path, problem));
                };
                if let Some(other) = codes.insert(index, code) {
                    let problem = format!("{other} and {code} both have index {index}");
                    return Err(inconsistent(path, problem));
                }
            }
            by_number(path, "the object", codes.len(), |index| codes.get(&(index as u64)).copied())
        }
        _ => Err(inconsistent(path, "it is neither a JSON list nor an object".to_owned())),
    }
}

/// `count` labels by index.
fn by_number<'c>(
    path: &Path,
    what: &str,
    count: usize,
    code: impl Fn(usize) -> Option<&'c str>,
) -> Result<Labels> {
    let missing = |index| inconsistent(path, format!("{what} has no entry {index}"));
    let codes: Vec<&str> =
        (0..count).map(|index| code(index).ok_or_else(|| missing(index))).collect::<Result<_>>()?;
    Labels::from_codes(path, codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(name: &str, content: &str) -> Result<Vec<String>> {
        let labels = parse(Path::new(name), content.as_bytes())?;
        Ok(labels.codes().map(str::to_owned).collect())
    }

    #[test]
    fn each_published_form_gives_its_order() {
        for (name, content) in [
            ("target2index.json", r#"{"J44.1": 2, "I10": 0, "E11.9": 1}"#),
            ("id2label.json", r#"{"2": "J44.1", "0": "I10", "1": "E11.9"}"#),
            ("target_tokenizer.json", r#"["I10", "E11.9", "J44.1"]"#),
            ("labels.tsv", "code\ttitle\nI10\t\nE11.9\t\nJ44.1\t\n"),
        ] {
            assert_eq!(codes(name, content).unwrap(), ["I10", "E11.9", "J44.1"], "{name}");
        }
        let sorted = codes("ALL_CODES.txt", "99.2\n401.9\n\n038.9\n401.9\n").unwrap();
        assert_eq!(sorted, ["038.9", "401.9", "99.2"]);
    }

    #[test]
    fn a_bad_file_says_what_is_wrong() {
        for (name, content, problem) in [
            ("a.json", r#"{"I10": 0, "E11.9": 0}"#, "both have index 0"),
            ("a.json", r#"{"I10": 0, "E11.9": 2}"#, "no entry 1"),
            ("a.json", r#"{"I10": -1}"#, "not a whole number"),
            ("a.json", r#"["I10", 3]"#, "not a string"),
            ("a.json", r#"["I10", "I10"]"#, "I10 is there twice"),
            ("a.json", "3", "neither"),
        ] {
            let error = codes(name, content).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
