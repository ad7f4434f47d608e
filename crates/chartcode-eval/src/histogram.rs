//! Counts of all pairs of chart and label by their probability.

use crate::row::RowScores;
use crate::summary::{PrPoint, ReliabilityBin};

/// Bins of the reliability diagram (Guo et al. 2017).
const BINS: usize = 15;
/// Bits of an `f64` that do not tell cells apart: each octave has 128 of them.
const SHIFT: u32 = 45;
/// Probabilities up to 2^-30 share a cell, and so do those nearer to 1 than that.
const FIRST: u64 = (1023 - 30) << (52 - SHIFT);
/// Cells from 2^-30 to one half.
const SIDE: usize = (((1023 - 1) << (52 - SHIFT)) - FIRST) as usize;
/// Points by which recall, and by which the number of suggestions, is divided.
const RECALL_STEPS: f64 = 100.0;
const COUNT_STEPS: f64 = 90.0;

/// Counts of pairs by probability, for reliability diagrams and precision-recall curves. Its size
/// does not grow with the charts.
///
/// The 15 bins of the diagram are of equal width. For curves there are 7,426 cells, finer where
/// probabilities are near 0 or 1: the odds of a cell's ends differ by less than 1.6%.
#[derive(Clone, Debug)]
pub struct ScoreHistogram {
    bins: [Bin; BINS],
    squared_error: f64,
    /// Pairs by cell.
    pairs: Vec<u64>,
    /// Gold pairs by cell.
    gold: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    count: u64,
    gold: u64,
    probability: f64,
}

impl Default for ScoreHistogram {
    fn default() -> Self {
        let cells = vec![0; 2 * SIDE + 2];
        Self { bins: [Bin::default(); BINS], squared_error: 0.0, pairs: cells.clone(), gold: cells }
    }
}

impl ScoreHistogram {
    /// Without pairs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the pairs of a chart that have a score: all labels of a dense row, the listed ones
    /// of a sparse one. `gold` ascends; `probability` turns a score into one, in `[0, 1]`.
    pub fn add(&mut self, row: RowScores<'_>, gold: &[u32], probability: impl Fn(f32) -> f64) {
        let mut start = 0;
        for &label in gold {
            start = match row {
                RowScores::Dense(scores) => {
                    let Some(&score) = scores.get(label as usize) else { break };
                    let before = &scores[start..label as usize];
                    self.add_negatives(before.iter().map(|&score| probability(score)));
                    self.add_gold(probability(score));
                    label as usize + 1
                }
                RowScores::Sparse(listed) => {
                    let rest = &listed[start..];
                    let at = start + rest.partition_point(|&(other, _)| other < label);
                    let before = &listed[start..at];
                    self.add_negatives(before.iter().map(|&(_, score)| probability(score)));
                    let own = listed.get(at).filter(|&&(other, _)| other == label);
                    if let Some(&(_, score)) = own {
                        self.add_gold(probability(score));
                    }
                    at + usize::from(own.is_some())
                }
            };
        }
        match row {
            RowScores::Dense(scores) => {
                self.add_negatives(scores[start..].iter().map(|&score| probability(score)));
            }
            RowScores::Sparse(listed) => {
                self.add_negatives(listed[start..].iter().map(|&(_, score)| probability(score)));
            }
        }
    }

    fn add_negatives(&mut self, probabilities: impl Iterator<Item = f64>) {
        // Nearly all fall into the first bin: its sums stay in registers.
        let (mut count, mut sum, mut squares) = (0, 0.0, 0.0);
        for p in probabilities {
            self.pairs[cell(p)] += 1;
            squares += p * p;
            if p <= edge(1) {
                count += 1;
                sum += p;
            } else {
                let bin = &mut self.bins[bin(p)];
                bin.count += 1;
                bin.probability += p;
            }
        }
        self.bins[0].count += count;
        self.bins[0].probability += sum;
        self.squared_error += squares;
    }

    fn add_gold(&mut self, p: f64) {
        self.pairs[cell(p)] += 1;
        self.gold[cell(p)] += 1;
        self.squared_error += (1.0 - p).powi(2);
        let bin = &mut self.bins[bin(p)];
        bin.count += 1;
        bin.gold += 1;
        bin.probability += p;
    }

