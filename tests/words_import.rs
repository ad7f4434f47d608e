use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chartcode::{Bundle, Engine, Error, Import, ImportOptions, Options, Preprocess, StoredAs};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{chain, edit_json};
use crate::words::{MODELS, folder};

/// A copy of a published model's folder that a test may damage.
fn copy(model: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder(model)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn refusal(source: &Path) -> Error {
    Engine::load(source, Options::new()).unwrap_err()
}

#[test]
fn the_published_rules_and_thresholds_are_taken_over() {
    for model in MODELS {
        let mut import = Import::open(folder(model), &ImportOptions::default()).unwrap();
        let findings = import.check().unwrap();
        assert!(findings.assumed.iter().any(|what| what.contains("config.json")), "{findings:?}");
        let is_2023 = model.ends_with("2023");
        let threshold = import.manifest().thresholds.review;
        let (expected, preprocess) =
            if is_2023 { (0.3737, Preprocess::Mullenbach) } else { (0.5, Preprocess::Caml) };
        assert!((threshold - expected).abs() < 1e-6, "{model}: {threshold}");
        assert_eq!(import.manifest().preprocess, preprocess, "{model}");
        let manifest = serde_json::to_value(import.manifest()).unwrap();
        assert_eq!(manifest["windows"], json!({"kind": "document"}), "{model}");
    }
    let bundle = Bundle::open(folder("multirescnn-2023")).unwrap();
    assert!(bundle.config().is_word_level());
    assert_eq!((bundle.config().hidden_size, bundle.config().embedding_size), (12, 6));
}

#[test]
fn a_missing_vocabulary_is_told_by_name_with_the_cure() {
    for (model, file) in [("laat-2023", "token2index.json"), ("caml", "vocab.csv")] {
        let folder = copy(model);
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = refusal(folder.path());
        assert!(matches!(error, Error::NoVocabulary { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(file) && message.contains("beside the weights"), "{message}");
        // It may lie in another folder.
        let other = tempfile::tempdir().unwrap();
        fs::copy(self::folder(model).join(file), other.path().join(file)).unwrap();
        let mut options = ImportOptions::default();
        options.encoder = Some(other.path().to_owned());
        Import::open(folder.path(), &options).unwrap().check().unwrap();
    }
}

#[test]
fn a_vocabulary_of_another_model_is_refused() {
    let folder = copy("caml");
    let path = folder.path().join("vocab.csv");
    let longer = fs::read_to_string(&path).unwrap() + "zzz\n";
    fs::write(&path, longer).unwrap();
    let message = refusal(folder.path()).to_string();
    assert!(message.contains("vocab.csv") && message.contains("entries"), "{message}");

    let folder = copy("laat");
    edit_json(&folder.path().join("token2index.json"), |words| words["_UNK"] = json!(9999));
    let message = refusal(folder.path()).to_string();
    assert!(message.contains("9999"), "{message}");
}

#[test]
fn a_second_level_of_labels_and_other_gates_are_refused() {
    for (key, shape, expected) in [
        ("attention.first_linears.1.weight", vec![7, 10], "JointLAAT"),
        ("rnn.weight_hh_l0", vec![15, 5], "LSTM"),
    ] {
        let folder = changed("laat", key, Some(shape));
        let error = refusal(folder.path());
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn missing_tensors_are_told_by_name() {
    for (model, key) in [
        ("caml", "final.bias"),
        ("caml-2023", "attention.first_linear.weight"),
        ("multirescnn-2023", "convs.1.2.left.4.running_var"),
        ("laat", "rnn.bias_hh_l1_reverse"),
        ("laat-2023", "attention.third_linear.bias"),
    ] {
        let folder = changed(model, key, None);
        let error = refusal(folder.path());
        assert!(matches!(error, Error::Checkpoint { .. }), "{model}: {error}");
        assert!(error.to_string().contains(key), "{model}: {error}");
    }
}

/// Windows would cut what the encoder reads as one.
#[test]
fn shorter_windows_are_refused() {
    let mut options = ImportOptions::default();
    options.window_tokens = Some(128);
    let out = tempfile::tempdir().unwrap();
    let mut import = Import::open(folder("caml"), &options).unwrap();
    import.check().unwrap();
    import.write(out.path(), StoredAs::Keep).unwrap();
    let message = chain(&refusal(out.path()));
    assert!(message.contains("one window"), "{message}");
}

/// A model's folder with one tensor of another shape, or without it.
fn changed(model: &str, key: &str, shape: Option<Vec<usize>>) -> TempDir {
    let folder = copy(model);
    let tensors = Bundle::open(folder.path()).unwrap().tensors();
    let mut tensors: BTreeMap<String, Vec<usize>> = tensors.into_iter().collect();
    match shape {
        Some(shape) => drop(tensors.insert(key.to_owned(), shape)),
        None => assert!(tensors.remove(key).is_some(), "{model} has no {key}"),
    }
    write_tensors(&folder, &tensors);
    folder
}

/// Ones, in place of the folder's weights.
fn write_tensors(folder: &TempDir, tensors: &BTreeMap<String, Vec<usize>>) {
    for name in ["model.pth", "best_model.pt"] {
        let _ = fs::remove_file(folder.path().join(name));
    }
    let bytes: Vec<Vec<u8>> = tensors
        .values()
        .map(|shape| 1.0_f32.to_le_bytes().repeat(shape.iter().product()))
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((key, shape), bytes)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (key.as_str(), view.unwrap())
    });
    let file = safetensors::serialize(views, None).unwrap();
    fs::write(folder.path().join("model.safetensors"), file).unwrap();
}
