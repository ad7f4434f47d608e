//! Candidates of one category against each other.

use std::collections::BTreeMap;

use super::candidates::Seen;
use super::facts::Facts;

/// How a candidate stands among those of its category.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sibling {
    /// How many of them are better.
    pub(super) rank: u32,
    /// How many there are, itself included.
    pub(super) count: u32,
    /// How far it is ahead of the best other one; negative where it is behind.
    pub(super) lead: f32,
    /// The highest similarity of a candidate whose code begins with this one's; 0 where there is
    /// none.
    pub(super) finer: f32,
}

/// Compares candidates within their categories.
pub(super) fn compare(facts: &Facts, concepts: &[u32], seen: &[Seen]) -> Vec<Sibling> {
    let mut categories: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (k, &concept) in concepts.iter().enumerate() {
        categories.entry(facts.category[concept as usize]).or_default().push(k);
    }
    let score = |k: usize| seen[k].best + facts.head_start[concepts[k] as usize];
    let mut siblings = vec![Sibling::default(); concepts.len()];
    for mut members in categories.into_values() {
        members.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        let best_other = |rank: usize| members.get(usize::from(rank == 0)).copied();
        for (rank, &k) in members.iter().enumerate() {
            siblings[k] = Sibling {
                rank: rank as u32,
                count: members.len() as u32,
                lead: best_other(rank).map_or(0.0, |other| score(k) - score(other)),
                finer: finer(facts, concepts, seen, (k, &members)),
            };
        }
    }
    siblings
}

fn finer(facts: &Facts, concepts: &[u32], seen: &[Seen], (k, members): (usize, &[usize])) -> f32 {
    let below = concepts[k] + 1..facts.subtree_end[concepts[k] as usize];
    members
        .iter()
        .filter(|&&other| below.contains(&concepts[other]))
        .map(|&other| seen[other].best)
        .reduce(f32::max)
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Concepts 0 (E11), 1 (E11.2), 2 (E11.9), 3 (I10).
    fn facts() -> Facts {
        Facts::of_categories(vec![0, 0, 0, 1], vec![3, 2, 3, 4])
    }

    #[test]
    fn candidates_of_a_category_are_compared() {
        let seen: Vec<Seen> = [0.5, 0.75, 0.25, 0.9].map(Seen::with_similarity).to_vec();
        let siblings = compare(&facts(), &[0, 1, 2, 3], &seen);
        assert_eq!(siblings[0], Sibling { rank: 1, count: 3, lead: -0.25, finer: 0.75 });
        assert_eq!(siblings[1], Sibling { rank: 0, count: 3, lead: 0.25, finer: 0.0 });
        assert_eq!(siblings[2], Sibling { rank: 2, count: 3, lead: -0.5, finer: 0.0 });
        assert_eq!(siblings[3], Sibling { rank: 0, count: 1, lead: 0.0, finer: 0.0 });
    }

    #[test]
    fn of_equal_candidates_the_first_is_ahead() {
        let seen: Vec<Seen> = [0.5, 0.5].map(Seen::with_similarity).to_vec();
        let siblings = compare(&facts(), &[1, 2], &seen);
        assert_eq!((siblings[0].rank, siblings[1].rank), (0, 1));
    }
}
