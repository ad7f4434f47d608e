//! Step 1: bytes → chart.

use std::fmt;

use crate::error::{Error, Result};

/// A note, or the notes of one encounter: an id and UTF-8 text that is not blank.
///
/// `Debug` shows the id and the length, never the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Chart {
    id: String,
    text: String,
}

impl Chart {
    /// A chart from text.
    ///
    /// # Errors
    /// [`Error::EmptyChart`] where the text is blank, [`Error::BinaryChart`] where it holds a NUL.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Result<Self> {
        let (id, text) = (id.into(), text.into());
        if let Some(offset) = text.bytes().position(|byte| byte == 0) {
            return Err(Error::BinaryChart { id, offset });
        }
        if text.chars().all(char::is_whitespace) {
            return Err(Error::EmptyChart { id });
        }
        Ok(Self { id, text })
    }

    /// A chart from the bytes of a file.
    ///
    /// # Errors
    /// As [`Chart::new`], and [`Error::NotUtf8`] with the offset of the first bad byte.
    pub fn from_bytes(id: impl Into<String>, bytes: Vec<u8>) -> Result<Self> {
        let id = id.into();
        if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
            return Err(Error::BinaryChart { id, offset });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(id, text),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let byte = error.as_bytes()[offset];
                Err(Error::NotUtf8 { id, offset, byte })
            }
        }
    }

    /// The chart's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The chart's original text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chart")
            .field("id", &self.id)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_text_is_refused() {
        assert!(matches!(Chart::new("a", " \r\n\t"), Err(Error::EmptyChart { .. })));
        assert!(matches!(Chart::from_bytes("a", vec![]), Err(Error::EmptyChart { .. })));
    }

    #[test]
    fn latin_1_is_refused_at_its_first_byte() {
        let error = Chart::from_bytes("a", b"caf\xe9 au lait".to_vec()).unwrap_err();
        assert!(matches!(error, Error::NotUtf8 { offset: 3, byte: 0xe9, .. }), "{error}");
        assert!(!error.to_string().contains("lait"));
    }

    #[test]
    fn binary_is_refused() {
        let error = Chart::from_bytes("a", b"PK\x03\x04\x00\xff".to_vec()).unwrap_err();
        assert!(matches!(error, Error::BinaryChart { offset: 4, .. }), "{error}");
    }

    #[test]
    fn debug_hides_the_text() {
        let chart = Chart::new("a", "secret finding").unwrap();
        assert!(!format!("{chart:?}").contains("secret"));
    }
}
