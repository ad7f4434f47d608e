//! Step 9: attention → the passages of the chart that support a code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::span::Span;

/// A passage that supports a code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// Where it stands, in bytes of the chart's UTF-8 text.
    #[serde(rename = "bytes")]
    pub span: Span,
    /// Where it stands, in Unicode code points of the chart's text.
    pub characters: Span,
    /// How much it adds to the code's logit; where only the best passage counts, how much it
    /// would add as the best one. See [`HeadSpec`](crate::HeadSpec).
    pub contribution: f32,
    /// Its share of the code's attention, where the head attends to tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<f32>,
    /// The passage itself.
    pub text: Quote,
}

/// A chart's own words. `Debug` shows only how many there are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quote(String);

impl Quote {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quote({} bytes)", self.0.len())
    }
}

/// What list items begin with.
const BULLETS: [char; 6] = ['#', '*', '-', '–', '•', '>'];

/// A passage before it is checked against the chart's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Passage {
    pub(crate) span: Span,
    pub(crate) contribution: f32,
    pub(crate) attention: Option<f32>,
}

/// Turns passages into evidence, in their order: inside the chart, on character boundaries,
/// without white space at the ends, never empty.
pub(crate) fn gather(text: &str, passages: &[Passage]) -> Vec<Evidence> {
    passages
        .iter()
        .filter_map(|&Passage { span, contribution, attention }| {
            let span = trim(text, span)?;
            let before = text[..span.start()].chars().count();
            let quote = &text[span.range()];
            Some(Evidence {
                span,
                characters: Span::new(before, before + quote.chars().count()),
                contribution,
                attention,
                text: Quote(quote.to_owned()),
            })
        })
        .collect()
}

fn trim(text: &str, span: Span) -> Option<Span> {
    let end = text.ceil_char_boundary(span.end().min(text.len()));
    let start = text.floor_char_boundary(span.start().min(end));
    let passage = text[start..end].trim();
    // The mark of a list item is no part of what it says.
    let said = passage.trim_start_matches(|c: char| c.is_whitespace() || BULLETS.contains(&c));
    let passage = if said.is_empty() { passage } else { said };
    let start = passage.as_ptr().addr() - text.as_ptr().addr();
    (!passage.is_empty()).then(|| Span::new(start, start + passage.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passage(start: usize, end: usize) -> [Passage; 1] {
        [Passage { span: Span::new(start, end), contribution: 1.0, attention: None }]
    }

    #[test]
    fn characters_are_counted_in_code_points() {
        let text = "Sjögren 👩🏽‍⚕️ pain";
        let start = text.find("pain").unwrap();
        let evidence = gather(text, &passage(start - 1, start + 4));
        assert_eq!(evidence[0].text.as_str(), "pain");
        let characters: Vec<char> = text.chars().collect();
        let picked: String = characters[evidence[0].characters.range()].iter().collect();
        assert_eq!(picked, "pain");
    }

    #[test]
    fn list_marks_are_left_out() {
        let quote = |text: &str| gather(text, &passage(0, text.len())).remove(0).text.0;
        assert_eq!(quote(" # - Hypokalemia "), "Hypokalemia");
        assert_eq!(quote("--"), "--");
    }

    #[test]
    fn debug_hides_the_words() {
        let shown = format!("{:?}", gather("secret", &passage(0, 6)));
        assert!(!shown.contains("secret"), "{shown}");
    }

    proptest! {
        #[test]
        fn evidence_is_inside_the_chart_and_never_blank(
            text in "\\PC{0,40}", start in 0_usize..60, end in 0_usize..60,
        ) {
            for evidence in gather(&text, &passage(start, end)) {
                prop_assert_eq!(&text[evidence.span.range()], evidence.text.as_str());
                prop_assert!(!evidence.text.as_str().trim().is_empty());
            }
        }
    }
}
