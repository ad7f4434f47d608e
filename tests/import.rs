use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{floats, json_file, repository, text};

const PICKLES: &str = "tests/parity/pickles";

/// A command that sees no bundle, hub or proxy of the surroundings.
fn chartcode(command: &str) -> Command {
    let mut chartcode = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    chartcode.arg(command).env("NO_COLOR", "1");
    for name in ["CHARTCODE_BUNDLE", "HF_ENDPOINT", "HF_HOME", "http_proxy", "HTTP_PROXY"] {
        chartcode.env_remove(name);
    }
    chartcode
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// As a user has it: a research code's checkpoint, and the encoder's folder elsewhere.
fn import_edin(out: &Path) -> Command {
    let mut command = chartcode("import");
    command
        .arg(repository(PICKLES).join("edin/best_model.pt"))
        .arg("--encoder")
        .arg(repository("tests/parity/roberta"))
        .args(["--window-tokens", "16", "--padding-mode", "none", "--preprocess", "none"])
        .arg("--out")
        .arg(out);
    command
}

#[test]
fn a_research_checkpoint_becomes_a_bundle_that_scores_as_pytorch_does() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("plm-icd");
    let said = stdout(&mut import_edin(&bundle));
    for fact in [
        "best_model.pt",
        "roberta, keys under roberta.",
        "PLM-ICD of medical-coding-reproducibility (2023)",
        "12, in the order of target2index.json",
        "0.3737, from the checkpoint",
        "roberta.pooler.dense.weight",
    ] {
        assert!(said.contains(fact), "{fact:?} is not in {said}");
    }
    let golden = json_file(&repository(PICKLES).join("golden.json"));
    let reference = &golden["folders"]["edin"];
    let texts = json_file(&repository("tests/parity/roberta/golden.json"));
    let charts: String = texts["charts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chart| json!({"id": chart["id"], "text": chart["text"]}).to_string() + "\n")
        .collect();
    let scores = stdout(chartcode("scores").arg("--bundle").arg(&bundle).write_stdin(charts));
    let mut compared = 0;
    for (line, reference) in scores.lines().zip(reference["charts"].as_array().unwrap()) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["id"], reference["id"]);
        let difference =
            crate::support::difference(&floats(&line["logits"]), &floats(&reference["logits"]));
        assert!(difference <= 1e-4, "{}: off by {difference:e}", reference["id"]);
        compared += 1;
    }
    assert_eq!(compared, 7);
    let inspected = stdout(chartcode("inspect").arg(&bundle));
    assert!(inspected.contains("verified, 5 files"), "{inspected}");
}

#[test]
fn a_checkpoint_can_be_looked_at_without_writing() {
    let mut check = chartcode("import");
    check.arg(repository(PICKLES).join("miulab")).args([
        "--check",
        "--format",
        "json",
        "--window-tokens",
        "16",
    ]);
    let outcome: Value = serde_json::from_str(&stdout(&mut check)).unwrap();
    assert_eq!(outcome["bundle"], Value::Null);
    assert_eq!(outcome["findings"]["head"], "PLM-ICD of its authors (2022)");
    assert_eq!(outcome["manifest"]["padding_mode"], "head");
    assert_eq!(outcome["manifest"]["preprocess"], "caml");
    assert_eq!(outcome["findings"]["ignored"], json!(["roberta.embeddings.position_ids"]));
    let assumed = outcome["findings"]["assumed"].to_string();
    assert!(assumed.contains("padding_mode head"), "{assumed}");
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    import_edin(&bundle).assert().success();
    import_edin(&bundle).assert().code(2).stderr(contains("is there already and not empty"));
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["bundle"]);
}

