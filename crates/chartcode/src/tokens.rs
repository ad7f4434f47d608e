//! Step 2: chart → token ids, each with the span of the original text that it came from.

use std::fmt;
use std::path::Path;

use rayon::prelude::*;
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

use crate::chart::Chart;
use crate::error::{Error, Result};
use crate::limit::ReadLimit;
use crate::preprocess::Preprocess;
use crate::span::Span;

/// Charts longer than this are tokenised piece by piece, on all threads: the tokenizer library
/// needs some 300 bytes of working memory for each byte of text.
const PIECE_BYTES: usize = 32 * 1024;

/// A chart's tokens without special tokens: `ids[i]` came from `spans[i]`.
///
/// `Debug` shows how many there are: ids can be turned back into text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Vocabulary ids.
    pub ids: Vec<u32>,
    /// Byte ranges in the original text, in reading order.
    pub spans: Vec<Span>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("count", &self.len()).finish_non_exhaustive()
    }
}

impl Tokens {
    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// A Hugging Face tokenizer, and the special tokens that enclose a window.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    splits_at_white_space: bool,
}

impl Tokenizer {
    /// Reads the content of a `tokenizer.json`; `path` is for errors. Truncation and padding that it may ask for are switched off:
    /// windows are the engine's business, and nothing is ever cut away.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the file is not a tokenizer.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let invalid = |source| Error::Tokenizer { path: path.to_owned(), source };
        Self::new(path, tokenizers::Tokenizer::from_bytes(bytes).map_err(invalid)?)
    }

    /// Wraps a tokenizer that was made from the file at `path`.
    pub(crate) fn new(path: &Path, mut inner: tokenizers::Tokenizer) -> Result<Self> {
        let invalid = |source| Error::Tokenizer { path: path.to_owned(), source };
        inner.with_truncation(None).map_err(invalid)?;
        inner.with_padding(None);
        let probe = inner.encode("a", true).map_err(invalid)?;
        let special = probe.get_special_tokens_mask();
        let lead = special.iter().take_while(|&&mask| mask == 1).count();
        let trail = special[lead..].iter().rev().take_while(|&&mask| mask == 1).count();
        let ids = probe.get_ids();
        Ok(Self {
            prefix: ids[..lead].to_vec(),
            suffix: ids[ids.len() - trail..].to_vec(),
            splits_at_white_space: splits_at_white_space(&inner),
            inner,
        })
    }

    /// The content of a `tokenizer.json`; `path` is for errors.
    pub(crate) fn to_json(&self, path: &Path) -> Result<String> {
        self.inner
            .to_string(true)
            .map_err(|source| Error::Tokenizer { path: path.to_owned(), source })
    }

    /// Tokenises a chart as Hugging Face does, without special tokens.
    ///
    /// # Errors
    /// [`Error::Tokenize`] where the tokenizer library fails.
    pub fn encode(&self, chart: &Chart) -> Result<Tokens> {
        self.encode_text(chart.id(), chart.text())
    }

    /// As [`Tokenizer::encode`], of the text that preprocessing makes of the chart's, up to a limit;
    /// spans are of the chart's own text all the same. Also returns how many tokens were cut off.
    pub(crate) fn encode_with(
        &self,
        chart: &Chart,
        preprocess: Preprocess,
        limit: Option<ReadLimit>,
    ) -> Result<(Tokens, usize)> {
        let prepared = preprocess.apply(chart.text());
        let mut tokens = self.encode_text(chart.id(), prepared.text())?;
        let special = self.prefix.len() + self.suffix.len();
        let unread = limit.map_or(0, |limit| limit.cut(&mut tokens, prepared.text(), special));
        if preprocess != Preprocess::None {
            for span in &mut tokens.spans {
                *span = prepared.to_raw(*span);
            }
        }
        Ok((tokens, unread))
    }

    fn encode_text(&self, id: &str, text: &str) -> Result<Tokens> {
        if !self.splits_at_white_space || text.len() <= PIECE_BYTES {
            return self.encode_piece(id, text, Span::new(0, text.len()));
        }
        let pieces = pieces(text, PIECE_BYTES)
            .into_par_iter()
            .map(|piece| self.encode_piece(id, text, piece))
            .collect::<Result<Vec<_>>>()?;
        let mut tokens = Tokens::default();
        for piece in pieces {
            tokens.ids.extend(piece.ids);
            tokens.spans.extend(piece.spans);
        }
        Ok(tokens)
    }

    /// The special tokens before a window's own, e.g. `[CLS]`.
    #[must_use]
    pub fn prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// The special tokens behind a window's own, e.g. `[SEP]`.
    #[must_use]
    pub fn suffix(&self) -> &[u32] {
        &self.suffix
    }

    /// The vocabulary id of an entry, if it is one.
    pub(crate) fn id(&self, piece: &str) -> Option<u32> {
        self.inner.token_to_id(piece)
    }

    /// Every vocabulary entry by its id; ids that none has are empty.
    pub(crate) fn pieces(&self) -> Vec<String> {
        let last = self.inner.get_vocab(true).into_values().max();
        let ids = 0..last.map_or(0, |last| last + 1);
        ids.map(|id| self.inner.id_to_token(id).unwrap_or_default()).collect()
    }

    /// Number of vocabulary entries, added tokens included.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    fn encode_piece(&self, id: &str, text: &str, piece: Span) -> Result<Tokens> {
        let text = &text[piece.range()];
        // The library's own error may quote the text, so it goes no further.
        let encoding =
            self.inner.encode(text, false).map_err(|_| Error::Tokenize { id: id.to_owned() })?;
        let spans = encoding
            .get_offsets()
            .iter()
            .map(|&(start, end)| on_characters(text, start, end).shift(piece.start()))
            .collect();
        Ok(Tokens { ids: encoding.get_ids().to_vec(), spans })
    }
}

