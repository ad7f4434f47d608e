use std::sync::Arc;

use proptest::prelude::*;

use super::*;

#[test]
fn a_report_gives_probabilities_and_decisions() {
    let lines = r#"{"format":1,"id":"a","codes":[
        {"system":"icd10cm","code":"I10","title":"Essential \"hypertension\"","logit":2.0,"probability":0.9,
         "decision":"accept","evidence":[{"characters":[0,4],"text":"high { [ pressure"}]},
        {"system":"icd10pcs","code":"0BH17EZ","title":"","logit":-1.0,"probability":0.3,"decision":"review","evidence":[]},
        {"system":"icd10cm","code":"R05.1","title":"","logit":-3.5,"probability":0.01,"decision":"drop","evidence":[]}],
        "read":{"bytes":3},"made_by":{"engine":"chartcode"}}"#;
    let array = Written::new("a.json", format!("[\n{lines},\n {lines}\n]\n"));
    let lines = Written::new("a.jsonl", lines.replace('\n', " "));
    for file in [&lines, &array] {
        let reader = file.open(&PredictionOptions::default());
        assert_eq!(reader.scale(), Scale::Probability);
        let charts = charts(reader);
        assert_eq!(charts.len(), if file.name == "a.json" { 2 } else { 1 });
        for chart in &charts {
            assert_eq!(pairs(chart), [("I10", 0.9), ("0BH17EZ", 0.3), ("R05.1", 0.01)]);
            let decisions: Vec<_> =
                listed(chart).iter().map(|code| (code.suggested, code.accepted)).collect();
            assert_eq!(decisions, [(Some(true), true), (Some(true), false), (Some(false), false)]);
            assert_eq!(listed(chart)[1].code, Code::new("icd10pcs", "0BH17EZ"));
        }
    }
    let logits = charts(lines.open(&scaled(Scale::Logit)));
    assert_eq!(pairs(&logits[0]), [("I10", 2.0), ("0BH17EZ", -1.0), ("R05.1", -3.5)]);
    let order = charts(lines.open(&scaled(Scale::Order)));
    assert_eq!(pairs(&order[0]), [("I10", -1.0), ("0BH17EZ", -2.0), ("R05.1", -3.0)]);
}

#[test]
fn dense_lines_share_labels_while_they_stay_the_same() {
    let file = Written::new(
        "scores.jsonl",
        r#"{"id":"a","labels":["I10","E119"],"logits":[1.5,-2]}
           {"id":"b","labels":["I10","E119"],"logits":[0.25,7e0]}

           {"id":3,"logits":[0,1]}
           {"logits":[0,1],"id":"d","labels":["I10","E119","R05.1"]}
           {"id":"e","labels":["I10"],"logits":[4]}
           {"id":"f","labels":["I10","R05.1"],"logits":[4,5],"other":{"x":[1]}}"#,
    );
    let reader = file.open(&icd10());
    assert_eq!(reader.scale(), Scale::Logit);
    let found: Vec<_> = reader.collect();
    let good: Vec<&PredictedChart> = found.iter().filter_map(|chart| chart.as_ref().ok()).collect();
    let ids: Vec<&str> = good.iter().map(|chart| chart.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "3", "e", "f"]);
    assert_eq!(dense(good[1]).1, [0.25, 7.0]);
    assert_eq!(*dense(good[0]).0, [code("I10"), code("E11.9")].into());
    for same in [1, 2] {
        assert!(Arc::ptr_eq(dense(good[0]).0, dense(good[same]).0));
    }
    assert_eq!(*dense(good[3]).0, [code("I10")].into());
    assert_eq!(*dense(good[4]).0, [code("I10"), code("R05.1")].into());
    let error = problem(found[3].as_ref().unwrap_err());
    assert_eq!(error, "line 5: chart \"d\": has 2 scores for 3 labels");
}

