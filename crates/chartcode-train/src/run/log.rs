//! `train.jsonl`: a line a step and a line a look at held-out data. Numbers only.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::event::StepEvent;
use super::write_whole;
use crate::error::{Error, Result};

/// A line of the log: a step's, or one with figures of held-out data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) step: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) learning_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gradient_norm: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens_per_second: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dev: Option<BTreeMap<String, f64>>,
}

impl Line {
    pub(crate) fn of_step(event: StepEvent) -> Self {
        Self {
            step: event.step,
            loss: Some(event.loss),
            learning_rate: Some(event.learning_rate),
            gradient_norm: Some(event.gradient_norm),
            tokens: Some(event.tokens),
            tokens_per_second: Some(event.tokens_per_second),
            dev: None,
        }
    }

    pub(crate) fn of_dev(step: u64, figures: BTreeMap<String, f64>) -> Self {
        Self {
            step,
            loss: None,
            learning_rate: None,
            gradient_norm: None,
            tokens: None,
            tokens_per_second: None,
            dev: Some(figures),
        }
    }
}

/// The log, open for more.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
}

impl Log {
    /// Opens the log and drops what is behind `step`: those steps will be made again. A last line
    /// that was torn by an interruption goes with them.
    pub(crate) fn resume(path: &Path, step: u64) -> Result<Self> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let lines: Vec<Line> = lines.filter(|line| line.step <= step).collect();
        let kept: Vec<String> = lines.iter().map(text_of).collect();
        write_whole(path, kept.concat().as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, lines })
    }

    pub(crate) fn add(&mut self, line: Line) -> Result<()> {
        let written = self.file.write_all(text_of(&line).as_bytes());
        written.map_err(|source| Error::Write { path: self.path.clone(), source })?;
        self.lines.push(line);
        Ok(())
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }
}

fn text_of(line: &Line) -> String {
    // Numbers in a struct always have a JSON form.
    serde_json::to_string(line).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_are_made_again_and_torn_lines_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        let mut log = Log::resume(&path, 0).unwrap();
        for step in 1..=3 {
            log.add(Line::of_dev(step, BTreeMap::from([("map".to_owned(), 0.5)]))).unwrap();
        }
        log.file.write_all(b"{\"step\": 4, \"lo").unwrap();
        let log = Log::resume(&path, 2).unwrap();
        assert_eq!(log.lines().iter().map(|line| line.step).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}
