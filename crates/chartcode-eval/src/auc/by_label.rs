//! The area under the curve of each label, and their mean.

use std::ops::Range;

use rayon::prelude::*;

use super::overall::twice_below;
use super::positives::Positives;
use crate::row::RowScores;
use crate::spool::Block;

/// Labels of a tile: their positives and counts fit the second cache of a core.
const TILE: usize = 512;

/// Counts for the macro average. Threads share the labels out in tiles of a fixed size, so that
/// sums of floats have one order.
#[derive(Debug)]
pub(super) struct ByLabel<'a> {
    positives: &'a Positives<'a>,
    tiles: Vec<Tile>,
    /// For each chart, what its negatives add to the labels' shares of positives below; see
    /// [`Tile::add`].
    sums: Vec<f64>,
}

/// Some consecutive labels. A label's slot is a number from 0 to twice its P positives: a score
/// with `b` of them below and `t` tied has the slot `2 b + t`.
#[derive(Debug)]
struct Tile {
    labels: Range<usize>,
    /// For each label its lowest positive; infinity where the label does not count.
    lowest: Vec<f32>,
    /// Where each label's positives begin in `scores`, and where the last one's end.
    starts: Vec<usize>,
    /// The positives, ascending in each label.
    scores: Vec<f32>,
    /// Negatives by slot, `2 P + 1` a label, without those on the label's bottom slot.
    counts: Vec<u32>,
    /// For each label the slot of scores behind all finite ones.
    bottoms: Vec<usize>,
    /// For each label P (charts - P), the number of pairs; 0 where the label does not count.
    pairs: Vec<f64>,
}

/// The result: labels with their areas, ascending, and each chart's influence on the mean.
pub(super) type Areas = (Vec<(u32, f64)>, Vec<f64>);

impl<'a> ByLabel<'a> {
    pub(super) fn new(positives: &'a Positives<'a>) -> Self {
        let charts = positives.charts_in_scope();
        let mut pairs: Vec<_> =
            positives.gold().iter().copied().zip(positives.scores().iter().copied()).collect();
        pairs.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let labels = positives.labels();
        let tiles = (0..labels).step_by(TILE).map(|first| {
            let (from, to) = (first as u32, (first + TILE).min(labels) as u32);
            let start = pairs.partition_point(|&(label, _)| label < from);
            let end = pairs.partition_point(|&(label, _)| label < to);
            Tile::new(first..to as usize, &pairs[start..end], charts)
        });
        Self { positives, tiles: tiles.collect(), sums: vec![0.0; positives.charts()] }
    }

    /// Counts the negatives of the next charts.
    pub(super) fn add(&mut self, block: &Block) {
        let positives = self.positives;
        let rows = |tile: &mut Tile| -> Vec<f64> {
            let row = |index: usize| {
                let chart = block.first() + index;
                if !positives.chart_in_scope(chart) {
                    return 0.0;
                }
                tile.add(block.row(index), positives.chart(chart).0)
            };
            (0..block.len()).map(row).collect()
        };
        let parts: Vec<Vec<f64>> = self.tiles.par_iter_mut().map(rows).collect();
        for part in parts {
            for (sum, more) in self.sums[block.first()..].iter_mut().zip(part) {
                *sum += more;
            }
        }
    }

    pub(super) fn finish(mut self) -> Areas {
        let charts = self.positives.charts_in_scope();
        let tiles: Vec<_> = self.tiles.par_iter_mut().map(|tile| tile.finish(charts)).collect();
        let areas: Vec<(u32, f64)> = tiles.iter().flat_map(Finished::areas).collect();
        if areas.is_empty() {
            return (areas, vec![0.0; self.sums.len()]);
        }
        let negatives: f64 = tiles.iter().flat_map(|tile| &tile.negatives).sum();
        let influence = |chart: usize| {
            if !self.positives.chart_in_scope(chart) {
                return 0.0;
            }
            let mut sum = negatives - self.sums[chart];
            let (gold, scores) = self.positives.chart(chart);
            for (&label, &score) in gold.iter().zip(scores) {
                let (number, inside) = (label as usize / TILE, label as usize % TILE);
                sum += self.tiles[number].gold_influence(&tiles[number], inside, score);
            }
            sum / areas.len() as f64
        };
        let influences = (0..self.sums.len()).into_par_iter().map(influence).collect();
        (areas, influences)
    }
}

impl Tile {
    /// The labels with their positives, which ascend by label and score.
    fn new(labels: Range<usize>, positives: &[(u32, f32)], charts: usize) -> Self {
        let mut tile = Self {
            lowest: vec![f32::INFINITY; labels.len()],
            starts: vec![0; labels.len() + 1],
            scores: positives.iter().map(|&(_, score)| score).collect(),
            counts: vec![0; 2 * positives.len() + labels.len()],
            bottoms: vec![0; labels.len()],
            pairs: vec![0.0; labels.len()],
            labels,
        };
        for (i, label) in tile.labels.clone().enumerate() {
            let start = tile.starts[i];
            let rest = &positives[start..];
            let end = start + rest.partition_point(|&(other, _)| other as usize == label);
            tile.starts[i + 1] = end;
            let negatives = charts - (end - start);
            if start < end && negatives > 0 {
                tile.lowest[i] = tile.scores[start];
                tile.bottoms[i] = tile.slot(i, f32::NEG_INFINITY);
                tile.pairs[i] = (end - start) as f64 * negatives as f64;
            }
        }
        tile
    }

