use std::num::NonZeroUsize;

use chartcode::{Bundle, Decision, Engine, Error, Options, Report};
use proptest::prelude::*;

use crate::support::{chart, charts, load, repository, tiny};

fn json(report: &Report) -> String {
    serde_json::to_string(report).unwrap()
}

/// Not "close": the very same bytes, logits and evidence included.
#[test]
fn a_chart_in_a_batch_is_answered_as_alone() {
    for bundle in ["models/tiny", "models/tiny-classifier"] {
        let engine = load(bundle, Options::new().top(Some(12)));
        let alone: Vec<String> =
            charts().iter().map(|chart| json(&engine.code(chart).unwrap())).collect();
        let together: Vec<String> =
            engine.code_batch(charts()).map(|(_, report)| json(&report.unwrap())).collect();
        assert_eq!(alone, together);
        let mut reversed = charts();
        reversed.reverse();
        let mut backwards: Vec<String> =
            engine.code_batch(reversed).map(|(_, report)| json(&report.unwrap())).collect();
        backwards.reverse();
        assert_eq!(alone, backwards);
    }
}

/// The charts' logits share batches; each is what the chart alone has, to the last bit.
#[test]
fn logits_in_a_batch_are_those_of_each_chart_alone() {
    let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for bundle in ["models/tiny", "models/tiny-classifier", "tests/parity/words/laat"] {
        let engine = load(bundle, Options::new());
        let mut stream = charts();
        // One that is coded by itself, one that fails, more short ones than are taken at once.
        stream.insert(2, chart("long", &"Seen for cough and fever. ".repeat(2600)));
        stream.insert(4, chart("odd", "\u{1}"));
        stream.extend((0..300).map(|number| chart(&number.to_string(), "fever")));
        let ids: Vec<String> = stream.iter().map(|chart| chart.id().to_owned()).collect();
        let batch: Vec<_> = engine.logits_batch(stream).collect();
        assert!(batch.iter().map(|(chart, _)| chart.id()).eq(&ids));
        for (chart, logits) in batch.into_iter().take(12) {
            match (logits, engine.logits(&chart)) {
                (Ok(logits), Ok(alone)) => assert_eq!(bits(logits), bits(alone), "{}", chart.id()),
                (Err(Error::NoTokens { .. }), Err(_)) => assert_eq!(chart.id(), "odd"),
                (logits, _) => panic!("{bundle}, {}: {logits:?}", chart.id()),
            }
        }
    }
}

/// The passages asked for are those of a report that has all labels in it, however improbable.
#[test]
fn any_label_can_be_explained() {
    for bundle in ["models/tiny", "models/tiny-classifier", "tests/parity/words/laat"] {
        let engine = load(bundle, Options::new());
        let labels = engine.labels().len();
        let everything = load(bundle, Options::new().top(Some(labels)));
        for chart in charts().into_iter().take(3) {
            let report = everything.code(&chart).unwrap();
            // In no order, and one twice.
            let asked: Vec<usize> = (0..labels).rev().chain([1]).collect();
            let explanation = engine.explain(&chart, &asked).unwrap();
            assert_eq!(explanation.logits, engine.logits(&chart).unwrap());
            assert_eq!(explanation.evidence.len(), asked.len());
            for (&label, evidence) in asked.iter().zip(&explanation.evidence) {
                let code = engine.labels().code(label);
                let reported = report.codes.iter().find(|reported| reported.code == code).unwrap();
                assert_eq!(evidence, &reported.evidence, "{code}");
                assert_eq!(engine.probability(reported.logit), reported.probability);
                let has_best = bundle.starts_with("models/");
                assert!(!evidence.is_empty() || !has_best, "{code}, {:?}", reported.decision);
            }
        }
        let nobody = engine.explain(&charts()[0], &[0, labels]).unwrap_err();
        assert!(matches!(nobody, Error::Option { option: "the label", .. }), "{nobody}");
    }
}

