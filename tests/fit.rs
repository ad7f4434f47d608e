use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use chartcode::{Engine, Options};
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{chart, json_file, repository};

/// Findings, and the code each has.
const FINDINGS: [(&str, &str); 4] = [
    ("right lower lobe pneumonia", "486"),
    ("moderate hydronephrosis of the left kidney", "591"),
    ("urinary tract infection", "599.0"),
    ("persistent dry cough", "786.2"),
];

fn chartcode(command: &str) -> Command {
    let mut chartcode = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    chartcode.arg(command).env_remove("CHARTCODE_BUNDLE").env("NO_COLOR", "1");
    chartcode
}

fn fit(charts: &Path, out: &Path) -> Command {
    let mut fit = chartcode("fit");
    fit.arg("--bundle").arg(repository("models/tiny")).arg("--charts").arg(charts);
    fit.arg("--output").arg(out).args(["--quiet", "--folds", "4", "--strength", "0.3,3"]);
    fit
}

/// Charts in which findings are stated, negated or not mentioned, in every mixture.
fn rows(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| {
            let mut text = format!("CLINICAL HISTORY: Child number {number}, seen today.");
            let mut codes = Vec::new();
            for (place, (finding, code)) in FINDINGS.iter().enumerate() {
                match number / 3_usize.pow(place as u32) % 3 {
                    0 => {
                        text.extend(["\nIMPRESSION: There is ", finding, "."]);
                        codes.push(json!({"system": "icd9cm", "code": code}));
                    }
                    1 => text.extend(["\nIMPRESSION: No ", finding, "."]),
                    _ => text.push_str("\nIMPRESSION: Unremarkable otherwise."),
                }
            }
            json!({"id": format!("chart {number}"), "text": text, "codes": codes})
        })
        .collect()
}

fn write(folder: &TempDir, name: &str, rows: &[Value]) -> PathBuf {
    let path = folder.path().join(name);
    let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(&path, lines.concat()).unwrap();
    path
}

fn fitted(folder: &TempDir, inputs: &str) -> PathBuf {
    let charts = write(folder, "charts.jsonl", &rows(81));
    let out = folder.path().join(inputs);
    fit(&charts, &out).args(["--inputs", inputs]).assert().success();
    out
}

#[test]
fn a_fitted_bundle_codes_evaluates_and_says_what_it_is() {
    let folder = TempDir::new().unwrap();
    let charts = write(&folder, "charts.jsonl", &rows(81));
    let dev = write(&folder, "dev.jsonl", &rows(27));
    let out = folder.path().join("ours");
    let output = fit(&charts, &out).arg("--dev").arg(&dev).args(["-f", "json"]).assert().success();
    let report: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(report["charts"]["labels"], 4);
    // Charts without a code may not have been coded at all.
    let uncoded = rows(81).iter().filter(|row| row["codes"] == json!([])).count();
    assert_eq!(report["charts"]["without_codes"], uncoded);
    // Each code alone and all together, with each of the inputs and strengths.
    assert_eq!(report["trials"].as_array().unwrap().len(), 2 * 4);
    let chosen = &report["trials"][report["chosen"].as_u64().unwrap() as usize];
    assert!(chosen["micro_f1"].as_f64().unwrap() > 0.9, "{chosen}");
    assert!(report["dev"]["counts"]["f1"].as_f64().unwrap() > 0.95, "{}", report["dev"]);
    assert!(!folder.path().join("ours.vectors.part").exists());

    let manifest = json_file(&out.join("manifest.json"));
    assert_eq!(manifest["id"], "ours");
    assert_eq!(manifest["head"]["kind"], "linear");
    assert_eq!(manifest["tuned"]["charts"], 81 - uncoded);
    chartcode("inspect").arg(&out).assert().success().stdout(contains("linear"));
    let eval = chartcode("eval")
        .arg("--bundle")
        .arg(&out)
        .arg("--gold")
        .arg(&dev)
        .args(["--format", "json", "--quiet", "--bootstrap", "0"])
        .assert()
        .success();
    let summary: Value = serde_json::from_slice(&eval.get_output().stdout).unwrap();
    let ours = report["dev"]["counts"]["f1"].as_f64().unwrap();
    let theirs = summary["metrics"]["micro_f1"]["value"].as_f64().unwrap();
    assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}");
}

/// Not "close": the very same bits, evidence included.
#[test]
fn the_answer_is_the_same_alone_in_a_batch_and_with_any_threads() {
    let folder = TempDir::new().unwrap();
    for inputs in ["text", "encoder", "both"] {
        let out = fitted(&folder, inputs);
        let engine = |threads: usize| {
            let options = Options::new().threads(NonZeroUsize::new(threads)).top(Some(4));
            Engine::load(&out, options).unwrap()
        };
        let (one, two) = (engine(1), engine(2));
        let mut stream: Vec<_> =
            (0..9).map(|n| chart(&n.to_string(), rows(9)[n]["text"].as_str().unwrap())).collect();
        // Longer than one segment: windows are encoded once more for the evidence.
        let long = "Seen for a persistent dry cough. No pneumonia at all today. ".repeat(1600);
        stream.insert(3, chart("long", &long));
        let bytes = |report: &chartcode::Report| serde_json::to_string(report).unwrap();
        let alone: Vec<String> =
            stream.iter().map(|chart| bytes(&one.code(chart).unwrap())).collect();
        let batch: Vec<String> =
            two.code_batch(stream).map(|(_, report)| bytes(&report.unwrap())).collect();
        assert_eq!(alone, batch, "{inputs}");
    }
}

