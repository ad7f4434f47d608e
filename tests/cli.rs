use std::fs;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;

use crate::support::{charts, repository};

/// `chartcode COMMAND --bundle models/tiny`.
fn chartcode(command: &str) -> Command {
    let mut chartcode = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    chartcode
        .args([command, "--bundle"])
        .arg(repository("models/tiny"))
        .env_remove("CHARTCODE_BUNDLE")
        .env("NO_COLOR", "1");
    chartcode
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_note_gives_a_table() {
    let note = repository("tests/charts/clinic.txt");
    let table = stdout(chartcode("code").args(["--top", "3"]).arg(note));
    assert!(table.contains("3 codes of ICD-10-CM FY2027"), "{table}");
    assert!(table.matches('»').count() >= 3, "{table}");
}

#[test]
fn standard_input_is_text_or_jsonl() {
    let text = stdout(chartcode("code").args(["-f", "jsonl"]).write_stdin("fever and cough"));
    assert_eq!(json_lines(&text)[0]["id"], "stdin");
    let jsonl = "{\"id\": \"a\", \"text\": \"fever\"}\n\n{\"id\": 7, \"text\": \"cough\"}\n";
    let rows = json_lines(&stdout(chartcode("code").args(["-f", "jsonl", "-"]).write_stdin(jsonl)));
    assert_eq!([&rows[0]["id"], &rows[1]["id"]], ["a", "7"]);
}

#[test]
fn formats_hold_the_same_codes() {
    let file = repository("tests/charts/charts.jsonl");
    let run = |format: &str| {
        stdout(chartcode("code").args(["--top", "4", "--format", format]).arg(&file))
    };
    let lines = json_lines(&run("jsonl"));
    let array: Vec<Value> = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(lines, array);
    assert_eq!(lines.len(), 5);
    let csv = run("csv");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let codes: Vec<(String, String)> =
        rows.records().map(|row| row.unwrap()).map(|row| (row[0].into(), row[2].into())).collect();
    let expected: Vec<(String, String)> = lines
        .iter()
        .flat_map(|report| {
            let id = report["id"].as_str().unwrap();
            report["codes"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |code| (id.to_owned(), code["code"].as_str().unwrap().to_owned()))
        })
        .collect();
    assert_eq!(codes, expected);
}

#[test]
fn reports_state_their_offsets_and_makers() {
    let note = "Sjögren 👩🏽‍⚕️ with fever and productive cough.";
    let text = stdout(chartcode("code").args(["-f", "jsonl", "-k", "2"]).write_stdin(note));
    let report = &json_lines(&text)[0];
    assert_eq!(report["format"], 1);
    assert_eq!(report["made_by"]["bundle"], "tiny");
    assert_eq!(report["made_by"]["bundle_digest"].as_str().unwrap().len(), 64);
    for code in report["codes"].as_array().unwrap() {
        let evidence = &code["evidence"][0];
        let at = |key: &str, end: &str| evidence[key][end].as_u64().unwrap() as usize;
        let quote = evidence["text"].as_str().unwrap();
        assert_eq!(&note[at("bytes", "start")..at("bytes", "end")], quote);
        let characters: Vec<char> = note.chars().collect();
        let picked: String =
            characters[at("characters", "start")..at("characters", "end")].iter().collect();
        assert_eq!(picked, quote);
    }
}

#[test]
fn scores_are_complete_and_agree_with_code() {
    let note = repository("tests/charts/radiology.txt");
    let scores = &json_lines(&stdout(chartcode("scores").arg(&note)))[0];
    let (labels, logits) =
        (scores["labels"].as_array().unwrap(), scores["logits"].as_array().unwrap());
    assert_eq!((labels.len(), logits.len()), (66, 66));
    let report =
        &json_lines(&stdout(chartcode("code").args(["-k", "66", "-f", "jsonl"]).arg(&note)))[0];
    for code in report["codes"].as_array().unwrap() {
        let label = labels.iter().position(|label| *label == code["code"]).unwrap();
        assert_eq!(logits[label], code["logit"]);
    }
}

#[test]
fn embeddings_have_length_one() {
    let note = repository("tests/charts/radiology.txt");
    let row = &json_lines(&stdout(chartcode("embed").arg("--windows").arg(note)))[0];
    let vector: Vec<f64> = serde_json::from_value(row["embedding"].clone()).unwrap();
    assert_eq!(vector.len(), 32);
    assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-5);
    assert!(row["windows"].as_array().unwrap().len() > 1);
}