    /// Counts the pairs of another histogram as well.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += more.count;
            bin.gold += more.gold;
            bin.probability += more.probability;
        }
        self.squared_error += other.squared_error;
        self.pairs.iter_mut().zip(&other.pairs).for_each(|(count, more)| *count += more);
        self.gold.iter_mut().zip(&other.gold).for_each(|(count, more)| *count += more);
    }

    /// Pairs counted.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// Gold pairs counted.
    #[must_use]
    pub fn gold(&self) -> u64 {
        self.bins.iter().map(|bin| bin.gold).sum()
    }

    /// The bins of the reliability diagram, from 0 to 1.
    #[must_use]
    pub fn bins(&self) -> Vec<ReliabilityBin> {
        let bin = |(i, bin): (usize, &Bin)| {
            let count = bin.count.max(1) as f64;
            ReliabilityBin {
                low: edge(i),
                high: edge(i + 1),
                count: bin.count,
                mean_probability: bin.probability / count,
                share_gold: bin.gold as f64 / count,
            }
        };
        self.bins.iter().enumerate().map(bin).collect()
    }

    /// Expected calibration error (Guo et al. 2017): the mean over pairs of how far their bin's
    /// mean probability is from its share of gold. 0 without pairs.
    #[must_use]
    pub fn ece(&self) -> f64 {
        let gap = |bin: &Bin| (bin.probability - bin.gold as f64).abs();
        self.bins.iter().map(gap).sum::<f64>() / self.pairs().max(1) as f64
    }

    /// Mean squared difference of probability and truth (Brier 1950). 0 without pairs.
    #[must_use]
    pub fn brier(&self) -> f64 {
        self.squared_error / self.pairs().max(1) as f64
    }

    /// Precision against recall in falling order of threshold, at most 192 points, each exact at
    /// its threshold. `outside` gold codes have no pair and count as missed. The lowest threshold
    /// is not below 2^-30.
    #[must_use]
    pub fn pr_curve(&self, outside: u64) -> Vec<PrPoint> {
        let all = (self.gold() + outside) as f64;
        let factor = (self.pairs() as f64).powf(1.0 / COUNT_STEPS);
        let (mut count, mut right) = (0, 0);
        let mut drawn = (0, 0);
        let (mut points, mut last) = (Vec::new(), None);
        for cell in (1..self.pairs.len()).rev().filter(|&cell| self.pairs[cell] > 0) {
            count += self.pairs[cell];
            right += self.gold[cell];
            let point = PrPoint {
                threshold: low(cell),
                precision: right as f64 / count as f64,
                recall: if all > 0.0 { right as f64 / all } else { 0.0 },
            };
            last = Some(point);
            let far = (right - drawn.1) as f64 * RECALL_STEPS >= all && right > drawn.1;
            if far || count as f64 >= drawn.0 as f64 * factor {
                drawn = (count, right);
                points.push(point);
                last = None;
            }
        }
        points.extend(last);
        points
    }
}

/// Lower edge of a bin of the diagram.
fn edge(bin: usize) -> f64 {
    bin as f64 / BINS as f64
}

/// The bin `(low, high]` of a probability.
fn bin(p: f64) -> usize {
    (1..BINS).filter(|&bin| p > edge(bin)).count()
}

/// The cell `(low, high]` of a probability, by the bits of the distance to the nearer end of
/// `[0, 1]`: no logarithm.
fn cell(p: f64) -> usize {
    if p > 0.5 {
        let near = ((1.0 - p).max(0.0).to_bits() >> SHIFT).saturating_sub(FIRST - 1);
        (2 * SIDE + 1) - (near as usize).min(SIDE)
    } else {
        let near = (p.max(0.0).to_bits().saturating_sub(1) >> SHIFT).saturating_sub(FIRST - 1);
        (near as usize).min(SIDE)
    }
}

/// The lower end of a cell; 0 for the first, which holds 0 itself.
fn low(cell: usize) -> f64 {
    match cell {
        0 => 0.0,
        1..=SIDE => f64::from_bits((FIRST + cell as u64 - 1) << SHIFT),
        _ => 1.0 - f64::from_bits((FIRST + (2 * SIDE + 1 - cell) as u64) << SHIFT),
    }
}

#[cfg(test)]
mod tests;
