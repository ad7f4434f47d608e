use std::sync::Arc;

use serde_json::Value;

use super::*;

fn scale(name: &Value) -> Scale {
    match name.as_str().unwrap() {
        "probability" => Scale::Probability,
        "logit" => Scale::Logit,
        _ => Scale::Order,
    }
}

fn is_as_written(found: &PredictedChart, expected: &Value, file: &Value) {
    assert_eq!(found.id, expected["id"].as_str().unwrap());
    if let Some(scores) = expected.get("scores") {
        let scores: Vec<f32> = serde_json::from_value(scores.clone()).unwrap();
        let labels: Vec<String> = serde_json::from_value(file["labels"].clone()).unwrap();
        let labels: Vec<Code> = labels.iter().map(|label| code(label)).collect();
        let (found_labels, found_scores) = dense(found);
        assert_eq!(found_scores, scores);
        assert_eq!(**found_labels, labels);
    } else {
        let codes: Vec<(String, f64)> = serde_json::from_value(expected["codes"].clone()).unwrap();
        let codes: Vec<(&str, f64)> = codes.iter().map(|(code, s)| (code.as_str(), *s)).collect();
        assert_eq!(pairs(found), codes);
    }
}

#[test]
fn predictions_are_what_was_written() {
    let expected = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let files = expected["predictions"].as_object().unwrap();
    assert!(files.len() >= 10);
    for (name, file) in files {
        let reader = open(&fixture(name), &icd10()).unwrap();
        assert_eq!(reader.scale(), scale(&file["scale"]), "{name}");
        let again = reader.again().unwrap();
        for reader in [reader, again] {
            let charts = charts(reader);
            let expected = file["charts"].as_array().unwrap();
            assert_eq!(charts.len(), expected.len(), "{name}");
            for (found, expected) in charts.iter().zip(expected) {
                is_as_written(found, expected, file);
            }
        }
    }
}

#[test]
fn charts_of_a_table_share_their_labels() {
    for name in ["wide.feather", "dense_fixed.parquet"] {
        let charts = charts(open(&fixture(name), &icd10()).unwrap());
        assert!(charts.iter().all(|chart| Arc::ptr_eq(dense(chart).0, dense(&charts[0]).0)));
    }
}

#[test]
fn labels_can_be_given_where_a_table_has_none() {
    let labels: Arc<[Code]> = [code("I10"), code("E11.9")].into();
    let options = PredictionOptions { labels: Some(Arc::clone(&labels)), ..icd10() };
    let charts = charts(open(&fixture("bad_no_labels.parquet"), &options).unwrap());
    let (found, scores) = dense(&charts[0]);
    assert!(Arc::ptr_eq(found, &labels));
    assert_eq!(scores, [0.5, 0.1]);
    let error = open(&fixture("bad_no_labels.parquet"), &icd10()).unwrap_err();
    assert!(problem(&error).contains("give the labels in a file"), "{error}");
}

#[test]
fn bad_rows_are_named_and_the_others_are_read() {
    let reader = open(&fixture("bad_wide.parquet"), &icd10()).unwrap();
    let found = problems(reader.again().unwrap());
    assert_eq!(
        found,
        [
            "row 1: chart \"b\": I10 has no score",
            "row 2: chart \"c\": score 1.5 of I10 is not between 0 and 1; if these are logits, say \
             so: scale logit",
            "row 3: has no id",
            "row 4: chart \"e\": score NaN of R05.1 is not finite",
        ]
    );
    let ids: Vec<String> = reader.filter_map(Result::ok).map(|chart| chart.id).collect();
    assert_eq!(ids, ["a"]);
    let found = problems(open(&fixture("bad_list.parquet"), &icd10()).unwrap());
    assert_eq!(
        found,
        [
            "row 0: chart \"a\": I10 is listed twice",
            "row 1: chart \"b\": has 1 codes and 2 scores",
            "row 2: chart \"c\": I10 has no probability",
        ]
    );
    let logits = open(&fixture("bad_wide.parquet"), &scaled(Scale::Logit)).unwrap();
    let ids: Vec<String> = logits.filter_map(Result::ok).map(|chart| chart.id).collect();
    assert_eq!(ids, ["a", "c"]);
}

#[test]
fn a_row_a_code_may_stand_apart_and_is_then_another_chart() {
    let charts = charts(open(&fixture("bad_apart.parquet"), &icd10()).unwrap());
    let ids: Vec<&str> = charts.iter().map(|chart| chart.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "a"]);
}

#[test]
fn a_table_without_what_is_needed_is_refused() {
    for (name, problem_of) in [
        ("bad_no_id.parquet", "has no column of ids: one of id, _id, note_id, hadm_id"),
        ("bad_id_type.parquet", "column id holds"),
        ("bad_codes_type.parquet", ""),
        ("bad_no_codes.parquet", "has no codes: neither"),
        ("bad_unclear.parquet", "has lists of codes and columns of floats"),
        ("feather_v1.feather", "is Feather of version 1"),
    ] {
        match open(&fixture(name), &icd10()) {
            Err(error) => assert!(problem(&error).starts_with(problem_of), "{name}: {error}"),
            // Numbers can be codes, as in CPT; those with a fraction are none.
            Ok(reader) => {
                assert_eq!(name, "bad_codes_type.parquet");
                assert_eq!(problems(reader), ["row 0: chart \"a\": a code is empty"]);
            }
        }
    }
    let order = PredictionOptions { scale: Some(Scale::Order), ..icd10() };
    let error = open(&fixture("wide.feather"), &order).unwrap_err().to_string();
    assert_eq!(error, "the file has scores: their scale is no order");
}
