use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{json_file, repository, text};

/// `chartcode COMMAND --bundle models/tiny`.
fn with_tiny(command: &str) -> Command {
    let mut chartcode = chartcode(command);
    chartcode.arg("--bundle").arg(repository("models/tiny"));
    chartcode
}

fn chartcode(command: &str) -> Command {
    let mut chartcode = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    chartcode.arg(command).env_remove("CHARTCODE_BUNDLE").env("NO_COLOR", "1");
    chartcode
}

fn labelled() -> PathBuf {
    repository("tests/charts/labelled.jsonl")
}

fn json_of(command: &mut Command) -> Value {
    let output = command.args(["--format", "json", "--quiet"]).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

/// The figure of a metric.
fn value(metrics: &Value, key: &str) -> f64 {
    metrics[key]["value"].as_f64().unwrap()
}

fn variant<'v>(summary: &'v Value, name: &str) -> &'v Value {
    summary["variants"].as_array().unwrap().iter().find(|v| v["name"] == name).unwrap()
}

fn issue(summary: &Value, kind: &str) -> u64 {
    let issues = summary["data"]["issues"].as_array().unwrap();
    let found = issues.iter().find(|issue| issue["kind"] == kind);
    found.map_or(0, |issue| issue["count"].as_u64().unwrap())
}

fn write(folder: &TempDir, name: &str, lines: &[Value]) -> PathBuf {
    let path = folder.path().join(name);
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, lines.concat()).unwrap();
    path
}

/// Chart, code pairs of gold or of reports.
fn pairs(path: &Path) -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        for code in row["codes"].as_array().unwrap() {
            pairs.insert((text(&row["id"]).to_owned(), text(&code["code"]).to_owned()));
        }
    }
    pairs
}

#[test]
fn figures_are_those_of_the_reports_counted_by_hand() {
    let folder = TempDir::new().unwrap();
    let reports = folder.path().join("reports.jsonl");
    with_tiny("code").arg("--output").arg(&reports).arg(labelled()).assert().success();
    let (gold, suggested) = (pairs(&labelled()), pairs(&reports));
    let right = gold.intersection(&suggested).count() as f64;
    assert!(right > 0.0);
    let summary = json_of(with_tiny("eval").arg("--gold").arg(labelled()));
    let honest = &variant(&summary, "honest")["metrics"];
    let (given, wanted) = (suggested.len() as f64, gold.len() as f64);
    for (key, expected) in [
        ("micro_precision", right / given),
        ("micro_recall", right / wanted),
        ("micro_f1", 2.0 * right / (given + wanted)),
    ] {
        assert!((value(honest, key) - expected).abs() < 1e-12, "{key}");
    }
    assert_eq!(summary["data"]["codes"].as_u64().unwrap() as usize, gold.len());
    for (key, estimate) in summary["metrics"].as_object().unwrap() {
        let [low, value, high] = ["low", "value", "high"].map(|end| estimate[end].as_f64());
        assert!(low <= value && value <= high, "{key}: {estimate}");
    }
}

#[test]
fn saved_scores_and_reports_give_the_same_figures_as_the_bundle() {
    let folder = TempDir::new().unwrap();
    let scores = folder.path().join("scores.parquet");
    let reports = folder.path().join("reports.jsonl");
    let mut eval = with_tiny("eval");
    let of_bundle = json_of(eval.arg("--gold").arg(labelled()).arg("--save-scores").arg(&scores));
    let again = |predictions: &Path, more: &[&str]| {
        let mut eval = chartcode("eval");
        eval.arg("--gold").arg(labelled()).arg("--predictions").arg(predictions).args(more);
        json_of(&mut eval)
    };
    let of_scores = again(&scores, &["--threshold", "0.3"]);
    assert_eq!(of_scores["metrics"], of_bundle["metrics"]);
    assert_eq!(of_scores["variants"], of_bundle["variants"]);
    with_tiny("code").arg("--output").arg(&reports).arg(labelled()).assert().success();
    let labels = folder.path().join("labels.txt");
    let codes = summary_labels();
    fs::write(&labels, codes.join("\n")).unwrap();
    let of_reports = again(&reports, &["--labels", labels.to_str().unwrap()]);
    assert_eq!(of_reports["run"]["threshold"], "as the predictions say");
    for key in ["micro_precision", "micro_f1", "macro_f1", "exact_match_ratio"] {
        assert_eq!(of_reports["metrics"][key], of_bundle["metrics"][key], "{key}");
    }
    assert_eq!(of_reports["operations"], of_bundle["operations"]);
    // Passages of reports are compared word by word, the bundle's token by token.
    let evidence = |summary: &Value| summary["evidence"]["suggested"].clone();
    let (words, tokens) = (evidence(&of_reports), evidence(&of_bundle));
    assert_eq!(of_reports["evidence"]["tokens"], "words");
    assert_eq!([&words["codes"], &words["spans"]], [&tokens["codes"], &tokens["spans"]]);
    assert_eq!(words["span_recall"], tokens["span_recall"]);
    assert!(value(&words, "span_recall") > 0.0 && value(&words, "token_precision") > 0.0);
}