#[test]
fn bad_sources_say_what_to_do() {
    let out = tempfile::tempdir().unwrap();
    let run = |source: &Path| {
        let mut command = chartcode("import");
        command.arg(source).arg("--out").arg(out.path().join("bundle"));
        command
    };
    run(&repository(PICKLES).join("edin"))
        .assert()
        .code(2)
        .stderr(contains("config.json").and(contains("--encoder")));
    run(&repository(PICKLES).join("evil.bin"))
        .arg("--encoder")
        .arg(repository("tests/parity/roberta"))
        .assert()
        .code(2)
        .stderr(contains("posix.system"));
    run(Path::new("no/such/place")).assert().code(2).stderr(contains("is not there"));
    run(Path::new("owner/name"))
        .env("HF_HOME", out.path())
        .assert()
        .code(2)
        .stderr(contains("--allow-network"));
    chartcode("import").arg("x").assert().code(2).stderr(contains("--out"));
    assert!(!out.path().join("bundle").exists());
}

/// Files that a hub on this machine serves under `owner/name`.
struct Hub {
    files: BTreeMap<String, Vec<u8>>,
    /// Served in place of the true sha256 of the weights.
    wrong_sum: bool,
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Hub {
    fn of(folder: &Path) -> Self {
        let files = ["config.json", "tokenizer.json", "model.safetensors"]
            .map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap()));
        Self { files: files.into(), wrong_sum: false }
    }

    /// Serves until the test ends; returns the address.
    fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let hub = Arc::new(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hub = Arc::clone(&hub);
                std::thread::spawn(move || hub.answer(stream));
            }
        });
        address
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else {
            return;
        };
        let range = head.iter().find_map(|line| {
            let range = line.to_lowercase();
            let (from, to) = range.strip_prefix("range: bytes=")?.split_once('-')?;
            Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()))
        });
        let answer = self.content(path, range);
        let _ = stream.write_all(&answer);
    }

    fn content(&self, path: &str, range: Option<(usize, Option<usize>)>) -> Vec<u8> {
        if path.starts_with("/api/models/owner/name") {
            let siblings: Vec<Value> =
                self.files.keys().map(|name| json!({"rfilename": name})).collect();
            let body = json!({"sha": COMMIT, "siblings": siblings}).to_string();
            return response("200 OK", "", body.as_bytes());
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(file) = self.files.get(name) else {
            return response("404 Not Found", "", b"");
        };
        let mut sum = format!("{:x}", Sha256::digest(file));
        if self.wrong_sum {
            sum = "0".repeat(64);
        }
        let (from, to) = range.unwrap_or((0, None));
        let last = to.unwrap_or(file.len() - 1).min(file.len() - 1);
        let headers = format!(
            "x-repo-commit: {COMMIT}\r\netag: \"{sum}\"\r\n\
             Content-Range: bytes {from}-{last}/{}\r\n",
            file.len()
        );
        response("206 Partial Content", &headers, &file[from..=last])
    }
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[cfg(feature = "hub")]
#[test]
fn a_model_of_the_hub_is_fetched_when_told_to_and_then_found_in_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let address = Hub::of(&repository("tests/parity/roberta")).serve();
    let import = |out: &str| {
        let mut command = chartcode("import");
        command
            .args(["owner/name", "--quiet", "--out"])
            .arg(folder.path().join(out))
            .env("HF_HOME", folder.path().join("hub"));
        command
    };
    import("first").env("HF_ENDPOINT", &address).arg("--allow-network").assert().success();
    // The address is not given: no connection could be opened.
    import("second").assert().success();
    let weights = |out: &str| fs::read(folder.path().join(out).join("model.safetensors")).unwrap();
    assert_eq!(weights("first"), weights("second"));
    let manifest = json_file(&folder.path().join("first/manifest.json"));
    assert_eq!(text(&manifest["id"]), "first");
}

#[cfg(feature = "hub")]
#[test]
fn a_damaged_download_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Hub::of(&repository("tests/parity/roberta"));
    hub.wrong_sum = true;
    let address = hub.serve();
    chartcode("import")
        .args(["owner/name", "--quiet", "--allow-network", "--out"])
        .arg(folder.path().join("bundle"))
        .env("HF_HOME", folder.path().join("hub"))
        .env("HF_ENDPOINT", address)
        .assert()
        .code(2)
        .stderr(contains("is damaged: sha256 is"));
    assert!(!folder.path().join("bundle").exists());
}
