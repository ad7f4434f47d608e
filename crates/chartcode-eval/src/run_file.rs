//! A run on disk: what `compare` needs of each chart, as JSON lines without any text.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::error::{Error, Result};
use crate::record::{ChartRecord, Suggestion};

/// Version of the file's form.
const FORMAT: u32 = 1;

/// A run: the outcome of every chart.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// What was run, for people.
    pub model: String,
    /// Labels of the model in the evaluated systems.
    pub labels: usize,
    /// The k of precision@k and recall@k.
    pub ks: Vec<u32>,
    /// Areas under the ROC curves.
    pub micro_auc: Option<f64>,
    /// Mean over labels.
    pub macro_auc: Option<f64>,
    /// The charts, numbered by `codes`.
    pub charts: Vec<RunChart>,
    /// The labels that occur, in the order of their numbers.
    pub codes: Vec<Code>,
    /// The gold codes that are no labels.
    pub outside_codes: Vec<Code>,
}

/// One chart of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunChart {
    /// Its record; labels are indices of [`Run::codes`].
    pub record: ChartRecord,
    /// Gold codes that are no labels, as indices of [`Run::outside_codes`].
    pub outside: Vec<u32>,
    /// What one more copy of the chart would add to the micro AUC, times the number of charts.
    pub micro_influence: f64,
    /// The same for the macro AUC.
    pub macro_influence: f64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    model: String,
    labels: usize,
    ks: Vec<u32>,
    micro_auc: Option<f64>,
    macro_auc: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    id: String,
    gold: Vec<Code>,
    outside: Vec<Code>,
    suggested: Vec<SuggestedCode>,
    ranks: Vec<u32>,
    present_ranks: Vec<u32>,
    auc_influence: [f64; 2],
}

#[derive(Serialize, Deserialize)]
struct SuggestedCode {
    #[serde(flatten)]
    code: Code,
    probability: Option<f32>,
    accepted: bool,
}

impl Run {
    /// Writes the run, a header and then a chart a line.
    ///
    /// # Errors
    /// What the writer gives, as [`Error::Write`] for `path`.
    pub fn write(&self, path: &Path, out: &mut dyn Write) -> Result<()> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let header = Header {
            format: FORMAT,
            model: self.model.clone(),
            labels: self.labels,
            ks: self.ks.clone(),
            micro_auc: self.micro_auc,
            macro_auc: self.macro_auc,
        };
        write_line(out, &header).map_err(failed)?;
        for chart in &self.charts {
            write_line(out, &self.line(chart)).map_err(failed)?;
        }
        out.flush().map_err(failed)
    }

    /// Reads a run.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Record`] with the line that is not one of a run.
    pub fn read(path: &Path, input: impl BufRead) -> Result<Self> {
        let mut run = Self::default();
        let mut numbers = [Numbers::new(), Numbers::new()];
        let mut header = false;
        for (number, line) in input.lines().enumerate() {
            let line = line.map_err(|source| Error::Read { path: path.to_owned(), source })?;
            let bad = |problem: &str| Error::Record {
                path: path.to_owned(),
                place: format!("line {}", number + 1),
                problem: problem.to_owned(),
            };
            if !header {
                let about: Header = serde_json::from_str(&line)
                    .map_err(|_| bad("not the header that chartcode eval --output writes"))?;
                if about.format != FORMAT {
                    return Err(bad("written by another version of chartcode: evaluate again"));
                }
                run = Self {
                    model: about.model,
                    labels: about.labels,
                    ks: about.ks,
                    micro_auc: about.micro_auc,
                    macro_auc: about.macro_auc,
                    ..run
                };
                header = true;
                continue;
            }
            let line: Line = serde_json::from_str(&line)
                .map_err(|_| bad("not a chart of a run, or cut off: evaluate again"))?;
            let chart = run.chart(line, &mut numbers);
            run.charts.push(chart);
        }
        if header {
            return Ok(run);
        }
        Err(Error::File { path: path.to_owned(), problem: "it is empty".to_owned() })
    }

    fn line(&self, chart: &RunChart) -> Line {
        let code = |&label: &u32| self.codes[label as usize].clone();
        let record = &chart.record;
        Line {
            id: record.id.clone(),
            gold: record.gold.iter().map(code).collect(),
            outside: chart
                .outside
                .iter()
                .map(|&o| self.outside_codes[o as usize].clone())
                .collect(),
            suggested: record
                .suggested
                .iter()
                .map(|suggestion| SuggestedCode {
                    code: code(&suggestion.label),
                    probability: suggestion.probability,
                    accepted: suggestion.accepted,
                })
                .collect(),
            ranks: record.ranks.clone(),
            present_ranks: record.present_ranks.clone(),
            auc_influence: [chart.micro_influence, chart.macro_influence],
        }
    }

    fn chart(&mut self, line: Line, [labels, others]: &mut [Numbers; 2]) -> RunChart {
        let outside: Vec<u32> = line
            .outside
            .into_iter()
            .map(|code| number(code, &mut self.outside_codes, others))
            .collect();
        let mut number = |code: Code| number(code, &mut self.codes, labels);
        let mut gold: Vec<u32> = line.gold.into_iter().map(&mut number).collect();
        gold.sort_unstable();
        let suggested = line
            .suggested
            .into_iter()
            .map(|suggestion| Suggestion {
                label: number(suggestion.code),
                probability: suggestion.probability,
                accepted: suggestion.accepted,
            })
            .collect();
        let record = ChartRecord {
            id: line.id,
            gold,
            outside: outside.len() as u32,
            suggested,
            ranks: line.ranks,
            present_ranks: line.present_ranks,
        };
        let [micro_influence, macro_influence] = line.auc_influence;
        RunChart { record, outside, micro_influence, macro_influence }
    }
}

