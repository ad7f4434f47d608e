use std::fs;

use chartcode::{
    Engine, EvidenceKind, Import, Options, PaddingMode, Precision, Preprocess, StoredAs,
};

use super::{LOGIT, checkpoint, imported, options, parity};
use crate::support::{chart, difference, floats, json_file, repository, text};

/// What a classification head's logit loses without each token, against PyTorch with the token
/// hidden from the first one in the last layer, or left out of the mean.
#[test]
fn classification_heads_say_what_each_token_brings() {
    let golden = json_file(&parity("evidence.json"));
    for (encoder, reference) in golden.as_object().unwrap() {
        let engine = Engine::load(parity(encoder), Options::new()).unwrap();
        let chart = chart("golden", text(&reference["text"]));
        let rows: Vec<Vec<f32>> =
            reference["contributions"].as_array().unwrap().iter().map(floats).collect();
        for label in 0..engine.labels().len() {
            let support = engine.token_support(&chart, label).unwrap().unwrap();
            let ours: Vec<f32> = support.iter().map(|token| token.contribution).collect();
            let expected: Vec<f32> = rows.iter().map(|row| row[label]).collect();
            assert_eq!(ours.len(), expected.len());
            let difference = difference(&ours, &expected);
            assert!(difference <= LOGIT, "{encoder} {label}: off by {difference:e}");
            let attention: f32 = support.iter().map(|token| token.attention).sum();
            assert!((attention - 1.0).abs() < 1e-5, "{encoder}: attention sums to {attention}");
        }
    }
}

/// Attention sums to 1, and the contributions to the logit but for the label's own constant.
#[test]
fn contributions_add_up_to_the_logit() {
    let bytes = fs::read(parity("heads/laat.safetensors")).unwrap();
    let laat = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let bias = laat.tensor("third_linear.bias").unwrap();
    let bias: Vec<f32> =
        bias.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let folder = checkpoint("roberta", "laat");
    let engine = imported(folder.path(), &options(PaddingMode::None), StoredAs::Keep);
    let note = fs::read_to_string(repository("tests/charts/discharge.txt")).unwrap();
    let chart = chart("note", &note);
    let logits = engine.logits(&chart).unwrap();
    for (label, bias) in bias.iter().enumerate() {
        let support = engine.token_support(&chart, label).unwrap().unwrap();
        let attention: f64 = support.iter().map(|token| f64::from(token.attention)).sum();
        let contribution: f64 = support.iter().map(|token| f64::from(token.contribution)).sum();
        assert!((attention - 1.0).abs() < 1e-4, "attention sums to {attention}");
        let difference = (contribution + f64::from(bias - logits[label])).abs();
        assert!(difference < 1e-3, "label {label}: off by {difference:e}");
    }
}

/// Bounds leave labels out, and nothing in a report changes: codes, logits, evidence.
#[test]
fn reports_are_the_same_where_labels_are_ruled_out() {
    let texts = ["clinic", "discharge", "radiology"].map(|name| {
        let text = fs::read_to_string(repository(&format!("tests/charts/{name}.txt"))).unwrap();
        (name, text)
    });
    let charts = || texts.iter().map(|(name, text)| chart(name, text));
    for encoder in ["roberta", "bert"] {
        let folder = checkpoint(encoder, "laat");
        let out = tempfile::tempdir().unwrap();
        let mut import = Import::open(folder.path(), &options(PaddingMode::None)).unwrap();
        import.check().unwrap();
        import.write(out.path(), StoredAs::Keep).unwrap();
        for precision in Precision::ALL {
            let options = Options::new().precision(precision);
            for options in [options, options.top(Some(2)), options.threshold(Some(0.7))] {
                let full = Engine::load(out.path(), options).unwrap();
                let bounded = Engine::load(out.path(), options.prune(true)).unwrap();
                let expected: Vec<_> = charts().map(|c| full.code(&c).unwrap()).collect();
                let alone: Vec<_> = charts().map(|c| bounded.code(&c).unwrap()).collect();
                let together: Vec<_> =
                    bounded.code_batch(charts()).map(|(_, report)| report.unwrap()).collect();
                assert!(alone == expected && together == expected, "{encoder} with {options:?}");
                for chart in charts() {
                    assert!(bounded.logits(&chart).unwrap() == full.logits(&chart).unwrap());
                }
                assert_eq!(full.pruned(), None);
                let pruned = bounded.pruned().unwrap();
                assert_eq!(pruned.labels, 6 * full.labels().len() as u64);
                assert!(pruned.computed <= pruned.labels);
            }
        }
    }
}

/// Passages lie on the raw note although the encoder read another text.
#[test]
fn evidence_is_mapped_back_through_preprocessing() {
    let folder = checkpoint("roberta", "laat");
    let mut options = options(PaddingMode::EncoderAndHead);
    options.preprocess = Some(Preprocess::Mullenbach);
    let out = tempfile::tempdir().unwrap();
    let mut import = Import::open(folder.path(), &options).unwrap();
    import.check().unwrap();
    import.write(out.path(), StoredAs::Keep).unwrap();
    let note = "Pt: 68-y/o M, K⁺ 2.9 — ACUTE on CHRONIC 12 34 heart-failure!!\r\nDM2; BP 140/90.";
    let chart = chart("note", note);
    let words = ["pt", "y", "o", "m", "k", "acute", "on", "chronic", "heart", "failure"];
    for kind in [EvidenceKind::Attention, EvidenceKind::Contribution] {
        let engine = Engine::load(out.path(), Options::new().top(Some(12)).evidence(kind)).unwrap();
        let tokens = engine.tokens(&chart).unwrap();
        let read: String = tokens.spans.iter().map(|span| &note[span.range()]).collect();
        for word in words {
            assert!(read.to_lowercase().contains(word), "{word:?} was not read from {read:?}");
        }
        assert!(!read.contains("68") && !read.contains("140"), "a number was read in {read:?}");
        let report = engine.code(&chart).unwrap();
        assert_eq!(report.codes.len(), 12);
        for code in &report.codes {
            for evidence in &code.evidence {
                assert_eq!(&note[evidence.span.range()], evidence.text.as_str());
                assert!(evidence.attention.is_some());
            }
            let weights: Vec<f32> = code
                .evidence
                .iter()
                .map(|evidence| match kind {
                    EvidenceKind::Attention => evidence.attention.unwrap(),
                    _ => evidence.contribution,
                })
                .collect();
            assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
        }
        assert!(report.codes.iter().any(|code| !code.evidence.is_empty()));
    }
    let none = Options::new().top(Some(12)).evidence(EvidenceKind::None);
    let report = Engine::load(out.path(), none).unwrap().code(&chart).unwrap();
    assert!(report.codes.iter().all(|code| code.evidence.is_empty()));
}