/// Whether no token can depend on text beyond the white space around it, so that a chart may be
/// tokenised piece by piece. True of BERT's own pre-tokenizer and of one that does nothing but split
/// at white space; others are given the whole chart.
fn splits_at_white_space(tokenizer: &tokenizers::Tokenizer) -> bool {
    let local_normalizer =
        matches!(tokenizer.get_normalizer(), None | Some(NormalizerWrapper::BertNormalizer(_)));
    let local_words = matches!(
        tokenizer.get_pre_tokenizer(),
        Some(PreTokenizerWrapper::BertPreTokenizer(_) | PreTokenizerWrapper::WhitespaceSplit(_))
    );
    // Added tokens are looked for in the raw text and might hold white space themselves.
    let plain_added = tokenizer.get_added_tokens_decoder().values().all(|token| {
        !token.content.contains(char::is_whitespace) && !token.lstrip && !token.rstrip
    });
    local_normalizer && local_words && plain_added
}

/// Cuts `text` behind white space into pieces of at most `limit` bytes, where it has any.
fn pieces(text: &str, limit: usize) -> Vec<Span> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while text.len() - start > limit {
        let head = &text[start..text.floor_char_boundary(start + limit)];
        let white = |c: char| c.is_ascii_whitespace();
        let end = match head.rfind(white) {
            Some(at) => start + at + 1,
            None => match text[start..].find(white) {
                Some(at) => start + at + 1,
                None => text.len(),
            },
        };
        pieces.push(Span::new(start, end));
        start = end;
    }
    pieces.push(Span::new(start, text.len()));
    pieces
}

/// Byte-level vocabularies may end a token inside a character; its span then takes it whole.
fn on_characters(text: &str, start: usize, end: usize) -> Span {
    let end = end.min(text.len());
    Span::new(text.floor_char_boundary(start.min(end)), text.ceil_char_boundary(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_cover_the_text_and_end_behind_white_space(
            text in "[a-zé \n]{0,200}", limit in 4_usize..40
        ) {
            let pieces = pieces(&text, limit);
            let mut next = 0;
            for piece in &pieces {
                prop_assert_eq!(piece.start(), next);
                next = piece.end();
                let cut = &text[piece.range()];
                if next < text.len() {
                    prop_assert!(cut.ends_with([' ', '\n']));
                }
            }
            prop_assert_eq!(next, text.len());
        }
    }

    #[test]
    fn spans_never_split_a_character() {
        assert_eq!(on_characters("aé", 0, 2), Span::new(0, 3));
        assert_eq!(on_characters("aé", 2, 3), Span::new(1, 3));
        assert_eq!(on_characters("aé", 2, 99), Span::new(1, 3));
    }
}
