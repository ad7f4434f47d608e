use std::collections::BTreeMap;
use std::path::Path;

use super::super::testing::{codes, read_path, shared_charts, write};
use super::super::{GoldOptions, Layout, open};

/// Texts of two splits and one without annotations.
fn corpus(root: &Path) {
    write(root, "train/text_files/a.txt", "Ecografía renal: litiasis derecha.");
    write(root, "train/text_files/b.txt", "Sin hallazgos.");
    write(root, "train/text_files_en/a.txt", "Renal ultrasound: right stones.");
    write(root, "train/text_files_en/b.txt", "Nothing found.");
    write(root, "train/trainD.tsv", "a\tn20.0\na\tr52\nmissing\ti10\nmissing\te11.9\n");
    write(root, "train/trainP.tsv", "a\tbt41zzz\na\tct13\n");
    write(
        root,
        "train/trainX.tsv",
        "a\tDIAGNOSTICO\tn20.0\tlitiasis derecha\t17 33\n\
         a\tPROCEDIMIENTO\tbt41zzz\tEcografía derecha\t0 9;25 25;26 33\n\
         a\tDIAGNOSTICO\tr52\t\"dolor\"\t300 305\n\
         a\tDIAGNOSTICO\tr52\tdolor\t0 5\n",
    );
    write(root, "dev/text_files/c.txt", "Dolor.");
    write(root, "dev/devD.tsv", "c\tr52\n");
    write(root, "background/text_files/d.txt", "Sin códigos.");
}

#[test]
fn splits_are_read_with_their_evidence() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let all = read_path(folder.path(), &GoldOptions::default());
    assert_eq!((all.layout, all.errors.len()), (Layout::Codiesp, 0));
    let charts: Vec<_> =
        all.charts.iter().map(|c| (c.id.as_str(), c.split.as_deref().unwrap())).collect();
    assert_eq!(charts, [("c", "dev"), ("a", "train"), ("b", "train")]);
    let a = &all.charts[1];
    assert_eq!(codes(a), "icd10cm:N20.0 icd10cm:R52 icd10pcs:BT41ZZZ icd10pcs:CT13");
    let spans: Vec<Vec<(usize, usize)>> = a
        .evidence
        .iter()
        .map(|passage| passage.spans.iter().map(|span| (span.start, span.end)).collect())
        .collect();
    assert_eq!(spans, [vec![(17, 33)], vec![(0, 9), (26, 33)], vec![(0, 5)]]);
    for (kind, count) in [
        ("code_without_text", 1),
        ("text_without_code", 1),
        ("split_without_codes", 1),
        ("file_missing", 1),
        ("empty_span", 1),
        ("evidence_not_placed", 1),
        ("quote_differs", 1),
    ] {
        assert_eq!(all.issue(kind), count, "{kind}");
    }
}

#[test]
fn one_split_can_be_read_and_in_english() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let options = GoldOptions { lang: Some("en".into()), ..GoldOptions::default() };
    let all = read_path(&folder.path().join("train"), &options);
    assert_eq!(all.charts[0].text.as_deref(), Some("Renal ultrasound: right stones."));
    assert_eq!((all.charts[0].split.as_deref(), all.charts[0].evidence.len()), (None, 0));
    assert_eq!(all.charts[0].codes.len(), 4);
    std::fs::remove_dir_all(folder.path().join("train/text_files_en")).unwrap();
    let problem = &read_path(&folder.path().join("train"), &options).errors[0];
    assert!(problem.ends_with("has no folder text_files_en"), "{problem}");
    let options = GoldOptions { lang: Some("fr".into()), ..GoldOptions::default() };
    assert!(open(folder.path(), &options).unwrap_err().to_string().contains("es or en"));
}

#[test]
fn bad_rows_and_texts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "text_files/a.txt", "A.");
    write(root, "text_files/b.txt", b"caf\xe9");
    write(root, "text_files/c.txt", "C.");
    write(root, "xD.tsv", "a\tn20.0\r\na\r\nb\tr52\r\nc\tr52\r\n\tr52\r\n");
    write(root, "xX.tsv", "c\tOTRO\tr52\tC\t0 1\nc\tDIAGNOSTICO\tr52\tC\t0 x\n");
    let all = read_path(root, &GoldOptions::default());
    assert_eq!(all.charts.len(), 1);
    assert_eq!((all.charts[0].id.as_str(), codes(&all.charts[0])), ("c", "icd10cm:R52".into()));
    for (error, problem) in all.errors.iter().zip([
        "xD.tsv line 2: (chart a) the code is empty; the chart is left out",
        "xD.tsv line 5: has no id",
        "xX.tsv line 1: is neither DIAGNOSTICO nor PROCEDIMIENTO",
        "xX.tsv line 2: (chart c) has offsets that are no pairs of numbers",
        "b.txt byte 4: is not UTF-8; convert the file; the chart is left out",
    ]) {
        assert!(error.ends_with(problem), "{error}");
    }
    assert_eq!(all.errors.len(), 5);
}

#[test]
fn a_folder_of_texts_alone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "text_files/a.txt", "A.");
    let problem = open(folder.path(), &GoldOptions::default()).unwrap_err().to_string();
    assert!(problem.contains("holds no split of CodiEsp"), "{problem}");
}

/// The published charts, laid out as published, against the same charts as JSONL.
#[test]
fn published_charts_are_the_same_in_both_layouts() {
    let Some(root) = shared_charts() else { return };
    let path = root.join("codiesp/codiesp_dev_es.jsonl");
    let quotes = std::fs::read_to_string(&path).unwrap();
    let expected = read_path(&path, &GoldOptions::default());
    let folder = tempfile::tempdir().unwrap();
    let mut tables = BTreeMap::from(["D", "P", "X"].map(|letter| (letter, Vec::new())));
    for line in quotes.lines() {
        let chart: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = chart["id"].as_str().unwrap();
        write(folder.path(), &format!("text_files/{id}.txt"), chart["text"].as_str().unwrap());
        for code in chart["codes"].as_array().unwrap() {
            let table = if code["system"] == "icd10cm" { "D" } else { "P" };
            let code = code["code"].as_str().unwrap().to_lowercase();
            tables.get_mut(table).unwrap().push(format!("{id}\t{code}\n"));
        }
        for item in chart["evidence"].as_array().unwrap() {
            let kind = if item["system"] == "icd10cm" { "DIAGNOSTICO" } else { "PROCEDIMIENTO" };
            let spans = item["spans"].as_array().unwrap().iter();
            let spans: Vec<String> = spans.map(|span| format!("{} {}", span[0], span[1])).collect();
            let (code, quote) = (item["code"].as_str().unwrap(), item["quote"].as_str().unwrap());
            let row =
                format!("{id}\t{kind}\t{}\t{quote}\t{}\n", code.to_lowercase(), spans.join(";"));
            tables.get_mut("X").unwrap().push(row);
        }
    }
    for (letter, table) in tables {
        write(folder.path(), &format!("dev{letter}.tsv"), table.concat());
    }
    let all = read_path(folder.path(), &GoldOptions::default());
    assert_eq!((all.errors.len(), all.charts.len()), (0, 250));
    assert_eq!(all.issues, expected.issues);
    for chart in &expected.charts {
        let other = all.charts.iter().find(|other| other.id == chart.id).unwrap();
        assert_eq!((&other.text, &other.evidence), (&chart.text, &chart.evidence));
        let sorted = |codes: &[crate::Code]| {
            let mut codes = codes.to_vec();
            codes.sort();
            codes
        };
        assert_eq!(sorted(&other.codes), sorted(&chart.codes));
    }
}
