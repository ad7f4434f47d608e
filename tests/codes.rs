//! `chartcode codes`.

use std::path::{Path, PathBuf};

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

use crate::support::repository;

const TABULAR: &str = "crates/chartcode-codes/tests/data/tabular.xml";

fn codes(folder: &Path, args: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_chartcode"));
    command.current_dir(repository("")).env("NO_COLOR", "1");
    command.arg("codes").arg("--codes").arg(folder).args(args).assert()
}

fn imported() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables");
    let done = codes(&path, &["import", TABULAR]);
    done.success().stdout(contains("icd10cm 2026, 5449 codes").and(contains("2025-10-01")));
    (folder, path)
}

#[test]
fn a_code_is_shown_with_all_that_holds_for_it() {
    let (_folder, path) = imported();
    let shown = codes(&path, &["show", "e1122"]).success();
    shown.stdout(
        contains("E11.22  Type 2 diabetes mellitus with diabetic chronic kidney disease\n")
            .and(contains("icd10cm 2026, billable"))
            .and(contains("Chapter 4  Endocrine, nutritional and metabolic diseases"))
            .and(contains("Excludes1 (at E11)\n"))
            .and(contains("  type 1 diabetes mellitus (E10.-)\n"))
            .and(contains("Use additional code (at E11.22)")),
    );
    let shown = codes(&path, &["show", "--format", "json", "S52.501"]).success();
    let shown: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    assert_eq!(shown["billable"], false);
    assert_eq!(shown["below"].as_array().unwrap().len(), 16);
    assert_eq!(shown["seventh_characters"][0][0], "A");
    codes(&path, &["show", "--date", "2026-03-31", "I10"]).success();
}

#[test]
fn what_is_not_there_is_said_with_a_cure() {
    let (_folder, path) = imported();
    codes(&path, &["list"]).success().stdout(contains("icd10cm 2026, 5449 codes"));
    codes(&path, &["show", "Q99"]).code(2).stderr(contains("no code \"Q99\" in icd10cm 2026"));
    let missing = codes(&path, &["show", "--date", "2026-10-01", "I10"]);
    missing.code(2).stderr(contains("in force on 2026-10-01").and(contains("codes import")));
    codes(&path, &["show", "--system", "icd11", "I10"]).code(2).stderr(contains("icd10pcs"));
    let note = codes(&path, &["import", "tests/charts/clinic.txt"]);
    note.code(2).stderr(contains("clinic.txt is no release that is known"));
    std::fs::write(path.join("icd10cm-2026.codes"), b"CODESET1").unwrap();
    codes(&path, &["list"]).code(2).stderr(contains("import the release again"));
    codes(&path, &["import", TABULAR]).success();
    codes(&path, &["list"]).success();
}
