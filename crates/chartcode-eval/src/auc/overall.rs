//! The area under the curve of all pairs of chart and label.

use rayon::prelude::*;

use super::ladder::Ladder;
use super::positives::Positives;
use crate::row::RowScores;
use crate::spool::Block;

/// Counts for the micro average. All sums are whole numbers, so that their order is of no account.
#[derive(Debug)]
pub(super) struct Overall<'a> {
    positives: &'a Positives<'a>,
    ladder: Ladder,
    /// Negatives at each place of the ladder.
    counts: Vec<u64>,
    workers: Vec<Worker>,
    /// Scores counted by the workers since the last flush, at most what a `u32` holds.
    pending: u64,
    /// For each chart, `twice_below` summed over its negatives.
    sums: Vec<u64>,
}

/// Counts of one thread, not yet in the whole.
#[derive(Debug)]
struct Worker {
    counts: Vec<u32>,
    /// Labels that sparse rows do not list.
    behind: u64,
    /// Scores to count, each with the number of its row, by stretch of the ladder.
    waiting: Vec<Vec<(f32, u32)>>,
}

impl<'a> Overall<'a> {
    pub(super) fn new(positives: &'a Positives<'a>) -> Self {
        let ladder = Ladder::new(positives.scores());
        let worker = || Worker {
            counts: vec![0; ladder.places()],
            behind: 0,
            waiting: vec![Vec::new(); ladder.stretches()],
        };
        let workers = (0..rayon::current_num_threads()).map(|_| worker()).collect();
        let counts = vec![0; ladder.places()];
        Self { positives, ladder, counts, workers, pending: 0, sums: Vec::new() }
    }

    /// Counts the negatives of the next charts.
    pub(super) fn add(&mut self, block: &Block) {
        let numbers = block.numbers() as u64;
        if self.pending + numbers > u64::from(u32::MAX) {
            self.flush();
        }
        self.pending += numbers;
        self.sums.resize(block.first() + block.len(), 0);
        let sums = &mut self.sums[block.first()..];
        let share = block.len().div_ceil(self.workers.len());
        let (positives, ladder) = (self.positives, &self.ladder);
        let shares = sums.par_chunks_mut(share).zip(&mut self.workers).enumerate();
        shares.for_each(|(number, (sums, worker))| {
            worker.add(ladder, positives, block, number * share, sums);
        });
    }

    /// Adds what the workers counted to the whole.
    pub(super) fn flush(&mut self) {
        let bottom = self.ladder.place(f32::NEG_INFINITY);
        for worker in &mut self.workers {
            self.counts[bottom] += std::mem::take(&mut worker.behind);
            for (count, more) in self.counts.iter_mut().zip(&mut worker.counts) {
                *count += u64::from(std::mem::take(more));
            }
        }
        self.pending = 0;
    }

    /// The area, and each chart's influence on it; none and nothing but zeros without positives or
    /// without negatives.
    pub(super) fn finish(mut self) -> (Option<f64>, Vec<f64>) {
        self.flush();
        let all = self.positives.scores().len() as u64;
        let negatives: u64 = self.counts.iter().sum();
        if all == 0 || negatives == 0 {
            return (None, vec![0.0; self.positives.charts()]);
        }
        let pairs = 2.0 * all as f64 * negatives as f64;
        let won = |(place, &count)| {
            u128::from(count) * u128::from(2 * all - self.ladder.twice_below(place))
        };
        let won: u128 = self.counts.iter().enumerate().map(won).sum();
        let area = won as f64 / pairs;
        let below = twice_below(&self.counts);
        let influence = |chart: usize| {
            if !self.positives.chart_in_scope(chart) {
                return 0.0;
            }
            let (_, scores) = self.positives.chart(chart);
            let (p, n) = (scores.len(), self.positives.labels_in_scope() - scores.len());
            let above = n as u64 * 2 * all - self.sums[chart];
            let below: u64 = scores.iter().map(|&s| below[self.ladder.place(s)]).sum();
            let expected = area * (p as f64 / all as f64 + n as f64 / negatives as f64);
            (above + below) as f64 / pairs - expected
        };
        (Some(area), (0..self.positives.charts()).into_par_iter().map(influence).collect())
    }
}

/// For each place, twice what is counted below it and once what is counted on it.
pub(super) fn twice_below<T: Copy + Into<u64>>(counts: &[T]) -> Vec<u64> {
    let mut below = 0;
    let twice = counts.iter().map(|&count| {
        let twice = 2 * below + count.into();
        below += count.into();
        twice
    });
    twice.collect()
}

impl Worker {
    /// Counts the negatives of the rows of a block from `first` on, one a place in `sums`, which
    /// takes `twice_below` summed over them.
    fn add(
        &mut self,
        ladder: &Ladder,
        positives: &Positives<'_>,
        block: &Block,
        first: usize,
        sums: &mut [u64],
    ) {
        let counts = |row: &usize| positives.chart_in_scope(block.first() + first + row);
        for row in (0..sums.len()).filter(counts) {
            match block.row(first + row) {
                RowScores::Dense(scores) => self.dense(ladder, positives, scores, row),
                RowScores::Sparse(listed) => {
                    sums[row] += self.sparse(ladder, positives, listed, row);
                }
            }
        }
        for waiting in &mut self.waiting {
            for (score, row) in waiting.drain(..) {
                let place = ladder.place(score);
                self.counts[place] += 1;
                sums[row as usize] += ladder.twice_below(place);
            }
        }
        // Positives were counted too; they are few.
        for row in (0..sums.len()).filter(counts) {
            for &score in positives.chart(block.first() + first + row).1 {
                sums[row] -= self.take_back(ladder, score);
            }
        }
    }

    /// Has the scores of a row counted.
    fn dense(&mut self, ladder: &Ladder, positives: &Positives<'_>, scores: &[f32], row: usize) {
        let mut wait = |score| self.waiting[ladder.stretch(score)].push((score, row as u32));
        match positives.scope_labels() {
            None => scores.iter().for_each(|&score| wait(score)),
            Some(labels) => labels.iter().for_each(|&label| wait(scores[label as usize])),
        }
    }

    /// The same; returns `twice_below` of the labels that are not listed.
    fn sparse(
        &mut self,
        ladder: &Ladder,
        positives: &Positives<'_>,
        listed: &[(u32, f32)],
        row: usize,
    ) -> u64 {
        let mut rest = positives.labels_in_scope() as u64;
        for &(label, score) in listed {
            if positives.label_in_scope(label) {
                self.waiting[ladder.stretch(score)].push((score, row as u32));
                rest -= 1;
            }
        }
        self.behind += rest;
        rest * ladder.twice_below(ladder.place(f32::NEG_INFINITY))
    }

    /// Takes a score out of the counts; returns its `twice_below`.
    fn take_back(&mut self, ladder: &Ladder, score: f32) -> u64 {
        let place = ladder.place(score);
        if score == f32::NEG_INFINITY {
            self.behind -= 1;
        } else {
            self.counts[place] -= 1;
        }
        ladder.twice_below(place)
    }
}
