//! Reports on their way to a file: nothing is lost when the run is interrupted.
//!
//! Until all charts are done their reports are in `FILE.part`, one JSON object a line, written
//! line by line. The same command run again reads it, drops a line that was cut off, and goes on
//! with the charts that are not in it. `FILE` itself appears only when it is complete.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chartcode::{Report, Stamp};

use crate::args::Format;
use crate::output;

/// The open journal of an output file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    part: PathBuf,
    file: File,
    done: HashSet<String>,
}

impl Journal {
    /// Opens the journal of `path`, or takes up one that was begun with the same stamp.
    pub(crate) fn open(path: &Path, force: bool, stamp: &Stamp) -> anyhow::Result<Self> {
        let part = with_suffix(path, ".part");
        if force {
            remove(&part)?;
        } else if path.exists() {
            bail!("{} is there already: --force replaces it", path.display());
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&part)
            .with_context(|| format!("cannot write {}", part.display()))?;
        let mut journal = Self { path: path.to_owned(), part, file, done: HashSet::new() };
        let kept = journal.take_up(stamp)?;
        journal.file.set_len(kept).with_context(|| journal.part.display().to_string())?;
        // From here on every write goes to the end.
        std::io::Seek::seek(&mut journal.file, std::io::SeekFrom::End(0))?;
        Ok(journal)
    }

    /// Takes out the ids of the charts that were done before.
    pub(crate) fn take_done(&mut self) -> HashSet<String> {
        std::mem::take(&mut self.done)
    }

    /// Appends a report; it is with the operating system when this returns.
    pub(crate) fn append(&mut self, report: &Report) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(report)?;
        line.push(b'\n');
        self.file.write_all(&line).with_context(|| format!("cannot write {}", self.part.display()))
    }

    /// Turns the journal into the file itself.
    pub(crate) fn finish(self, format: Format) -> anyhow::Result<()> {
        self.file.sync_all()?;
        if format == Format::Jsonl {
            return fs::rename(&self.part, &self.path)
                .with_context(|| format!("cannot write {}", self.path.display()));
        }
        let draft = with_suffix(&self.path, ".draft");
        let write = || -> anyhow::Result<()> {
            let file = BufWriter::new(File::create(&draft)?);
            let mut writer = output::writer(format, Box::new(file), output::Paper::plain());
            for line in BufReader::new(File::open(&self.part)?).lines() {
                writer.report(&serde_json::from_str(&line?)?)?;
            }
            writer.finish()?;
            Ok(fs::rename(&draft, &self.path)?)
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))?;
        remove(&self.part)
    }

    /// Reads what is there; gives the length of its whole lines.
    fn take_up(&mut self, stamp: &Stamp) -> anyhow::Result<u64> {
        let mut reader = BufReader::new(&self.file);
        let mut kept = 0;
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let bytes = reader
                .read_until(b'\n', &mut line)
                .with_context(|| format!("cannot read {}", self.part.display()))?;
            if !line.ends_with(b"\n") {
                break;
            }
            let report: Report = serde_json::from_slice(&line).map_err(|_| {
                // The parser's own message may quote the report.
                anyhow::anyhow!(
                    "{} line {number} is not a report of this version: --force starts over",
                    self.part.display()
                )
            })?;
            if report.made_by != *stamp {
                bail!(
                    "{} was begun with another bundle, threshold, --top or version of chartcode: \
                     use the same, or --force to start over",
                    self.part.display()
                );
            }
            self.done.insert(report.id);
            kept += bytes as u64;
        }
        Ok(kept)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
