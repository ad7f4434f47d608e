use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use chartcode::{
    AcceptPromise, Bundle, BundleChanges, Calibration, Decision, Engine, Error, Options,
    Thresholds, Tuned,
};
use serde_json::json;

use crate::support::{charts, edit_json, json_file, repository, scratch};

/// The review threshold of label 3: not a number of few digits.
const LOW: f64 = 1.0 / 4.1;

fn tiny() -> Bundle {
    Bundle::open(repository("models/tiny")).unwrap()
}

fn load(path: &Path, options: Options) -> Engine {
    Engine::load(path, options).unwrap()
}

fn isotonic() -> Calibration {
    Calibration::Isotonic {
        logits: vec![-6.5, -1.0 / 3.0, 0.75, 1.5],
        probabilities: vec![0.01, 0.1 + 0.2, 0.3 + 1e-9, 0.97],
    }
}

fn record() -> Tuned {
    Tuned {
        charts: 120,
        codes: 1034,
        date: Some("2026-11-20".to_owned()),
        gold: "two coders, adjudicated".to_owned(),
        objective: "micro F1".to_owned(),
        micro_f1: 0.6125,
        accept: Some(AcceptPromise {
            error_at_most: 0.05,
            confidence: 0.95,
            charts: 120,
            codes: 340,
            automation_rate: 0.412,
        }),
    }
}

/// The codes of labels 3 and 40.
fn codes() -> [String; 2] {
    [3, 40].map(|label| tiny().labels().code(label).to_owned())
}

/// Everything that can be changed.
fn changes() -> BundleChanges {
    let mut changes = BundleChanges::new("2");
    changes.thresholds = Some(Thresholds { review: 0.1 + 0.7, accept: Some(0.8 + 1.0 / 9.0) });
    changes.calibration = Some(isotonic());
    let [low, high] = codes();
    changes.label_thresholds = Some(BTreeMap::from([(low, LOW), (high, 0.95)]));
    changes.tuned = Some(record());
    changes.card = Some("## Tuned\n\nOn 120 charts.".to_owned());
    changes
}

#[test]
fn a_new_version_holds_every_change_and_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tuned");
    let old = tiny();
    old.write_version(&out, changes()).unwrap();
    let new = Bundle::open(&out).unwrap();
    let manifest = new.manifest();
    assert_eq!(manifest.version, "2");
    assert_eq!(Some(manifest.thresholds), changes().thresholds);
    assert_eq!(Some(manifest.calibration.clone()), changes().calibration);
    assert_eq!(manifest.tuned, Some(record()));
    assert_eq!(new.label_thresholds(), &BTreeMap::from([(3, LOW), (40, 0.95)]));
    assert_ne!(new.digest(), old.digest());
    for (name, sum) in &old.manifest().files {
        assert_eq!(manifest.files.get(name), Some(sum), "{name}");
        assert_eq!(fs::read(old.path().join(name)).unwrap(), fs::read(out.join(name)).unwrap());
    }
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    let old_card = fs::read_to_string(repository("models/tiny/README.md")).unwrap();
    let unchanged = folder.path().join("unchanged");
    old.write_version(&unchanged, BundleChanges::new("2")).unwrap();
    assert_eq!(fs::read_to_string(unchanged.join("README.md")).unwrap(), old_card);
    assert_eq!(card, format!("{}\n\n## Tuned\n\nOn 120 charts.\n", old_card.trim_end()));
    assert!(manifest.files.contains_key("README.md"));
    assert!(!folder.path().join("tuned.part").exists());
}

#[test]
fn the_digest_tells_bundles_of_other_thresholds_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut digests = vec![tiny().digest().to_owned()];
    let change = |name: &str, change: fn(&mut BundleChanges)| {
        let mut changes = BundleChanges::new("2");
        change(&mut changes);
        let out = folder.path().join(name);
        tiny().write_version(&out, changes).unwrap();
        load(&out, Options::new()).stamp().bundle_digest.clone()
    };
    digests.push(change("version", |_| {}));
    digests.push(change("review", |changes| {
        changes.thresholds = Some(Thresholds { review: 0.31, accept: Some(0.9) });
    }));
    digests.push(change("calibration", |changes| changes.calibration = Some(isotonic())));
    digests.push(change("labels", |changes| {
        let code = codes()[0].clone();
        changes.label_thresholds = Some(BTreeMap::from([(code, 0.5)]));
    }));
    let all = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all);
}

