//! WordPiece from `vocab.txt`: BERT and its kin, and MPNet.

use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::roberta::RobertaProcessing;

use super::config::SlowConfig;
use super::family::Family;
use super::special::{Role, Special};
use super::{SlowFile, enclosing, template, unusable};
use crate::error::{Error, Result};

/// Builds the tokenizer; it differs between the two in the special tokens only.
pub(super) fn build(
    file: &SlowFile,
    config: &SlowConfig,
    family: Family,
    special: &Special,
) -> Result<Tokenizer> {
    let path = &file.path;
    let vocabulary = WordPiece::read_bytes(&file.bytes).map_err(unusable(path))?;
    let unk = special.name(Role::Unk);
    if !vocabulary.contains_key(unk) {
        // The model itself looks it up, so that an added token would not do.
        let problem = format!("the vocabulary has no {unk}");
        return Err(Error::Inconsistent { path: path.clone(), problem });
    }
    let model = WordPiece::builder().vocab(vocabulary).unk_token(unk.to_owned()).build();
    let mut tokenizer = Tokenizer::new(model.map_err(unusable(path))?);
    let normalizer = BertNormalizer::new(
        true,
        config.tokenize_chinese_chars.unwrap_or(true),
        config.strip_accents,
        config.do_lower_case.unwrap_or(true),
    );
    tokenizer.with_normalizer(Some(normalizer)).map_err(unusable(path))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    special.add_to(&mut tokenizer).map_err(unusable(path))?;
    let cls = enclosing(path, &tokenizer, special, Role::Cls)?;
    let sep = enclosing(path, &tokenizer, special, Role::Sep)?;
    if family == Family::Mpnet {
        // Offsets are trimmed as RoBERTa's are; WordPiece's hold no white space anyway.
        let processor = RobertaProcessing::new(sep, cls).trim_offsets(true).add_prefix_space(false);
        tokenizer.with_post_processor(Some(processor));
    } else {
        tokenizer.with_post_processor(Some(template(path, cls, sep)?));
    }
    Ok(tokenizer)
}
