//! Reads files of pairs.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use serde::Deserialize;

use super::PairFile;
use crate::error::{Error, Result};

/// A line of a file.
#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) code: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) kind: Option<String>,
}

/// Gives each pair of a file to `take`; empty lines and a header are passed over.
pub(super) fn each(file: &PairFile, mut take: impl FnMut(Pair)) -> Result<()> {
    if !(file.weight > 0.0 && file.weight.is_finite()) {
        let range = "the numbers above 0";
        return Err(Error::Option {
            option: "the weight of a file of pairs",
            value: file.weight,
            range,
        });
    }
    let failed = |source| Error::Read { path: file.path.clone(), source };
    let lines = BufReader::new(File::open(&file.path).map_err(failed)?).lines();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(failed)?;
        let line = line.trim_end_matches('\r');
        if line.is_empty() || (number == 0 && is_header(line)) {
            continue;
        }
        let pair = parse(line).map_err(|problem| Error::Pair {
            path: file.path.clone(),
            line: number + 1,
            problem,
        })?;
        take(pair);
    }
    Ok(())
}

fn is_header(line: &str) -> bool {
    let mut fields = line.split('\t');
    fields.next() == Some("code") && fields.next() == Some("text")
}

fn parse(line: &str) -> Result<Pair, &'static str> {
    let pair = if line.starts_with('{') {
        serde_json::from_str::<Pair>(line).map_err(|_| "it is no such object")?
    } else {
        let mut fields = line.split('\t').map(str::to_owned);
        let code = fields.next().unwrap_or_default();
        let text = fields.next().ok_or("it has no tab")?;
        Pair { code, text, kind: fields.next().filter(|kind| !kind.is_empty()) }
    };
    let trimmed = |text: &str| text.trim().to_owned();
    let pair = Pair { code: trimmed(&pair.code), text: trimmed(&pair.text), ..pair };
    match (pair.code.is_empty(), pair.text.is_empty()) {
        (true, _) => Err("the code is blank"),
        (_, true) => Err("the text is blank"),
        _ => Ok(pair),
    }
}
