use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use chartcode::{Chart, Engine, Error, Import, ImportOptions, Options, Report, StoredAs};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{
    chart, charts, difference, edit_json, floats, ids, json_file, repository, text,
};

/// Logits may differ from PyTorch's by this much.
const LOGIT: f32 = 1e-4;
/// Attention may differ from PyTorch's by this much.
const ATTENTION: f32 = 1e-5;

/// Tiny models as they are published; see `scripts/parity/words.py`.
pub(crate) const MODELS: [&str; 5] = ["caml", "caml-2023", "multirescnn-2023", "laat", "laat-2023"];

pub(crate) fn folder(model: &str) -> PathBuf {
    repository("tests/parity/words").join(model)
}

fn load(model: &str) -> Engine {
    Engine::load(folder(model), Options::new().top(Some(12))).unwrap()
}

fn json_of(report: &Report) -> String {
    serde_json::to_string(report).unwrap()
}

/// The charts of `scripts/parity/texts.jsonl`, by id.
fn golden_chart(reference: &Value) -> Chart {
    let lines = fs::read_to_string(repository("scripts/parity/texts.jsonl")).unwrap();
    let mut rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = rows.find(|row| row["id"] == reference["id"]).unwrap();
    let copies = reference["copies"].as_u64().unwrap() as usize;
    chart("golden", &vec![text(&row["text"]); copies].join("\n"))
}

/// Folders as published, read as they are and imported: words, logits and attention.
#[test]
fn every_published_model_scores_as_in_pytorch() {
    let mut table = String::new();
    for model in MODELS {
        let golden = json_file(&folder(model).join("golden.json"));
        let out = tempfile::tempdir().unwrap();
        let mut import = Import::open(folder(model), &ImportOptions::default()).unwrap();
        import.check().unwrap();
        import.write(out.path(), StoredAs::Keep).unwrap();
        for source in [folder(model).as_path(), out.path()] {
            let engine = Engine::load(source, Options::new()).unwrap();
            let codes: Vec<&str> = engine.labels().codes().collect();
            let expected: Vec<&str> =
                golden["codes"].as_array().unwrap().iter().map(text).collect();
            assert_eq!(codes, expected, "{model}");
            let (logit, attention) = measure(&engine, &golden);
            assert!(logit <= LOGIT, "{model}: logits are off by {logit:e}");
            assert!(attention <= ATTENTION, "{model}: attention is off by {attention:e}");
            writeln!(table, "{model:<18} logits {logit:.1e}  attention {attention:.1e}").unwrap();
        }
    }
    println!("{table}");
}

/// The residual blocks' output as it is, where the configuration says so.
#[test]
fn the_second_tanh_of_multirescnn_is_a_setting() {
    let out = tempfile::tempdir().unwrap();
    let mut import = Import::open(folder("multirescnn-2023"), &ImportOptions::default()).unwrap();
    import.check().unwrap();
    import.write(out.path(), StoredAs::Keep).unwrap();
    edit_json(&out.path().join("config.json"), |config| config["attention_tanh"] = json!(false));
    edit_json(&out.path().join("manifest.json"), |manifest| manifest["files"] = json!({}));
    let engine = Engine::load(out.path(), Options::new()).unwrap();
    let golden = json_file(&folder("multirescnn-2023").join("golden.json"));
    for reference in golden["charts"].as_array().unwrap() {
        let logits = engine.logits(&golden_chart(reference)).unwrap();
        let expected = floats(&reference["logits_without_attention_tanh"]);
        let difference = difference(&logits, &expected);
        assert!(difference <= LOGIT, "{}: off by {difference:e}", reference["id"]);
    }
}

/// The largest differences of logits and attention.
fn measure(engine: &Engine, golden: &Value) -> (f32, f32) {
    let (mut logit, mut attention, mut compared) = (0.0_f32, 0.0_f32, 0);
    for reference in golden["charts"].as_array().unwrap() {
        let chart = golden_chart(reference);
        if let Some(expected) = reference.get("ids") {
            assert_eq!(engine.tokens(&chart).unwrap().ids, ids(expected), "{}", reference["id"]);
        }
        let logits = engine.logits(&chart).unwrap();
        logit = logit.max(difference(&logits, &floats(&reference["logits"])));
        let Some(stored) = reference.get("attention") else {
            continue;
        };
        for (label, expected) in stored.as_object().unwrap() {
            let support = engine.token_support(&chart, label.parse().unwrap()).unwrap().unwrap();
            let ours: Vec<f32> = support.iter().map(|row| row.attention).collect();
            attention = attention.max(difference(&ours, &floats(expected)));
            compared += ours.len();
        }
    }
    assert!(compared > 300, "too little attention compared");
    (logit, attention)
}

/// What a label gives its words adds up to the logit; the row behind an even kernel is no word.
#[test]
fn contributions_add_up_and_each_word_has_its_row() {
    for model in MODELS {
        let engine = load(model);
        let chart = &charts()[1];
        let words = engine.tokens(chart).unwrap().spans;
        let logits = engine.logits(chart).unwrap();
        let rest: Vec<f32> = (0..logits.len())
            .map(|label| {
                let support = engine.token_support(chart, label).unwrap().unwrap();
                let spans: Vec<_> = support.iter().filter_map(|row| row.span).collect();
                assert_eq!(spans, words, "{model}");
                let extra = usize::from(model == "caml-2023");
                assert_eq!(support.len(), words.len() + extra, "{model}");
                let attention: f32 = support.iter().map(|row| row.attention).sum();
                assert!((attention - 1.0).abs() < 1e-4, "{model}: {attention}");
                logits[label] - support.iter().map(|row| row.contribution).sum::<f32>()
            })
            .collect();
        // What is left is the label's bias, which depends on no chart.
        for (label, bias) in rest.iter().enumerate() {
            let other = &charts()[2];
            let support = engine.token_support(other, label).unwrap().unwrap();
            let sum: f32 = support.iter().map(|row| row.contribution).sum();
            let logit = engine.logits(other).unwrap()[label];
            assert!((logit - sum - bias).abs() < 1e-3, "{model}: {logit} {sum} {bias}");
        }
    }
}

