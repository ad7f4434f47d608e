//! The layouts in which labelled charts are published, and how each is known.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, Result};

use super::input;

/// How charts and their codes are laid out. `Display` and `FromStr` use the keys given here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// `auto`: whichever fits.
    #[default]
    Auto,
    /// `jsonl`: one JSON object a line, as this program writes and reads elsewhere.
    Jsonl,
    /// `csv`: CSV or TSV, a row a chart or a row a code.
    Csv,
    /// `table`: Parquet or Feather, a row a chart or a row a code.
    Table,
    /// `codiesp`: a folder of CodiEsp (CLEF eHealth 2020).
    Codiesp,
    /// `mdace`: the JSON files of MDACE (3M, ACL 2023), with a file of notes or with their text.
    Mdace,
    /// `mimic-iv`: `discharge.csv.gz`, `diagnoses_icd.csv.gz` and `procedures_icd.csv.gz` of
    /// MIMIC-IV as `PhysioNet` publishes them.
    MimicIv,
    /// `cmc`: the XML of the Computational Medicine Center's challenge of 2007.
    Cmc,
}

impl Layout {
    const ALL: [Self; 8] = [
        Self::Auto,
        Self::Jsonl,
        Self::Csv,
        Self::Table,
        Self::Codiesp,
        Self::Mdace,
        Self::MimicIv,
        Self::Cmc,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Table => "table",
            Self::Codiesp => "codiesp",
            Self::Mdace => "mdace",
            Self::MimicIv => "mimic-iv",
            Self::Cmc => "cmc",
        }
    }

    /// The layout of a file or folder, by its contents, its ending or its first bytes.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] where no layout fits.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let found = if fs::metadata(path).map_err(input::read(path))?.is_dir() {
            of_folder(path)?
        } else {
            of_file(path)?
        };
        found.ok_or_else(|| {
            let keys: Vec<&str> = Self::ALL[1..].iter().map(|layout| layout.key()).collect();
            let problem = format!(
                "is in none of the known layouts ({}); if it is in one, name it (--layout)",
                keys.join(", "),
            );
            input::file(path, problem)
        })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(key: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|layout| layout.key() == key).ok_or_else(|| {
            let keys = Self::ALL.map(Self::key).join(", ");
            Error::Request(format!("no layout is called {key}; there are {keys}"))
        })
    }
}

fn of_folder(path: &Path) -> Result<Option<Layout>> {
    let entries = entries(path)?;
    let texts = |folder: &Path| {
        ["text_files", "text_files_en"].iter().any(|name| folder.join(name).is_dir())
    };
    if texts(path) || entries.iter().any(|entry| texts(entry)) {
        return Ok(Some(Layout::Codiesp));
    }
    let discharge = |folder: PathBuf| {
        ["discharge.csv.gz", "discharge.csv"].iter().any(|name| folder.join(name).is_file())
    };
    if discharge(path.to_owned()) || discharge(path.join("note")) {
        return Ok(Some(Layout::MimicIv));
    }
    Ok(has_json(path, 4)?.then_some(Layout::Mdace))
}

/// Whether a folder holds a `.json` file, at most so many levels down.
fn has_json(path: &Path, levels: usize) -> Result<bool> {
    for entry in entries(path)? {
        let found = if entry.is_dir() {
            levels > 0 && has_json(&entry, levels - 1)?
        } else {
            input::ending(&entry) == "json"
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a folder holds, sorted by name.
pub(super) fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(input::read(path))? {
        entries.push(entry.map_err(input::read(path))?.path());
    }
    entries.sort();
    Ok(entries)
}

fn of_file(path: &Path) -> Result<Option<Layout>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    Ok(match input::ending(path).as_str() {
        "jsonl" | "ndjson" => Some(Layout::Jsonl),
        "csv" if name.starts_with("discharge.") => Some(Layout::MimicIv),
        "csv" | "tsv" => Some(Layout::Csv),
        "parquet" | "feather" | "arrow" => Some(Layout::Table),
        "xml" => Some(Layout::Cmc),
        _ => of_bytes(path)?,
    })
}

/// A line that is an object is JSONL, an object over several lines a file of MDACE.
fn of_bytes(path: &Path) -> Result<Option<Layout>> {
    let mut bytes = input::open(path)?;
    let mut line = Vec::new();
    while line.trim_ascii().is_empty() {
        line.clear();
        let n =
            (&mut bytes).take(1 << 26).read_until(b'\n', &mut line).map_err(input::read(path))?;
        if n == 0 {
            return Ok(None);
        }
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
    Ok(match line.first() {
        Some(b'<') => Some(Layout::Cmc),
        Some(b'{') => match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(object) if object.get("notes").is_none() => Some(Layout::Jsonl),
            _ => Some(Layout::Mdace),
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::write;
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for layout in Layout::ALL {
            assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
        }
        let problem = "excel".parse::<Layout>().unwrap_err().to_string();
        assert!(
            problem.contains("auto, jsonl, csv, table, codiesp, mdace, mimic-iv, cmc"),
            "{problem}"
        );
    }

    #[test]
    fn files_are_known_by_ending_or_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, layout) in [
            ("a.jsonl", "", Layout::Jsonl),
            ("a.ndjson.gz", "", Layout::Jsonl),
            ("a.TSV", "", Layout::Csv),
            ("a.parquet", "", Layout::Table),
            ("discharge.csv", "", Layout::MimicIv),
            ("a.xml", "", Layout::Cmc),
            ("b", "\n<docs>", Layout::Cmc),
            ("c", "\u{feff}{\"id\":1}\n", Layout::Jsonl),
            ("d.json", "{\"hadm_id\":1,\"notes\":[]}", Layout::Mdace),
            ("e.json", "{\n\"hadm_id\":1,\n\"notes\":[]}", Layout::Mdace),
        ] {
            write(folder.path(), name, bytes);
            assert_eq!(Layout::of(&folder.path().join(name)).unwrap(), layout, "{name}");
        }
    }

    #[test]
    fn folders_are_known_by_what_they_hold() {
        for (name, layout) in [
            ("text_files/a.txt", Layout::Codiesp),
            ("dev/text_files_en/a.txt", Layout::Codiesp),
            ("discharge.csv", Layout::MimicIv),
            ("note/discharge.csv.gz", Layout::MimicIv),
            ("gold/Inpatient/ICD-9/1.0/1-ICD-9.json", Layout::Mdace),
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), name, "");
            assert_eq!(Layout::of(folder.path()).unwrap(), layout, "{name}");
        }
    }

    #[test]
    fn what_fits_no_layout_is_refused_with_their_list() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.txt", "a note");
        write(folder.path(), "empty", "");
        for path in
            [folder.path().to_owned(), folder.path().join("a.txt"), folder.path().join("empty")]
        {
            let problem = Layout::of(&path).unwrap_err().to_string();
            assert!(
                problem.contains("jsonl, csv, table, codiesp, mdace, mimic-iv, cmc"),
                "{problem}"
            );
        }
        let missing = Layout::of(&folder.path().join("missing")).unwrap_err();
        assert!(matches!(missing, Error::Read { .. }));
    }
}