#[test]
fn decisions_follow_the_thresholds_of_each_label() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tuned");
    tiny().write_version(&out, changes()).unwrap();
    let labels = tiny();
    let number = |code: &str| labels.labels().codes().position(|own| own == code).unwrap();
    let common = changes().thresholds.unwrap();
    let mut seen = BTreeMap::new();
    let engine = load(&out, Options::new().top(Some(66)));
    assert!(engine.stamp().label_thresholds);
    for chart in charts() {
        let report = engine.code(&chart).unwrap();
        let logits: Vec<f32> = report.codes.iter().map(|code| code.logit).collect();
        assert!(logits.is_sorted_by(|a, b| a >= b), "plateaus do not disturb the head's order");
        for code in &report.codes {
            let label = number(&code.code);
            assert_eq!(code.probability, isotonic().probability(code.logit));
            let thresholds = match label {
                3 => Thresholds { review: LOW, ..common },
                40 => Thresholds { review: 0.95, accept: Some(0.95) },
                _ => common,
            };
            assert_eq!(code.decision, thresholds.decide(code.probability));
            assert_eq!(code.decision, engine.decide(label, code.logit));
            *seen.entry((matches!(label, 3 | 40), format!("{:?}", code.decision))).or_insert(0) +=
                1;
        }
        let suggested: Vec<_> =
            report.codes.iter().filter(|code| code.decision != Decision::Drop).collect();
        let shown = load(&out, Options::new()).code(&chart).unwrap();
        assert_eq!(shown.codes.iter().collect::<Vec<_>>(), suggested);
    }
    // No decision was compared in vain.
    assert_eq!(seen.len(), 6, "{seen:?}");
    // The user's threshold replaces those of labels, too.
    let engine = load(&out, Options::new().threshold(Some(0.31)));
    assert!(!engine.stamp().label_thresholds);
    assert_eq!(engine.stamp().thresholds, Thresholds { review: 0.31, ..common });
    for label in [0, 3, 40] {
        assert_eq!(engine.decide(label, 1.0), Decision::Review);
    }
}

#[test]
fn what_is_not_changed_stays_unless_it_would_mislead() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let version = |from: &str, to: &str, changes: BundleChanges| {
        Bundle::open(path(from)).unwrap().write_version(&path(to), changes).unwrap();
        Bundle::open(path(to)).unwrap()
    };
    tiny().write_version(&path("2"), changes()).unwrap();
    let mut named = BundleChanges::new("3");
    named.card = Some("## Note".to_owned());
    let kept = version("2", "3", named);
    assert_eq!(kept.manifest().tuned, Some(record()));
    assert_eq!(kept.label_thresholds().len(), 2);
    assert_eq!(kept.manifest().calibration, isotonic());
    let card = fs::read_to_string(path("3").join("README.md")).unwrap();
    assert!(card.contains("## Tuned") && card.ends_with("\n\n## Note\n"), "{card}");
    let mut other = BundleChanges::new("4");
    other.calibration = Some(Calibration::Temperature { scale: 0.5 });
    let ended = version("3", "4", other);
    assert_eq!(ended.manifest().tuned, None);
    assert!(ended.label_thresholds().is_empty() && ended.manifest().label_thresholds.is_none());
    assert!(!path("4").join("label_thresholds.tsv").exists());
}