/// Gold codes that the engine would not suggest have a best passage, too.
#[test]
fn codes_below_the_threshold_have_their_best_passage() {
    let engine = load("models/icd10cm-minilm", Options::new());
    let chart = &charts()[0];
    let logits = engine.logits(chart).unwrap();
    let dropped = |label: &usize| engine.decide(*label, logits[*label]) == Decision::Drop;
    let mut labels: Vec<usize> = (0..logits.len()).filter(dropped).collect();
    labels.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    labels.drain(30..labels.len() - 30);
    let explanation = engine.explain(chart, &labels).unwrap();
    assert_eq!(explanation.logits, logits);
    for (label, evidence) in labels.into_iter().zip(&explanation.evidence) {
        assert!(!evidence.is_empty(), "{}", engine.labels().code(label));
    }
}

#[test]
fn an_engine_has_the_threads_it_was_given() {
    let options = Options::new().threads(NonZeroUsize::new(3));
    assert_eq!(load("models/tiny", options).threads(), 3);
}

#[test]
fn threads_do_not_change_an_answer() {
    let answers = |threads| {
        let options = Options::new().top(Some(12)).threads(NonZeroUsize::new(threads));
        let engine = load("models/tiny", options);
        charts().iter().map(|chart| json(&engine.code(chart).unwrap())).collect::<Vec<_>>()
    };
    let one = answers(1);
    for threads in [2, 3, 7] {
        assert_eq!(one, answers(threads), "{threads} threads");
    }
}

/// A chart of many segments, so that the head takes it in piece by piece.
#[test]
fn a_long_chart_is_read_to_its_end() {
    let engine = load("models/tiny", Options::new().top(Some(66)));
    let filler = "The patient was seen and examined. ".repeat(6000);
    let long = chart("long", &format!("{filler} Assessment: pneumonia."));
    let report = engine.code(&long).unwrap();
    assert_eq!(report.read.bytes, long.text().len());
    assert!(report.read.tokens > 40_000, "{:?}", report.read);
    let batch: Vec<_> = engine.code_batch([long.clone()]).collect();
    assert_eq!(json(batch[0].1.as_ref().unwrap()), json(&report));
    let end = report
        .codes
        .iter()
        .flat_map(|code| &code.evidence)
        .map(|evidence| evidence.span.end())
        .max();
    assert_eq!(end, Some(long.text().len()), "the last sentence supports some code");
}

#[test]
fn a_chart_of_control_characters_has_no_tokens() {
    let error = tiny().code(&chart("odd", "\u{1}\u{2}\u{200b}")).unwrap_err();
    assert!(matches!(error, Error::NoTokens { .. }), "{error}");
}

