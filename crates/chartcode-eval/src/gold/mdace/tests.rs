use std::path::Path;

use super::super::testing::{codes, read_path, refusal, write};
use super::super::{GoldOptions, Layout};

const NINE: &str = r#"{"hadm_id": 102, "comment": "", "notes": [
    {"note_id": 5, "category": "Physician", "description": "x", "annotations": [
      {"begin": 4, "end": 16, "code": "401.9", "code_system": "ICD-9-CM", "description": "d",
       "type": "Human", "covered_text": "hypertension"},
      {"begin": 0, "end": 3, "code": "38.93", "code_system": "ICD-9-CM", "covered_text": "Año"},
      {"begin": 4, "end": 16, "code": "401.9", "code_system": "ICD-9-CM"}]},
    {"note_id": 6, "category": "ECG", "description": "y", "annotations": [
      {"begin": 1, "end": 99, "code": "427.31", "code_system": "ICD-9-CM"}]}]}"#;
const TEN: &str = r#"{"hadm_id": 102, "notes": [
    {"note_id": 7, "annotations": [
      {"begin": 0, "end": 5, "code": "I48.91", "code_system": "ICD-10-CM",
       "covered_text": "other"}]},
    {"note_id": 5, "annotations": [
      {"begin": 4, "end": 16, "code": "I10", "code_system": "ICD-10-CM"}]},
    {"note_id": 8, "annotations": [
      {"begin": 0, "end": 1, "code": "99213", "code_system": "CPT"}]}]}"#;

fn data(root: &Path) -> GoldOptions {
    write(root, "gold/Inpatient/ICD-9/102-ICD-9.json", NINE);
    write(root, "gold/Inpatient/ICD-10/102-ICD-10.json", TEN);
    write(root, "gold/README.md", "not a chart");
    write(
        root,
        "NOTEEVENTS.csv",
        "\"ROW_ID\",\"HADM_ID\",\"TEXT\"\n1,9,unused\n5,102,\"Año hypertension\nand \"\"more\"\"\"\n\
         6,102,ECG\n7,102,AFib.\n",
    );
    GoldOptions { notes: Some(root.join("NOTEEVENTS.csv")), ..GoldOptions::default() }
}

#[test]
fn an_admission_is_joined_over_its_forms_and_notes() {
    let folder = tempfile::tempdir().unwrap();
    let options = data(folder.path());
    let all = read_path(&folder.path().join("gold"), &options);
    assert_eq!((all.layout, all.errors.len(), all.charts.len()), (Layout::Mdace, 0, 1));
    let chart = &all.charts[0];
    let text = chart.text.as_deref().unwrap();
    assert_eq!(text, "AFib.\n\nAño hypertension\nand \"more\"\n\nECG");
    let expected = "icd10cm:I48.91 icd10cm:I10 cpt:99213 icd9cm:401.9 icd9pcs:38.93 icd9cm:427.31";
    assert_eq!((chart.id.as_str(), codes(chart).as_str()), ("102", expected));
    let points: Vec<char> = text.chars().collect();
    let passages: Vec<(String, String)> = chart
        .evidence
        .iter()
        .map(|e| (e.code.code.clone(), points[e.spans[0].start..e.spans[0].end].iter().collect()))
        .collect();
    let expected = [
        ("I48.91", "AFib."),
        ("I10", "hypertension"),
        ("401.9", "hypertension"),
        ("38.93", "Año"),
        ("401.9", "hypertension"),
    ];
    assert_eq!(passages, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let issues: Vec<(&str, &str)> =
        all.issues.iter().map(|i| (i.kind.as_str(), i.examples[0].as_str())).collect();
    assert_eq!(
        issues,
        [
            ("evidence_not_placed", "102"),
            ("evidence_without_text", "102"),
            ("note_missing", "102/8"),
            ("quote_differs", "102"),
        ]
    );
}

#[test]
fn text_may_be_injected_or_missing() {
    let folder = tempfile::tempdir().unwrap();
    let injected = NINE.replacen("\"category\"", "\"text\": \"Año hypertension\", \"category\"", 1);
    write(folder.path(), "a.json", injected);
    let all = read_path(folder.path(), &GoldOptions::default());
    assert_eq!(all.charts[0].text.as_deref(), Some("Año hypertension"));
    assert_eq!((all.charts[0].evidence.len(), all.issue("evidence_without_text")), (3, 1));
    write(folder.path(), "a.json", NINE);
    let all = read_path(folder.path(), &GoldOptions::default());
    assert_eq!((all.charts[0].text.as_deref(), all.charts[0].evidence.len()), (None, 0));
    assert_eq!((all.charts[0].codes.len(), all.issue("evidence_without_text")), (3, 4));
}

#[test]
fn bad_files_are_named_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let options = data(root);
    write(root, "gold/a.json", r#"{"hadm_id": 1, "notes": "secret"}"#);
    write(root, "gold/b.json", "{");
    write(root, "gold/c.json", r#"{"hadm_id": null, "notes": []}"#);
    let empty = r#"{"begin":0,"end":1,"code":" ","code_system":"CPT"}"#;
    let text = format!(r#"{{"hadm_id":2,"notes":[{{"note_id":9,"annotations":[{empty}]}}]}}"#);
    write(root, "gold/d.json", text);
    let all = read_path(&root.join("gold"), &options);
    assert_eq!((all.charts.len(), all.errors.len()), (1, 4));
    for (error, problem) in all.errors.iter().zip([
        "a.json line 1 column 32: is not as MDACE",
        "b.json line 1 column 1: is not as MDACE",
        "c.json line 1: has no hadm_id",
        "d.json note 9: code 1 is empty",
    ]) {
        assert!(error.contains(problem) && !error.contains("secret"), "{error}");
    }
}

#[test]
fn notes_need_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "notes.csv", "a,b\n");
    let notes = Some(folder.path().join("notes.csv"));
    let problem =
        refusal("1.json", NINE.as_bytes(), &GoldOptions { notes, ..GoldOptions::default() });
    assert!(problem.contains("columns is called row_id, note_id"), "{problem}");
}