#[test]
fn changes_that_cannot_be_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |problem: &str, change: fn(&mut BundleChanges)| {
        let mut changes = changes();
        change(&mut changes);
        let error = tiny().write_version(&out, changes).unwrap_err();
        assert!(matches!(error, Error::Inconsistent { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!out.exists() && !folder.path().join("out.part").exists());
    };
    refused("cannot be version \"1\"", |changes| changes.version = "1".to_owned());
    refused("cannot be version \"\"", |changes| changes.version = String::new());
    refused("\"Z99.999\" is no label", |changes| {
        changes.label_thresholds = Some(BTreeMap::from([("Z99.999".to_owned(), 0.5)]));
    });
    refused("\"NaN\" is no number", |changes| {
        changes.label_thresholds = Some(BTreeMap::from([(codes()[0].clone(), f64::NAN)]));
    });
    refused("logit 1 is not above", |changes| {
        let (logits, probabilities) = (vec![0.0, 0.0], vec![0.1, 0.2]);
        changes.calibration = Some(Calibration::Isotonic { logits, probabilities });
    });
    refused("below threshold review", |changes| {
        changes.thresholds = Some(Thresholds { review: 0.5, accept: Some(0.4) });
    });
    refused("tuned.accept without", |changes| {
        changes.thresholds = Some(Thresholds { review: 0.5, accept: None });
    });
    refused("tuned.micro_f1 is 61", |changes| changes.tuned.as_mut().unwrap().micro_f1 = 61.0);
}

#[test]
fn nothing_is_overwritten_and_leftovers_are_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let (out, part) = (folder.path().join("out"), folder.path().join("out.part"));
    let write = || tiny().write_version(&out, changes());
    fs::create_dir(&part).unwrap();
    fs::write(part.join("thesis.txt"), "mine").unwrap();
    assert!(matches!(write(), Err(Error::Exists { path }) if path == part));
    assert!(part.join("thesis.txt").is_file());
    fs::remove_file(part.join("thesis.txt")).unwrap();
    // What an interrupted run leaves behind.
    fs::write(part.join("model.safetensors"), "half a file").unwrap();
    fs::create_dir(&out).unwrap();
    write().unwrap();
    assert!(!part.exists());
    Bundle::open(&out).unwrap();
    assert!(matches!(write(), Err(Error::Exists { path }) if path == out));
}

#[test]
fn a_file_that_was_changed_meanwhile_is_found() {
    for name in ["head.safetensors", "README.md"] {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = (folder.path().join("source"), folder.path().join("out"));
        tiny().write_version(&source, changes()).unwrap();
        let bundle = Bundle::open(&source).unwrap();
        let mut bytes = fs::read(source.join(name)).unwrap();
        bytes.push(b'\n');
        fs::write(source.join(name), bytes).unwrap();
        let mut again = changes();
        again.version = "3".to_owned();
        let error = bundle.write_version(&out, again).unwrap_err();
        assert!(matches!(error, Error::Checksum { .. }), "{error}");
        assert!(error.to_string().contains(name) && !out.exists(), "{error}");
    }
}

#[test]
fn a_folder_without_a_manifest_is_to_be_imported_first() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::open(repository("models/tiny-classifier")).unwrap();
    let error = bundle.write_version(&folder.path().join("out"), changes()).unwrap_err();
    assert!(matches!(error, Error::NotImported { .. }), "{error}");
    assert!(error.to_string().contains("chartcode import"), "{error}");
}

/// Such a bundle lists no checksums: the new version has them, and a card.
#[test]
fn a_bundle_without_checksums_gains_them() {
    let copy = scratch("models/tiny");
    fs::remove_file(copy.path().join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    Bundle::open(copy.path()).unwrap().write_version(&out, changes()).unwrap();
    let new = Bundle::open(&out).unwrap();
    let files: Vec<&str> = new.manifest().files.keys().map(String::as_str).collect();
    let expected = ["README.md", "config.json", "head.safetensors", "label_thresholds.tsv"];
    assert_eq!(files[..4], expected);
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.starts_with("# tiny\n\nrandom weights for tests.\n\n## Tuned\n"), "{card}");
}

