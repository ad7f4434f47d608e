use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use chartcode::{Engine, Import, ImportOptions, Options, PaddingMode, Preprocess, StoredAs};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What each token brings, and where passages lie.
mod evidence;
/// Checkpoints that cannot be loaded.
mod refusals;
/// What must hold of the route whatever was imported.
mod route;

use crate::support::{chart, difference, floats, ids, json_file, repository, text};

/// Logits and hidden states may differ from PyTorch's by this much.
const LOGIT: f32 = 1e-4;
/// Attention may differ from PyTorch's by this much.
const ATTENTION: f32 = 1e-5;

/// Encoders of which a tiny model is committed; see `scripts/parity`.
const ENCODERS: [&str; 17] = [
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "electra",
    "distilbert",
    "albert",
    "mpnet",
    "deberta-v2",
    "deberta-v3",
    "longformer",
    "modernbert",
    "modernbert-cls",
    "nomic-bert",
    "nomic-bert-remote",
    "gte",
    "gte-remote",
];

const HEADS: [&str; 3] = ["laat", "ca", "gki"];

const PADDING: [(&str, PaddingMode); 4] = [
    ("", PaddingMode::None),
    (":head", PaddingMode::Head),
    (":encoder_and_head", PaddingMode::EncoderAndHead),
    (":head_extra_window", PaddingMode::HeadExtraWindow),
];

/// Codes for the twelve labels of the committed heads.
const CODES: [&str; 12] = [
    "D50.0", "E11.9", "E87.6", "F32.A", "G43.009", "I10", "I48.91", "I50.23", "J18.9", "J44.1",
    "K21.9", "N17.9",
];

fn parity(path: &str) -> PathBuf {
    repository("tests/parity").join(path)
}

fn golden(encoder: &str) -> Value {
    json_file(&parity(encoder).join("golden.json"))
}

/// An encoder with one of the label-attention heads, as a sharded checkpoint of two files.
fn checkpoint(encoder: &str, head: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |from: PathBuf, name: &str| {
        fs::copy(from, folder.path().join(name)).unwrap();
    };
    for name in ["config.json", "tokenizer.json"] {
        put(parity(encoder).join(name), name);
    }
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let encoder = without_classifier(&parity(encoder).join("model.safetensors"));
    fs::write(folder.path().join(shards[0]), encoder).unwrap();
    put(parity("heads").join(format!("{head}.safetensors")), shards[1]);
    let mut map = serde_json::Map::new();
    for shard in shards {
        for key in keys(&folder.path().join(shard)) {
            map.insert(key, json!(shard));
        }
    }
    let index = json!({"metadata": {}, "weight_map": map});
    fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::write(folder.path().join("target_tokenizer.json"), json!(CODES).to_string()).unwrap();
    folder
}

/// A file of tensors without those of the encoder's own classification head.
fn without_classifier(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let kept = tensors.tensors().into_iter().filter(|(key, _)| !key.starts_with("classifier"));
    safetensors::serialize(kept, None).unwrap()
}

fn keys(safetensors: &Path) -> Vec<String> {
    let bytes = fs::read(safetensors).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    tensors.names().into_iter().map(str::to_owned).collect()
}

fn options(padding: PaddingMode) -> ImportOptions {
    let mut options = ImportOptions::default();
    options.padding_mode = Some(padding);
    options.preprocess = Some(Preprocess::None);
    options.window_tokens = Some(16);
    options
}

/// Imports a checkpoint and loads the bundle that comes out of it.
fn imported(source: &Path, options: &ImportOptions, precision: StoredAs) -> Engine {
    let out = tempfile::tempdir().unwrap();
    let mut import = Import::open(source, options).unwrap();
    import.check().unwrap();
    import.write(out.path(), precision).unwrap();
    Engine::load(out.path(), Options::new()).unwrap()
}

/// The largest differences seen.
#[derive(Default)]
struct Measured {
    logit: f32,
    attention: f32,
    tokens_compared: usize,
}