#[test]
fn inspect_verifies_a_bundle() {
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    inspect.arg("inspect").arg(repository("models/tiny"));
    inspect.assert().success().stdout(contains("verified, 5 files").and(contains("Apache-2.0")));
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    inspect.args(["inspect", "--format", "json", "--tensors"]).arg(repository("models/tiny"));
    let inspection: Value = serde_json::from_str(&stdout(&mut inspect)).unwrap();
    assert_eq!(inspection["labels"], 66);
    assert!(!inspection["tensors"].as_array().unwrap().is_empty());
}

#[test]
fn completions_name_the_commands() {
    let mut completions = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    completions.args(["completions", "bash"]).assert().success().stdout(contains("inspect"));
}

/// One bad chart each: named with its cause, not a word of it told, the good ones done.
#[test]
fn bad_charts_fail_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let good = file("good.txt", b"fever and cough");
    for (bad, cause) in [
        (file("empty.txt", b""), "is empty"),
        (file("blank.txt", b" \n\t\r\n"), "is empty"),
        (file("binary.txt", b"secret\x00\x01\x02"), "is binary, not text: NUL byte at offset 6"),
        (file("latin1.txt", b"secret caf\xe9 au lait"), "is not UTF-8: byte 0xE9 at offset 10"),
        (file("control.txt", b"\x01\x02"), "no token"),
        (folder.path().join("missing.txt"), "No such file"),
        (folder.path().to_owned(), "is a folder"),
        (file("half.jsonl", b"{\"id\": \"a\", \"text\": \"secret"), "line 1 is not valid JSON"),
        (file("noid.jsonl", b"{\"text\": \"secret\"}"), "line 1 has no field \"id\""),
        (
            file("notext.jsonl", b"\n{\"id\": \"a\", \"text\": 5}"),
            "line 2: chart \"a\" has no field",
        ),
        (file("list.jsonl", b"[\"secret\"]"), "line 1 has no field \"id\""),
        (file("bytes.jsonl", b"{\"id\": \"a\", \"text\": \"secret \xff\"}"), "line 1 is not UTF-8"),
    ] {
        let assert = chartcode("code").args(["-f", "jsonl"]).arg(&bad).arg(&good).assert();
        let assert = assert
            .code(1)
            .stderr(contains(cause).and(contains("secret").not()).and(contains("1 chart failed")));
        let rows = json_lines(&String::from_utf8(assert.get_output().stdout.clone()).unwrap());
        assert_eq!(rows.len(), 1, "the good chart is done beside {}", bad.display());
    }
}

#[test]
fn scores_and_vectors_outlast_bad_charts_too() {
    let good = repository("tests/charts/radiology.txt");
    for command in ["scores", "embed"] {
        let assert = chartcode(command).args(["missing.txt".as_ref(), good.as_path()]).assert();
        let assert = assert.code(1).stderr(contains("missing.txt"));
        let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert_eq!(json_lines(&output).len(), 1);
    }
}

#[test]
fn a_chart_that_comes_twice_is_done_once() {
    let jsonl = "{\"id\":\"a\",\"text\":\"fever\"}\n{\"id\":\"a\",\"text\":\"cough\"}\n";
    let assert = chartcode("code").args(["-f", "jsonl"]).write_stdin(jsonl).assert().code(1);
    let assert =
        assert.stderr(contains("stdin line 2: chart \"a\" was there before, in stdin line 1"));
    assert_eq!(
        json_lines(&String::from_utf8(assert.get_output().stdout.clone()).unwrap()).len(),
        1
    );
}