/// The labels of the tiny bundle, by inspecting its scores.
fn summary_labels() -> Vec<String> {
    let note = repository("tests/charts/clinic.txt");
    let output = with_tiny("scores").arg(note).assert().success();
    let scores: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    scores["labels"].as_array().unwrap().iter().map(|code| text(code).to_owned()).collect()
}

/// The test vectors of medical-coding-reproducibility (`tests/test_metrics.py`).
#[test]
fn the_published_vectors_come_out_of_the_command() {
    let folder = TempDir::new().unwrap();
    let codes = ["A00", "A01", "A02", "A03"];
    let run = |scores: [[f64; 4]; 2], gold: [[u8; 4]; 2]| {
        let gold: Vec<Value> = (0..2)
            .map(|chart| {
                let of = codes.iter().zip(gold[chart]).filter(|(_, is)| *is == 1);
                let of: Vec<Value> =
                    of.map(|(code, _)| json!({"system": "icd10cm", "code": code})).collect();
                json!({"id": chart.to_string(), "codes": of})
            })
            .collect();
        let mut first = json!({"id": "0", "probabilities": scores[0]});
        first["labels"] = json!(codes);
        let second = json!({"id": "1", "probabilities": scores[1]});
        let gold = write(&folder, "gold.jsonl", &gold);
        let predictions = write(&folder, "predictions.jsonl", &[first, second]);
        let mut eval = chartcode("eval");
        eval.args(["-k", "2,4"]).arg("--gold").arg(gold).arg("--predictions").arg(predictions);
        json_of(&mut eval)["metrics"].clone()
    };
    let gold = [[0, 1, 1, 1], [0, 1, 1, 0]];
    let metrics = run([[0.6, 0.6, 0.8, 0.4], [0.1, 0.56, 0.9, 0.3]], gold);
    assert!((value(&metrics, "micro_auc") - 0.83).abs() < 0.005);
    assert!((value(&metrics, "macro_auc") - 1.0).abs() < 1e-12);
    assert!((value(&metrics, "precision_at_4") - 0.625).abs() < 1e-12);
    assert!((value(&metrics, "micro_fpr") - 1.0 / 3.0).abs() < 1e-12);
    assert!((value(&metrics, "macro_fpr") - 0.125).abs() < 1e-12);
    let metrics = run([[0.5, 0.6, 0.8, 0.4], [0.1, 0.56, 0.9, 0.3]], gold);
    assert!((value(&metrics, "map") - 0.96).abs() < 0.005);
    assert!((value(&metrics, "r_precision") - 0.83).abs() < 0.005);
    let scores = [[0.9, 0.6, 0.8, 0.4], [0.1, 0.56, 0.4, 0.3]];
    let metrics = run(scores, [[0, 1, 0, 1], [0, 1, 1, 1]]);
    assert!((value(&metrics, "map") - 0.708).abs() < 0.0005);
}

