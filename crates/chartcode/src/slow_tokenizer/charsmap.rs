//! The compiled character replacements of a SentencePiece model, checked before they are used.
//!
//! The library walks them without a check of its own, in the middle of a chart: a damaged map would
//! make it panic there.

use std::str::from_utf8;

use tokenizers::normalizers::Precompiled;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that share a unit's block: a step goes to any of them.
const BLOCK: usize = 0xff;

/// Reads the map: the size of a double-array trie, the trie, and the replacements, each ended by a
/// NUL.
pub(super) fn parse(bytes: &[u8]) -> Result<Precompiled, Source> {
    check(bytes).ok_or("its character map is damaged")?;
    Ok(Precompiled::from(bytes)?)
}

/// `None` where some text could lead out of the trie or of the replacements.
fn check(bytes: &[u8]) -> Option<()> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    let (trie, replacements) = rest.split_at_checked(size)?;
    let replacements = from_utf8(replacements).ok()?;
    let (units, []) = trie.as_chunks::<4>() else { return None };
    let unit = |at: usize| units.get(at).map(|&unit| u32::from_le_bytes(unit));
    unit(0)?;
    for at in 0..units.len() {
        let here = unit(at)?;
        if here >> 31 == 1 && at > 0 {
            // A value, where a walk ends. No walk ends at the root, whatever its bits say.
            continue;
        }
        let offset = (here >> 10) << ((here & (1 << 9)) >> 6);
        let next = at ^ usize::try_from(offset).ok()?;
        unit(next | BLOCK)?;
        let has_value = (here >> 8) & 1 == 1;
        let value = usize::try_from(unit(next)? & 0x7fff_ffff).ok()?;
        if has_value && !replacements.is_char_boundary(value) {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::slow_tokenizer::model_proto::ModelProto;

    fn map() -> Vec<u8> {
        let model = include_bytes!("../../tests/fixtures/slow/xlmr.model");
        ModelProto::parse(model).unwrap().charsmap
    }

    #[test]
    fn a_map_is_read() {
        let map = parse(&map()).unwrap();
        assert_eq!(map.normalize_string("ﬁ ½\u{200b}"), "fi 1⁄2");
    }

    #[test]
    fn a_size_beyond_the_file_is_refused() {
        let mut map = map();
        map[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&map).is_err());
        assert!(parse(&map[..3]).is_err());
        assert!(parse(&[0; 4]).is_err());
    }

    #[test]
    fn a_root_that_says_it_is_a_value_is_walked_from_all_the_same() {
        let mut map = map();
        map[7] |= 0x80;
        if let Ok(map) = parse(&map) {
            let _ = map.normalize_string("a");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_map_is_refused_or_harmless(
            at in any::<prop::sample::Index>(), byte: u8, text in "[ -~é½ﬁ™\u{a0}\u{200b}]{0,40}"
        ) {
            let mut map = map();
            let at = at.index(map.len());
            map[at] = byte;
            if let Ok(map) = parse(&map) {
                let _ = map.normalize_string(&text);
            }
        }
    }
}
