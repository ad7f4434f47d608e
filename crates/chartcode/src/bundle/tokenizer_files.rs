//! A folder's tokenizer: `tokenizer.json`, or the files that came before it.

use super::files::Files;
use crate::error::{Error, Result};
use crate::slow_tokenizer::{self, SENTENCEPIECE, SlowConfig, SlowFile, SlowFiles};
use crate::tokens::Tokenizer;

pub(super) const TOKENIZER: &str = "tokenizer.json";

/// What a tokenizer may be built from, besides `tokenizer.json`.
const OLD_FORMS: [&str; 6] = [
    "vocab.txt",
    "vocab.json",
    SENTENCEPIECE[0],
    SENTENCEPIECE[1],
    SENTENCEPIECE[2],
    SENTENCEPIECE[3],
];

/// Whether a folder has any tokenizer.
pub(super) fn is_there(files: &Files) -> bool {
    files.has(TOKENIZER) || files.first(&OLD_FORMS).is_some()
}

/// Reads a folder's tokenizer; `model_type` is that of its `config.json`.
pub(super) fn read(files: &Files, model_type: &str) -> Result<Tokenizer> {
    if files.has(TOKENIZER) {
        return Tokenizer::parse(&files.path(TOKENIZER), &files.read(TOKENIZER)?);
    }
    let Some(name) = files.first(&OLD_FORMS) else {
        return Err(Error::NotABundle { path: files.folder().to_owned(), missing: TOKENIZER });
    };
    let config = match files.first(&["tokenizer_config.json"]) {
        Some(name) => files.json(name)?,
        None => SlowConfig::default(),
    };
    let optional = |names: &[&str]| -> Result<Option<SlowFile>> {
        let Some(name) = files.first(names) else {
            return Ok(None);
        };
        Ok(Some(SlowFile { path: files.path(name), bytes: files.read(name)? }))
    };
    let slow = SlowFiles {
        vocab_txt: optional(&["vocab.txt"])?,
        vocab_json: optional(&["vocab.json"])?,
        merges_txt: optional(&["merges.txt"])?,
        sentencepiece: optional(&SENTENCEPIECE)?,
        special_tokens_map: optional(&["special_tokens_map.json"])?,
        added_tokens: optional(&["added_tokens.json"])?,
        folder: files.folder().to_owned(),
    };
    Tokenizer::new(&files.path(name), slow_tokenizer::build(&slow, &config, model_type)?)
}