/// The numbers that codes were given.
type Numbers = HashMap<Code, u32>;

fn number(code: Code, codes: &mut Vec<Code>, numbers: &mut Numbers) -> u32 {
    let next = codes.len() as u32;
    *numbers.entry(code).or_insert_with_key(|code| {
        codes.push(code.clone());
        next
    })
}

fn write_line(out: &mut dyn Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let record = ChartRecord {
            id: "a".to_owned(),
            gold: vec![0, 2],
            outside: 1,
            suggested: vec![Suggestion { label: 1, probability: Some(0.75), accepted: true }],
            ranks: vec![1, 7],
            present_ranks: vec![1, 2],
        };
        Run {
            model: "m".to_owned(),
            labels: 10,
            ks: vec![5],
            micro_auc: Some(0.5),
            macro_auc: None,
            charts: vec![RunChart {
                record,
                outside: vec![0],
                micro_influence: 0.25,
                macro_influence: -1.0 / 3.0,
            }],
            codes: ["I10", "E11.9", "J44.1"].map(|c| Code::new("icd10cm", c)).into(),
            outside_codes: vec![Code::new("icd10cm", "Z99.99")],
        }
    }

    fn bytes(run: &Run) -> Vec<u8> {
        let mut bytes = Vec::new();
        run.write(Path::new("charts.jsonl"), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_run_comes_back_as_it_was_written() {
        let written = bytes(&run());
        let read = Run::read(Path::new("charts.jsonl"), &written[..]).unwrap();
        assert_eq!(bytes(&read), written);
        let [chart] = &read.charts[..] else { panic!("one chart") };
        let codes = |labels: &[u32]| -> Vec<&str> {
            labels.iter().map(|&label| read.codes[label as usize].code.as_str()).collect()
        };
        assert_eq!(codes(&chart.record.gold), ["I10", "J44.1"]);
        assert_eq!(read.outside_codes, run().outside_codes);
    }

    #[test]
    fn damage_is_named_by_its_line() {
        let written = bytes(&run());
        let cut = &written[..written.len() - 9];
        let error = Run::read(Path::new("charts.jsonl"), cut).unwrap_err().to_string();
        assert!(error.contains("charts.jsonl line 2"), "{error}");
        let error = Run::read(Path::new("x"), &b"{}\n"[..]).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
        assert!(Run::read(Path::new("x"), &b""[..]).is_err());
    }
}
