//! Pairs of code and term: texts of one code are positives for each other.

mod read;
mod sample;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use rand::seq::SliceRandom as _;

pub(crate) use sample::Sampler;

use crate::error::Result;
use crate::stream::{Purpose, stream};

/// A file of pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct PairFile {
    /// Lines of `code TAB text`, with or without a third column for the kind of text, or JSON
    /// objects with the fields `code`, `text` and `kind`.
    pub path: PathBuf,
    /// How much more often than pairs of weight 1 its pairs are drawn.
    pub weight: f64,
}

/// A text of a code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) text: u32,
    pub(crate) weight: f64,
}

/// All pairs, by code.
#[derive(Debug, Default)]
pub(crate) struct PairSet {
    /// In ascending order, so that siblings stand side by side.
    pub(crate) codes: Vec<String>,
    /// The distinct texts.
    pub(crate) texts: Vec<String>,
    /// The texts of each code, its title first.
    pub(crate) members: Vec<Vec<Member>>,
    /// The codes of each text, ascending.
    pub(crate) codes_of: Vec<Vec<u32>>,
    /// How many pairs there are of each kind.
    pub(crate) kinds: BTreeMap<String, usize>,
    /// Pairs that stood in the files before.
    pub(crate) repeated: usize,
}

/// A text that training does not see, with the code it should be nearest to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldOut {
    pub(crate) code: u32,
    pub(crate) text: u32,
    /// The title of that code, which training sees.
    pub(crate) title: u32,
}

impl PairSet {
    /// Reads files of pairs.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read), [`Error::Pair`](crate::Error::Pair);
    /// [`Error::Option`](crate::Error::Option) for a weight that is no positive number.
    pub(crate) fn read(files: &[PairFile]) -> Result<Self> {
        let mut by_code: BTreeMap<String, Vec<(Member, bool)>> = BTreeMap::new();
        let mut set = Self::default();
        let mut index: HashMap<String, u32> = HashMap::new();
        for file in files {
            read::each(file, |pair| {
                let text = *index.entry(pair.text).or_insert_with_key(|text| {
                    set.texts.push(text.clone());
                    set.texts.len() as u32 - 1
                });
                let members = by_code.entry(pair.code).or_default();
                if members.iter().any(|(member, _)| member.text == text) {
                    set.repeated += 1;
                    return;
                }
                let is_title = pair.kind.as_deref() == Some("title");
                *set.kinds.entry(pair.kind.unwrap_or_else(|| "no kind".to_owned())).or_default() +=
                    1;
                members.push((Member { text, weight: file.weight }, is_title));
            })?;
        }
        set.codes_of = vec![Vec::new(); set.texts.len()];
        for (code, mut members) in by_code {
            // A stable sort: the title comes first, or else the text that came first.
            members.sort_by_key(|(_, is_title)| !is_title);
            for (member, _) in &members {
                set.codes_of[member.text as usize].push(set.codes.len() as u32);
            }
            set.codes.push(code);
            set.members.push(members.into_iter().map(|(member, _)| member).collect());
        }
        Ok(set)
    }

    /// Pairs that are there.
    pub(crate) fn len(&self) -> usize {
        self.members.iter().map(Vec::len).sum()
    }

    /// Codes with at least two texts.
    pub(crate) fn codes_with_positives(&self) -> usize {
        self.members.iter().filter(|members| members.len() > 1).count()
    }

    /// Takes one text that is no title from each of `share` of the codes with at least two, at most
    /// `most`, out of the set.
    pub(crate) fn hold_out(&mut self, share: f64, most: usize, seed: u64) -> Vec<HeldOut> {
        let mut random = stream(seed, Purpose::HeldOut, 0);
        let mut codes: Vec<usize> =
            (0..self.codes.len()).filter(|&code| self.members[code].len() > 1).collect();
        codes.shuffle(&mut random);
        let wanted = codes.len() as f64 * share;
        let count = (0..codes.len().min(most)).take_while(|&held| (held as f64) < wanted).count();
        codes.truncate(count);
        codes.sort_unstable();
        let mut held = Vec::with_capacity(count);
        for code in codes {
            let others = self.members[code].len() - 1;
            let place = 1 + rand::RngExt::random_range(&mut random, 0..others);
            let text = self.members[code].remove(place).text;
            self.codes_of[text as usize].retain(|&other| other as usize != code);
            let title = self.members[code][0].text;
            held.push(HeldOut { code: code as u32, text, title });
        }
        held
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::Error;

    pub(crate) fn set(lines: &str) -> Result<PairSet> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        std::fs::write(&path, lines).unwrap();
        PairSet::read(&[PairFile { path, weight: 1.0 }])
    }

    #[test]
    fn titles_come_first_and_repetitions_are_counted() {
        let set = set("code\ttext\tkind\nI10\thigh blood pressure\tindex\nI10\tHypertension\ttitle\n\
                       A00\tCholera\nI10\thigh blood pressure\n{\"code\": \"I11\", \"text\": \"Hypertension\"}\n")
            .unwrap();
        assert_eq!(set.codes, ["A00", "I10", "I11"]);
        let texts: Vec<&str> =
            set.members[1].iter().map(|member| set.texts[member.text as usize].as_str()).collect();
        assert_eq!(texts, ["Hypertension", "high blood pressure"]);
        assert_eq!(set.codes_of[set.members[1][0].text as usize], [1, 2]);
        assert_eq!((set.repeated, set.len(), set.codes_with_positives()), (1, 4, 1));
    }

    #[test]
    fn a_bad_line_is_named_without_its_words() {
        for (lines, problem) in [
            ("I10\tHypertension\nsecret\n", "line 2: it has no tab"),
            ("I10\t \n", "line 1: the text is blank"),
            ("\tHypertension\n", "line 1: the code is blank"),
            ("{\"code\": \"secret\"}\n", "line 1: it is no such object"),
        ] {
            let error = set(lines).unwrap_err();
            assert!(matches!(error, Error::Pair { .. }));
            let error = error.to_string();
            assert!(error.contains(problem) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_held_out_is_no_title_and_not_trained_on() {
        let mut set = set("A\ta\nA\tb\nA\tc\nB\td\nB\te\nC\tf\n").unwrap();
        let held = set.hold_out(1.0, 9, 3);
        assert_eq!(held.len(), 2);
        for held in held {
            assert!(held.title != held.text);
            assert!(set.members[held.code as usize].iter().all(|m| m.text != held.text));
            assert!(set.codes_of[held.text as usize].is_empty());
        }
        assert_eq!(set.len(), 4);
    }
}
