//! Which pairs a step learns from: a function of the seed and the step.

use std::ops::Range;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64;

use super::{Member, PairSet};
use crate::stream::{Purpose, stream};

/// The texts of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The codes, each once.
    pub(crate) codes: Vec<u32>,
    /// A text of each code, and another.
    pub(crate) anchors: Vec<u32>,
    pub(crate) positives: Vec<u32>,
    /// Texts of siblings of the codes.
    pub(crate) hard: Vec<u32>,
    /// For each code the columns (positives, then hard) whose text is its own too.
    pub(crate) same: Vec<Vec<usize>>,
}

/// Draws batches.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// Codes of each batch.
    pub(crate) size: usize,
    /// Hard negatives of each code.
    pub(crate) hard: usize,
    pub(crate) seed: u64,
}

impl Sampler {
    /// The batch of a step.
    pub(crate) fn batch(&self, set: &PairSet, step: u64) -> Batch {
        let mut random = stream(self.seed, Purpose::Pairs, step);
        let eligible = (0..set.codes.len() as u32).filter(|&c| set.members[c as usize].len() > 1);
        let weights = eligible.map(|code| {
            let members = &set.members[code as usize];
            (code, members.iter().map(|member| member.weight).sum())
        });
        let mut batch = Batch { codes: draw(weights, self.size, &mut random), ..Batch::default() };
        for &code in &batch.codes {
            let pair = two(&set.members[code as usize], &mut random);
            batch.anchors.push(pair[0]);
            batch.positives.push(pair[1]);
        }
        for &code in &batch.codes {
            for sibling in self.siblings(set, code, &mut random) {
                let members = set.members[sibling as usize].iter();
                let drawn = draw(members.map(|m| (m.text, m.weight)), 1, &mut random);
                batch.hard.extend(drawn);
            }
        }
        let columns: Vec<u32> = batch.positives.iter().chain(&batch.hard).copied().collect();
        let is_own = |code: u32, row: usize, column: usize| {
            let text = columns[column];
            let codes = &set.codes_of[text as usize];
            // In the other direction the column holds the anchor's text.
            let back = batch.anchors.get(column).map(|&text| &set.codes_of[text as usize]);
            column != row && (codes.contains(&code) || back.is_some_and(|c| c.contains(&code)))
        };
        let same = batch.codes.iter().enumerate().map(|(row, &code)| {
            (0..columns.len()).filter(|&column| is_own(code, row, column)).collect()
        });
        batch.same = same.collect();
        batch
    }

    /// Codes with the same parent, and where these are too few of the same category.
    fn siblings(&self, set: &PairSet, code: u32, random: &mut Pcg64) -> Vec<u32> {
        let own = &set.codes[code as usize];
        let mut wanted = Vec::new();
        for length in [own.len().saturating_sub(1), 3.min(own.len())] {
            let Some(prefix) = own.get(..length).map(|prefix| prefix.trim_end_matches('.')) else {
                continue;
            };
            let near: Vec<u32> = with_prefix(&set.codes, prefix)
                .map(|other| other as u32)
                .filter(|other| *other != code && !wanted.contains(other))
                .collect();
            let missing = self.hard - wanted.len();
            wanted.extend(near.sample(random, missing).copied());
        }
        wanted
    }
}

/// The places of the codes that begin so, in a sorted list.
fn with_prefix(codes: &[String], prefix: &str) -> Range<usize> {
    let start = codes.partition_point(|code| code.as_str() < prefix);
    let count = codes[start..].partition_point(|code| code.starts_with(prefix));
    start..start + count
}

/// Draws `count` items without putting them back, by weight (Efraimidis and Spirakis 2006).
fn draw(items: impl Iterator<Item = (u32, f64)>, count: usize, random: &mut Pcg64) -> Vec<u32> {
    let mut keyed: Vec<(f64, u32)> = items
        .map(|(item, weight)| (random.random::<f64>().max(f64::MIN_POSITIVE).ln() / weight, item))
        .collect();
    let order = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if count < keyed.len() {
        keyed.select_nth_unstable_by(count, order);
        keyed.truncate(count);
    }
    keyed.sort_unstable_by(order);
    keyed.into_iter().map(|(_, item)| item).collect()
}

fn two(members: &[Member], random: &mut Pcg64) -> [u32; 2] {
    let drawn = draw(members.iter().map(|m| (m.text, m.weight)), 2, random);
    [drawn[0], drawn[drawn.len() - 1]]
}

#[cfg(test)]
mod tests {
    use super::super::tests::set;
    use super::*;

    const LINES: &str =
        "I10\ta\nI10\tb\nI11.0\tc\nI11.0\td\nI11.9\te\nI11.9\tb\nI13.0\tf\nA00\tg\nA00\th\n";

    #[test]
    fn a_batch_is_a_function_of_seed_and_step() {
        let set = set(LINES).unwrap();
        let sampler = |seed| Sampler { size: 3, hard: 1, seed };
        assert_eq!(sampler(1).batch(&set, 5), sampler(1).batch(&set, 5));
        let differs = |other: &Batch| *other != sampler(1).batch(&set, 5);
        assert!((6..12).any(|step| differs(&sampler(1).batch(&set, step))));
        assert!((2..8).any(|seed| differs(&sampler(seed).batch(&set, 5))));
    }

    #[test]
    fn pairs_are_of_one_code_and_what_is_the_codes_own_is_no_negative() {
        let set = set(LINES).unwrap();
        let sampler = Sampler { size: 9, hard: 2, seed: 1 };
        for step in 0..50 {
            let batch = sampler.batch(&set, step);
            assert_eq!(batch.codes.len(), 4, "the codes with two texts");
            let texts = batch.anchors.iter().zip(&batch.positives).zip(&batch.codes);
            for ((anchor, positive), code) in texts {
                assert!(anchor != positive);
                let own = |text: &u32| set.codes_of[*text as usize].contains(code);
                assert!(own(anchor) && own(positive));
            }
            for (row, code) in batch.codes.iter().enumerate() {
                for (column, text) in batch.positives.iter().chain(&batch.hard).enumerate() {
                    let own = set.codes_of[*text as usize].contains(code);
                    let masked = batch.same[row].contains(&column);
                    assert!(column == row || masked || !own, "{batch:?}");
                }
            }
        }
    }

    #[test]
    fn siblings_share_the_parent_first_and_then_the_category() {
        let set = set(LINES).unwrap();
        let sampler = |hard| Sampler { size: 1, hard, seed: 1 };
        let code = |name: &str| set.codes.iter().position(|code| code == name).unwrap() as u32;
        let mut random = stream(1, Purpose::Pairs, 0);
        let near = sampler(3).siblings(&set, code("I11.0"), &mut random);
        assert_eq!(near, [code("I11.9")]);
        let near = sampler(1).siblings(&set, code("I10"), &mut random);
        assert_eq!(near.len(), 1);
        assert!(set.codes[near[0] as usize].starts_with("I1"));
        assert!(sampler(2).siblings(&set, code("A00"), &mut random).is_empty());
    }

    #[test]
    fn heavier_items_are_drawn_more_often() {
        let mut random = stream(1, Purpose::Pairs, 0);
        let first = |random: &mut Pcg64| draw([(0, 1.0), (1, 3.0)].into_iter(), 1, random)[0];
        let heavy = (0..4000).filter(|_| first(&mut random) == 1).count();
        // Four standard errors of 4,000 draws of 3 in 4.
        assert!((heavy as f64 / 4000.0 - 0.75).abs() < 0.028, "{heavy}");
    }
}
