use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::chart::GoldEvidence;
use crate::code::Code;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables").join(name)
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap()
}

fn icd10() -> TableColumns {
    TableColumns { system: Some("icd10cm".to_owned()), ..TableColumns::default() }
}

fn problems(name: &str, columns: &TableColumns) -> Vec<String> {
    let charts = GoldTable::open(&fixture(name), columns).unwrap();
    charts.filter_map(|chart| chart.err().map(|error| error.to_string())).collect()
}

fn refused(name: &str, columns: &TableColumns) -> String {
    match GoldTable::open(&fixture(name), columns).unwrap_err() {
        crate::Error::File { problem, .. } => problem,
        other => other.to_string(),
    }
}

fn field<T: serde::de::DeserializeOwned + Default>(chart: &Value, key: &str) -> T {
    serde_json::from_value::<Option<T>>(chart[key].clone()).unwrap().unwrap_or_default()
}

#[test]
fn charts_are_what_was_written_whatever_the_columns_types() {
    let expected = expected();
    let files = expected["gold"].as_object().unwrap();
    assert!(files.len() > 15);
    for (name, charts) in files {
        let mut table = GoldTable::open(&fixture(name), &icd10()).unwrap();
        for chart in charts.as_array().unwrap() {
            let found = table.next().unwrap().unwrap();
            assert_eq!(found.id, field::<String>(chart, "id"), "{name}");
            assert_eq!(found.text, field::<Option<String>>(chart, "text"), "{name}");
            assert_eq!(found.split, field::<Option<String>>(chart, "split"), "{name}");
            assert_eq!(found.codes, field::<Vec<Code>>(chart, "codes"), "{name} {}", found.id);
            assert_eq!(found.evidence, field::<Vec<GoldEvidence>>(chart, "evidence"), "{name}");
        }
        assert!(table.next().is_none(), "{name}");
        assert_eq!(table.unread_spans(), 0, "{name}");
    }
}

#[test]
fn splits_are_read_by_id() {
    let pairs: Vec<(String, String)> =
        serde_json::from_value(expected()["splits"].clone()).unwrap();
    assert_eq!(read_splits(&fixture("splits.feather")).unwrap(), pairs);
    let error = read_splits(&fixture("gold_mimic.parquet")).unwrap_err().to_string();
    assert!(error.ends_with("has no column \"split\""), "{error}");
}

#[test]
fn columns_can_be_named() {
    let columns = TableColumns {
        id: Some("subject_id".to_owned()),
        codes: Some("icd10_proc".to_owned()),
        system: Some("icd10pcs".to_owned()),
        ..TableColumns::default()
    };
    let charts = GoldTable::open(&fixture("gold_mimic.parquet"), &columns).unwrap();
    let ids: Vec<(String, usize)> =
        charts.map(Result::unwrap).map(|chart| (chart.id, chart.codes.len())).collect();
    let expected = [("10", 1), ("10", 0), ("11", 0), ("12", 2)];
    assert_eq!(ids, expected.map(|(id, codes)| (id.to_owned(), codes)));
    let columns = TableColumns { text: Some("letter".to_owned()), ..icd10() };
    assert_eq!(refused("gold_mimic.parquet", &columns), "has no column \"letter\"");
}

#[test]
fn a_table_without_what_is_needed_is_refused() {
    for (name, problem) in [
        ("bad_no_id.parquet", "has no column of ids: one of id, _id, note_id, hadm_id"),
        ("bad_id_type.parquet", "column id holds"),
        ("bad_text_type.parquet", "column text holds Int64, not strings"),
        ("bad_codes_type.parquet", "column codes holds"),
        ("bad_no_codes.parquet", "has no column of codes"),
        ("feather_v1.feather", "is Feather of version 1"),
    ] {
        let found = refused(name, &icd10());
        assert!(found.starts_with(problem), "{name}: {found}");
    }
}

#[test]
fn a_bad_row_is_named_and_the_others_are_read() {
    let found = problems("bad_rows.parquet", &icd10());
    let ends = [
        "row 1: has no id",
        "row 2: chart \"c\": one of its codes is empty or no code",
        "row 3: chart \"d\": one of its codes is empty or no code",
    ];
    assert_eq!(found.len(), ends.len(), "{found:?}");
    for (found, end) in found.iter().zip(ends) {
        assert!(found.ends_with(end), "{found}");
    }
    let charts = GoldTable::open(&fixture("bad_rows.parquet"), &icd10()).unwrap();
    let ids: Vec<String> = charts.filter_map(Result::ok).map(|chart| chart.id).collect();
    assert_eq!(ids, ["a", "e"]);
}

#[test]
fn rows_of_a_chart_that_stand_apart_are_an_error() {
    let found = problems("bad_apart.parquet", &icd10());
    let end = "row 2: chart \"a\": its rows do not stand together; sort the table by id";
    assert!(found.len() == 1 && found[0].ends_with(end), "{found:?}");
}

#[test]
fn nothing_of_a_note_is_shown() {
    let mut table = GoldTable::open(&fixture("gold_mimic.parquet"), &icd10()).unwrap();
    let chart = table.next().unwrap().unwrap();
    assert!(!format!("{table:?}{chart:?}").contains("Chest"));
}
