//! Isotonic regression of gold on the logit.

use super::calibration::CalibrationFit;
use crate::error::{Error, Result};

/// Points of the map; a neighbour's difference is lost in the noise beyond some dozens.
const POINTS: usize = 32;

/// Candidates of neighbouring logits that have one probability.
#[derive(Clone, Copy, Debug)]
struct Block {
    weight: f64,
    gold: f64,
    /// Sum of the logits.
    logits: f64,
}

impl Block {
    fn mean(self) -> f64 {
        self.gold / self.weight
    }

    fn join(self, other: Self) -> Self {
        Self {
            weight: self.weight + other.weight,
            gold: self.gold + other.gold,
            logits: self.logits + other.logits,
        }
    }

    /// Highest log likelihood of one probability for all.
    fn likelihood(self) -> f64 {
        let p = self.mean();
        let part = |count: f64, p: f64| if count > 0.0 { count * p.ln() } else { 0.0 };
        part(self.gold, p) + part(self.weight - self.gold, 1.0 - p)
    }
}

/// The monotone map of highest likelihood, by pooling adjacent violators, as at most 32 points.
///
/// One gold code at the lowest logit and one other code at the highest are added, as Platt's
/// targets add one of either kind: that keeps all probabilities within (0, 1). Blocks are joined
/// where it costs the least likelihood until they are few (Schell and Singh 1997 reduce them
/// likewise), and stand at their mean logits, with straight lines between (Oron and Flournoy 2017).
pub(super) fn isotonic(mut pairs: Vec<(f32, bool)>) -> Result<CalibrationFit> {
    if pairs.is_empty() {
        return Err(Error::Request("calibration isotonic: there is no candidate".to_owned()));
    }
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let blocks = reduce(pool(&pairs));
    let mut points: Vec<(f32, Block)> = Vec::with_capacity(blocks.len());
    for mut block in blocks {
        // Means so near to each other that they are one f32 make one point.
        let mut x = (block.logits / block.weight) as f32;
        while let Some((_, before)) = points.pop_if(|(before, _)| *before >= x) {
            block = block.join(before);
            x = (block.logits / block.weight) as f32;
        }
        points.push((x, block));
    }
    Ok(CalibrationFit::Isotonic {
        logits: points.iter().map(|&(x, _)| x).collect(),
        probabilities: points.iter().map(|(_, block)| block.mean()).collect(),
    })
}

/// Blocks of rising mean, from pairs of rising logit, the two added codes included.
fn pool(pairs: &[(f32, bool)]) -> Vec<Block> {
    let mut ties: Vec<Block> = pairs
        .chunk_by(|a, b| a.0 == b.0)
        .map(|tie| Block {
            weight: tie.len() as f64,
            gold: tie.iter().filter(|pair| pair.1).count() as f64,
            logits: tie.iter().map(|pair| f64::from(pair.0)).sum(),
        })
        .collect();
    let mut add = |index: usize, gold: f64| {
        let Block { weight, logits, .. } = ties[index];
        let one = Block { weight: 1.0, gold, logits: logits / weight };
        ties[index] = ties[index].join(one);
    };
    let last = pairs.chunk_by(|a, b| a.0 == b.0).count() - 1;
    add(0, 1.0);
    add(last, 0.0);
    let mut blocks: Vec<Block> = Vec::new();
    for mut block in ties {
        while let Some(before) = blocks.pop_if(|before| before.mean() >= block.mean()) {
            block = before.join(block);
        }
        blocks.push(block);
    }
    blocks
}

