//! Reads the parts of a SentencePiece model (`sentencepiece_model.proto`) that a tokenizer needs.
//!
//! Protocol buffers are a list of fields, each with a number, a wire type and a value; fields that
//! are not known are passed over. The input may be damaged: every length is checked.

use std::str::from_utf8;

/// A SentencePiece model.
#[derive(Debug, Default)]
pub(super) struct ModelProto {
    /// The vocabulary in the order of its ids.
    pub(super) pieces: Vec<Piece>,
    /// How it was trained; 1 is Unigram, which is also what it means to say nothing.
    pub(super) model_type: Option<u64>,
    /// Id of the piece for what is not known.
    pub(super) unk_id: u64,
    /// Compiled replacements of characters; empty for none.
    pub(super) charsmap: Vec<u8>,
}

/// An entry of the vocabulary.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: u64,
}

/// Kind of a piece that never comes from text, such as `<s>`.
pub(super) const CONTROL: u64 = 3;
/// Kind of a piece that is always a token of its own.
pub(super) const USER_DEFINED: u64 = 4;
/// The Unigram algorithm, as [`ModelProto::model_type`].
pub(super) const UNIGRAM: u64 = 1;

/// Why bytes are not a SentencePiece model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtoError {
    #[error("not a SentencePiece model, or cut short")]
    Damaged,
    #[error("a piece is not UTF-8")]
    NotUtf8,
    #[error("the model has no pieces")]
    Empty,
    #[error("the score of piece {0} is not a number")]
    Score(usize),
    #[error("piece {0} is longer than {LONGEST_PIECE} bytes")]
    LongPiece(usize),
}

/// Real pieces have a few dozen bytes; the library would walk down a longer one by recursion.
const LONGEST_PIECE: usize = 4096;

impl ModelProto {
    /// Reads a model.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ProtoError> {
        let mut model = Self::default();
        each_field(bytes, |number, value| {
            match (number, value) {
                (1, Value::Bytes(piece)) => {
                    let piece = Piece::parse(piece, model.pieces.len())?;
                    model.pieces.push(piece);
                }
                (2, Value::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, Value::Bytes(normalizer)) => model.read_normalizer(normalizer)?,
                _ => {}
            }
            Ok(())
        })?;
        if model.pieces.is_empty() { Err(ProtoError::Empty) } else { Ok(model) }
    }

    fn read_trainer(&mut self, bytes: &[u8]) -> Result<(), ProtoError> {
        each_field(bytes, |number, value| {
            match (number, value) {
                (3, Value::Number(model_type)) => self.model_type = Some(model_type),
                (40, Value::Number(id)) => self.unk_id = id,
                _ => {}
            }
            Ok(())
        })
    }

    fn read_normalizer(&mut self, bytes: &[u8]) -> Result<(), ProtoError> {
        each_field(bytes, |number, value| {
            if let (2, Value::Bytes(charsmap)) = (number, value) {
                self.charsmap = charsmap.to_vec();
            }
            Ok(())
        })
    }
}

impl Piece {
    fn parse(bytes: &[u8], index: usize) -> Result<Self, ProtoError> {
        let mut piece = Self { text: String::new(), score: 0.0, kind: 1 };
        each_field(bytes, |number, value| {
            match (number, value) {
                (1, Value::Bytes(text)) => {
                    if text.len() > LONGEST_PIECE {
                        return Err(ProtoError::LongPiece(index));
                    }
                    let text = from_utf8(text).map_err(|_| ProtoError::NotUtf8)?;
                    text.clone_into(&mut piece.text);
                }
                (2, Value::Four(score)) => piece.score = f32::from_le_bytes(score),
                (3, Value::Number(kind)) => piece.kind = kind,
                _ => {}
            }
            Ok(())
        })?;
        if piece.score.is_finite() { Ok(piece) } else { Err(ProtoError::Score(index)) }
    }
}

/// A field's value by its wire type; eight bytes and groups mean nothing here.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Number(u64),
    Four([u8; 4]),
    Bytes(&'a [u8]),
    Other,
}

/// Calls `take` with the number and the value of each field of a message.
fn each_field<'a>(
    mut bytes: &'a [u8],
    mut take: impl FnMut(u64, Value<'a>) -> Result<(), ProtoError>,
) -> Result<(), ProtoError> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            1 => {
                split(&mut bytes, 8)?;
                Value::Other
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?);
                Value::Bytes(split(&mut bytes, length.map_err(|_| ProtoError::Damaged)?)?)
            }
            5 => {
                let four = split(&mut bytes, 4)?;
                Value::Four(four.try_into().map_err(|_| ProtoError::Damaged)?)
            }
            _ => return Err(ProtoError::Damaged),
        };
        take(key >> 3, value)?;
    }
    Ok(())
}

/// Takes the first `length` bytes.
fn split<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], ProtoError> {
    let (head, tail) = bytes.split_at_checked(length).ok_or(ProtoError::Damaged)?;
    *bytes = tail;
    Ok(head)
}

/// A number in groups of seven bits, the lowest first; ten groups hold any that is allowed.
fn varint(bytes: &mut &[u8]) -> Result<u64, ProtoError> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let (&byte, tail) = bytes.split_first().ok_or(ProtoError::Damaged)?;
        *bytes = tail;
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(ProtoError::Damaged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODEL: &[u8] = include_bytes!("../../tests/fixtures/slow/deberta.model");

    #[test]
    fn a_model_is_read() {
        let model = ModelProto::parse(MODEL).unwrap();
        let names: Vec<&str> = model.pieces[..4].iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(names, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]);
        assert_eq!((model.unk_id, model.model_type.unwrap_or(UNIGRAM)), (3, UNIGRAM));
        assert_eq!(model.pieces[1].kind, CONTROL);
        assert!(!model.charsmap.is_empty());
        assert!(model.pieces[4..].iter().all(|piece| piece.score < 0.0 && piece.kind == 1));
    }

    #[test]
    fn every_truncation_is_survived() {
        for end in 0..MODEL.len() {
            let _ = ModelProto::parse(&MODEL[..end]);
        }
        assert_eq!(ModelProto::parse(b"").unwrap_err(), ProtoError::Empty);
        assert_eq!(
            ModelProto::parse(b"\x0a\xff\xff\xff\xff\x0f").unwrap_err(),
            ProtoError::Damaged
        );
        assert_eq!(ModelProto::parse(&[0xff; 40]).unwrap_err(), ProtoError::Damaged);
    }

    #[test]
    fn a_score_that_is_no_number_is_refused() {
        let piece = b"\x0a\x08\x0a\x01a\x15\x00\x00\xc0\x7f";
        assert_eq!(ModelProto::parse(piece).unwrap_err(), ProtoError::Score(0));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ModelProto::parse(&bytes);
        }
    }
}