/// Compares one section of a golden file with an engine's answers.
fn measure(engine: &Engine, golden: &Value, section: &str) -> Measured {
    let mut measured = Measured::default();
    for reference in golden["charts"].as_array().unwrap() {
        let chart = chart("golden", text(&reference["text"]));
        let expected = &reference[section];
        let logits = engine.logits(&chart).unwrap();
        assert_eq!(logits.len(), floats(&expected["logits"]).len());
        measured.logit = measured.logit.max(difference(&logits, &floats(&expected["logits"])));
        for (label, attention) in entries(&expected["attention"]) {
            let support = engine.token_support(&chart, label).unwrap().unwrap();
            let ours: Vec<f32> = support.iter().map(|token| token.attention).collect();
            assert_eq!(ours.len(), attention.len(), "{section} of {}", reference["id"]);
            measured.attention = measured.attention.max(difference(&ours, &attention));
            measured.tokens_compared += ours.len();
        }
        for (label, contributions) in entries(&expected["contributions"]) {
            let support = engine.token_support(&chart, label).unwrap().unwrap();
            let ours: Vec<f32> = support.iter().map(|token| token.contribution).collect();
            let difference = difference(&ours, &contributions);
            assert!(difference <= LOGIT, "contributions are off by {difference:e}");
        }
    }
    measured
}

fn entries(map: &Value) -> Vec<(usize, Vec<f32>)> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(label, values)| (label.parse().unwrap(), floats(values))).collect()
}

/// Every encoder family: tokens, offsets, hidden states and its own classification head.
#[test]
fn every_family_classifies_as_transformers_does() {
    let mut table = String::new();
    for encoder in ENCODERS {
        let golden = golden(encoder);
        let engine = Engine::load(parity(encoder), Options::new()).unwrap();
        for reference in golden["charts"].as_array().unwrap() {
            let chart = chart("golden", text(&reference["text"]));
            let tokens = engine.tokens(&chart).unwrap();
            assert_eq!(tokens.ids, ids(&reference["ids"]), "{encoder} {}", reference["id"]);
            if let Some(offsets) = reference.get("offsets_bytes") {
                let offsets: Vec<[usize; 2]> = serde_json::from_value(offsets.clone()).unwrap();
                let ours: Vec<[usize; 2]> =
                    tokens.spans.iter().map(|span| [span.start(), span.end()]).collect();
                assert_eq!(ours, offsets, "{encoder} {}", reference["id"]);
            }
        }
        let hidden = hidden_states(&engine, &golden);
        let measured = measure(&engine, &golden, "classification");
        writeln!(table, "{encoder:<18} logits {:.1e}  hidden {hidden:.1e}", measured.logit)
            .unwrap();
        assert!(hidden <= LOGIT, "{encoder}: hidden states are off by {hidden:e}");
        assert!(measured.logit <= LOGIT, "{encoder}: logits are off by {:e}", measured.logit);
    }
    println!("{table}");
}

fn hidden_states(engine: &Engine, golden: &Value) -> f32 {
    let mut largest = 0.0_f32;
    let mut compared = 0;
    for reference in golden["charts"].as_array().unwrap() {
        let section = &reference["classification"];
        let Some(positions) = section.get("hidden_positions") else {
            continue;
        };
        let whole: Vec<u32> =
            [ids(&golden["prefix"]), ids(&reference["ids"]), ids(&golden["suffix"])].concat();
        let hidden = engine.encoder().forward(&[&whole]).unwrap().to_vec2::<f32>().unwrap();
        let rows = section["hidden"].as_array().unwrap();
        for (position, row) in ids(positions).into_iter().zip(rows) {
            largest = largest.max(difference(&hidden[position as usize], &floats(row)));
            compared += 1;
        }
    }
    assert!(compared > 4, "only {compared} hidden states were compared");
    largest
}

/// Every encoder with every label-attention head, imported from a sharded checkpoint.
#[test]
fn every_encoder_carries_every_head() {
    let mut table = String::new();
    for encoder in ENCODERS {
        let golden = golden(encoder);
        write!(table, "{encoder:<18}").unwrap();
        for head in HEADS {
            let folder = checkpoint(encoder, head);
            let engine = imported(folder.path(), &options(PaddingMode::None), StoredAs::Keep);
            let measured = measure(&engine, &golden, head);
            let Measured { logit, attention, tokens_compared } = measured;
            write!(table, "  {head} {logit:.1e} / {attention:.1e}").unwrap();
            assert!(logit <= LOGIT, "{encoder} {head}: logits are off by {logit:e}");
            assert!(attention <= ATTENTION, "{encoder} {head}: attention is off by {attention:e}");
            assert!(tokens_compared > 100, "{encoder} {head}: too little attention compared");
        }
        table.push('\n');
    }
    println!("{table}");
}

