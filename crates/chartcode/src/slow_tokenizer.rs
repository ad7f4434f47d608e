//! BERT's tokenizer from the files that came before `tokenizer.json`.

use std::path::Path;

use serde::Deserialize;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

use crate::error::{Error, Result};

/// What `tokenizer_config.json` may say; the defaults are those of Transformers.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct SlowConfig {
    do_lower_case: bool,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: bool,
}

impl Default for SlowConfig {
    fn default() -> Self {
        Self { do_lower_case: true, strip_accents: None, tokenize_chinese_chars: true }
    }
}

/// Special tokens of a BERT vocabulary; text that spells one out means it, as in Transformers.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Builds BERT's tokenizer from a `vocab.txt`, an entry a line; `path` is for errors.
pub(crate) fn wordpiece(path: &Path, vocabulary: &[u8], config: &SlowConfig) -> Result<Tokenizer> {
    let invalid = |source| Error::Tokenizer { path: path.to_owned(), source };
    let vocabulary = WordPiece::read_bytes(vocabulary).map_err(invalid)?;
    let id = |token: &str| {
        vocabulary.get(token).copied().ok_or_else(|| Error::Inconsistent {
            path: path.to_owned(),
            problem: format!("the vocabulary has no {token}"),
        })
    };
    let (cls, sep) = (id("[CLS]")?, id("[SEP]")?);
    id("[UNK]")?;
    let special: Vec<AddedToken> = SPECIAL
        .into_iter()
        .filter(|&token| vocabulary.contains_key(token))
        .map(|token| AddedToken::from(token, true))
        .collect();
    let model = WordPiece::builder()
        .vocab(vocabulary)
        .unk_token("[UNK]".to_owned())
        .build()
        .map_err(invalid)?;
    let mut tokenizer = Tokenizer::new(model);
    let normalizer = BertNormalizer::new(
        true,
        config.tokenize_chinese_chars,
        config.strip_accents,
        config.do_lower_case,
    );
    tokenizer.with_normalizer(Some(normalizer)).map_err(invalid)?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_post_processor(Some(BertProcessing::new(
        ("[SEP]".to_owned(), sep),
        ("[CLS]".to_owned(), cls),
    )));
    tokenizer.add_special_tokens(special).map_err(invalid)?;
    Ok(tokenizer)
}
