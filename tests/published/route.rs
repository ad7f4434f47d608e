use std::fs;

use chartcode::{
    Aggregate, Engine, Import, ImportOptions, Options, PaddingMode, ReadLimit, StoredAs,
};

use super::{HEADS, checkpoint, golden, imported, options, parity};
use crate::support::{chart, difference, floats, repository, text};

/// A report is the same alone, beside others and with any number of threads, whatever the head.
#[test]
fn every_head_gives_one_answer() {
    let note = fs::read_to_string(repository("tests/charts/discharge.txt")).unwrap();
    let charts: Vec<chartcode::Chart> = (0..6)
        .map(|number| {
            let from = note.floor_char_boundary(number * 211);
            chart(&format!("c{number}"), &note[from..note.floor_char_boundary(from + 900)])
        })
        .collect();
    for encoder in ["roberta", "deberta-v3", "longformer", "modernbert-cls"] {
        let out = tempfile::tempdir().unwrap();
        for head in HEADS.iter().chain(&["classification"]) {
            let bundle = if *head == "classification" {
                parity(encoder)
            } else {
                let folder = checkpoint(encoder, head);
                let mut import = Import::open(folder.path(), &options(PaddingMode::None)).unwrap();
                import.check().unwrap();
                import.write(out.path().join(head), StoredAs::Keep).unwrap();
                out.path().join(head)
            };
            let load = |threads| {
                let threads = std::num::NonZeroUsize::new(threads);
                Engine::load(&bundle, Options::new().top(Some(12)).threads(threads)).unwrap()
            };
            let (one, three) = (load(1), load(3));
            let batch = three.code_batch(charts.clone());
            for ((chart, beside), single) in batch.zip(&charts) {
                let alone = one.code(single).unwrap();
                assert_eq!(alone, beside.unwrap(), "{encoder} {head} {}", chart.id());
            }
        }
    }
}

/// Folders from before `tokenizer.json`.
#[test]
fn old_tokenizer_files_give_the_same_tokens() {
    for (encoder, slow) in [("roberta", "roberta-slow"), ("mpnet", "mpnet-slow")] {
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            fs::copy(parity(encoder).join(name), folder.path().join(name)).unwrap();
        }
        for entry in fs::read_dir(parity(slow)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let (old, new) = (Engine::load(folder.path(), Options::new()).unwrap(), {
            Engine::load(parity(encoder), Options::new()).unwrap()
        });
        for reference in golden(encoder)["charts"].as_array().unwrap() {
            let chart = chart("golden", text(&reference["text"]));
            assert!(old.tokens(&chart).unwrap() == new.tokens(&chart).unwrap(), "{encoder}");
        }
    }
}

/// A limit gives what PyTorch gives for the text cut there, and says what was left out.
#[test]
fn what_a_limit_leaves_out_is_said() {
    let folder = checkpoint("bert", "laat");
    let note = fs::read_to_string(repository("tests/charts/clinic.txt")).unwrap();
    let whole = imported(folder.path(), &options(PaddingMode::None), StoredAs::Keep);
    let mut limited = options(PaddingMode::None);
    limited.limit = Some(ReadLimit::Words(30));
    let limited = imported(folder.path(), &limited, StoredAs::Keep);
    let words: Vec<&str> = note.split_whitespace().take(30).collect();
    let cut = chart("cut", &words.join(" "));
    let note = chart("note", &note);
    let difference = difference(&limited.logits(&note).unwrap(), &whole.logits(&cut).unwrap());
    assert!(difference <= 1e-6, "off by {difference:e}");
    let read = limited.code(&note).unwrap().read;
    let all = whole.code(&note).unwrap().read;
    assert_eq!(all.unread_tokens, 0);
    assert!(read.unread_tokens > 0);
    assert_eq!(read.tokens + read.unread_tokens, all.tokens);
}

/// Windows of padding alone have a place in the label attention, not in the chart.
#[test]
fn windows_without_a_token_of_the_chart_do_no_harm() {
    let folder = checkpoint("roberta", "laat");
    let golden = golden("roberta");
    let exact = golden["charts"].as_array().unwrap().iter().find(|c| c["id"] == "exact-roberta");
    let chart = chart("exact", text(&exact.unwrap()["text"]));
    let engine = imported(folder.path(), &options(PaddingMode::HeadExtraWindow), StoredAs::Keep);
    let report = engine.code(&chart).unwrap();
    assert_eq!(report.read.windows, 4);
    assert_eq!(engine.embed(&chart).unwrap().windows.len(), 3);
}

/// The mean over windows, where that is asked for.
#[test]
fn windows_can_be_averaged() {
    let mut options = ImportOptions::default();
    options.aggregate = Aggregate::Mean;
    let engine = imported(&parity("bert"), &options, StoredAs::Keep);
    let golden = golden("bert");
    for reference in golden["charts"].as_array().unwrap() {
        let windows: Vec<Vec<f32>> =
            reference["classification"]["windows"].as_array().unwrap().iter().map(floats).collect();
        let mean: Vec<f32> = (0..windows[0].len())
            .map(|label| windows.iter().map(|w| w[label]).sum::<f32>() / windows.len() as f32)
            .collect();
        let ours = engine.logits(&chart("golden", text(&reference["text"]))).unwrap();
        assert!(difference(&ours, &mean) <= 1e-4, "{}", reference["id"]);
    }
}
