//! How much of a chart a published model was given.

use serde::{Deserialize, Serialize};

use crate::tokens::Tokens;

/// The part of a chart that is read, where not all of it is to be.
///
/// chartcode reads charts to their end. Research code cut them, and its published scores come back
/// only if the same is cut; what was not read is counted in every report
/// ([`ReadStats::unread_tokens`](crate::ReadStats)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ReadLimit {
    /// So many tokens, special tokens included: `max_length` of a Hugging Face tokenizer.
    Tokens(usize),
    /// So many words of the preprocessed text, parted by white space.
    Words(usize),
}

impl ReadLimit {
    /// Cuts tokens off whose spans are of `text`; returns how many.
    pub(crate) fn cut(self, tokens: &mut Tokens, text: &str, special: usize) -> usize {
        let all = tokens.len();
        let kept = match self {
            Self::Tokens(most) => most.saturating_sub(special).min(all),
            Self::Words(most) => match text.split_whitespace().nth(most) {
                None => all,
                Some(word) => {
                    let end = word.as_ptr().addr() - text.as_ptr().addr();
                    tokens.spans.iter().take_while(|span| span.start() < end).count()
                }
            },
        };
        tokens.ids.truncate(kept);
        tokens.spans.truncate(kept);
        all - kept
    }

    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Tokens(0) | Self::Words(0) => Err("a limit of 0 leaves nothing to read".into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    fn words(text: &str) -> Tokens {
        let spans: Vec<Span> = text
            .split_whitespace()
            .map(|word| {
                let start = word.as_ptr().addr() - text.as_ptr().addr();
                Span::new(start, start + word.len())
            })
            .collect();
        Tokens { ids: (0..spans.len() as u32).collect(), spans }
    }

    #[test]
    fn what_is_over_the_limit_is_cut_and_counted() {
        let text = " one two\nthree  four";
        for (limit, kept) in [
            (ReadLimit::Words(2), 2),
            (ReadLimit::Words(4), 4),
            (ReadLimit::Words(9), 4),
            (ReadLimit::Tokens(5), 3),
            (ReadLimit::Tokens(2), 0),
            (ReadLimit::Tokens(99), 4),
        ] {
            let mut tokens = words(text);
            assert_eq!(limit.cut(&mut tokens, text, 2), 4 - kept, "{limit:?}");
            assert_eq!((tokens.ids.len(), tokens.spans.len()), (kept, kept));
        }
    }
}
