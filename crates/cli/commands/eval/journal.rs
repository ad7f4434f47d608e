//! Scores on their way through a long evaluation: an interrupted one goes on.
//!
//! `scores.part` holds ids and numbers, never text: a header frame that says what is computed, then
//! a frame a chart. A frame is the length of its JSON part (u32), that part, the number of its
//! logits (u32) and the logits (f32), all little-endian.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chartcode::Precision;
use chartcode_eval::EvidenceCase;
use serde::{Deserialize, Serialize};

/// The longest JSON part that is believed; a longer one is damage.
const MOST_META: u32 = 16 * 1024 * 1024;

/// What is computed: the same header, the same scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) engine: String,
    pub(crate) bundle_digest: String,
    #[serde(default)]
    pub(crate) profile: Option<String>,
    pub(crate) gold: String,
    pub(crate) labels: usize,
    pub(crate) evidence: bool,
    #[serde(default)]
    pub(crate) precision: Precision,
}

/// One chart's scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    pub(crate) about: About,
    pub(crate) logits: Vec<f32>,
}

/// What there is to say of a chart beside its logits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) id: String,
    pub(crate) evidence: Vec<EvidenceCase>,
}

/// The open journal of a run.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Journal {
    /// Opens the journal at `path`. The charts in it go to `replay`; a torn last frame is dropped.
    pub(crate) fn open(
        path: &Path,
        header: &Header,
        mut replay: impl FnMut(Entry) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let mut kept = 0;
        if let Some((meta, _)) = read_frame(&mut reader)? {
            if serde_json::from_slice::<Header>(&meta).ok().as_ref() != Some(header) {
                bail!(
                    "{} was begun with another bundle, gold or version of chartcode: use the \
                     same, or --force to start over",
                    path.display()
                );
            }
            kept = 8 + meta.len() as u64;
            while let Some((meta, logits)) = read_frame(&mut reader)? {
                let about: About = serde_json::from_slice(&meta).with_context(|| {
                    format!("{} is damaged: --force starts over", path.display())
                })?;
                kept += 8 + meta.len() as u64 + 4 * logits.len() as u64;
                replay(Entry { about, logits })?;
            }
        }
        file.set_len(kept)?;
        file.seek(SeekFrom::End(0))?;
        let mut journal =
            Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 20, file) };
        if kept == 0 {
            journal.write(&serde_json::to_vec(header)?, &[])?;
        }
        Ok(journal)
    }

    /// Appends a chart; it is with the operating system when this returns.
    pub(crate) fn append(&mut self, entry: &Entry) -> anyhow::Result<()> {
        self.write(&serde_json::to_vec(&entry.about)?, &entry.logits)
    }

    fn write(&mut self, meta: &[u8], logits: &[f32]) -> anyhow::Result<()> {
        let mut put = || -> io::Result<()> {
            self.file.write_all(&(meta.len() as u32).to_le_bytes())?;
            self.file.write_all(meta)?;
            self.file.write_all(&(logits.len() as u32).to_le_bytes())?;
            for logit in logits {
                self.file.write_all(&logit.to_le_bytes())?;
            }
            self.file.flush()
        };
        put().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The next whole frame, or nothing at the end or at a torn one.
fn read_frame(reader: &mut impl Read) -> io::Result<Option<(Vec<u8>, Vec<f32>)>> {
    let whole = |result: io::Result<()>| match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    };
    let mut length = [0; 4];
    if !whole(reader.read_exact(&mut length))? {
        return Ok(None);
    }
    let length_of_meta = u32::from_le_bytes(length);
    if length_of_meta > MOST_META {
        return Ok(None);
    }
    let mut meta = vec![0; length_of_meta as usize];
    if !whole(reader.read_exact(&mut meta))? || !whole(reader.read_exact(&mut length))? {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let wanted = 4 * u64::from(u32::from_le_bytes(length));
    reader.take(wanted).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < wanted {
        return Ok(None);
    }
    let logits = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(Some((meta, logits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry {
        let about = About { id: id.to_owned(), ..About::default() };
        Entry { about, logits: vec![1.5, -2.0] }
    }

    fn header() -> Header {
        Header {
            engine: "chartcode".to_owned(),
            bundle_digest: "d".to_owned(),
            profile: None,
            gold: "g".to_owned(),
            labels: 2,
            evidence: false,
            precision: Precision::F32,
        }
    }

    #[test]
    fn whatever_was_cut_off_the_whole_frames_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.part");
        let mut journal = Journal::open(&path, &header(), |_| Ok(())).unwrap();
        journal.append(&entry("a")).unwrap();
        let first = std::fs::metadata(&path).unwrap().len();
        journal.append(&entry("b")).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut entries = Vec::new();
            let opened = Journal::open(&path, &header(), |entry| {
                entries.push(entry);
                Ok(())
            });
            drop(opened.unwrap());
            let expected = match cut {
                _ if cut == whole.len() => vec![entry("a"), entry("b")],
                _ if cut as u64 >= first => vec![entry("a")],
                _ => vec![],
            };
            assert_eq!(entries, expected, "cut at {cut}");
        }
    }

    #[test]
    fn another_bundle_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.part");
        drop(Journal::open(&path, &header(), |_| Ok(())).unwrap());
        let other = Header { bundle_digest: "e".to_owned(), ..header() };
        let error = Journal::open(&path, &other, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("--force"), "{error}");
    }
}
