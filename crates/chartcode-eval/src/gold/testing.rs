//! What the tests of the readers share.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chart::LabelledChart;
use crate::summary::DataIssue;

use super::{GoldOptions, Layout, open};

/// All that a reader gave.
pub(super) struct Read {
    pub(super) layout: Layout,
    pub(super) charts: Vec<LabelledChart>,
    pub(super) errors: Vec<String>,
    pub(super) issues: Vec<DataIssue>,
}

impl Read {
    /// How often an issue was counted.
    pub(super) fn issue(&self, kind: &str) -> usize {
        self.issues.iter().find(|issue| issue.kind == kind).map_or(0, |issue| issue.count)
    }
}

/// Reads a file of these bytes.
pub(super) fn read(name: &str, bytes: &[u8], options: &GoldOptions) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_path(&path, options)
}

pub(super) fn read_path(path: &Path, options: &GoldOptions) -> Read {
    let mut reader = open(path, options).unwrap();
    let (mut charts, mut errors) = (Vec::new(), Vec::new());
    for item in &mut reader {
        match item {
            Ok(chart) => charts.push(chart),
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert!(reader.next().is_none(), "the end stays the end");
    Read { layout: reader.layout(), charts, errors, issues: reader.issues() }
}

/// Why a file cannot be opened at all.
pub(super) fn refusal(name: &str, bytes: &[u8], options: &GoldOptions) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    open(&path, options).unwrap_err().to_string()
}

/// Writes a file and the folders above it.
pub(super) fn write(root: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The codes of a chart with their systems, in order.
pub(super) fn codes(chart: &LabelledChart) -> String {
    let codes = chart.codes.iter().map(|code| format!("{}:{}", code.system, code.code));
    codes.collect::<Vec<_>>().join(" ")
}

/// The reference charts, where they are there.
pub(super) fn shared_charts() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/charts");
    if !root.is_dir() {
        println!("skipped: no {}", root.display());
        return None;
    }
    Some(root)
}

/// Whatever the bytes, there is an end, and no panic on the way.
#[test]
fn damaged_files_never_panic() {
    let charts = [
        ("a.jsonl", include_str!("testing.rs")),
        (
            "a.jsonl",
            r#"{"id":"a","text":"kidney","codes":["I10",{"system":"x","code":"y"}],"evidence":[{"code":"I10","spans":[[0,3]]}]}"#,
        ),
        (
            "a.csv",
            "id,text,codes,system,split\n1,\"a\nb\",I10;E11.9,icd10cm,dev\n2,c,['I10'],10,train\n",
        ),
        ("a.tsv", "id\tcode\n1\tI10\n2\tE119\n"),
        (
            "a.json",
            r#"{"hadm_id":1,"notes":[{"note_id":5,"text":"kidney","annotations":[{"begin":0,"end":3,"code":"I10","code_system":"ICD-10-CM"}]}]}"#,
        ),
        (
            "a.xml",
            "<docs><doc id='1'><codes><code type='ICD-9-CM'>786.2</code></codes><texts><text type='A'>b &amp; c</text></texts></doc></docs>",
        ),
    ];
    for (name, text) in charts {
        for i in (0..text.len()).step_by(1 + text.len() / 300) {
            for byte in [b'"', b'<', b'\n', b'{', 0xff, b'9'] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[i] = byte;
                let folder = tempfile::tempdir().unwrap();
                write(folder.path(), name, &bytes);
                if let Ok(reader) = open(&folder.path().join(name), &GoldOptions::default()) {
                    assert!(reader.take(1_000).count() < 1_000);
                }
            }
        }
    }
}
