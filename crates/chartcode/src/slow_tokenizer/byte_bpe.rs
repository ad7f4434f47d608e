//! Byte-level BPE from `vocab.json` and `merges.txt`: RoBERTa and Longformer.

use std::collections::BTreeMap;
use std::str::from_utf8;

use serde_json::Value;
use tokenizers::Tokenizer;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;

use super::config::SlowConfig;
use super::special::{Role, Special};
use super::{SlowFile, enclosing, unusable};
use crate::error::{Error, Result};

/// Builds the tokenizer.
pub(super) fn build(
    vocabulary: &SlowFile,
    merges: &SlowFile,
    config: &SlowConfig,
    special: &Special,
) -> Result<Tokenizer> {
    let path = &vocabulary.path;
    let entries = read_vocabulary(vocabulary)?;
    let pairs = read_merges(merges, &entries)?;
    let model = BPE::builder()
        .vocab_and_merges(entries, pairs)
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix(String::new())
        .build()
        .map_err(unusable(path))?;
    let add_prefix_space = config.add_prefix_space.unwrap_or(false);
    let mut tokenizer = Tokenizer::new(model);
    // Trimming is the post-processor's business.
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(add_prefix_space, true, true)));
    special.add_to(&mut tokenizer).map_err(unusable(path))?;
    let sep = enclosing(path, &tokenizer, special, Role::Sep)?;
    let cls = enclosing(path, &tokenizer, special, Role::Cls)?;
    let processor = RobertaProcessing::new(sep, cls)
        .trim_offsets(config.trim_offsets.unwrap_or(true))
        .add_prefix_space(add_prefix_space);
    tokenizer.with_post_processor(Some(processor));
    Ok(tokenizer)
}

/// Entry to id; like the library, this passes over values that are no numbers.
fn read_vocabulary(file: &SlowFile) -> Result<Vocab> {
    let entries: BTreeMap<String, Value> = serde_json::from_slice(&file.bytes)
        .map_err(|source| Error::Json { path: file.path.clone(), source })?;
    let numbers = entries.into_iter().filter(|(_, id)| id.is_number());
    let id = |(entry, id): (String, Value)| {
        let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
        number.map(|number| (entry, number)).ok_or_else(|| Error::Inconsistent {
            path: file.path.clone(),
            problem: format!("{id} is not a vocabulary id"),
        })
    };
    numbers.map(id).collect()
}

/// Pairs of entries, best first. Both halves and the whole must be entries: the library's own
/// builder panics where the whole is longer than any.
fn read_merges(file: &SlowFile, vocabulary: &Vocab) -> Result<Merges> {
    let wrong = |line: usize, problem: &str| Error::Inconsistent {
        path: file.path.clone(),
        problem: format!("line {}: {problem}", line + 1),
    };
    let text = from_utf8(&file.bytes).map_err(unusable(&file.path))?;
    let mut merges = Merges::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with("#version"));
    for (number, line) in lines {
        let (left, right) = match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => (left, right),
            _ => return Err(wrong(number, "a merge is two entries and a space")),
        };
        if ![left, right, &format!("{left}{right}")].iter().all(|&e| vocabulary.contains_key(e)) {
            return Err(wrong(number, "a merge of entries that the vocabulary does not have"));
        }
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok(merges)
}