#[test]
fn every_way_to_list_codes_is_read() {
    for (line, scale, expected) in [
        (r#"{"id":"a","codes":["i10","E119"]}"#, Scale::Order, [("I10", -1.0), ("E11.9", -2.0)]),
        (
            r#"{"id":"a","predictions":{"I10":0.5,"E11.9":1}}"#,
            Scale::Probability,
            [("I10", 0.5), ("E11.9", 1.0)],
        ),
        (
            r#"{"id":"a","logits":{"I10":5,"E11.9":-1.25}}"#,
            Scale::Logit,
            [("I10", 5.0), ("E11.9", -1.25)],
        ),
        (
            r#"{"id":"a","codes":[{"code":"I10","score":0.5},{"score":0,"code":"E11.9"}]}"#,
            Scale::Probability,
            [("I10", 0.5), ("E11.9", 0.0)],
        ),
        (
            r#"{"id":"a","codes":["I10","E11.9"],"probabilities":[0.5,0.25]}"#,
            Scale::Probability,
            [("I10", 0.5), ("E11.9", 0.25)],
        ),
        (
            r#"{"id":"a","logit":[3,2],"codes":["I10","E11.9"]}"#,
            Scale::Logit,
            [("I10", 3.0), ("E11.9", 2.0)],
        ),
        (
            r#"{"id":"a","codes":[{"code":"I10","decision":"review"},{"code":"E11.9"}]}"#,
            Scale::Order,
            [("I10", -1.0), ("E11.9", -2.0)],
        ),
    ] {
        // The first chart has no codes, and so does not say the scale.
        let file = Written::packed("a.jsonl.gz", &format!("{{\"id\":0,\"codes\":[]}}\n{line}"));
        let reader = file.open(&icd10());
        assert_eq!(reader.scale(), scale, "{line}");
        let charts = charts(reader);
        assert_eq!(pairs(&charts[0]), []);
        assert_eq!(pairs(&charts[1]), expected, "{line}");
    }
}

#[test]
fn codes_without_a_system_keep_none() {
    let file = Written::new("a.jsonl", r#"{"id":"a","codes":["I10",99213]}"#);
    let charts = charts(file.open(&PredictionOptions::default()));
    let codes: Vec<&Code> = listed(&charts[0]).iter().map(|listed| &listed.code).collect();
    assert_eq!(codes, [&Code::new("", "I10"), &Code::new("", "99213")]);
}

#[test]
fn an_array_may_be_empty_and_hold_brackets_in_strings() {
    let empty = Written::new("a.json", " [ ] ");
    assert_eq!(charts(empty.open(&icd10())), []);
    let array =
        Written::new("a.json", r#"[{"id":"a]\",{","codes":["I10"]},{"id":"b","codes":[]}]"#);
    let ids: Vec<String> = charts(array.open(&icd10())).into_iter().map(|chart| chart.id).collect();
    assert_eq!(ids, ["a]\",{", "b"]);
    let cut = Written::new("a.json", r#"[{"id":"a","codes":["I10"]},{"id":"b","#);
    let found: Vec<_> = open(&cut.path(), &icd10()).map(Iterator::collect).unwrap();
    let found: Vec<crate::Result<PredictedChart>> = found;
    assert!(found.len() == 2 && found[0].is_ok());
    assert!(problem(found[1].as_ref().unwrap_err()).starts_with("ends early"));
}

proptest! {
    /// Dense lines against serde's own tree, labels repeated or not.
    #[test]
    fn dense_lines_are_what_serde_reads(
        rows in prop::collection::vec(
            (prop::bool::ANY, prop::collection::vec(-1e6f32..1e6, 3)), 1..8),
    ) {
        let line = |(number, (with_labels, scores)): (usize, &(bool, Vec<f32>))| {
            let mut line = serde_json::json!({"id": number, "logits": scores});
            if *with_labels || number == 0 {
                line["labels"] = serde_json::json!(["A00", "B00", "C00"]);
            }
            line.to_string()
        };
        let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
        let file = Written::new("a.jsonl", lines.join("\n"));
        let charts = charts(file.open(&icd10()));
        prop_assert_eq!(charts.len(), rows.len());
        for (chart, (_, scores)) in charts.iter().zip(&rows) {
            prop_assert_eq!(dense(chart).1, &scores[..]);
        }
    }

    /// Whatever the bytes, reading ends, and no error is that of a panic.
    #[test]
    fn damaged_lines_do_no_harm(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = br#"{"id":"a","labels":["I10","E119"],"logits":[1.5,-2]}
{"id":"b","codes":[{"code":"I10","probability":0.5}]}
{"id":"c","predictions":{"I10":0.5}}
"#.to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let file = Written::new("a.jsonl", bytes);
        if let Ok(reader) = open(&file.path(), &icd10()) {
            prop_assert!(reader.count() <= 4);
        }
    }
}
