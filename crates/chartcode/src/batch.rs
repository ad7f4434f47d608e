//! Step 4: windows of many charts → batches under a token budget.

use std::ops::Range;

use candle_core::Tensor;

use crate::encoder::Input;
use crate::head::PooledSpan;

/// One window as the encoder sees it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// Vocabulary ids, special tokens and padding included.
    pub(crate) ids: Vec<u32>,
    /// How many of the first ids are attended to; all but masked padding.
    pub(crate) keys: usize,
    /// How many special tokens stand before the chart's own.
    pub(crate) lead: usize,
    /// Which of the chart's tokens it holds; special tokens left out.
    pub(crate) tokens: Range<usize>,
    /// The runs of its rows that the head pools.
    pub(crate) spans: Vec<PooledSpan>,
}

impl Window {
    /// As the encoder reads it.
    pub(crate) fn input(&self) -> Input<'_> {
        Input { ids: &self.ids, keys: self.keys }
    }

    /// The chart's token in a row, an empty range for special tokens and padding.
    pub(crate) fn tokens_of(&self, row: usize) -> Range<usize> {
        match row.checked_sub(self.lead).map(|at| self.tokens.start + at) {
            Some(token) if token < self.tokens.end => token..token + 1,
            _ => self.tokens.end..self.tokens.end,
        }
    }
}

/// Reads each window's rows, `[length, H]`, out of a batch's hidden states, the windows row after
/// row. A window at a time: what is summed then does not depend on how many there are.
pub(crate) fn each_window<T>(
    hidden: &Tensor,
    windows: &[&Window],
    read: impl Fn(&Window, Tensor) -> candle_core::Result<T>,
) -> candle_core::Result<Vec<T>> {
    let mut start = 0;
    windows
        .iter()
        .map(|window| {
            let rows = hidden.narrow(0, start, window.ids.len())?;
            start += window.ids.len();
            read(window, rows)
        })
        .collect()
}

/// Windows that are encoded in one go, by their index in the list that was packed.
pub(crate) type Batch = Vec<usize>;

/// Packs windows into batches of at most `budget` tokens (a longer window has a batch of its own).
///
/// Windows of one length stand side by side, so that attention runs over them in one product and
/// no padding is computed. At least `threads` batches are made where the work is enough for it.
/// Which batch a window falls in never changes its result.
#[must_use]
pub(crate) fn pack(lengths: &[usize], budget: usize, threads: usize) -> Vec<Batch> {
    /// Below this a batch does not pay for a thread of its own.
    const LEAST: usize = 64;
    let total: usize = lengths.iter().sum();
    // As many batches for every thread, so that none is left to work alone at the end.
    let threads = threads.max(1);
    let rounds = total.div_ceil(budget.max(1) * threads).max(1);
    let share = total.div_ceil(rounds * threads).max(LEAST).min(budget.max(1));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&window| lengths[window]);
    let mut batches: Vec<Batch> = Vec::new();
    let mut size = 0;
    for window in order {
        let length = lengths[window];
        match batches.last_mut() {
            Some(batch) if size + length <= share => {
                batch.push(window);
                size += length;
            }
            _ => {
                batches.push(vec![window]);
                size = length;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_window_is_packed_once_within_the_budget(
            lengths in proptest::collection::vec(1_usize..300, 0..60),
            budget in 1_usize..2000,
            threads in 1_usize..9,
        ) {
            let batches = pack(&lengths, budget, threads);
            let mut seen: Vec<usize> = batches.concat();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &batches {
                let size: usize = batch.iter().map(|&w| lengths[w]).sum();
                prop_assert!(batch.len() == 1 || size <= budget);
                prop_assert!(batch.windows(2).all(|p| lengths[p[0]] <= lengths[p[1]]));
            }
        }
    }
}
