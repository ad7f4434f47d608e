//! Special and added tokens: who names them, and in which order they join the vocabulary.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use tokenizers::{AddedToken, Tokenizer};

use super::config::{Extra, Flagged, Names, SlowConfig, Token};
use super::family::Family;
use super::{SlowFile, SlowFiles};
use crate::error::{Error, Result};

/// What a special token is for; the order is that in which they are added.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    Bos,
    Eos,
    Unk,
    Sep,
    Pad,
    Cls,
    Mask,
}

/// How many roles there are.
pub(super) const ROLES: usize = 7;

/// The special and added tokens of a folder.
#[derive(Debug)]
pub(super) struct Special {
    named: [Option<Token>; ROLES],
    /// Further special tokens; `None` where no file speaks of them.
    extra: Option<Vec<Token>>,
    /// Added tokens of the files, by id.
    listed: Vec<Token>,
}

impl Special {
    /// Reads the names as Transformers does: its defaults, then `tokenizer_config.json`, then,
    /// unless that lists the added tokens itself, the two older files.
    pub(super) fn resolve(family: Family, config: &SlowConfig, files: &SlowFiles) -> Result<Self> {
        let mut given = roles(&config.names);
        let mut extra = config_extra(&config.names, files)?;
        let listed = if let Some(listed) = &config.added_tokens_decoder {
            listed.values().cloned().collect()
        } else {
            if let Some(file) = &files.special_tokens_map {
                let names: Names = json(file)?;
                for (given, token) in given.iter_mut().zip(roles(&names)) {
                    if let Some(token) = token {
                        *given = Some(token.into_special());
                    }
                }
                extra = map_extra(extra, names, family);
            }
            let file = files.added_tokens.as_ref();
            file.map(|file| listed(file, &given, extra.as_deref())).transpose()?.unwrap_or_default()
        };
        let mut named = family.names().map(|name| name.map(|name| Token::Text(name.to_owned())));
        for (named, token) in named.iter_mut().zip(given) {
            if token.is_some() {
                *named = token;
            }
        }
        let mask = &mut named[Role::Mask as usize];
        if let (Family::Mpnet | Family::Camembert, Some(Token::Text(content))) = (family, &*mask) {
            // Named by its text alone, the mask takes in the white space before it.
            let content = content.clone();
            *mask = Some(Token::Flagged(Flagged { content, lstrip: true, ..Flagged::default() }));
        }
        Ok(Self { named, extra, listed })
    }

    /// The name of the token of a role; empty where there is none.
    pub(super) fn name(&self, role: Role) -> &str {
        self.named[role as usize].as_ref().map_or("", Token::content)
    }

    /// Whether a file lists the token among those added to the vocabulary.
    pub(super) fn is_listed(&self, name: &str) -> bool {
        self.listed.iter().any(|token| token.content() == name)
    }

    /// Further special tokens that count where no file speaks of any.
    pub(super) fn set_default_extra(&mut self, tokens: Vec<Token>) {
        self.extra.get_or_insert(tokens);
    }

    /// Adds every token to the vocabulary, new ones behind its last entry.
    pub(super) fn add_to(&self, tokenizer: &mut Tokenizer) -> tokenizers::Result<()> {
        let listed: BTreeSet<&str> = self.listed.iter().map(Token::content).collect();
        let names: BTreeSet<&str> = self.named.iter().flatten().map(Token::content).collect();
        let mut tokens: Vec<&Token> = self.listed.iter().collect();
        for token in self.named.iter().flatten().chain(self.extra.iter().flatten()) {
            if !listed.contains(token.content()) && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        let added = |token: &Token| token.added(names.contains(token.content()));
        let tokens: Vec<AddedToken> = tokens.into_iter().map(added).collect();
        tokenizer.add_tokens(tokens)?;
        Ok(())
    }
}

/// The tokens of a file by their roles.
fn roles(names: &Names) -> [Option<Token>; ROLES] {
    let Names {
        bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token, ..
    } = names;
    [bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token].map(Clone::clone)
}

/// Further special tokens of `tokenizer_config.json`, under their new name or the old one.
fn config_extra(names: &Names, files: &SlowFiles) -> Result<Option<Vec<Token>>> {
    let older = || names.additional_special_tokens.clone();
    match &names.extra_special_tokens {
        Some(Extra::Named(named)) if !named.is_empty() => Err(Error::Inconsistent {
            path: files.folder.join("tokenizer_config.json"),
            problem: "extra_special_tokens has names of its own, which is not understood"
                .to_owned(),
        }),
        Some(Extra::List(list)) if !list.is_empty() => Ok(Some(list.clone())),
        Some(Extra::List(_)) => Ok(Some(older().unwrap_or_default())),
        Some(Extra::Named(_)) | None => Ok(older()),
    }
}

/// Adds those of `special_tokens_map.json`. SentencePiece models bring their own instead of those
/// under the old name.
fn map_extra(extra: Option<Vec<Token>>, names: Names, family: Family) -> Option<Vec<Token>> {
    if let Some(Extra::List(list)) = names.extra_special_tokens {
        let mut tokens = extra.unwrap_or_default();
        for token in list {
            let token = token.into_special();
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        return Some(tokens);
    }
    let older = names.additional_special_tokens.filter(|_| !family.is_sentencepiece());
    extra.or_else(|| Some(older?.into_iter().map(Token::into_special).collect()))
}

/// The tokens of `added_tokens.json` by id. Those that a file names as special are looked for in
/// the raw text, the others in the normalised text.
fn listed(file: &SlowFile, given: &[Option<Token>], extra: Option<&[Token]>) -> Result<Vec<Token>> {
    let ids: BTreeMap<String, u32> = json(file)?;
    let mut tokens: Vec<(u32, String)> = ids.into_iter().map(|(token, id)| (id, token)).collect();
    tokens.sort_unstable();
    let named = given.iter().flatten().chain(extra.into_iter().flatten());
    let special: BTreeSet<&str> = named.map(Token::content).collect();
    let flagged = |(_, content): (u32, String)| {
        let special = special.contains(content.as_str());
        let normalized = Some(!special);
        Token::Flagged(Flagged { content, normalized, special, ..Flagged::default() })
    };
    Ok(tokens.into_iter().map(flagged).collect())
}

fn json<T: DeserializeOwned>(file: &SlowFile) -> Result<T> {
    serde_json::from_slice(&file.bytes)
        .map_err(|source| Error::Json { path: file.path.clone(), source })
}
