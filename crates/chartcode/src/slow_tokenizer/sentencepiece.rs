//! SentencePiece models of the Unigram kind: XLM-RoBERTa, CamemBERT, ALBERT and DeBERTa-v2/v3.

use std::path::Path;

use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{
    Lowercase, NFC, NFKD, NormalizerWrapper, Replace, Sequence, Strip, StripAccents,
};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::config::{Flagged, SlowConfig, Token};
use super::family::Family;
use super::model_proto::{CONTROL, ModelProto, UNIGRAM, USER_DEFINED};
use super::special::{Role, Special};
use super::{SlowFile, charsmap, enclosing, template, unusable};
use crate::error::{Error, Result};

/// What stands for a space in a piece.
const SPACE: char = '▁';

type Vocabulary = Vec<(String, f64)>;

/// Builds the tokenizer; the model's own control and user-defined pieces become added tokens.
pub(super) fn build(
    file: &SlowFile,
    config: &SlowConfig,
    family: Family,
    special: &mut Special,
) -> Result<Tokenizer> {
    let path = &file.path;
    let model = ModelProto::parse(&file.bytes).map_err(unusable(path))?;
    if model.model_type.unwrap_or(UNIGRAM) != UNIGRAM {
        let problem = "the SentencePiece model is not of the Unigram kind".to_owned();
        return Err(Error::Inconsistent { path: path.clone(), problem });
    }
    special.set_default_extra(own_tokens(&model));
    let vocabulary = vocabulary(&model, family, special);
    let unk = unk_id(&model, family, &vocabulary, special);
    let unigram = Unigram::from(vocabulary, Some(unk), false).map_err(unusable(path))?;
    let mut tokenizer = Tokenizer::new(unigram);
    let normalizers = normalizers(path, &model, config, family)?;
    if !normalizers.is_empty() {
        let sequence = Sequence::new(normalizers);
        tokenizer.with_normalizer(Some(sequence)).map_err(unusable(path))?;
    }
    tokenizer.with_pre_tokenizer(Some(pre_tokenizers(config, family)));
    special.add_to(&mut tokenizer).map_err(unusable(path))?;
    let roles = match family {
        Family::XlmRoberta | Family::Camembert => [Role::Bos, Role::Eos],
        _ => [Role::Cls, Role::Sep],
    };
    let [before, behind] = roles.map(|role| enclosing(path, &tokenizer, special, role));
    tokenizer.with_post_processor(Some(template(path, before?, behind?)?));
    Ok(tokenizer)
}

/// Pieces that are never made from others, by id.
fn own_tokens(model: &ModelProto) -> Vec<Token> {
    let own = model.pieces.iter().filter(|piece| [CONTROL, USER_DEFINED].contains(&piece.kind));
    let token = |piece: &super::model_proto::Piece| Flagged {
        content: piece.text.clone(),
        normalized: Some(false),
        special: piece.kind == CONTROL,
        ..Flagged::default()
    };
    own.map(|piece| Token::Flagged(token(piece))).collect()
}

/// Entries by id. fairseq, with which two of the models were trained, put entries of its own before
/// those of SentencePiece, of which the first few fall away, and the mask behind.
fn vocabulary(model: &ModelProto, family: Family, special: &Special) -> Vocabulary {
    let name = |role: Role| (special.name(role).to_owned(), 0.0);
    let (mut entries, skipped) = match family {
        Family::XlmRoberta => {
            (vec![name(Role::Bos), name(Role::Pad), name(Role::Eos), name(Role::Unk)], 3)
        }
        Family::Camembert => {
            let unused = |name: &str, score: f64| (format!("{name}NOTUSED"), score);
            let (before, between) = (unused("<s>", 0.0), unused("</s>", 0.0));
            let behind = unused("<unk>", -100.0);
            (vec![before, name(Role::Pad), between, name(Role::Unk), behind], 1)
        }
        _ => (Vec::new(), 0),
    };
    let pieces = model.pieces.iter().skip(skipped);
    entries.extend(pieces.map(|piece| (piece.text.clone(), f64::from(piece.score))));
    if matches!(family, Family::XlmRoberta | Family::Camembert) {
        entries.push(name(Role::Mask));
    }
    entries
}

/// Index of the entry for what is not known; one beyond the vocabulary is refused by the library.
fn unk_id(model: &ModelProto, family: Family, vocabulary: &Vocabulary, special: &Special) -> usize {
    let unk = special.name(Role::Unk);
    match family {
        Family::Camembert => vocabulary.iter().position(|(entry, _)| entry == unk).unwrap_or(0),
        Family::DebertaV2 => {
            let found = vocabulary.iter().position(|(entry, score)| entry == unk && *score == 0.0);
            found.unwrap_or_else(|| usize::try_from(model.unk_id).unwrap_or(usize::MAX))
        }
        Family::Albert => 1,
        _ => 3,
    }
}

/// What is done to a text before it is split. DeBERTa's does not use the model's character map.
fn normalizers(
    path: &Path,
    model: &ModelProto,
    config: &SlowConfig,
    family: Family,
) -> Result<Vec<NormalizerWrapper>> {
    let replace = |pattern: ReplacePattern, with: &str| -> Result<NormalizerWrapper> {
        Ok(Replace::new(pattern, with).map_err(unusable(path))?.into())
    };
    let mut list: Vec<NormalizerWrapper> = Vec::new();
    if family == Family::DebertaV2 {
        if config.do_lower_case.unwrap_or(false) {
            list.push(Lowercase.into());
        }
        list.push(replace(ReplacePattern::Regex(r"\s{2,}|[\n\r\t]".to_owned()), " ")?);
        list.push(NFC.into());
        list.push(Strip::new(false, true).into());
        return Ok(list);
    }
    if family == Family::Albert {
        list.push(replace("``".into(), "\"")?);
        list.push(replace("''".into(), "\"")?);
        if !config.keep_accents.unwrap_or(false) {
            list.push(NFKD.into());
            list.push(StripAccents.into());
        }
        if config.do_lower_case.unwrap_or(true) {
            list.push(Lowercase.into());
        }
    }
    if !model.charsmap.is_empty() {
        list.push(charsmap::parse(&model.charsmap).map_err(unusable(path))?.into());
    }
    Ok(list)
}

/// How a text is split: words keep their space as [`SPACE`].
fn pre_tokenizers(config: &SlowConfig, family: Family) -> PreTokenizers {
    let scheme = match (config.add_prefix_space.unwrap_or(true), family) {
        (true, _) => PrependScheme::Always,
        (false, Family::DebertaV2) => PrependScheme::First,
        (false, _) => PrependScheme::Never,
    };
    let mut list: Vec<PreTokenizerWrapper> = Vec::new();
    if family != Family::DebertaV2 {
        list.push(WhitespaceSplit.into());
    } else if config.split_by_punct.unwrap_or(false) {
        list.push(Punctuation::new(SplitDelimiterBehavior::Isolated).into());
    }
    list.push(Metaspace::new(SPACE, scheme, true).into());
    PreTokenizers::new(list)
}