#[test]
fn what_cannot_be_used_is_counted_and_told() {
    let folder = TempDir::new().unwrap();
    let code = |code: &str| json!({"system": "icd10cm", "code": code});
    let codes = json!([code("I10"), code("I10"), code("E11"), code("Z99.89"), code("0DTJ4ZZ")]);
    let gold = [
        json!({"id": "a", "text": "hypertension", "codes": codes}),
        json!({"id": "a", "text": "again", "codes": [code("I10")]}),
        json!({"id": "b", "text": "  ", "codes": [code("I10")]}),
        json!({"id": "c", "text": "procedure", "codes": [{"system": "icd10pcs", "code": "0DTJ4ZZ"}]}),
        json!({"id": "d", "text": "SECRET"}),
    ];
    let gold = write(&folder, "gold.jsonl", &gold);
    let list = folder.path().join("old.txt");
    fs::write(&list, "Z9989 Dependence\n").unwrap();
    let mut eval = with_tiny("eval");
    eval.arg("--gold").arg(gold).arg("--code-set").arg(list).args(["-f", "json", "-q"]);
    // The chart without codes is named, the others are done.
    let output = eval.assert().code(1).stderr(contains("gold.jsonl line 5"));
    let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(!stderr.contains("SECRET"), "{stderr}");
    let summary: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    for (kind, count) in [
        ("bad_record", 1),
        ("duplicate_id", 1),
        ("empty_text", 1),
        ("not_billable", 1),
        ("other_system", 1),
        ("repeated_code", 1),
        ("retired_code", 1),
        ("unknown_code", 1),
    ] {
        assert_eq!(issue(&summary, kind), count, "{kind}: {}", summary["data"]);
    }
    assert_eq!(summary["data"]["charts"], 5);
    assert_eq!(summary["data"]["evaluated"], 3);
}

#[test]
fn a_run_that_could_not_finish_goes_on_where_it_stopped() {
    let folder = TempDir::new().unwrap();
    let run = folder.path().join("run");
    let eval = || {
        let mut eval = with_tiny("eval");
        eval.arg("--gold").arg(labelled()).arg("--output").arg(&run).arg("--quiet");
        eval
    };
    // The charts are computed, then a folder stands where a file is to be written.
    let blocked = run.join("metrics.json");
    fs::create_dir_all(&blocked).unwrap();
    eval().arg("--force").assert().code(2).stderr(contains("metrics.json"));
    assert!(run.join("scores.part").exists());
    fs::remove_dir(&blocked).unwrap();
    fs::remove_file(run.join("charts.jsonl")).unwrap();
    eval().assert().success().stderr(contains("going on after 8 charts"));
    assert!(!run.join("scores.part").exists());
    let whole = json_of(with_tiny("eval").arg("--gold").arg(labelled()));
    let summary = json_file(&run.join("metrics.json"));
    for key in ["metrics", "variants", "evidence", "operations", "chapters"] {
        assert_eq!(summary[key], whole[key], "{key}");
    }
    eval().assert().code(2).stderr(contains("--force replaces it"));
}

#[test]
fn the_report_shows_text_only_where_it_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let html = |name: &str, more: &[&str]| {
        let run = folder.path().join(name);
        let mut eval = with_tiny("eval");
        eval.arg("--gold").arg(labelled()).arg("--output").arg(&run).args(more);
        eval.assert().success();
        let json = fs::read_to_string(run.join("metrics.json")).unwrap();
        let charts = fs::read_to_string(run.join("charts.jsonl")).unwrap();
        (fs::read_to_string(run.join("report.html")).unwrap(), json + &charts)
    };
    let phrase = "lower end of the right radius. No head injury";
    let (report, others) = html("plain", &[]);
    assert!(!report.contains(phrase) && !others.contains(phrase));
    assert!(report.contains("<svg") && !report.contains("<script"));
    assert!(html("text", &["--with-text"]).0.contains(phrase));
}

#[test]
fn a_run_is_no_better_than_itself_and_a_coder_agrees_with_themselves() {
    let folder = TempDir::new().unwrap();
    let run = |name: &str, threshold: &str| {
        let run = folder.path().join(name);
        let mut eval = with_tiny("eval");
        eval.arg("--gold").arg(labelled()).args(["-t", threshold]).arg("--output").arg(&run);
        eval.assert().success();
        run
    };
    let (a, b) = (run("a", "0.3"), run("b", "0.9"));
    let same = json_of_plain(chartcode("compare").args([&a, &a]));
    for metric in same["metrics"].as_array().unwrap() {
        assert!(metric["difference"]["value"].as_f64().is_none_or(|d| d == 0.0), "{metric}");
    }
    assert_eq!(same["ties"], 8);
    let other = json_of_plain(chartcode("compare").args([&a, &b]));
    let recall =
        other["metrics"].as_array().unwrap().iter().find(|m| m["metric"] == "micro_recall");
    assert!(recall.unwrap()["difference"]["value"].as_f64().unwrap() < 0.0);
    let agreement = json_of_plain(chartcode("agree").args([&labelled(), &labelled()]));
    assert_eq!(agreement["codes"]["kappa"]["value"], 1.0);
    chartcode("compare").args([&a, &folder.path().join("none")]).assert().code(2);
}

