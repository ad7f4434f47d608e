use std::path::Path;

use assert_cmd::Command;
use chartcode::{Bundle, Chart, Engine, Options, Precision};
use predicates::str::contains;
use serde_json::Value;

use crate::support::repository;

fn chartcode() -> Command {
    let mut chartcode = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    chartcode.env_remove("CHARTCODE_BUNDLE").env("NO_COLOR", "1");
    chartcode
}

fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

fn charts() -> Vec<Chart> {
    ["clinic", "discharge", "radiology"]
        .map(|name| {
            let text = std::fs::read_to_string(repository(&format!("tests/charts/{name}.txt")));
            Chart::new(name, text.unwrap()).unwrap()
        })
        .into()
}

fn engine(bundle: &Path, precision: Precision, threads: usize) -> Engine {
    let options = Options::new().precision(precision).threads(threads.try_into().ok());
    Engine::load(bundle, options).unwrap()
}

/// Every encoder family and head that the repository has tiny models of.
fn bundles() -> Vec<std::path::PathBuf> {
    let mut bundles = vec![repository("models/tiny"), repository("models/tiny-classifier")];
    let folders = std::fs::read_dir(repository("tests/parity")).unwrap();
    bundles.extend(folders.map(|folder| folder.unwrap().path()).filter(|path| path.is_dir()));
    bundles.sort();
    bundles
}

fn coding(bundles: Vec<std::path::PathBuf>) -> impl Iterator<Item = std::path::PathBuf> {
    bundles.into_iter().filter(|path| {
        let engine = Bundle::open(path).and_then(|b| Engine::from_bundle(b, Options::new()));
        engine.is_ok_and(|engine| engine.require_head().is_ok())
    })
}

#[test]
fn lower_precisions_stay_near_f32_in_every_family() {
    let mut compared = 0;
    for bundle in coding(bundles()) {
        let exact = engine(&bundle, Precision::F32, 2);
        for (precision, tolerance) in [(Precision::Bf16, 0.06), (Precision::Int8, 0.12)] {
            let rounded = engine(&bundle, precision, 2);
            for chart in charts() {
                let (ours, theirs) =
                    (rounded.logits(&chart).unwrap(), exact.logits(&chart).unwrap());
                let spread = theirs.iter().fold(0.0_f32, |most, x| most.max(x.abs())).max(1.0);
                let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
                let off = off.fold(0.0_f32, f32::max);
                let name = bundle.display();
                assert!(off <= tolerance * spread, "{name} in {precision}: {off} of {spread}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 6, "only {compared} comparisons");
}

#[test]
fn every_precision_gives_one_answer_whatever_threads_and_batch() {
    let bundle = repository("models/tiny-classifier");
    for precision in Precision::ALL {
        let alone: Vec<Vec<f32>> = {
            let engine = engine(&bundle, precision, 1);
            charts().iter().map(|chart| engine.logits(chart).unwrap()).collect()
        };
        for threads in [1, 2, 3] {
            let engine = engine(&bundle, precision, threads);
            let together: Vec<Vec<f32>> =
                engine.logits_batch(charts()).map(|(_, logits)| logits.unwrap()).collect();
            assert!(alone == together, "{precision} on {threads} threads");
        }
    }
}

#[test]
fn a_report_says_what_it_was_computed_in() {
    let bundle = repository("models/tiny");
    for precision in ["f32", "bf16", "int8"] {
        let reports = json(
            chartcode()
                .args(["code", "-f", "json", "--precision", precision, "--bundle"])
                .arg(&bundle)
                .arg(repository("tests/charts/clinic.txt")),
        );
        assert_eq!(reports[0]["made_by"]["precision"], precision);
    }
    chartcode()
        .args(["code", "--precision", "fp8", "-"])
        .assert()
        .code(2)
        .stderr(contains("a precision is f32, bf16, int8 or auto"));
}

#[test]
fn bench_times_charts() {
    let timings = json(
        chartcode()
            .args(["bench", "-q", "--rounds", "2", "--format", "json", "--bundle"])
            .arg(repository("models/tiny"))
            .arg(repository("tests/charts/charts.jsonl")),
    );
    assert_eq!(timings["charts"], 5);
    assert_eq!(timings["seconds"].as_array().unwrap().len(), 2);
    assert!(timings["seconds"][0].as_f64().unwrap() > 0.0);
    assert!(timings["tokens"].as_u64().unwrap() > 50);
    chartcode()
        .args(["bench", "-q", "--prune", "--top", "3", "--bundle"])
        .arg(repository("models/tiny"))
        .arg(repository("tests/charts/clinic.txt"))
        .assert()
        .success()
        .stdout(contains("none skipped"));
    chartcode()
        .args(["bench", "--bundle"])
        .arg(repository("models/tiny"))
        .arg("no-such-file.txt")
        .assert()
        .code(2)
        .stderr(contains("no-such-file.txt"));
}

#[test]
fn auto_takes_what_was_measured_to_keep_the_codes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("measured");
    let gold = repository("tests/charts/labelled.jsonl");
    let measured = json(
        chartcode()
            .args(["precisions", "-q", "--format", "json", "--keep", "0", "--bundle"])
            .arg(repository("models/tiny"))
            .arg("--gold")
            .arg(&gold),
    );
    let rows = measured["measured"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0]["precision"], &rows[0]["changed_codes"]), (&"f32".into(), &0.into()));
    chartcode()
        .args(["precisions", "-q", "--keep", "0", "--version", "9", "--bundle"])
        .arg(repository("models/tiny"))
        .arg("--gold")
        .arg(&gold)
        .arg("--out")
        .arg(&out)
        .assert()
        .success()
        .stdout(contains("--precision auto"));
    let written = Bundle::open(&out).unwrap();
    let precisions = written.manifest().precisions.clone().unwrap();
    assert_eq!(precisions.measured.len(), 3);
    let card = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.contains("## Precisions") && card.contains("| int8 |"), "{card}");
    let auto = json(
        chartcode()
            .args(["code", "-f", "json", "--precision", "auto", "--bundle"])
            .arg(&out)
            .arg(repository("tests/charts/clinic.txt")),
    );
    let fastest = precisions.fastest(chartcode::Isa::best()).name();
    assert_eq!(auto[0]["made_by"]["precision"], fastest);
    // A bundle that does not know is computed in f32, and says so.
    let unknown = chartcode()
        .args(["code", "-f", "json", "--precision", "auto", "--bundle"])
        .arg(repository("models/tiny"))
        .arg(repository("tests/charts/clinic.txt"))
        .assert()
        .success()
        .stderr(contains("auto is f32"));
    let reports: Value = serde_json::from_slice(&unknown.get_output().stdout).unwrap();
    assert_eq!(reports[0]["made_by"]["precision"], "f32");
}
