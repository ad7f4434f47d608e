//! Tokenizers from the files that came before `tokenizer.json`, built as Transformers 5 builds them.

mod byte_bpe;
mod charsmap;
mod config;
mod family;
mod model_proto;
mod sentencepiece;
mod special;
mod wordpiece;

use std::path::{Path, PathBuf};

use tokenizers::processors::template::{Template, TemplateProcessing};
use tokenizers::{Model, Tokenizer};

use crate::error::{Error, Result};
pub(crate) use config::SlowConfig;
use family::Family;
use special::{Role, Special};

/// Names that a SentencePiece model goes by, the first that exists is the one.
pub(crate) const SENTENCEPIECE: [&str; 4] =
    ["sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model"];

/// A file that was read: the path is for errors.
#[derive(Debug)]
pub(crate) struct SlowFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Whichever of the old tokenizer files a folder has.
#[derive(Debug, Default)]
pub(crate) struct SlowFiles {
    /// The folder, for errors.
    pub(crate) folder: PathBuf,
    /// `vocab.txt`: WordPiece, an entry a line.
    pub(crate) vocab_txt: Option<SlowFile>,
    /// `vocab.json`: byte-level BPE, entry to id.
    pub(crate) vocab_json: Option<SlowFile>,
    /// `merges.txt`: byte-level BPE, a merge a line.
    pub(crate) merges_txt: Option<SlowFile>,
    /// A SentencePiece model under one of its names ([`SENTENCEPIECE`]).
    pub(crate) sentencepiece: Option<SlowFile>,
    /// `special_tokens_map.json`: names of the special tokens, older form.
    pub(crate) special_tokens_map: Option<SlowFile>,
    /// `added_tokens.json`: entries behind the vocabulary, older form.
    pub(crate) added_tokens: Option<SlowFile>,
}

/// Builds the tokenizer that `AutoTokenizer.from_pretrained` of Transformers 5 builds from these
/// files; `model_type` is that of `config.json`.
///
/// Nothing is set up for decoding or for pairs of texts: the engine does neither.
pub(crate) fn build(files: &SlowFiles, config: &SlowConfig, model_type: &str) -> Result<Tokenizer> {
    let family = Family::of(config.class(), model_type).ok_or_else(|| Error::Inconsistent {
        path: files.folder.clone(),
        problem: format!(
            "there is no tokenizer.json, and the older files of tokenizer class {:?}, model type \
             {model_type:?}, are not understood",
            config.class().unwrap_or("unnamed")
        ),
    })?;
    let mut special = Special::resolve(family, config, files)?;
    let mut tokenizer = match family {
        Family::Bert | Family::Mpnet => {
            let file = needed(files, files.vocab_txt.as_ref(), "vocab.txt")?;
            wordpiece::build(file, config, family, &special)
        }
        Family::Roberta => {
            let vocabulary = needed(files, files.vocab_json.as_ref(), "vocab.json")?;
            let merges = needed(files, files.merges_txt.as_ref(), "merges.txt")?;
            byte_bpe::build(vocabulary, merges, config, &special)
        }
        Family::XlmRoberta | Family::Camembert | Family::Albert | Family::DebertaV2 => {
            let file = needed(files, files.sentencepiece.as_ref(), SENTENCEPIECE[0])?;
            sentencepiece::build(file, config, family, &mut special)
        }
    }?;
    tokenizer.set_encode_special_tokens(config.split_special_tokens.unwrap_or(false));
    Ok(tokenizer)
}

fn needed<'a>(
    files: &SlowFiles,
    file: Option<&'a SlowFile>,
    name: &'static str,
) -> Result<&'a SlowFile> {
    file.ok_or_else(|| Error::Inconsistent {
        path: files.folder.clone(),
        problem: format!("there is neither tokenizer.json nor {name}"),
    })
}

/// The error of a tokenizer library that found fault with a file.
fn unusable<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl Fn(E) -> Error {
    move |source| Error::Tokenizer { path: path.to_owned(), source: source.into() }
}

/// The special token of a role and its id, which must not be one made up behind the vocabulary: it
/// goes into every window, and the model has no row for it.
fn enclosing(
    path: &Path,
    tokenizer: &Tokenizer,
    special: &Special,
    role: Role,
) -> Result<(String, u32)> {
    let name = special.name(role);
    let known = tokenizer.get_model().token_to_id(name).is_some() || special.is_listed(name);
    match tokenizer.token_to_id(name) {
        Some(id) if known => Ok((name.to_owned(), id)),
        _ => Err(Error::Inconsistent {
            path: path.to_owned(),
            problem: format!("the vocabulary has no {name}"),
        }),
    }
}

/// The post-processor that puts one token before a text and one behind it.
fn template(
    path: &Path,
    before: (String, u32),
    behind: (String, u32),
) -> Result<TemplateProcessing> {
    let pieces = vec![before.0.clone(), "$A".to_owned(), behind.0.clone()];
    let single = Template::try_from(pieces).map_err(unusable(path))?;
    TemplateProcessing::builder()
        .single(single)
        .special_tokens(vec![before, behind])
        .build()
        .map_err(|error| unusable(path)(error.to_string()))
}

#[cfg(test)]
mod tests;
