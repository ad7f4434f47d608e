use super::*;

#[test]
fn what_is_no_predictions_file_is_refused() {
    for (content, expected) in [
        (&b""[..], "is empty"),
        (b"\xff\xfei\0d\0", "is UTF-16; save it as UTF-8"),
        (b"PAR1 and no more", "is damaged or was not written to its end"),
        (b"ARROW1 and no more", "is damaged or was not written to its end"),
        (b"FEA1 and no more", "is Feather of version 1"),
        (b"name,code\na,I10\n", "has no column of ids: one of id, _id, note_id, hadm_id"),
        (b"id\na\n", "has neither a column \"code\" nor a column for each code"),
        (b"id,I10,i10\na,1,0\n", "label I10 is there twice"),
    ] {
        let found = Written::new("file", content).refused(&icd10());
        assert!(found.starts_with(expected), "{found}");
    }
    let error = open(Path::new("/nowhere/a.csv"), &icd10()).unwrap_err();
    assert!(matches!(error, crate::Error::Read { .. }));
}

#[test]
fn lines_that_cannot_be_read_are_named_and_quote_nothing() {
    let long = "secret words of a note ".repeat(3);
    for (line, expected) in [
        (format!(r#"{{"id":"a","codes":["{long}"#), "ends within a value"),
        (format!(r#"{{"id":"a","logits":"{long}"}}"#), "field \"logits\" is not a list of numbers"),
        (
            format!(r#"{{"id":"a","logits":[1,"{long}"]}}"#),
            "field \"logits\" is not a list of numbers",
        ),
        (format!(r#"{{"id":["{long}"]}}"#), "field \"id\" is not a string or a whole number"),
        (format!(r#"{{"id":"a","codes":"{long}"}}"#), "field \"codes\" is not a list of codes"),
        (format!(r#"{{"id":"a","codes":[{{"text":"{long}"}}]}}"#), "field \"codes\" is not a list"),
        (format!(r#"{{"id":"a","labels":{{"{long}":1}}}}"#), "field \"labels\" is not a list"),
        (format!(r#"{{"id":"a","text":"{long}"}}"#), "chart \"a\": has neither codes nor scores"),
        (r#"{"id":"a","logits":[1,NaN]}"#.to_owned(), "is not JSON in UTF-8 (column 23)"),
        (format!(r#""{long}""#), "is not a JSON object"),
        (r#"{"codes":[]}"#.to_owned(), "has no field \"id\""),
        (r#"{"id":"","codes":[]}"#.to_owned(), "has no field \"id\""),
    ] {
        let file = Written::new("a.jsonl", format!("{{\"id\":0,\"codes\":[]}}\n{line}\n"));
        let found = problems(file.open(&icd10()));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        let problem = found[0].strip_prefix("line 2: ").unwrap();
        assert!(problem.starts_with(expected) && !problem.contains("secret"), "{problem}");
    }
}

#[test]
fn scores_that_cannot_be_right_are_named() {
    let first = r#"{"id":0,"codes":[{"code":"I10","probability":0.5}]}"#;
    for (line, expected) in [
        (r#"{"code":"R05.1"}"#, "R05.1 has no probability"),
        (r#"{"code":"R05.1","logit":0.5}"#, "has no probability, which the charts before have"),
        (
            r#"{"code":"R05.1","probability":-0.1}"#,
            "probability -0.1 of R05.1 is not between 0 and 1",
        ),
        (
            r#"{"code":"R05.1","probability":0.1},{"code":"R051","score":0}"#,
            "R05.1 is listed twice",
        ),
        (r#"{"code":" ","probability":0.1}"#, "a code is empty"),
        (
            r#"{"code":"R05.1","probability":0.1,"decision":"maybe"}"#,
            "a decision is accept, review or drop",
        ),
    ] {
        let line = format!("{{\"id\":\"a\",\"codes\":[{line}]}}");
        let file = Written::new("a.jsonl", format!("{first}\n{line}\n{first}\n"));
        let found: Vec<_> = file.open(&icd10()).collect();
        assert!(found[0].is_ok() && found[2].is_ok());
        let problem = problem(found[1].as_ref().unwrap_err());
        assert_eq!(problem, format!("line 2: chart \"a\": {expected}"));
    }
}

#[test]
fn scores_behind_charts_without_any_are_an_error() {
    let lines = "{\"id\":0,\"codes\":[\"I10\"]}\n{\"id\":1,\"predictions\":{\"I10\":0.5}}\n";
    let file = Written::new("a.jsonl", lines);
    let expected = "line 2: chart \"1\": has scores, where the charts before have none";
    assert_eq!(problems(file.open(&icd10())), [expected]);
    // Where the caller says that it is an order, scores are not asked for.
    assert!(problems(file.open(&scaled(Scale::Order))).is_empty());
}

#[test]
fn dense_lines_need_labels_each_once() {
    let file = Written::new("a.jsonl", "{\"id\":0,\"scores\":[0.5]}\n");
    let expected = "line 1: scores need \"labels\", on the first line at least";
    assert_eq!(problems(file.open(&icd10())), [expected]);
    let labels = [code("I10")].into();
    let given = PredictionOptions { labels: Some(labels), ..icd10() };
    assert_eq!(dense(&charts(file.open(&given))[0]).1, [0.5]);
    let file = Written::new("a.jsonl", r#"{"id":0,"scores":[0,1],"labels":["E119","E11.9"]}"#);
    let expected = "line 1: chart \"0\": label E11.9 is there twice";
    assert_eq!(problems(file.open(&icd10())), [expected]);
    let error = open(&file.path(), &scaled(Scale::Order)).unwrap_err().to_string();
    assert_eq!(error, "the file has scores: their scale is no order");
}

#[test]
fn a_damaged_archive_is_an_error_and_ends_the_charts() {
    let line = "{\"id\":\"a\",\"codes\":[\"I10\"]}\n";
    let whole = std::fs::read(Written::packed("a.gz", &line.repeat(100)).path()).unwrap();
    let cut = Written::new("a.jsonl.gz", &whole[..whole.len() - 9]);
    let found: Vec<_> = cut.open(&icd10()).collect();
    let errors = found.iter().filter(|chart| chart.is_err()).count();
    assert!(errors == 1 && found.last().unwrap().is_err(), "{errors}");
}