#[test]
fn evidence_is_the_finding_and_a_negated_one_is_none() {
    let folder = TempDir::new().unwrap();
    let engine = Engine::load(fitted(&folder, "text"), Options::new()).unwrap();
    let text = "IMPRESSION: There is right lower lobe pneumonia.\nIMPRESSION: No urinary tract \
                infection.";
    let report = engine.code(&chart("c", text)).unwrap();
    let codes: Vec<&str> = report.codes.iter().map(|code| code.code.as_str()).collect();
    assert_eq!(codes, ["486"]);
    let best = &report.codes[0].evidence[0];
    assert!(best.text.as_str().contains("pneumonia"), "{:?}", best.text.as_str());
    assert_eq!(&text[best.span.start()..best.span.end()], best.text.as_str());
    assert!(best.contribution > 0.0);
    assert!(engine.token_support(&chart("c", text), 0).unwrap().is_none());
}

#[test]
fn threads_and_reruns_make_the_same_head_and_it_holds_no_words() {
    let folder = TempDir::new().unwrap();
    let charts = write(&folder, "charts.jsonl", &rows(81));
    let head = |name: &str, threads: &str| {
        let out = folder.path().join(name);
        fit(&charts, &out).args(["--threads", threads]).assert().success();
        fs::read(out.join("head.safetensors")).unwrap()
    };
    let one = head("one", "1");
    assert!(one == head("two", "2"), "threads change the head");
    for name in ["head.safetensors", "manifest.json", "README.md", "labels.tsv"] {
        let bytes = fs::read(folder.path().join("one").join(name)).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for word in ["pneumonia", "hydronephrosis", "cough", "impression"] {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
}

#[test]
fn vectors_of_a_killed_run_are_taken_up() {
    let folder = TempDir::new().unwrap();
    let charts = write(&folder, "charts.jsonl", &rows(81));
    let out = folder.path().join("ours");
    let part = folder.path().join("ours.vectors.part");
    // Killed while the first charts were read.
    let one_class: Vec<Value> =
        rows(81).into_iter().filter(|row| row["codes"] != json!([])).collect();
    let one_class: Vec<Value> = one_class
        .into_iter()
        .map(|mut row| {
            row["codes"] = json!([{"system": "icd9cm", "code": "486"}]);
            row
        })
        .collect();
    let failing = write(&folder, "same.jsonl", &one_class);
    fit(&failing, &out).assert().code(2).stderr(contains("the same codes"));
    let kept = fs::metadata(&part).unwrap().len();
    assert!(kept > 0);
    fs::OpenOptions::new().write(true).open(&part).unwrap().set_len(kept - 5).unwrap();
    fit(&charts, &out).assert().success();
    assert!(out.join("manifest.json").is_file() && !part.exists());
}

#[test]
fn what_cannot_be_fitted_is_told_with_its_cure() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("ours");
    let charts = rows(81);
    let fails = |rows: &[Value], message: &str| {
        let path = write(&folder, "bad.jsonl", rows);
        fit(&path, &out).assert().code(2).stderr(contains(message));
        assert!(!out.exists());
    };
    let mixed: Vec<Value> = charts
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let mut row = row.clone();
            if number % 2 == 0 {
                row["codes"] = json!([{"system": "icd10cm", "code": "J18.9"}]);
            }
            row
        })
        .collect();
    fails(&mixed, "--system");
    fails(&charts[..6], "too few for 4 folds");
    let rare: Vec<Value> = (0..12)
        .map(|n| json!({"id": n.to_string(), "text": "x y", "codes": [format!("V{n}0")]}))
        .collect();
    fit(&write(&folder, "rare.jsonl", &rare), &out)
        .args(["--system", "icd9cm", "--gold-system", "icd9cm"])
        .assert()
        .code(2)
        .stderr(contains("--min-charts"));
    let uncoded: Vec<Value> = charts
        .iter()
        .map(|row| json!({"id": row["id"], "text": row["text"], "codes": []}))
        .collect();
    fails(&uncoded, "has a code");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine"), "").unwrap();
    let path = write(&folder, "charts.jsonl", &charts);
    fit(&path, &out).assert().code(2).stderr(contains("already"));
}

/// Some charts cannot be used: each is named, the others are learnt from, and the exit code says so.
#[test]
fn blank_and_repeated_charts_are_named_and_left_out() {
    let folder = TempDir::new().unwrap();
    let mut charts = rows(81);
    charts.push(charts[0].clone());
    charts.push(
        json!({"id": "blank", "text": " \n", "codes": [{"system": "icd9cm", "code": "486"}]}),
    );
    let path = write(&folder, "charts.jsonl", &charts);
    let out = folder.path().join("ours");
    fit(&path, &out)
        .args(["--inputs", "text"])
        .assert()
        .code(1)
        .stderr(contains("\"blank\" is empty"))
        .stderr(contains("\"chart 0\" is there twice"));
    assert!(out.join("manifest.json").is_file());
}
