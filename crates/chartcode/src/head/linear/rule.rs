//! Which word runs of a chart are features of a linear head.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::{Item, items};
use crate::span::Span;

/// What stands between the parts of a feature before it is hashed.
const SEPARATOR: u8 = 0x1f;

/// How a chart's text becomes features: runs of words, each with the section it stands in and
/// whether it is negated or uncertain.
///
/// A word is a run of letters or of digits, in small letters, English plurals folded. A run counts
/// twice, with its section and without; a section's heading is at the start of a line and ends in a
/// colon. What a cue of `negations` or `uncertain` reaches ("no pneumonia", "possible pneumonia")
/// is another feature than what stands for itself (after `NegEx`, Chapman et al. 2001).
///
/// Features are known by 64-bit hashes: a bundle holds no word of the charts it was fitted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// Longest run, in words.
    pub words: usize,
    /// Words behind a cue that it reaches.
    pub reach: usize,
    /// Cues of negation, in small letters.
    pub negations: Vec<String>,
    /// Cues of uncertainty.
    pub uncertain: Vec<String>,
    /// Words and signs that end what a cue reaches.
    pub breaks: Vec<String>,
}

/// A feature of a chart: its hash, and where it stands first.
pub type TextFeatures = BTreeMap<u64, Span>;

/// Longest run that a rule may ask for.
const MOST_WORDS: usize = 5;

impl Default for TextRule {
    /// Pairs of words, and the cues of English clinical text.
    fn default() -> Self {
        let list = |words: &str| words.split(' ').map(str::to_owned).collect();
        Self {
            words: 2,
            reach: 8,
            negations: list(
                "no not without never neither nor absence negative denies denied resolved excluded",
            ),
            uncertain: list(
                "possible possibly probable probably may might could likely suspected suspicion \
                 suggest suggests suggesting suggestive suspicious question questionable worrisome suspect versus vs \
                 consider concern concerning evaluate evaluation rule presumed cannot ? consistent \
                 compatible represent represents representing",
            ),
            breaks: list(". ; : but however although though except which"),
        }
    }
}

/// What a cue does to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Plain,
    Negated,
    Uncertain,
}

/// A word behind the one being read.
#[derive(Clone, Debug)]
struct Read {
    word: String,
    mark: Mark,
    span: Span,
}

/// Where a reader stands in a chart.
#[derive(Debug, Default)]
struct Reader {
    section: String,
    recent: Vec<Read>,
    /// Words that a negation still reaches, and an uncertainty.
    reach: [usize; 2],
}

impl TextRule {
    /// What the numbers alone rule out.
    pub(crate) fn check(&self) -> Result<(), String> {
        if (1..=MOST_WORDS).contains(&self.words) {
            return Ok(());
        }
        Err(format!("head.text.words is {}: it must be 1 to {MOST_WORDS}", self.words))
    }

    /// The features of a text, each with the place where it stands first.
    #[must_use]
    pub fn features(&self, text: &str) -> TextFeatures {
        let mut features = BTreeMap::new();
        self.each(text, |hash, span| {
            features.entry(hash).or_insert(span);
        });
        features
    }

    /// Gives `each` every feature of a text as often as it is there, in reading order.
    pub(super) fn each(&self, text: &str, mut each: impl FnMut(u64, Span)) {
        let mut reader = Reader::default();
        for item in items(text) {
            match item {
                Item::Heading(heading) => {
                    reader = Reader { section: heading.to_lowercase(), ..Reader::default() };
                }
                Item::Sign(sign) => {
                    reader.recent.clear();
                    self.pass(&mut reader, sign.encode_utf8(&mut [0; 4]));
                }
                Item::Word(span) => {
                    let word = text[span.range()].to_lowercase();
                    let mark = match reader.reach {
                        _ if has(&self.breaks, &word) => Mark::Plain,
                        [0, 0] => Mark::Plain,
                        [0, _] => Mark::Uncertain,
                        _ => Mark::Negated,
                    };
                    self.pass(&mut reader, &word);
                    let word = singular(word);
                    if reader.recent.len() == self.words {
                        reader.recent.remove(0);
                    }
                    reader.recent.push(Read { word, mark, span });
                    reader.runs(&mut each);
                }
            }
        }
    }

