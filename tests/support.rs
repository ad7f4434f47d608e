use std::fs;
use std::path::{Path, PathBuf};

use chartcode::{Chart, Engine, Options};
use serde_json::Value;
use tempfile::TempDir;

/// A path inside the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A golden file, made by `scripts/fixtures/export_reference.py`.
pub(crate) fn golden(name: &str) -> Value {
    let path = repository("tests/golden").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Any JSON file.
pub(crate) fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The tiny bundle with a description head.
pub(crate) fn tiny() -> Engine {
    load("models/tiny", Options::new())
}

/// Loads a bundle of the repository.
pub(crate) fn load(path: &str, options: Options) -> Engine {
    Engine::load(repository(path), options).unwrap()
}

/// A chart, named.
pub(crate) fn chart(id: &str, text: &str) -> Chart {
    Chart::new(id, text).unwrap()
}

/// The synthetic notes and small charts of `tests/charts`.
pub(crate) fn charts() -> Vec<Chart> {
    let folder = repository("tests/charts");
    let mut charts: Vec<Chart> = ["discharge", "clinic", "radiology"]
        .map(|id| chart(id, &fs::read_to_string(folder.join(format!("{id}.txt"))).unwrap()))
        .into();
    for line in fs::read_to_string(folder.join("charts.jsonl")).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        charts.push(chart(text(&row["id"]), text(&row["text"])));
    }
    charts
}

/// A JSON string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A JSON array of numbers.
pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// A JSON array of ids.
pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
}

/// The largest absolute difference; the lengths must agree.
pub(crate) fn difference(ours: &[f32], reference: &[f32]) -> f32 {
    assert_eq!(ours.len(), reference.len());
    assert!(ours.iter().all(|x| x.is_finite()), "not finite");
    ours.iter().zip(reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A copy of a bundle that a test may damage. Its manifest lists no checksums.
pub(crate) fn scratch(bundle: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(repository(bundle)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    if copy.path().join("manifest.json").is_file() {
        edit_json(&copy.path().join("manifest.json"), |manifest| {
            manifest["files"] = serde_json::json!({});
        });
    }
    copy
}

/// An error with its causes, as the command prints it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Rewrites a JSON file.
pub(crate) fn edit_json(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}
