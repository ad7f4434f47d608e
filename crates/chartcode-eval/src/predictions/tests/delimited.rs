use super::*;

#[test]
fn the_tables_of_the_program_itself_are_read() {
    let file = Written::new(
        "codes.csv",
        "id,system,code,title,probability,logit,decision,evidence_start,evidence_end,evidence\n\
         a,icd10cm,I10,\"Hypertension, essential\",0.900000,2.197225,accept,0,4,\"high\nBP\"\n\
         a,icd10pcs,0BH17EZ,,0.300000,-0.847298,drop,,,\n\
         b,,,,,,,,,\n\
         c,icd10cm,R05.1,Cough,0.5,0,review,,,\n",
    );
    let reader = file.open(&PredictionOptions::default());
    assert_eq!(reader.scale(), Scale::Probability);
    let found = charts(reader);
    let ids: Vec<&str> = found.iter().map(|chart| chart.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(pairs(&found[0]), [("I10", 0.9), ("0BH17EZ", 0.3)]);
    assert_eq!(pairs(&found[1]), []);
    let first = &listed(&found[0])[0];
    assert!(first.suggested == Some(true) && first.accepted && first.code == code("I10"));
    let logits = charts(file.open(&scaled(Scale::Logit)));
    assert_eq!(pairs(&logits[0])[1], ("0BH17EZ", -0.847_298));
}

#[test]
fn every_delimiter_is_told() {
    for (name, text) in [
        ("a.tsv", "id\tcode\tlogit\na\tI10\t-1.5\n"),
        ("a.csv", "\u{feff}id,code,logit\r\na,I10,-1.5\r\n"),
        ("a.txt", "code;id;logit\nI10;a;-1.5\n"),
        ("a", "NOTE_ID|Code|Logit\na|I10|-1.5"),
    ] {
        for file in [Written::new(name, text), Written::packed(name, text)] {
            let reader = file.open(&icd10());
            assert_eq!(reader.scale(), Scale::Logit);
            let charts = charts(reader);
            assert_eq!((charts[0].id.as_str(), pairs(&charts[0])), ("a", vec![("I10", -1.5)]));
        }
    }
}

#[test]
fn codes_without_numbers_are_an_order() {
    let file = Written::new("a.csv", "id,code\na,I10\na,E119\nb,R05.1\n");
    let reader = file.open(&icd10());
    assert_eq!(reader.scale(), Scale::Order);
    let charts = charts(reader);
    assert_eq!(pairs(&charts[0]), [("I10", -1.0), ("E11.9", -2.0)]);
    assert_eq!(pairs(&charts[1]), [("R05.1", -1.0)]);
}

#[test]
fn a_column_a_code_is_dense() {
    let file = Written::new(
        "wide.csv",
        ",_id,I10,E119,target,split\n0,17,0.5,1,I10,test\n1,18,0.125,1e-3,,test\n",
    );
    let reader = file.open(&icd10());
    assert_eq!(reader.scale(), Scale::Probability);
    let charts = charts(reader);
    assert_eq!(charts[0].id, "17");
    let (labels, scores) = dense(&charts[1]);
    assert_eq!(**labels, [code("I10"), code("E11.9")]);
    assert_eq!(scores, [0.125, 0.001]);
    assert!(std::sync::Arc::ptr_eq(labels, dense(&charts[0]).0));
}

#[test]
fn a_bad_row_spoils_its_chart_and_no_other() {
    let file = Written::new(
        "a.csv",
        "id,code,probability\na,I10,0.5\na,I10,0.25\nb,I10,1.5\nb,R05.1,0.5\nc,I10,\nd,I10,NaN\n\
         e,,\ne,I10,0.5\n,I10,0.5\nf,I10\nf,R05.1,0.5\ng,R05.1,0.5\n",
    );
    let found = problems(file.open(&icd10()));
    assert_eq!(
        found,
        [
            "line 2: chart \"a\": I10 is listed twice",
            "line 4: chart \"b\": probability 1.5 of I10 is not between 0 and 1",
            "line 6: chart \"c\": a score is no number",
            "line 7: chart \"d\": probability NaN of I10 is not finite",
            // Told as soon as it is seen, when the chart before it is not at its end yet.
            "line 10: has no id",
            "line 9: chart \"e\": one of its rows has no code",
            "line 11: chart \"f\": has 2 cells, the header 3",
        ]
    );
    let good: Vec<String> =
        file.open(&icd10()).filter_map(Result::ok).map(|chart| chart.id).collect();
    assert_eq!(good, ["g"]);
}

#[test]
fn a_bad_cell_of_a_wide_row_is_named() {
    let file = Written::new(
        "a.csv",
        "id,I10,R05.1\na,0.5,x-ray shows\nb,2,0\nc,0,0\n,1,1\nd,1\ne,inf,0\n",
    );
    let found = problems(file.open(&icd10()));
    assert_eq!(
        found,
        [
            "line 2: chart \"a\": of R05.1, a score is no number",
            "line 3: chart \"b\": score 2 of I10 is not between 0 and 1; if these are logits, say \
             so: scale logit",
            "line 5: has no id",
            "line 6: chart \"d\": has 2 cells, the header 3",
            "line 7: chart \"e\": score inf of I10 is not finite",
        ]
    );
}