#[test]
fn a_note_of_ten_megabytes_is_read_to_its_end() {
    let note = fs::read_to_string(repository("tests/charts/discharge.txt")).unwrap();
    let huge = note.repeat(10 * 1024 * 1024 / note.len() + 1);
    let text = stdout(chartcode("code").args(["-f", "jsonl", "-k", "1"]).write_stdin(huge.clone()));
    let report = &json_lines(&text)[0];
    assert_eq!(report["read"]["bytes"], huge.len());
    assert!(report["read"]["tokens"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn wrong_usage_exits_with_2() {
    let note = repository("tests/charts/clinic.txt");
    for (args, cause) in [
        (vec!["--threshold", "1.5"], "outside 0 to 1"),
        (vec!["--threshold", "NaN"], "outside 0 to 1"),
        (vec!["--top", "0"], "0 is not in"),
        (vec!["--device", "cuda"], "computes on the CPU only"),
        (vec!["--device", "gpu"], "cpu, cuda or cuda:N"),
        (vec!["--threads", "0"], "zero"),
        (vec!["--bundle", "no/such/bundle"], "is not a bundle"),
        (vec!["--profile", "billing"], "has no profile \"billing\""),
        (vec!["--force"], "--output"),
    ] {
        let mut code = Command::new(env!("CARGO_BIN_EXE_chartcode"));
        code.arg("code").args(&args).arg(&note);
        if !args.contains(&"--bundle") {
            code.arg("--bundle").arg(repository("models/tiny"));
        }
        code.assert().code(2).stderr(contains(cause));
    }
}

#[test]
fn an_interrupted_batch_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, again) = (folder.path().join("whole.jsonl"), folder.path().join("again.jsonl"));
    let input = repository("tests/charts/charts.jsonl");
    let run = |output: &std::path::Path| {
        let mut code = chartcode("code");
        code.args(["--top", "3", "--output"]).arg(output).arg(&input);
        code
    };
    run(&whole).assert().success().stdout("");
    let reports = fs::read_to_string(&whole).unwrap();
    assert_eq!(reports.lines().count(), charts().len() - 3);

    // Two charts were done and the third was being written when the power went.
    let cut = reports.match_indices('\n').nth(1).unwrap().0 + 40;
    let part = folder.path().join("again.jsonl.part");
    fs::write(&part, &reports[..cut]).unwrap();
    run(&again).assert().success().stderr(contains("going on after 2 charts"));
    assert_eq!(fs::read_to_string(&again).unwrap(), reports);
    assert!(!part.exists());

    run(&again).assert().code(2).stderr(contains("--force"));
    run(&again).arg("--force").assert().success();
    assert_eq!(fs::read_to_string(&again).unwrap(), reports);
}

#[test]
fn a_batch_begun_otherwise_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.csv");
    let input = repository("tests/charts/charts.jsonl");
    let begun = stdout(chartcode("code").args(["--top", "2", "-f", "jsonl"]).arg(&input));
    let part = folder.path().join("out.csv.part");
    fs::write(&part, &begun).unwrap();
    let mut code = chartcode("code");
    code.args(["--top", "3", "--output"]).arg(&output).arg(&input);
    code.assert().code(2).stderr(contains("begun with another"));
    assert_eq!(fs::read_to_string(&part).unwrap(), begun, "nothing is lost");
    let mut code = chartcode("code");
    code.args(["--top", "2", "--output"]).arg(&output).arg(&input);
    code.assert().success();
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 1 + 5 * 2);
}

#[test]
fn failed_charts_do_not_keep_a_file_from_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.jsonl");
    let jsonl = "{\"id\":\"a\",\"text\":\"fever\"}\n{\"id\":\"b\",\"text\":\"\"}\n{\"id\":\"c\",\"text\":\"cough\"}\n";
    let mut code = chartcode("code");
    code.arg("--output").arg(&output).write_stdin(jsonl);
    code.assert().code(1).stderr(contains("chart \"b\" is empty"));
    let ids: Vec<Value> = json_lines(&fs::read_to_string(&output).unwrap())
        .into_iter()
        .map(|report| report["id"].clone())
        .collect();
    assert_eq!(ids, ["a", "c"]);
}