#[test]
fn one_bad_chart_does_not_stop_the_others() {
    let engine = tiny();
    let stream = [chart("a", "fever"), chart("b", "\u{1}"), chart("c", "cough")];
    let results: Vec<bool> = engine.code_batch(stream).map(|(_, report)| report.is_ok()).collect();
    assert_eq!(results, [true, false, true]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Accents, emoji, line ends, tabs: spans and evidence slice the original text.
    #[test]
    fn offsets_slice_the_original_text(
        text in "([a-zA-Z]{1,8}|é|ﬁ|İ|日本|👩🏽‍⚕️|[0-9.,;!?]|e\u{301}|\r\n|\t| |\u{a0}){1,60}",
    ) {
        prop_assume!(!text.trim().is_empty());
        let engine = ENGINE.with(Clone::clone);
        let chart = chart("random", &text);
        let tokens = engine.tokens(&chart).unwrap();
        let mut end = 0;
        for span in &tokens.spans {
            prop_assert!(span.start() < span.end());
            prop_assert!(text.get(span.range()).is_some());
            prop_assert!(span.end() >= end);
            end = span.end();
        }
        if tokens.is_empty() {
            return Ok(());
        }
        let characters: Vec<char> = text.chars().collect();
        for code in engine.code(&chart).unwrap().codes {
            prop_assert!(!code.evidence.is_empty());
            for evidence in code.evidence {
                let quote = evidence.text.as_str();
                prop_assert_eq!(text.get(evidence.span.range()), Some(quote));
                let picked: String = characters[evidence.characters.range()].iter().collect();
                prop_assert_eq!(picked, quote);
            }
        }
    }

    /// Long charts are tokenised piece by piece; the ids must be those of the whole.
    #[test]
    fn tokenising_in_pieces_changes_nothing(
        words in proptest::collection::vec("[a-zA-Z]{1,12}|[0-9.]{1,5}|é|日本|\\[SEP\\]|\n|\t", 1..40),
    ) {
        let engine = ENGINE.with(Clone::clone);
        let short = words.join(" ");
        let copies = 40_000 / short.len() + 1;
        let long = format!("{short} ").repeat(copies);
        prop_assume!(!short.trim().is_empty());
        let once = engine.tokens(&chart("once", &short)).unwrap();
        let many = engine.tokens(&chart("many", &long)).unwrap();
        prop_assert_eq!(many.ids.len(), once.ids.len() * copies);
        for (copy, ids) in many.ids.chunks(once.ids.len().max(1)).enumerate() {
            prop_assert_eq!(ids, &once.ids);
            let shift = copy * (short.len() + 1);
            let first = many.spans[copy * once.ids.len()];
            prop_assert_eq!(first, once.spans[0].shift(shift));
        }
    }
}

thread_local! {
    static ENGINE: std::rc::Rc<chartcode::Engine> =
        std::rc::Rc::new(load("models/tiny", Options::new().top(Some(5))));
}

/// A chart may have tokens and yet no passage that supports anything.
#[test]
fn a_chart_of_negations_has_no_codes() {
    let engine = load("models/icd10cm-minilm", Options::new());
    for text in ["No fever, chills or cough.", "Denies chest pain.", "."] {
        let report = engine.code(&chart("negated", text)).unwrap();
        assert!(report.codes.is_empty(), "{:?}", report.codes);
    }
    let engine = load("models/icd10cm-minilm", Options::new().top(Some(3)));
    let report = engine.code(&chart("negated", "No fever.")).unwrap();
    assert_eq!(report.codes.len(), 3);
    assert!(report.codes.iter().all(|code| code.evidence.is_empty() && code.probability < 2e-3));
}

/// What a new user sees first: the diagnoses of the synthetic discharge note, each with the
/// passage that says so.
#[test]
fn the_default_bundle_codes_the_discharge_note() {
    let engine = load("models/icd10cm-minilm", Options::new());
    let discharge = &charts()[0];
    let report = engine.code(discharge).unwrap();
    for (code, words) in [
        ("I50.23", "acute on chronic systolic"),
        ("E87.6", "hypokalemia"),
        ("N17.9", "acute kidney injury"),
        ("E11.42", "diabetic polyneuropathy"),
        ("J44.9", "copd"),
    ] {
        let found = report.codes.iter().find(|found| found.code == code);
        let found = found.unwrap_or_else(|| panic!("{code} is not suggested"));
        let quote = found.evidence[0].text.as_str().to_lowercase();
        assert!(quote.contains(words), "{code} rests on {quote:?}");
    }
    let negated = ["R50.9", "R55"];
    assert!(report.codes.iter().all(|code| !negated.contains(&code.code.as_str())));
}

/// What was assessed, each problem once, in codes that can be billed.
#[test]
fn the_profile_for_billing_codes_what_was_assessed() {
    let bundle = Bundle::open(repository("models/icd10cm-minilm")).unwrap();
    let bundle = bundle.with_profile("billing").unwrap();
    let engine = Engine::from_bundle(bundle, Options::new()).unwrap();
    assert_eq!(engine.stamp().profile.as_deref(), Some("billing"));
    let note = "HISTORY\nMigraines, and a fractured wrist in childhood. Fever.\n\nASSESSMENT AND PLAN\n\n\
                1. Hypothyroidism.\n- Continue levothyroxine.\n2. Status post renal transplant.\n\n\
                Patient Agreements: He agrees.\n\nINSTRUCTIONS\nReturn for chest pain.";
    let report = engine.code(&chart("visit", note)).unwrap();
    let codes: Vec<&str> = report.codes.iter().map(|code| code.code.as_str()).collect();
    assert_eq!(codes, ["E03.9", "Z94.0"]);
    assert!(report.codes.iter().all(|code| code.billable == Some(true)));
    assert_eq!(report.codes[0].evidence[0].text.as_str(), "Hypothyroidism");
    // Categories are never suggested, however many codes are asked for.
    let logits = engine.logits(&chart("visit", note)).unwrap();
    let highest = (0..logits.len())
        .filter(|&label| engine.labels().is_billable(label) == Some(false))
        .map(|label| engine.probability(logits[label]))
        .fold(0.0, f64::max);
    assert!(highest < 1e-4, "{highest}");
}
