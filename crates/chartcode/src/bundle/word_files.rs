//! A word-level model's vocabulary as it is published, made a tokenizer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokenizers::models::wordlevel::WordLevel;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;

use super::files::Files;
use super::labels::inconsistent;
use super::tokenizer_files::TOKENIZER;
use crate::error::{Error, Result};
use crate::tokens::Tokenizer;

/// Word to index, as medical-coding-reproducibility writes it.
const JSON: &str = "token2index.json";
/// A word a line, as caml-mimic writes it.
const LINES: &str = "vocab.csv";

/// What the publications call the entry for words that are not in the vocabulary.
const UNKNOWN: [&str; 9] =
    ["<UNK>", "<unk>", "[UNK]", "_UNK", "_unk", "**UNK**", "UNK", "unk", "<UNKNOWN>"];

/// caml-mimic's names of the entries that its file leaves out.
const CAML_PADDING: &str = "**PAD**";
const CAML_UNKNOWN: &str = "**UNK**";

/// Whether a folder has a vocabulary of words.
pub(super) fn is_there(files: &Files) -> bool {
    files.first(&[TOKENIZER, JSON, LINES]).is_some()
}

/// Reads a folder's vocabulary, which must have as many entries as the encoder has rows.
pub(super) fn read(files: &Files, rows: usize) -> Result<Tokenizer> {
    let Some(name) = files.first(&[TOKENIZER, JSON, LINES]) else {
        return Err(Error::NoVocabulary { path: files.folder().to_owned() });
    };
    let (path, bytes) = (files.path(name), files.read(name)?);
    if name == TOKENIZER {
        return Tokenizer::parse(&path, &bytes);
    }
    let vocabulary = if name == JSON { indexed(&path, &bytes)? } else { listed(&path, &bytes)? };
    if vocabulary.words.len() != rows {
        let words = vocabulary.words.len();
        let problem = format!("it has {words} entries, the model's table of words {rows}");
        return Err(inconsistent(&path, problem));
    }
    tokenizer(&path, vocabulary)
}

/// Words by index, without gaps, and the one that stands for all others.
struct Vocabulary {
    words: Vec<String>,
    unknown: String,
}

/// `{"word": index}`.
fn indexed(path: &Path, bytes: &[u8]) -> Result<Vocabulary> {
    let map: BTreeMap<String, usize> = serde_json::from_slice(bytes)
        .map_err(|source| Error::Json { path: path.to_owned(), source })?;
    let Some(unknown) = UNKNOWN.iter().find(|name| map.contains_key(**name)) else {
        let problem = format!("it has no entry for unknown words ({})", UNKNOWN.join(", "));
        return Err(inconsistent(path, problem));
    };
    let mut words = vec![None; map.len()];
    for (word, index) in map {
        match words.get_mut(index) {
            Some(place @ None) => *place = Some(word),
            Some(Some(_)) => {
                return Err(inconsistent(path, format!("two words have index {index}")));
            }
            None => {
                let problem = format!("index {index} is beyond its {} entries", words.len());
                return Err(inconsistent(path, problem));
            }
        }
    }
    Ok(Vocabulary { words: words.into_iter().flatten().collect(), unknown: (*unknown).to_owned() })
}

/// caml-mimic's rule: index 0 is padding, the sorted words follow, then the one for all others.
fn listed(path: &Path, bytes: &[u8]) -> Result<Vocabulary> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| inconsistent(path, "it is not UTF-8".to_owned()))?;
    let mut words: BTreeSet<&str> = text.lines().map(str::trim).collect();
    words.remove("");
    let own = [CAML_PADDING, CAML_UNKNOWN];
    if let Some(name) = own.into_iter().find(|name| words.contains(name)) {
        let problem = format!("it lists {name}, which has an index of its own");
        return Err(inconsistent(path, problem));
    }
    let words = [CAML_PADDING].into_iter().chain(words).chain([CAML_UNKNOWN]);
    Ok(Vocabulary { words: words.map(str::to_owned).collect(), unknown: CAML_UNKNOWN.to_owned() })
}

/// A token is what lies between white space: the publications split the text that preprocessing
/// left, in which there is nothing but words and spaces.
fn tokenizer(path: &Path, Vocabulary { words, unknown }: Vocabulary) -> Result<Tokenizer> {
    let invalid = |source| Error::Tokenizer { path: path.to_owned(), source };
    let indices = 0_u32..;
    let model = WordLevel::builder()
        .vocab(words.into_iter().zip(indices).collect())
        .unk_token(unknown)
        .build()
        .map_err(invalid)?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
    Tokenizer::new(path, tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_gives_its_order() {
        let json = br#"{"fever": 2, "<PAD>": 0, "<UNK>": 1, "cough": 3}"#;
        let vocabulary = indexed(Path::new(JSON), json).unwrap();
        assert_eq!(vocabulary.words, ["<PAD>", "<UNK>", "fever", "cough"]);
        assert_eq!(vocabulary.unknown, "<UNK>");
        let vocabulary = listed(Path::new(LINES), b"fever\ncough\r\n\nfever \n").unwrap();
        assert_eq!(vocabulary.words, ["**PAD**", "cough", "fever", "**UNK**"]);
        assert_eq!(vocabulary.unknown, "**UNK**");
    }

    #[test]
    fn a_bad_file_says_what_is_wrong() {
        for (json, problem) in [
            (r#"{"fever": 0, "<UNK>": 0}"#, "two words have index 0"),
            (r#"{"fever": 5, "<UNK>": 0}"#, "index 5 is beyond its 2 entries"),
            (r#"{"fever": 0}"#, "no entry for unknown words"),
            (r#"["fever"]"#, "not valid"),
        ] {
            let error = indexed(Path::new(JSON), json.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let error = listed(Path::new(LINES), b"**PAD**\nfever\n").err().unwrap().to_string();
        assert!(error.contains("index of its own"), "{error}");
    }

    #[test]
    fn unknown_words_have_the_entry_for_them() {
        let vocabulary = listed(Path::new(LINES), b"fever\ncough").unwrap();
        let tokenizer = tokenizer(Path::new(LINES), vocabulary).unwrap();
        let chart = crate::chart::Chart::new("a", "fever  or cough").unwrap();
        let tokens = tokenizer.encode(&chart).unwrap();
        assert_eq!(tokens.ids, [2, 3, 1]);
        assert_eq!(tokens.spans[2].range(), 10..15);
        assert!(tokenizer.prefix().is_empty() && tokenizer.suffix().is_empty());
    }
}