/// The text that the model reads is not the note; evidence is.
#[test]
fn evidence_lies_on_the_words_of_the_raw_note() {
    for model in MODELS {
        let engine = load(model);
        for chart in charts() {
            let Ok(report) = engine.code(&chart) else { continue };
            for evidence in report.codes.iter().flat_map(|code| &code.evidence) {
                let range = evidence.span.range();
                let quote = &chart.text()[range.clone()];
                assert_eq!(quote, evidence.text.as_str());
                let is_word = |c: char| c.is_alphanumeric();
                assert!(quote.starts_with(|c| is_word(c) || c == '_'), "{model}: {quote:?}");
                assert!(!chart.text()[..range.start].ends_with(is_word), "{model}: {quote:?}");
                assert!(!chart.text()[range.end..].starts_with(is_word), "{model}: {quote:?}");
            }
        }
        let report = engine.code(&charts()[0]).unwrap();
        assert!(report.codes.iter().any(|code| !code.evidence.is_empty()), "{model}");
        assert_eq!(report.read.windows, 1);
    }
}

/// Not "close": the very same bytes, whatever else is coded and with any number of threads.
#[test]
fn a_chart_is_answered_as_alone() {
    let mut all = charts();
    all.push(chart("long", &all[0].text().repeat(12)));
    for model in MODELS {
        let engine = load(model);
        let alone: Vec<Option<String>> =
            all.iter().map(|chart| engine.code(chart).ok().as_ref().map(json_of)).collect();
        assert!(alone.iter().flatten().count() > 3, "{model}");
        let mut backwards = all.clone();
        backwards.reverse();
        let mut together: Vec<Option<String>> = engine
            .code_batch(backwards)
            .map(|(_, report)| report.ok().as_ref().map(json_of))
            .collect();
        together.reverse();
        assert_eq!(alone, together, "{model}");
        for threads in [1, 3] {
            let options = Options::new().top(Some(12)).threads(NonZeroUsize::new(threads));
            let engine = Engine::load(folder(model), options).unwrap();
            let one = engine.code(all.last().unwrap()).ok().as_ref().map(json_of);
            assert_eq!(&one, alone.last().unwrap(), "{model}, {threads} threads");
        }
    }
}

/// A chart of 100,000 words is one window, and its last word is read.
#[test]
fn a_chart_of_any_length_is_one_window() {
    let known = "heart failure and acute kidney injury ".repeat(100_000 / 6);
    for model in MODELS {
        let engine = load(model);
        let long = chart("long", &known);
        let other = chart("long", &format!("{known} pneumonia unheard"));
        let report = engine.code(&long).unwrap();
        assert_eq!((report.read.windows, report.read.tokens), (1, 99_996), "{model}");
        assert_eq!(engine.tokens(&other).unwrap().len(), 99_998);
        let support = engine.token_support(&other, 0).unwrap().unwrap();
        let last = support.iter().filter_map(|row| row.span).next_back().unwrap();
        assert_eq!(&other.text()[last.range()], "unheard");
        let last = engine.code(&other).unwrap();
        let logits =
            |report: &Report| -> Vec<f32> { report.codes.iter().map(|code| code.logit).collect() };
        assert_ne!(logits(&report), logits(&last), "{model}");
    }
}

#[test]
fn words_that_nobody_knows_are_coded_all_the_same() {
    for model in MODELS {
        let golden = json_file(&folder(model).join("golden.json"));
        let engine = load(model);
        let strange = chart("strange", "Xylotomous qwertz!\n\nŻółć... grübelnd");
        let unknown = golden["unknown"].as_u64().unwrap() as u32;
        let tokens = engine.tokens(&strange).unwrap();
        assert!(tokens.len() >= 3 && tokens.ids.iter().all(|&id| id == unknown), "{model}");
        assert_eq!(engine.code(&strange).unwrap().codes.len(), 12, "{model}");
        let error = engine.code(&chart("empty", "12 -- 99 .")).err();
        assert!(error.is_none_or(|error| matches!(error, Error::NoTokens { .. })), "{model}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Charts of any lengths, around those of the blocks that are computed together.
    #[test]
    fn neighbours_and_lengths_do_not_matter(
        lengths in proptest::collection::vec(prop_oneof![1_usize..40, 120_usize..140], 1..6),
    ) {
        let words = ["heart", "failure", "unheard", "of", "pneumonia", "with", "acute", "injury"];
        let text = |(at, &length): (usize, &usize)| {
            let words: Vec<&str> = (0..length).map(|word| words[(word * 5 + at) % 8]).collect();
            chart(&format!("{at}"), &words.join(", "))
        };
        let charts: Vec<Chart> = lengths.iter().enumerate().map(text).collect();
        for model in ["caml-2023", "multirescnn-2023", "laat-2023"] {
            let engine = load(model);
            for (chart, report) in engine.code_batch(charts.clone()) {
                prop_assert_eq!(json_of(&report.unwrap()), json_of(&engine.code(&chart).unwrap()));
            }
        }
    }
}
