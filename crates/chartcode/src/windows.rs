//! Step 3: tokens → windows, the runs of tokens that are encoded together.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::span::Span;
use crate::tokens::Tokens;

/// How a chart is cut into windows. All rules put every token into at least one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowRule {
    /// Windows of the same length one after the other.
    Fixed {
        /// Tokens of a full window, special tokens included.
        max_tokens: usize,
        /// Tokens that a window shares with the one before it.
        overlap: usize,
    },
    /// A window a sentence or line; sentences too long for one window are cut as by `Fixed`.
    Sentence {
        /// Tokens of the longest window, special tokens included.
        max_tokens: usize,
        /// Tokens that the windows of one long sentence share.
        overlap: usize,
    },
    /// The chart with one set of special tokens around all of it, cut into windows of the same
    /// length that have none of their own: the chunks of PLM-ICD and its successors.
    Document {
        /// Tokens of a window. A manifest that does not say sets no limit: a chart is one window,
        /// as word encoders read it.
        #[serde(default = "no_limit", skip_serializing_if = "is_no_limit")]
        max_tokens: usize,
    },
}

fn no_limit() -> usize {
    WindowRule::NO_LIMIT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the call that serde makes")]
fn is_no_limit(tokens: &usize) -> bool {
    *tokens == WindowRule::NO_LIMIT
}

impl WindowRule {
    /// `max_tokens` of a rule under which a chart is one window, however long.
    pub const NO_LIMIT: usize = usize::MAX;

    /// Tokens of the longest window, special tokens included.
    #[must_use]
    pub fn max_tokens(self) -> usize {
        match self {
            Self::Fixed { max_tokens, .. }
            | Self::Sentence { max_tokens, .. }
            | Self::Document { max_tokens } => max_tokens,
        }
    }

    /// Tokens shared by neighbours.
    #[must_use]
    pub fn overlap(self) -> usize {
        match self {
            Self::Fixed { overlap, .. } | Self::Sentence { overlap, .. } => overlap,
            Self::Document { .. } => 0,
        }
    }

    /// Cuts a chart's tokens into windows, given how many special tokens each window carries.
    /// The ranges index `tokens`, in reading order; no tokens, no windows. Under
    /// [`WindowRule::Document`] special tokens are for the caller to put around `tokens` before.
    ///
    /// `max_tokens` must exceed `special + overlap`; bundles are checked for it when loaded.
    #[must_use]
    pub fn cut(self, text: &str, tokens: &Tokens, special: usize) -> Vec<Range<usize>> {
        let room = self.max_tokens().saturating_sub(special).max(1);
        let step = room.saturating_sub(self.overlap()).max(1);
        match self {
            Self::Fixed { .. } => slide(0..tokens.len(), room, step).collect(),
            Self::Document { max_tokens } => {
                slide(0..tokens.len(), max_tokens, max_tokens.max(1)).collect()
            }
            Self::Sentence { .. } => sentences(text, &tokens.spans)
                .into_iter()
                .flat_map(|sentence| slide(sentence, room, step))
                .collect(),
        }
    }
}

/// Windows of `room` tokens every `step` tokens; the last one may be short, none adds nothing.
fn slide(run: Range<usize>, room: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(run.start).filter(|_| !run.is_empty());
    std::iter::from_fn(move || {
        let start = next?;
        let end = (start + room).min(run.end);
        next = (end < run.end).then(|| start + step);
        Some(start..end)
    })
}

/// Runs of tokens that belong to one sentence or line.
fn sentences(text: &str, spans: &[Span]) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for next in 1..spans.len() {
        if ends_sentence(text, spans[next - 1], spans[next]) {
            sentences.push(start..next);
            start = next;
        }
    }
    if start < spans.len() {
        sentences.push(start..spans.len());
    }
    sentences
}

/// A sentence ends at a line end, and at `.`, `?` or `!` before a gap and then a capital or a
/// digit. No language library: the rule must give the same windows everywhere, always.
fn ends_sentence(text: &str, left: Span, right: Span) -> bool {
    let gap = &text[left.end().min(right.start())..right.start()];
    if gap.contains(['\n', '\r']) {
        return true;
    }
    let stops = text[left.range()].ends_with(['.', '?', '!']);
    let opens = |c: char| c.is_uppercase() || c.is_ascii_digit();
    !gap.is_empty() && stops && text[right.range()].starts_with(opens)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tokens as a white-space tokenizer that parts punctuation would make them.
    fn tokens(text: &str) -> Tokens {
        let mut spans: Vec<Span> = Vec::new();
        let mut in_word = false;
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            let word = c.is_alphanumeric();
            match spans.last_mut() {
                Some(last) if word && in_word => *last = Span::new(last.start(), end),
                _ if c.is_whitespace() => {}
                _ => spans.push(Span::new(at, end)),
            }
            in_word = word;
        }
        Tokens { ids: vec![0; spans.len()], spans }
    }

    fn texts(text: &str, rule: WindowRule) -> Vec<&str> {
        let tokens = tokens(text);
        rule.cut(text, &tokens, 2)
            .into_iter()
            .map(|w| &text[tokens.spans[w.start].start()..tokens.spans[w.end - 1].end()])
            .collect()
    }

    #[test]
    fn sentences_end_at_lines_and_full_stops() {
        let rule = WindowRule::Sentence { max_tokens: 64, overlap: 0 };
        assert_eq!(
            texts("PMH:\nCOPD. Denies pain, e.g. chest.\r\n\n2. K 2.9 today? Yes", rule),
            ["PMH:", "COPD.", "Denies pain, e.g. chest.", "2.", "K 2.9 today?", "Yes"],
        );
    }

    #[test]
    fn nothing_gives_no_window_and_one_token_gives_one() {
        for rule in [
            WindowRule::Fixed { max_tokens: 8, overlap: 2 },
            WindowRule::Sentence { max_tokens: 8, overlap: 2 },
        ] {
            assert!(rule.cut("", &tokens(""), 2).is_empty());
            assert_eq!(rule.cut("a", &tokens("a"), 2), vec![0..1]);
        }
    }

    #[test]
    fn the_last_window_is_not_a_repetition() {
        let rule = WindowRule::Fixed { max_tokens: 6, overlap: 2 };
        assert_eq!(texts("a b c d e f", rule), ["a b c d", "c d e f"]);
        assert_eq!(texts("a b c d", rule), ["a b c d"]);
        assert_eq!(texts("a b c d e", rule), ["a b c d", "c d e"]);
    }

    proptest! {
        #[test]
        fn every_token_is_in_a_window_and_windows_keep_the_limit(
            text in "[A-Ca-c.?! \n]{0,120}", max_tokens in 4_usize..20, overlap in 0_usize..2,
            sentence in any::<bool>(),
        ) {
            let rule = if sentence {
                WindowRule::Sentence { max_tokens, overlap }
            } else {
                WindowRule::Fixed { max_tokens, overlap }
            };
            let tokens = tokens(&text);
            let windows = rule.cut(&text, &tokens, 2);
            let mut covered = 0;
            for window in &windows {
                prop_assert!(!window.is_empty() && window.len() <= max_tokens - 2);
                prop_assert!(window.start <= covered, "gap before token {}", window.start);
                prop_assert!(window.end > covered, "a window that adds nothing");
                covered = window.end;
            }
            prop_assert_eq!(covered, tokens.len());
        }
    }
}
