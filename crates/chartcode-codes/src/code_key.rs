//! A code as it is compared and looked up.

use std::fmt;

/// A code's letters and digits in upper case, without its dot: at most eight.
///
/// Keys are ordered as their text is, and a code comes right before those that begin with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeKey([u8; 8]);

impl CodeKey {
    /// Reads a code with or without its dot, in either case; nothing where it cannot be a code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let mut key = [0; 8];
        let mut length = 0;
        let mut dots = 0;
        for byte in code.bytes() {
            if byte == b'.' && length > 1 && dots == 0 {
                dots = 1;
            } else if byte.is_ascii_alphanumeric() && length < key.len() {
                key[length] = byte.to_ascii_uppercase();
                length += 1;
            } else {
                return None;
            }
        }
        (length > 0 && !code.ends_with('.')).then_some(Self(key))
    }

    /// The letters and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Nothing but ASCII is stored, unless a mapped table was changed meanwhile.
        std::str::from_utf8(&self.0[..self.len()]).unwrap_or_default()
    }

    /// How many letters and digits it has, 1 to 8.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len())
    }

    /// Its first `length` characters.
    #[must_use]
    pub fn prefix(&self, length: usize) -> Option<Self> {
        if length == 0 || length > self.len() {
            return None;
        }
        let mut key = [0; 8];
        key[..length].copy_from_slice(&self.0[..length]);
        Some(Self(key))
    }

    /// Whether it is `other` or begins with it: a code of a category, say.
    #[must_use]
    pub fn is_within(&self, other: CodeKey) -> bool {
        self.0.starts_with(&other.0[..other.len()])
    }

    /// With `X` at the empty places up to the sixth and `character` at the seventh, as codes of
    /// less than six characters are completed; nothing where it has seven already.
    #[must_use]
    pub fn with_seventh(&self, character: char) -> Option<Self> {
        let length = self.len();
        if length > 6 || !character.is_ascii_alphanumeric() {
            return None;
        }
        let mut key = self.0;
        key[length..6].fill(b'X');
        key[6] = (character as u8).to_ascii_uppercase();
        Some(Self(key))
    }

    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// A key as it was stored; a table that was changed may hold anything.
    pub(crate) fn from_stored(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeKey({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::CodeKey;
    use proptest::prelude::*;

    fn key(code: &str) -> CodeKey {
        CodeKey::parse(code).unwrap()
    }

    #[test]
    fn a_code_is_the_same_with_and_without_its_dot() {
        assert_eq!(key("e11.9"), key("E119"));
        assert_eq!(key("S52.501A").as_str(), "S52501A");
        assert!(key("E11.9").is_within(key("E11")) && !key("E12.9").is_within(key("E11")));
    }

    #[test]
    fn what_cannot_be_a_code_is_refused() {
        for text in ["", ".", "E11.", ".E11", "E1.1.9", "E11 9", "E11-", "É11", "A12345678"] {
            assert_eq!(CodeKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_seventh_character_comes_behind_placeholders() {
        assert_eq!(key("T36.0X1").with_seventh('A'), Some(key("T36.0X1A")));
        assert_eq!(key("S03.0").with_seventh('d'), Some(key("S03.0XXD")));
        assert_eq!(key("S03.00XA").with_seventh('A'), None);
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_text_and_survive_storage(a in "[A-Z0-9]{1,8}", b in "[A-Z0-9]{1,8}") {
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            let own = key(&a);
            prop_assert_eq!(own.as_str(), a.as_str());
            prop_assert_eq!(CodeKey::from_stored(own.to_bytes()), own);
        }
    }
}