    /// The slot of a score of the label at `i`.
    fn slot(&self, i: usize, score: f32) -> usize {
        let scores = &self.scores[self.starts[i]..self.starts[i + 1]];
        let below = scores.partition_point(|&other| other < score);
        let rest = &scores[below..];
        if rest.first() != Some(&score) {
            return 2 * below;
        }
        2 * below + rest.partition_point(|&other| other == score)
    }

    /// Where the slots of the label at `i` stand in `counts`.
    fn slots(&self, i: usize) -> Range<usize> {
        2 * self.starts[i] + i..2 * self.starts[i + 1] + i + 1
    }

    /// Counts one chart's negatives. Returns, summed over them, how much larger the share of
    /// positives below is than at the label's bottom slot, over the label's negatives.
    fn add(&mut self, row: RowScores<'_>, gold: &[u32]) -> f64 {
        let first = self.labels.start as u32;
        let mut gold = gold[gold.partition_point(|&label| label < first)..].iter().peekable();
        let mut negative = |i: usize| {
            let label = first + i as u32;
            while gold.next_if(|&&other| other < label).is_some() {}
            gold.peek() != Some(&&label)
        };
        match row {
            RowScores::Dense(scores) => {
                let scores = &scores[self.labels.clone()];
                // Collected first, without a branch: few are not below all positives.
                let (mut hits, mut count) = ([0_u16; TILE], 0);
                for (i, (score, lowest)) in scores.iter().zip(&self.lowest).enumerate() {
                    hits[count] = i as u16;
                    count += usize::from(score >= lowest);
                }
                let hits = hits[..count].iter().map(|&i| usize::from(i)).filter(|&i| negative(i));
                hits.map(|i| self.count(i, scores[i])).sum()
            }
            RowScores::Sparse(listed) => {
                let start = listed.partition_point(|&(label, _)| label < first);
                let end = first + self.labels.len() as u32;
                let inside = listed[start..].iter().take_while(|&&(label, _)| label < end);
                let hits = inside.map(|&(label, score)| ((label - first) as usize, score));
                hits.filter(|&(i, score)| score >= self.lowest[i] && negative(i))
                    .collect::<Vec<_>>()
                    .into_iter()
                    .map(|(i, score)| self.count(i, score))
                    .sum()
            }
        }
    }

    /// Counts one negative of the label at `i`; see [`Self::add`].
    fn count(&mut self, i: usize, score: f32) -> f64 {
        let slot = self.slot(i, score);
        let start = self.slots(i).start;
        self.counts[start + slot] += 1;
        (slot - self.bottoms[i]) as f64 / (2.0 * self.pairs[i])
    }

    fn finish(&mut self, charts: usize) -> Finished {
        let mut finished = Finished { first: self.labels.start as u32, ..Finished::default() };
        for i in 0..self.labels.len() {
            let positives = self.starts[i + 1] - self.starts[i];
            let slots = self.slots(i);
            if self.pairs[i] == 0.0 {
                finished.areas.push(None);
                finished.negatives.push(0.0);
                finished.below.extend(slots.map(|_| 0));
                continue;
            }
            let negatives = (charts - positives) as u64;
            let counted: u64 = self.counts[slots.clone()].iter().map(|&n| u64::from(n)).sum();
            self.counts[slots.start + self.bottoms[i]] += (negatives - counted) as u32;
            let counts = self.counts[slots].iter().enumerate();
            let won: u64 =
                counts.map(|(slot, &n)| u64::from(n) * (2 * positives - slot) as u64).sum();
            let area = won as f64 / (2.0 * self.pairs[i]);
            let above = (2 * positives - self.bottoms[i]) as f64 / (2.0 * positives as f64);
            finished.negatives.push((above - area) / negatives as f64);
            finished.areas.push(Some(area));
            finished.below.extend(twice_below(&self.counts[self.slots(i)]));
        }
        finished
    }

    /// What a positive of the label at `i` adds to its chart's influence, less what a negative
    /// at the bottom would.
    fn gold_influence(&self, finished: &Finished, i: usize, score: f32) -> f64 {
        let Some(area) = finished.areas[i] else { return 0.0 };
        let below = finished.below[self.slots(i).start + self.slot(i, score)] as f64;
        let positives = (self.starts[i + 1] - self.starts[i]) as f64;
        below / (2.0 * self.pairs[i]) - area / positives - finished.negatives[i]
    }
}

/// What came of a tile.
#[derive(Debug, Default)]
struct Finished {
    first: u32,
    /// For each label its area; none where it does not count.
    areas: Vec<Option<f64>>,
    /// For each label the influence of a negative at the bottom.
    negatives: Vec<f64>,
    /// For each slot twice the negatives below it, and once those on it.
    below: Vec<u64>,
}

impl Finished {
    fn areas(&self) -> impl Iterator<Item = (u32, f64)> {
        (self.first..).zip(&self.areas).filter_map(|(label, area)| Some((label, (*area)?)))
    }
}
