//! What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` may say.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use tokenizers::AddedToken;

/// What `tokenizer_config.json` may say; what it leaves out is the tokenizer's own default.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SlowConfig {
    tokenizer_class: Option<String>,
    pub(super) do_lower_case: Option<bool>,
    pub(super) strip_accents: Option<bool>,
    pub(super) tokenize_chinese_chars: Option<bool>,
    pub(super) keep_accents: Option<bool>,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) trim_offsets: Option<bool>,
    pub(super) split_by_punct: Option<bool>,
    pub(super) split_special_tokens: Option<bool>,
    /// Added tokens by id, as newer versions save them: then the older files are not looked at.
    pub(super) added_tokens_decoder: Option<BTreeMap<u32, Token>>,
    #[serde(flatten)]
    pub(super) names: Names,
}

impl SlowConfig {
    /// The class that the file names.
    pub(super) fn class(&self) -> Option<&str> {
        self.tokenizer_class.as_deref()
    }
}

/// Names of special tokens, in `tokenizer_config.json` and in `special_tokens_map.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Names {
    pub(super) bos_token: Option<Token>,
    pub(super) eos_token: Option<Token>,
    pub(super) unk_token: Option<Token>,
    pub(super) sep_token: Option<Token>,
    pub(super) pad_token: Option<Token>,
    pub(super) cls_token: Option<Token>,
    pub(super) mask_token: Option<Token>,
    #[serde(deserialize_with = "null_is_none_of_them")]
    pub(super) additional_special_tokens: Option<Vec<Token>>,
    #[serde(deserialize_with = "null_is_none_of_them")]
    pub(super) extra_special_tokens: Option<Extra>,
}

/// Reads `null` as an empty list: unlike a field that is not there, it rules out other sources.
fn null_is_none_of_them<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

/// Further special tokens; version 4 wrote `{}` for none, and tokens with names of their own, which
/// no tokenizer read here has.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Extra {
    List(Vec<Token>),
    Named(BTreeMap<String, Token>),
}

impl Default for Extra {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// A token as its text, or with its flags.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Token {
    Text(String),
    Flagged(Flagged),
}

/// A token with its flags.
#[expect(clippy::struct_excessive_bools, reason = "the fields are those of the file")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Flagged {
    pub(super) content: String,
    pub(super) lstrip: bool,
    pub(super) rstrip: bool,
    pub(super) single_word: bool,
    /// Whether the token is looked for in the normalised text; where it is not said, special tokens
    /// are not, and others are.
    pub(super) normalized: Option<bool>,
    pub(super) special: bool,
}

impl Token {
    /// The token's text.
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Text(content) => content,
            Self::Flagged(token) => &token.content,
        }
    }

    /// The token for the library. Text alone means a special token.
    pub(super) fn added(&self, is_named: bool) -> AddedToken {
        match self {
            Self::Text(content) => AddedToken::from(content.as_str(), true),
            Self::Flagged(token) => {
                let special = token.special || is_named;
                AddedToken::from(token.content.as_str(), special)
                    .lstrip(token.lstrip)
                    .rstrip(token.rstrip)
                    .single_word(token.single_word)
                    .normalized(token.normalized.unwrap_or(!special))
            }
        }
    }

    /// The same token, special.
    pub(super) fn into_special(self) -> Self {
        match self {
            Self::Text(_) => self,
            Self::Flagged(token) => Self::Flagged(Flagged { special: true, ..token }),
        }
    }
}
