//! Charts from files, JSONL and standard input, one after the other.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, anyhow, bail};
use chartcode::Chart;
use serde_json::Value;

use crate::args::{ChartArgs, InputFormat};
use crate::failures;

/// The charts of all inputs in order. Memory does not grow with their number, but for their ids.
pub(crate) struct Charts {
    files: std::vec::IntoIter<PathBuf>,
    format: InputFormat,
    lines: Option<Lines>,
    seen: HashMap<String, String>,
    read: Rc<Cell<u64>>,
}

/// An open JSONL input.
struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    number: usize,
}

impl Charts {
    pub(crate) fn new(args: &ChartArgs) -> Self {
        Self {
            files: args.files.clone().into_iter(),
            format: args.input,
            lines: None,
            seen: HashMap::new(),
            read: Rc::default(),
        }
    }

    /// How many bytes of input have been read so far, for progress.
    pub(crate) fn bytes_read(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.read)
    }

    fn open(&mut self, path: &Path) -> anyhow::Result<Option<Chart>> {
        let (mut reader, name): (Box<dyn BufRead>, _) = if path == Path::new("-") {
            if io::stdin().is_terminal() {
                failures::note("reading a chart from standard input; end it with Ctrl-D");
            }
            (Box::new(BufReader::new(io::stdin())), "stdin".to_owned())
        } else {
            let name = path.display().to_string();
            let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
            if file.metadata().is_ok_and(|meta| meta.is_dir()) {
                bail!("{name} is a folder: name the files in it, e.g. {name}/*.txt");
            }
            (Box::new(BufReader::with_capacity(1 << 16, file)), name)
        };
        let start = reader.fill_buf().with_context(|| format!("cannot read {name}"))?;
        if is_jsonl(self.format, path, start) {
            self.lines = Some(Lines { reader, name, number: 0 });
            return Ok(None);
        }
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        self.add_bytes(bytes.len());
        self.unique(&name, &name)?;
        Ok(Some(Chart::from_bytes(name, bytes)?))
    }

    /// The chart on the next line that is not blank, or nothing at the end of the file.
    fn next_line(&mut self, lines: &mut Lines) -> Option<anyhow::Result<Chart>> {
        loop {
            let mut line = Vec::new();
            lines.number += 1;
            let place = format!("{} line {}", lines.name, lines.number);
            match lines.reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(bytes) => self.add_bytes(bytes),
                Err(error) => {
                    // A reader that failed once is not asked again.
                    lines.reader = Box::new(io::empty());
                    return Some(Err(error).with_context(|| format!("cannot read {place}")));
                }
            }
            if !line.trim_ascii().is_empty() {
                return Some(self.parse(&line, &place));
            }
        }
    }

    fn parse(&mut self, line: &[u8], place: &str) -> anyhow::Result<Chart> {
        let line = std::str::from_utf8(line).map_err(|error| {
            anyhow!("{place} is not UTF-8: bad byte at offset {} of the line", error.valid_up_to())
        })?;
        // Parsed without a type: serde's "invalid type" errors would quote the chart.
        let value: Value =
            serde_json::from_str(line).with_context(|| format!("{place} is not valid JSON"))?;
        let id = match value.get("id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => bail!("{place} has no field \"id\" (a string or a number)"),
        };
        let Some(Value::String(text)) = value.get("text") else {
            bail!("{place}: chart {id:?} has no field \"text\" (a string)");
        };
        self.unique(&id, place)?;
        Chart::new(id, text.as_str()).with_context(|| place.to_owned())
    }

    fn unique(&mut self, id: &str, place: &str) -> anyhow::Result<()> {
        match self.seen.entry(id.to_owned()) {
            Entry::Vacant(slot) => {
                slot.insert(place.to_owned());
                Ok(())
            }
            Entry::Occupied(first) => {
                bail!("{place}: chart {id:?} was there before, in {}", first.get())
            }
        }
    }

    fn add_bytes(&self, bytes: usize) {
        self.read.set(self.read.get() + bytes as u64);
    }
}

impl Iterator for Charts {
    type Item = anyhow::Result<Chart>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mut lines) = self.lines.take()
                && let Some(chart) = self.next_line(&mut lines)
            {
                self.lines = Some(lines);
                return Some(chart);
            }
            let path = self.files.next()?;
            if let Some(chart) = self.open(&path).transpose() {
                return Some(chart);
            }
        }
    }
}

/// Bytes of all inputs, where they are all files.
pub(crate) fn total_bytes(args: &ChartArgs) -> Option<u64> {
    args.files
        .iter()
        .map(|path| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file))
        .map(|meta| meta.map(|meta| meta.len()))
        .sum()
}

/// Whether the inputs may hold more than one chart, so that progress is worth showing.
pub(crate) fn may_be_many(args: &ChartArgs) -> bool {
    let one = |path: &PathBuf| args.input != InputFormat::Jsonl && !ends_like_jsonl(path);
    args.files.len() > 1 || !args.files.iter().all(one)
}

fn is_jsonl(format: InputFormat, path: &Path, start: &[u8]) -> bool {
    match format {
        InputFormat::Text => false,
        InputFormat::Jsonl => true,
        InputFormat::Auto => ends_like_jsonl(path) || begins_like_an_object(start),
    }
}

fn ends_like_jsonl(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson")
}

fn begins_like_an_object(start: &[u8]) -> bool {
    start
        .trim_ascii_start()
        .strip_prefix(b"{")
        .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised_by_ending_or_first_bytes() {
        let auto = |path, start: &[u8]| is_jsonl(InputFormat::Auto, Path::new(path), start);
        assert!(auto("a.jsonl", b""));
        assert!(auto("-", b"\n{ \"id\": 1"));
        assert!(!auto("a.txt", b"{curly} notes"));
        assert!(!is_jsonl(InputFormat::Text, Path::new("a.jsonl"), b"{\"id\": 1}"));
    }
}