/// Joins the neighbours that differ least until there are at most [`POINTS`].
fn reduce(mut blocks: Vec<Block>) -> Vec<Block> {
    let cost = |a: Block, b: Block| a.likelihood() + b.likelihood() - a.join(b).likelihood();
    while blocks.len() > POINTS {
        let pairs = blocks.windows(2).map(|pair| cost(pair[0], pair[1])).enumerate();
        let Some((cheapest, _)) = pairs.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        let right = blocks.remove(cheapest + 1);
        blocks[cheapest] = blocks[cheapest].join(right);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The value of isotonic regression at a place: the highest over starts of the lowest over
    /// ends of the mean of the run between them.
    fn min_max(ties: &[(f64, f64)], place: usize) -> f64 {
        let mean = |from: usize, to: usize| {
            let (gold, weight) =
                ties[from..=to].iter().fold((0.0, 0.0), |sum, t| (sum.0 + t.0, sum.1 + t.1));
            gold / weight
        };
        (0..=place)
            .map(|from| (place..ties.len()).map(|to| mean(from, to)).fold(f64::INFINITY, f64::min))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    fn pairs(most: usize) -> impl Strategy<Value = Vec<(f32, bool)>> {
        proptest::collection::vec((-12_i8..12, any::<bool>()), 1..most).prop_map(|pairs| {
            let mut pairs: Vec<_> = pairs.iter().map(|&(x, y)| (f32::from(x), y)).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            pairs
        })
    }

    proptest! {
        #[test]
        fn pooling_is_the_min_max_formula(pairs in pairs(50)) {
            let mut ties: Vec<(f64, f64)> = pairs
                .chunk_by(|a, b| a.0 == b.0)
                .map(|tie| (tie.iter().filter(|p| p.1).count() as f64, tie.len() as f64))
                .collect();
            ties[0].0 += 1.0;
            ties[0].1 += 1.0;
            ties.last_mut().unwrap().1 += 1.0;
            let blocks = pool(&pairs);
            let mut place = 0;
            for block in &blocks {
                let mut weight = 0.0;
                while weight < block.weight {
                    prop_assert!((min_max(&ties, place) - block.mean()).abs() < 1e-12);
                    weight += ties[place].1;
                    place += 1;
                }
            }
            prop_assert_eq!(place, ties.len());
        }

        #[test]
        fn the_map_keeps_its_rules(pairs in pairs(200)) {
            let fit = isotonic(pairs.clone()).unwrap();
            prop_assert!(fit.check().is_ok(), "{:?}", fit);
            let CalibrationFit::Isotonic { logits, .. } = fit else { panic!() };
            prop_assert!(logits.len() <= POINTS && logits[0] >= pairs[0].0);
            prop_assert!(*logits.last().unwrap() <= pairs.last().unwrap().0);
        }
    }

    #[test]
    fn many_blocks_become_few_at_little_cost() {
        // 200 logits with 1,000 candidates each, of which a rising share is gold.
        let pairs: Vec<(f32, bool)> = (0..200_u16)
            .flat_map(|x| (0..1000_u16).map(move |i| (f32::from(x), i < x * 4 + 100)))
            .collect();
        assert!(pool(&pairs).len() > 190);
        let fit = isotonic(pairs).unwrap();
        let CalibrationFit::Isotonic { logits, .. } = &fit else { panic!() };
        assert_eq!(logits.len(), POINTS);
        for x in 4..196_u16 {
            let truth = f64::from(x * 4 + 100) / 1000.0;
            assert!((fit.probability(f32::from(x)) - truth).abs() < 0.01, "{x}");
        }
    }

    #[test]
    fn degenerate_candidates_have_a_map_within_bounds() {
        assert!(isotonic(Vec::new()).is_err());
        for (pairs, probability) in [
            (vec![(2.0, true); 8], 0.9),
            (vec![(2.0, false); 8], 0.1),
            (vec![(2.0, true), (2.0, false)], 0.5),
        ] {
            assert_eq!(isotonic(pairs).unwrap().probability(0.0), probability);
        }
        let near = [(1.0_f32, false), (1.0_f32.next_up(), true), (1.0_f32.next_up(), true)];
        assert!(isotonic(near.to_vec()).unwrap().check().is_ok());
    }
}
