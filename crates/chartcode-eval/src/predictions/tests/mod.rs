mod delimited;
mod errors;
mod json;
mod labels;
mod tables;
mod writer;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{PredictionOptions, PredictionReader, open};
use crate::code::Code;
use crate::predicted::{Listed, PredictedChart, Scale, Scores};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables").join(name)
}

/// A file that lives as long as the folder.
struct Written {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl Written {
    fn new(name: &'static str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        Self { folder, name }
    }

    fn packed(name: &'static str, content: &str) -> Self {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(content.as_bytes()).unwrap();
        Self::new(name, packer.finish().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn open(&self, options: &PredictionOptions) -> PredictionReader {
        open(&self.path(), options).unwrap()
    }

    /// What the file is refused for.
    fn refused(&self, options: &PredictionOptions) -> String {
        problem(&open(&self.path(), options).unwrap_err())
    }
}

/// An error without the file's name.
fn problem(error: &crate::Error) -> String {
    match error {
        crate::Error::Record { place, problem, .. } => format!("{place}: {problem}"),
        crate::Error::File { problem, .. } => problem.clone(),
        other => other.to_string(),
    }
}

fn icd10() -> PredictionOptions {
    PredictionOptions { system: Some("icd10cm".to_owned()), ..PredictionOptions::default() }
}

fn scaled(scale: Scale) -> PredictionOptions {
    PredictionOptions { scale: Some(scale), ..icd10() }
}

fn code(code: &str) -> Code {
    Code::new("icd10cm", code)
}

fn listed(chart: &PredictedChart) -> &[Listed] {
    match &chart.scores {
        Scores::Listed(listed) => listed,
        Scores::Dense { .. } => panic!("{chart:?} is dense"),
    }
}

/// The codes of a chart with their scores.
fn pairs(chart: &PredictedChart) -> Vec<(&str, f64)> {
    listed(chart).iter().map(|listed| (listed.code.code.as_str(), listed.score)).collect()
}

fn dense(chart: &PredictedChart) -> (&std::sync::Arc<[Code]>, &[f32]) {
    match &chart.scores {
        Scores::Dense { labels, scores } => (labels, scores),
        Scores::Listed(_) => panic!("{chart:?} is listed"),
    }
}

fn charts(reader: PredictionReader) -> Vec<PredictedChart> {
    reader.map(Result::unwrap).collect()
}

fn problems(reader: PredictionReader) -> Vec<String> {
    reader.filter_map(|chart| chart.err().as_ref().map(problem)).collect()
}