/// The four ways in which padding took part in published models.
#[test]
fn padding_takes_part_as_it_did_in_publications() {
    for encoder in ["bert", "roberta"] {
        let golden = golden(encoder);
        for head in HEADS {
            let folder = checkpoint(encoder, head);
            for (name, padding) in PADDING {
                let engine = imported(folder.path(), &options(padding), StoredAs::Keep);
                let measured = measure(&engine, &golden, &format!("{head}{name}"));
                let Measured { logit, attention, tokens_compared } = measured;
                assert!(logit <= LOGIT, "{encoder} {head}{name}: logits off by {logit:e}");
                assert!(attention <= ATTENTION, "{encoder} {head}{name}: off by {attention:e}");
                assert!(tokens_compared > 50, "{encoder} {head}{name}: too little compared");
            }
        }
    }
}

/// A checkpoint pickled by PyTorch in each published layout.
#[test]
fn every_published_pickle_imports_and_scores() {
    let golden = json_file(&parity("pickles/golden.json"));
    let roberta = self::golden("roberta");
    for (name, reference) in golden["folders"].as_object().unwrap() {
        let mut options = options(PaddingMode::None);
        if !parity("pickles").join(name).join("config.json").is_file() {
            options.encoder = Some(parity("roberta"));
        }
        let source = parity("pickles").join(name);
        let engine = imported(&source, &options, StoredAs::Keep);
        let codes: Vec<&str> = engine.labels().codes().collect();
        let expected: Vec<&str> = reference["codes"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(codes, expected, "{name}");
        let texts: BTreeMap<&str, &str> = roberta["charts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chart| (text(&chart["id"]), text(&chart["text"])))
            .collect();
        for reference in reference["charts"].as_array().unwrap() {
            let chart = chart("golden", texts[text(&reference["id"])]);
            let logits = engine.logits(&chart).unwrap();
            let difference = difference(&logits, &floats(&reference["logits"]));
            assert!(difference <= LOGIT, "{name} {}: off by {difference:e}", reference["id"]);
        }
        if name.starts_with("edin") {
            assert!((engine.manifest().thresholds.review - 0.3737).abs() < 1e-6, "{name}");
        }
    }
}

/// How often bf16 and int8 decide otherwise than f32.
#[test]
fn smaller_weights_choose_nearly_the_same_codes() {
    let mut total = [0, 0];
    for encoder in ENCODERS {
        let folder = checkpoint(encoder, "laat");
        let engines = [StoredAs::F32, StoredAs::Bf16, StoredAs::Int8]
            .map(|precision| imported(folder.path(), &options(PaddingMode::None), precision));
        let golden = golden(encoder);
        let mut changed = [0, 0];
        let mut decided = 0;
        for reference in golden["charts"].as_array().unwrap() {
            let chart = chart("golden", text(&reference["text"]));
            let [exact, bf16, int8] =
                engines.each_ref().map(|engine| engine.logits(&chart).unwrap());
            let differs = |logits: &[f32]| {
                exact.iter().zip(logits).filter(|(a, b)| (**a > 0.0) != (**b > 0.0)).count()
            };
            changed[0] += differs(&bf16);
            changed[1] += differs(&int8);
            decided += exact.len();
        }
        assert!(decided >= 60, "too few decisions to mean anything");
        println!(
            "{encoder:<18} of {decided} decisions bf16 changes {}, int8 {}",
            changed[0], changed[1]
        );
        total = [total[0] + changed[0], total[1] + changed[1]];
    }
    // Measured: 2 and 9 of 1,428. The models are tiny and random, their logits crowd around 0.
    assert!(total[0] <= 7 && total[1] <= 14, "bf16 and int8 change {total:?} decisions");
}