#[test]
fn manifests_that_contradict_themselves_are_refused() {
    for (pointer, value, problem) in [
        ("/label_thresholds", json!("../elsewhere.tsv"), "not the name of a file in the folder"),
        ("/labels/file", json!("/etc/hostname"), "not the name of a file in the folder"),
        ("/files", json!({ "a/b": "00" }), "\"a/b\" is not the name of a file"),
        ("/calibration", json!({ "kind": "temperature", "scale": -1.0 }), "must be positive"),
        (
            "/calibration",
            json!({ "kind": "isotonic", "logits": [0.0, 1.0], "probabilities": [0.6, 0.5] }),
            "probability 1 is below the one before it",
        ),
    ] {
        let copy = scratch("models/tiny");
        edit_json(&copy.path().join("manifest.json"), |manifest| {
            manifest["label_thresholds"] = json!("label_thresholds.tsv");
            *manifest.pointer_mut(pointer).unwrap() = value;
        });
        let error = Bundle::open(copy.path()).unwrap_err();
        assert!(matches!(error, Error::Inconsistent { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn inspect_shows_what_was_promised_and_on_how_many_charts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tuned");
    tiny().write_version(&out, changes()).unwrap();
    let inspect = |format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chartcode"));
        command.args(["inspect", "--format", format]).arg(&out).env("NO_COLOR", "1");
        String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
    };
    let text = inspect("text");
    for fact in [
        "2 codes have review thresholds of their own",
        "isotonic, 4 points",
        "on 120 charts with 1034 gold codes (two coders, adjudicated), 2026-11-20",
        "micro F1 0.613 cross-validated",
        "at most 5.0 % of accepted codes are wrong, with 95.0 % confidence",
        "found on 340 codes of 120 charts, 41.2 % of the suggested codes",
    ] {
        assert!(text.contains(fact), "{fact:?} is not in {text}");
    }
    let json: serde_json::Value = serde_json::from_str(&inspect("json")).unwrap();
    assert_eq!(json["label_thresholds"], 2);
    assert_eq!(json["manifest"], json_file(&out.join("manifest.json")));
    assert_eq!(json["manifest"]["tuned"]["accept"]["error_at_most"], 0.05);
}

#[test]
fn a_table_without_codes_does_not_name_a_threshold_that_not_all_have() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("strict");
    let mut changes = BundleChanges::new("2");
    changes.thresholds = Some(Thresholds { review: 1.0, accept: None });
    changes.label_thresholds = Some(codes().map(|code| (code, 0.999)).into());
    tiny().write_version(&out, changes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartcode"));
    command.args(["code", "--bundle"]).arg(&out).write_stdin("fever and cough");
    let table = String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap();
    assert!(table.contains("no code is above its threshold"), "{table}");
}

/// A bundle of two profiles: the tiny one has none, so the default one lends its manifest's form.
#[test]
fn profiles_are_told_and_wrong_ones_refused() {
    let error = tiny().with_profile("billing").unwrap_err();
    assert!(error.to_string().contains("(its profiles: none)"), "{error}");
    let bundle = Bundle::open(repository("models/icd10cm-minilm")).unwrap();
    assert_eq!(bundle.manifest().profile_names(), ["exhaustive", "billing"]);
    let own = bundle.manifest().thresholds;
    let billing = bundle.with_profile("billing").unwrap();
    assert_eq!(billing.manifest().profile_names(), ["billing", "exhaustive"]);
    assert_ne!(billing.manifest().thresholds, own);
    let back = billing.with_profile("exhaustive").unwrap();
    assert_eq!(back.manifest().thresholds, own);
    let error = back.with_profile("billings").unwrap_err();
    assert!(matches!(error, Error::NoProfile { .. }));
    assert!(error.to_string().contains("exhaustive, billing"), "{error}");
}

#[test]
fn a_profile_is_tuned_apart_from_the_others() {
    let bundle = Bundle::open(repository("models/icd10cm-minilm")).unwrap();
    let own = bundle.manifest().thresholds;
    let folder = tempfile::tempdir().unwrap();
    let mut changes = BundleChanges::new("9");
    changes.profile = Some("billing".to_owned());
    changes.thresholds = Some(Thresholds { review: 0.123, accept: Some(0.9) });
    changes.tuned = Some(record());
    let out = folder.path().join("tuned");
    bundle.write_version(&out, changes.clone()).unwrap();
    let written = Bundle::open(&out).unwrap();
    assert_eq!(written.manifest().thresholds, own);
    assert_eq!(written.manifest().tuned, bundle.manifest().tuned);
    let billing = written.with_profile("billing").unwrap();
    assert_eq!(billing.manifest().thresholds.review, 0.123);
    assert_eq!(billing.manifest().tuned, Some(record()));

    changes.profile = Some("none".to_owned());
    let error = bundle.write_version(&folder.path().join("other"), changes.clone()).unwrap_err();
    assert!(matches!(error, Error::NoProfile { .. }), "{error}");
    changes.profile = Some("billing".to_owned());
    changes.label_thresholds = Some([("I10".to_owned(), 0.5)].into());
    let error = bundle.write_version(&folder.path().join("other"), changes).unwrap_err();
    assert!(error.to_string().contains("thresholds of their own in profile"), "{error}");
}
