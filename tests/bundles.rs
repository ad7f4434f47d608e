use std::fs;
use std::path::Path;

use chartcode::{Bundle, Engine, Error, Options};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;

use crate::support::{chain, edit_json, repository, scratch};

fn load(path: &Path) -> Result<Engine, Error> {
    Engine::load(path, Options::new())
}

type OwnedTensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// Rewrites one tensor of a safetensors file.
fn edit_tensor(file: &Path, key: &str, edit: impl FnOnce(&mut Vec<usize>, &mut Vec<u8>)) {
    edit_tensors(file, |tensors| {
        let target = tensors.iter_mut().find(|(name, ..)| name == key).unwrap();
        edit(&mut target.2, &mut target.3);
    });
}

/// Takes one tensor out of a safetensors file.
fn remove_tensor(file: &Path, key: &str) {
    edit_tensors(file, |tensors| tensors.retain(|(name, ..)| name != key));
}

fn edit_tensors(file: &Path, edit: impl FnOnce(&mut Vec<OwnedTensor>)) {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut owned: Vec<OwnedTensor> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    edit(&mut owned);
    let views = owned.iter().map(|(name, dtype, shape, data)| {
        (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    fs::write(file, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn a_missing_folder_says_what_a_bundle_is() {
    let error = load(Path::new("no/such/bundle")).unwrap_err();
    assert!(matches!(error, Error::NotABundle { missing: "config.json", .. }), "{error}");
    assert!(error.to_string().contains("a tokenizer"));
}

#[test]
fn checksums_are_verified() {
    let intact = Bundle::open(repository("models/tiny")).unwrap();
    assert!(!intact.manifest().files.is_empty());
    let copy = tempfile::tempdir().unwrap();
    for name in intact.manifest().files.keys().map(String::as_str).chain(["manifest.json"]) {
        fs::copy(intact.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(Bundle::open(copy.path()).unwrap().digest(), intact.digest());
    let config = copy.path().join("config.json");
    let mut text = fs::read_to_string(&config).unwrap();
    text.push('\n');
    fs::write(&config, text).unwrap();
    let error = load(copy.path()).unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
}

#[test]
fn truncated_weights_are_found() {
    let copy = scratch("models/tiny");
    for name in ["model.safetensors", "head.safetensors"] {
        let file = copy.path().join(name);
        let bytes = fs::read(&file).unwrap();
        for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&file, &bytes[..length]).unwrap();
            let error = load(copy.path()).unwrap_err();
            assert!(matches!(error, Error::Weights { .. }), "{length} bytes: {error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        fs::write(&file, bytes).unwrap();
    }
    load(copy.path()).unwrap();
}

#[test]
fn misshapen_weights_name_the_tensor() {
    let copy = scratch("models/tiny");
    let key = "encoder.layer.1.attention.output.dense.weight";
    edit_tensor(&copy.path().join("model.safetensors"), key, |shape, _| {
        *shape = vec![shape[0] / 2, shape[1] * 2];
    });
    let error = load(copy.path()).unwrap_err();
    let Error::Checkpoint { problems, .. } = &error else { panic!("{error}") };
    assert_eq!(problems.misshaped, [(key.to_owned(), vec![16, 64], vec![32, 32])]);
    assert!(error.to_string().contains(key), "{error}");
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for (bundle, file, key, value) in [
        ("models/tiny", "model.safetensors", "embeddings.LayerNorm.bias", f32::NAN),
        ("models/tiny", "head.safetensors", "label.bias", f32::INFINITY),
        ("models/tiny-classifier", "model.safetensors", "classifier.weight", f32::NAN),
    ] {
        let copy = scratch(bundle);
        edit_tensor(&copy.path().join(file), key, |_, data| {
            data[12..16].copy_from_slice(&value.to_le_bytes());
        });
        let error = load(copy.path()).unwrap_err();
        assert!(matches!(&error, Error::NotFinite { index: 3, .. }), "{error}");
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn all_missing_tensors_are_listed() {
    let copy = scratch("models/tiny");
    edit_json(&copy.path().join("config.json"), |config| {
        config["num_hidden_layers"] = json!(3);
    });
    let error = load(copy.path()).unwrap_err();
    let Error::Checkpoint { problems, .. } = &error else { panic!("{error}") };
    let keys = &problems.missing;
    assert_eq!(keys.len(), 16, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("encoder.layer.2.")), "{keys:?}");
}

#[test]
fn unknown_values_are_refused_not_guessed() {
    for (file, field, value) in [
        ("config.json", "hidden_act", "gelu_of_tomorrow"),
        ("config.json", "model_type", "mamba"),
        ("config.json", "position_embedding_type", "relative_key"),
        ("manifest.json", "preprocess", "stemming"),
        ("manifest.json", "padding_mode", "legacy"),
        ("manifest.json", "surprise", "field"),
    ] {
        let copy = scratch("models/tiny");
        edit_json(&copy.path().join(file), |json| json[field] = json!(value));
        let error = load(copy.path()).unwrap_err();
        let message = chain(&error);
        assert!(matches!(error, Error::Unsupported { .. } | Error::Json { .. }), "{message}");
        assert!(
            message.contains(file) && message.contains(value) || message.contains(field),
            "{message}"
        );
    }
}

#[test]
fn contradictions_are_found() {
    for (file, pointer, value, problem) in [
        ("manifest.json", "/windows/max_tokens", json!(4096), "positions for 128"),
        ("manifest.json", "/windows/overlap", json!(31), "no room"),
        ("manifest.json", "/thresholds/accept", json!(0.1), "below threshold review"),
        ("config.json", "/vocab_size", json!(799), ""),
        ("config.json", "/num_attention_heads", json!(5), "not a multiple"),
    ] {
        let copy = scratch("models/tiny");
        edit_json(&copy.path().join(file), |json| {
            *json.pointer_mut(pointer).unwrap() = value;
        });
        let error = load(copy.path()).unwrap_err();
        assert!(matches!(error, Error::Inconsistent { .. } | Error::Checkpoint { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn a_single_label_classifier_is_refused() {
    let copy = scratch("models/tiny-classifier");
    edit_json(&copy.path().join("config.json"), |config| {
        config["problem_type"] = json!("single_label_classification");
    });
    let error = load(copy.path()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { field: "problem_type", .. }), "{error}");
}

#[test]
fn an_encoder_alone_embeds_but_does_not_code() {
    let copy = scratch("models/tiny-classifier");
    edit_json(&copy.path().join("config.json"), |config| {
        config["architectures"] = json!(["BertModel"]);
    });
    for part in ["weight", "bias"] {
        remove_tensor(&copy.path().join("model.safetensors"), &format!("classifier.{part}"));
    }
    let engine = load(copy.path()).unwrap();
    let chart = chartcode::Chart::new("a", "fever and cough").unwrap();
    let norm: f32 = engine.embed(&chart).unwrap().chart.iter().map(|x| x * x).sum();
    assert!((norm - 1.0).abs() < 1e-5);
    assert!(matches!(engine.code(&chart), Err(Error::NoHead { .. })));
    assert!(matches!(engine.require_head(), Err(Error::NoHead { .. })));
}

#[test]
fn the_truncation_and_padding_of_a_tokenizer_are_switched_off() {
    let copy = scratch("models/tiny");
    edit_json(&copy.path().join("tokenizer.json"), |tokenizer| {
        tokenizer["truncation"] = json!({
            "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0
        });
    });
    let engine = load(copy.path()).unwrap();
    let chart = chartcode::Chart::new("a", "fever and cough and chest pain today").unwrap();
    assert!(engine.tokens(&chart).unwrap().len() > 4);
}
