//! Against what Transformers makes of the same files (`scripts/tokenizers/make_slow_tokenizers.py`).

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Deserialize)]
struct Reference {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    model_type: String,
    files: std::collections::BTreeMap<String, String>,
    config: Option<Value>,
    special_tokens_map: Option<Value>,
    added_tokens: Option<Value>,
    results: Vec<Expected>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct Expected {
    ids: Vec<u32>,
    offsets: Vec<usize>,
}

impl Case {
    fn build(&self, folder: &Path) -> Result<Tokenizer> {
        let inline = |name: &str, value: &Option<Value>| {
            let file =
                |value: &Value| SlowFile { path: name.into(), bytes: value.to_string().into() };
            value.as_ref().map(file)
        };
        let mut files = SlowFiles {
            special_tokens_map: inline("special_tokens_map.json", &self.special_tokens_map),
            added_tokens: inline("added_tokens.json", &self.added_tokens),
            ..SlowFiles::default()
        };
        for (name, source) in &self.files {
            let bytes = std::fs::read(folder.join(source)).unwrap();
            let file = Some(SlowFile { path: name.into(), bytes });
            match name.as_str() {
                "vocab.txt" => files.vocab_txt = file,
                "vocab.json" => files.vocab_json = file,
                "merges.txt" => files.merges_txt = file,
                _ => files.sentencepiece = file,
            }
        }
        let config = self.config.as_ref().map(ToString::to_string);
        let config = config.map(|json| serde_json::from_slice(json.as_bytes()).unwrap());
        build(&files, &config.unwrap_or_default(), &self.model_type)
    }
}

fn fixtures() -> std::path::PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/slow");
    std::env::var_os("SLOW_FIXTURES").map_or(own, Into::into)
}

fn reference(folder: &Path) -> Reference {
    let bytes = std::fs::read(folder.join("reference.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn ids_and_offsets_are_those_of_transformers() {
    let folder = fixtures();
    let reference = reference(&folder);
    let mut wrong = Vec::new();
    for case in &reference.cases {
        let tokenizer = case.build(&folder).unwrap();
        for (text, expected) in reference.texts.iter().zip(&case.results) {
            let encoding = tokenizer.encode_char_offsets(text.as_str(), true).unwrap();
            let offsets = encoding.get_offsets().iter().flat_map(|&(a, b)| [a, b]).collect();
            let found = Expected { ids: encoding.get_ids().to_vec(), offsets };
            if found != *expected {
                wrong.push(format!("{}: {text:?}\n {found:?}\n {expected:?}", case.name));
            }
        }
    }
    let shown = &wrong[..wrong.len().min(5)];
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), shown.join("\n"));
}

fn case(name: &str) -> Case {
    reference(&fixtures()).cases.into_iter().find(|case| case.name == name).unwrap()
}

fn error(case: &Case) -> String {
    case.build(&fixtures()).unwrap_err().to_string()
}

#[test]
fn what_is_missing_is_named() {
    let mut bert = case("bert");
    bert.config = Some(serde_json::json!({"cls_token": "<nothing>"}));
    assert!(error(&bert).contains("has no <nothing>"), "{}", error(&bert));
    bert.config = Some(serde_json::json!({"unk_token": "<nothing>"}));
    assert!(error(&bert).contains("has no <nothing>"), "{}", error(&bert));
    bert.model_type = "roberta".to_owned();
    assert!(error(&bert).contains("nor vocab.json"), "{}", error(&bert));
    bert.model_type = "gpt2".to_owned();
    assert!(error(&bert).contains("gpt2"), "{}", error(&bert));
    bert.config = Some(serde_json::json!({"tokenizer_class": "BigBirdTokenizer"}));
    assert!(error(&bert).contains("BigBirdTokenizer"), "{}", error(&bert));
}

#[test]
fn named_extra_tokens_are_refused_and_none_of_them_are_not() {
    let mut bert = case("bert");
    bert.config = Some(serde_json::json!({"extra_special_tokens": {}}));
    assert!(bert.build(&fixtures()).is_ok());
    bert.config = Some(serde_json::json!({"extra_special_tokens": {"image_token": "<i>"}}));
    assert!(error(&bert).contains("extra_special_tokens"), "{}", error(&bert));
}

#[test]
fn damaged_merges_are_refused_without_a_panic() {
    let file = |text: &str| Some(SlowFile { path: "f".into(), bytes: text.into() });
    let mut files = SlowFiles {
        vocab_json: file(r#"{"<s>":0,"</s>":1,"a":2,"b":3}"#),
        merges_txt: file("#version: 0.2\na b\n"),
        ..SlowFiles::default()
    };
    let config = SlowConfig::default();
    let error = build(&files, &config, "roberta").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    files.merges_txt = file("a b c\n");
    assert!(build(&files, &config, "roberta").is_err());
    files.vocab_json = file(r#"{"a":-1}"#);
    assert!(build(&files, &config, "roberta").is_err());
    files.vocab_json = file("[]");
    assert!(matches!(build(&files, &config, "roberta"), Err(Error::Json { .. })));
}

#[test]
fn damaged_sentencepiece_models_never_panic() {
    let path = PathBuf::from("spm.model");
    let bytes = std::fs::read(fixtures().join("xlmr.model")).unwrap();
    let bytes = &bytes[..bytes.len().min(6000)];
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 0x55;
        let sentencepiece = Some(SlowFile { path: path.clone(), bytes: damaged });
        let files = SlowFiles { sentencepiece, ..SlowFiles::default() };
        for model_type in ["xlm-roberta", "camembert", "albert", "deberta-v2"] {
            if let Ok(tokenizer) = build(&files, &SlowConfig::default(), model_type) {
                let _ = tokenizer.encode("A ﬁne ½ day, naïve\u{200b}ly \u{a0}said.", true);
            }
        }
    }
}
