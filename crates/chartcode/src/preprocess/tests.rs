//! Against the literal rules, in Rust and in Python (`scripts/tokenizers/make_preprocess.py`).

use proptest::prelude::*;
use regex::Regex;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Row {
    raw: String,
    mullenbach: String,
    caml: String,
}

#[test]
fn texts_are_those_of_python() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/preprocess.json");
    let path = std::env::var_os("PREPROCESS_REFERENCE").unwrap_or(own.into());
    let rows: Vec<Row> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for row in rows {
        let found = Preprocess::Mullenbach.apply(&row.raw);
        assert_eq!(found.text(), row.mullenbach, "{:?}", row.raw);
        check_map(&found);
        let found = Preprocess::Caml.apply(&row.raw);
        assert_eq!(found.text(), row.caml, "{:?}", row.raw);
        check_map(&found);
    }
}

/// The five rules as they are written.
fn literal(raw: &str) -> String {
    let replace = |text: String, pattern: &str| {
        Regex::new(pattern).unwrap().replace_all(&text, " ").into_owned()
    };
    let text = replace(raw.to_lowercase(), "[^A-Za-z0-9]+");
    let text = replace(text, r"(\s\d+)+\s");
    replace(text, r"\s+").trim().to_owned()
}

/// Every span of the way back: on characters, inside, in order, and never empty.
fn check_map(prepared: &Prepared) {
    let (raw, text) = (prepared.raw, prepared.text());
    let mut last = Span::new(0, 0);
    for at in 0..text.len() {
        let span = prepared.to_raw(Span::new(at, at + 1));
        assert!(raw.get(span.range()).is_some_and(|raw| !raw.is_empty()), "{raw:?} {at} {span:?}");
        assert!(span.start() >= last.start() && span.end() >= last.end(), "{raw:?} {at} {span:?}");
        last = span;
    }
    let mut start = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let span = Span::new(start, start + word.len());
        let origin = &raw[prepared.to_raw(span).range()];
        assert!(origin.to_lowercase().starts_with(word), "{raw:?} {word:?} {origin:?}");
        start += word.len() + 1;
    }
    let (end, wide) = (Span::new(text.len(), text.len()), Span::new(0, usize::MAX));
    assert!(prepared.to_raw(end).is_empty());
    assert!(raw.get(prepared.to_raw(wide).range()).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn mullenbach_is_the_literal_rules(raw in "[ab1-3İK\u{301}é .\r\n\t-]{0,30}") {
        let found = Preprocess::Mullenbach.apply(&raw);
        prop_assert_eq!(found.text(), literal(&raw));
        check_map(&found);
    }

    #[test]
    fn any_text_is_mapped_back(raw in "\\PC{0,40}") {
        let found = Preprocess::Mullenbach.apply(&raw);
        prop_assert_eq!(found.text(), literal(&raw));
        check_map(&found);
        check_map(&Preprocess::Caml.apply(&raw));
        if !raw.is_empty() {
            let same = Preprocess::None.apply(&raw);
            prop_assert_eq!(same.text(), &raw);
            prop_assert_eq!(same.to_raw(Span::new(0, raw.len())), Span::new(0, raw.len()));
        }
    }

    #[test]
    fn words_go_back_to_themselves(raw in "[a-zA-Z0-9]{1,5}([ ,.\n]{1,3}[a-zA-Z0-9]{1,5}){0,9}") {
        let prepared = Preprocess::Mullenbach.apply(&raw);
        let mut start = 0;
        for word in prepared.text().split(' ').filter(|word| !word.is_empty()) {
            let span = prepared.to_raw(Span::new(start, start + word.len()));
            prop_assert_eq!(raw[span.range()].to_lowercase(), word);
            start += word.len() + 1;
        }
    }
}

#[test]
fn only_two_characters_lower_to_ascii() {
    for c in ('\u{80}'..=char::MAX).filter(|&c| lower_ascii(c).is_none()) {
        assert!(!c.to_lowercase().any(|lower| lower.is_ascii()), "{c:?}");
    }
    assert_eq!(DOTTED_I.to_lowercase().collect::<String>(), "i\u{307}");
    assert_eq!(KELVIN.to_lowercase().collect::<String>(), "k");
}

#[test]
fn a_space_stands_for_what_was_dropped() {
    let prepared = Preprocess::Mullenbach.apply("BP: 120/80, ok");
    assert_eq!(prepared.text(), "bp ok");
    assert_eq!(prepared.to_raw(Span::new(0, 2)), Span::new(0, 2));
    assert_eq!(prepared.to_raw(Span::new(2, 3)), Span::new(2, 12));
    assert_eq!(prepared.to_raw(Span::new(3, 5)), Span::new(12, 14));
    assert_eq!(prepared.to_raw(Span::new(5, 5)), Span::new(14, 14));
}

#[test]
fn characters_that_change_their_length_go_back_whole() {
    let prepared = Preprocess::Caml.apply("xȺ, 5\u{212a}İẞy");
    assert_eq!(prepared.text(), "xⱥ 5ki\u{307}ßy");
    let raw = |start, end| prepared.to_raw(Span::new(start, end));
    assert_eq!(raw(1, 4), Span::new(1, 3));
    assert_eq!(raw(4, 5), Span::new(3, 5));
    assert_eq!(raw(6, 7), Span::new(6, 9));
    assert_eq!(raw(7, 8), Span::new(9, 11));
    assert_eq!(raw(8, 10), Span::new(9, 11));
    assert_eq!(raw(10, 12), Span::new(11, 14));
    assert_eq!(raw(12, 13), Span::new(14, 15));
}

#[test]
fn the_map_is_small_and_debug_hides_the_text() {
    let raw = "Secret finding, seen on 12 Oct: mild edema. ".repeat(100);
    let prepared = Preprocess::Mullenbach.apply(&raw);
    let bytes = prepared.anchors.capacity() * size_of::<Anchor>();
    assert!(bytes <= 3 * prepared.text().len(), "{bytes} for {}", prepared.text().len());
    assert!(!format!("{prepared:?}").to_lowercase().contains("secret"));
}

#[test]
fn names_are_snake_case() {
    let name = serde_json::to_string(&Preprocess::Mullenbach).unwrap();
    assert_eq!(name, "\"mullenbach\"");
    assert_eq!(serde_json::from_str::<Preprocess>("\"caml\"").unwrap(), Preprocess::Caml);
}
