//! The positives' scores in order, with a table that finds any score's place in a few steps.

use rayon::slice::ParallelSliceMut as _;

/// Distinct scores, ascending, each with the number of positives below it.
///
/// A place is a number from 0: `2 i` lies between the scores `i - 1` and `i`, `2 i + 1` on score
/// `i`. The table goes by the bits of a score: the upper half picks a cell, which is cut into
/// about twice as many equal parts as there are scores in it, so that few of them share a part
/// however the scores are spread.
#[derive(Debug)]
pub(super) struct Ladder {
    /// Two more stand at the end, above all scores.
    steps: Vec<Step>,
    cells: Vec<Cell>,
    /// For each part of a cell, how many steps are below it.
    starts: Vec<u32>,
    /// For each cell its stretch.
    stretches: Vec<u16>,
}

/// Steps of a stretch, or a few more: what is looked up in it fits the second cache of a core.
const STRETCH: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Step {
    score: f32,
    below: u32,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    first: u32,
    shift: u32,
}

impl Ladder {
    pub(super) fn new(scores: &[f32]) -> Self {
        let steps = steps(scores);
        let distinct = &steps[..steps.len() - 2];
        let (mut cells, mut starts) = (Vec::with_capacity(1 << 16), Vec::new());
        let mut stretches = Vec::with_capacity(1 << 16);
        let mut below = 0;
        for cell in 0..1_u32 << 16 {
            let inside = distinct[below..].partition_point(|step| key(step.score) >> 16 <= cell);
            let parts = if inside == 0 { 1 } else { (2 * inside).next_power_of_two().min(1 << 16) };
            let shift = 16 - parts.trailing_zeros();
            stretches.push((below / STRETCH).min(usize::from(u16::MAX)) as u16);
            cells.push(Cell { first: starts.len() as u32, shift });
            let keys = distinct[below..below + inside].iter().map(|step| key(step.score) & 0xFFFF);
            let mut keys = keys.peekable();
            let mut passed = below;
            for part in 0..parts as u32 {
                while keys.next_if(|key| key >> shift < part).is_some() {
                    passed += 1;
                }
                starts.push(passed as u32);
            }
            below += inside;
        }
        Self { steps, cells, starts, stretches }
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        2 * (self.steps.len() - 2) + 1
    }

    /// How many stretches there are.
    pub(super) fn stretches(&self) -> usize {
        self.stretches.last().map_or(0, |&last| usize::from(last) + 1)
    }

    /// The stretch of the ladder on which a score has its place: memory is slow where the next
    /// look-up is far from the last.
    pub(super) fn stretch(&self, score: f32) -> usize {
        usize::from(self.stretches[(key(score) >> 16) as usize])
    }

    /// The place of a score; `f32::NEG_INFINITY` is one, too.
    pub(super) fn place(&self, score: f32) -> usize {
        let key = key(score);
        let cell = self.cells[(key >> 16) as usize];
        let mut step = self.starts[(cell.first + ((key & 0xFFFF) >> cell.shift)) as usize] as usize;
        while self.steps[step].score < score {
            step += 1;
        }
        2 * step + usize::from(self.steps[step].score == score)
    }

    /// Twice the positives below a place, and once those on it.
    pub(super) fn twice_below(&self, place: usize) -> u64 {
        let step = place / 2;
        u64::from(self.steps[step].below) + u64::from(self.steps[step + place % 2].below)
    }
}

fn steps(scores: &[f32]) -> Vec<Step> {
    let mut scores = scores.to_vec();
    scores.par_sort_unstable_by_key(|&score| key(score));
    let mut steps: Vec<Step> = Vec::new();
    for (below, &score) in scores.iter().enumerate() {
        if steps.last().is_none_or(|last| last.score < score) {
            steps.push(Step { score, below: below as u32 });
        }
    }
    let end = Step { score: f32::INFINITY, below: scores.len() as u32 };
    steps.extend([end, end]);
    steps
}

/// A number that grows with the score, the same for both zeros.
fn key(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}