fn json_of_plain(command: &mut Command) -> Value {
    let output = command.args(["--format", "json"]).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

#[test]
fn a_tuned_bundle_is_a_new_version_that_says_what_it_rests_on() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("tuned");
    let tune = |more: &[&str]| {
        let mut tune = with_tiny("tune");
        tune.arg("--gold").arg(labelled()).args(["--folds", "2", "--quiet"]).args(more);
        tune
    };
    tune(&["--dry-run"]).assert().success();
    let summary = json_of_plain(tune(&["--calibration", "platt", "--out"]).arg(&out));
    assert_eq!(summary["refusal"]["reason"], "too_few_charts");
    let manifest = json_file(&out.join("manifest.json"));
    assert_eq!(manifest["version"], "1+tuned");
    assert_eq!(manifest["thresholds"]["accept"], Value::Null);
    assert_eq!(manifest["tuned"]["charts"], summary["charts"]);
    assert_eq!(manifest["calibration"]["kind"], "platt");
    let threshold = manifest["thresholds"]["review"].as_f64().unwrap();
    assert!(
        (threshold - summary["threshold"]["cut"]["probability"].as_f64().unwrap()).abs() < 1e-12
    );
    // The tuned bundle does on these charts what the tuning said it would.
    let mut eval = chartcode("eval");
    let eval = json_of(eval.arg("--gold").arg(labelled()).arg("--bundle").arg(&out));
    let honest = &variant(&eval, "honest")["metrics"];
    let fitted = summary["threshold"]["fitted"]["f1"].as_f64().unwrap();
    assert!((value(honest, "micro_f1") - fitted).abs() < 1e-12);
    tune(&["--out"]).arg(&out).assert().code(2).stderr(contains("new folder"));
}

#[test]
fn a_call_that_cannot_work_says_why() {
    let folder = TempDir::new().unwrap();
    let without_text = [json!({"id": "a", "codes": [{"system": "icd10cm", "code": "I10"}]})];
    let without_text = write(&folder, "codes.jsonl", &without_text);
    let procedures = json!({"id": "a", "text": "x", "codes": [{"system": "cpt", "code": "99213"}]});
    let procedures = write(&folder, "cpt.jsonl", &[procedures]);
    let eval = |gold: &Path, more: &[&str]| {
        let mut eval = with_tiny("eval");
        eval.arg("--gold").arg(gold).args(more);
        eval
    };
    eval(&folder.path().join("none.jsonl"), &[]).assert().code(2).stderr(contains("none.jsonl"));
    eval(&without_text, &[]).assert().code(2).stderr(contains("--predictions"));
    eval(&procedures, &[]).assert().code(2).stderr(contains("codes of cpt"));
    eval(&labelled(), &["--system", "icd9cm"]).assert().code(2).stderr(contains("icd10cm"));
    eval(&labelled(), &["--threshold", "2"]).assert().code(2).stderr(contains("0 to 1"));
    eval(&labelled(), &["--split", "test"]).assert().code(2).stderr(contains("of split test"));
    eval(&labelled(), &["--columns", "id"]).assert().code(2).stderr(contains("id=hadm_id"));
    let bad = write(&folder, "bad.jsonl", &[json!({"id": "uti", "codes": 3})]);
    let mut eval = chartcode("eval");
    eval.arg("--gold").arg(labelled()).arg("--predictions").arg(bad);
    eval.assert().code(2).stderr(contains("bad.jsonl"));
}

#[test]
fn charts_that_cannot_be_coded_count_as_charts_without_suggestions() {
    let folder = TempDir::new().unwrap();
    let codes = json!([{"system": "icd10cm", "code": "I10"}]);
    let gold = [
        json!({"id": "a", "text": "Essential hypertension.", "codes": codes}),
        json!({"id": "binary", "text": "hypertension\u{0}", "codes": codes}),
        json!({"id": "none", "codes": codes}),
    ];
    let gold = write(&folder, "gold.jsonl", &gold);
    let mut eval = with_tiny("eval");
    eval.arg("--gold").arg(gold).args(["-f", "json", "-q"]);
    let output = eval.assert().code(1).stderr(contains("binary"));
    let summary: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(issue(&summary, "failed_chart"), 1);
    assert_eq!(issue(&summary, "no_text"), 1);
    assert_eq!(summary["data"]["evaluated"], 3);
    assert!(value(&summary["metrics"], "micro_recall") <= 1.0 / 3.0);
}