    /// What a word or sign means for those behind it.
    fn pass(&self, reader: &mut Reader, word: &str) {
        if has(&self.breaks, word) {
            reader.reach = [0, 0];
            return;
        }
        reader.reach = reader.reach.map(|left| left.saturating_sub(1));
        if has(&self.negations, word) {
            reader.reach[0] = self.reach;
        } else if has(&self.uncertain, word) {
            reader.reach[1] = self.reach;
        }
    }
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|other| other == word)
}

impl Reader {
    /// The runs that end with the last word.
    fn runs(&self, each: &mut impl FnMut(u64, Span)) {
        for start in 0..self.recent.len() {
            let run = &self.recent[start..];
            let span = run[0].span.cover(run[run.len() - 1].span);
            each(hash("", run), span);
            if !self.section.is_empty() {
                each(hash(&self.section, run), span);
            }
        }
    }
}

/// FNV-1a of section, marks and words, mixed once more so that all bits depend on all bytes.
fn hash(section: &str, run: &[Read]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    add(section.as_bytes());
    for mark in [Mark::Negated, Mark::Uncertain] {
        add(&[SEPARATOR, u8::from(run.iter().any(|read| read.mark == mark))]);
    }
    for read in run {
        add(&[SEPARATOR]);
        add(read.word.as_bytes());
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// Folds an English plural: "effusions" and "effusion" are one word, "pelvis" stays.
fn singular(mut word: String) -> String {
    if word.len() > 5 && word.ends_with("ies") {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if word.len() > 3
        && word.ends_with('s')
        && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending))
    {
        word.truncate(word.len() - 1);
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(left: &str, right: &str) -> Vec<String> {
        let rule = TextRule::default();
        let other = rule.features(right);
        let own = rule.features(left);
        let own = own.iter().filter(|(hash, _)| !other.contains_key(hash));
        let mut texts: Vec<String> =
            own.map(|(_, span)| left[span.range()].to_lowercase()).collect();
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn negated_and_uncertain_words_are_others() {
        assert_eq!(only("no pneumonia", "pneumonia no"), ["no pneumonia", "pneumonia"]);
        assert_eq!(only("possible pneumonia", "no pneumonia").len(), 3);
        // The cue does not reach past a break.
        assert!(only("pneumonia", "no fever. pneumonia").is_empty());
        assert!(!only("pneumonia", "no fever or pneumonia").is_empty());
    }

    #[test]
    fn a_word_counts_with_its_section_and_without() {
        let rule = TextRule { words: 1, ..TextRule::default() };
        assert_eq!(rule.features("HISTORY: cough").len(), 2);
        assert_eq!(rule.features("cough").len(), 1);
        assert_eq!(only("HISTORY: cough", "IMPRESSION: cough"), ["cough"]);
    }

    #[test]
    fn plurals_are_folded_and_signs_part_runs() {
        assert!(only("Effusions, cavities", "effusion, cavity").is_empty());
        assert_eq!(only("left effusion", "left, effusion"), ["left effusion"]);
        assert_eq!(singular("pelvis".to_owned()), "pelvis");
    }

    #[test]
    fn a_feature_keeps_its_hash() {
        // Bundles on disk depend on it. The numbers were computed in Python from what `hash` says.
        let rule = TextRule::default();
        let hashes = |text: &str| rule.features(text).into_keys().collect::<Vec<_>>();
        assert_eq!(hashes("Coughs"), [2_239_625_310_412_912_675]);
        for hash in [14_430_470_903_437_785_828, 15_786_313_690_363_724_570] {
            assert!(hashes("HISTORY: no cough").contains(&hash));
        }
    }

    proptest! {
        #[test]
        fn places_are_on_characters_and_features_do_not_depend_on_what_follows(
            text in "[a-cA-C é.:\n]{0,60}", more in "[a-c .]{0,20}",
        ) {
            let rule = TextRule::default();
            let features = rule.features(&text);
            for span in features.values() {
                prop_assert!(text.get(span.range()).is_some_and(|run| !run.trim().is_empty()));
            }
            let longer = rule.features(&format!("{text}\n. {more}"));
            prop_assert!(features.iter().all(|(hash, span)| longer.get(hash) == Some(span)));
        }
    }
}
