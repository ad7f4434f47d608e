//! Windows as rows.

use chartcode::Config;

use crate::error::{Error, Result};

/// Windows packed row after row.
#[derive(Clone, Debug)]
pub(crate) struct Packing {
    /// Vocabulary ids, `[rows]`.
    pub(crate) ids: Vec<u32>,
    /// Rows of the position table, `[rows]`.
    pub(crate) positions: Vec<u32>,
    /// Where each window begins, and the number of rows.
    pub(crate) offsets: Vec<usize>,
}

impl Packing {
    pub(super) fn new(windows: &[&[u32]], config: &Config) -> Result<Self> {
        let mut packing = Self { ids: Vec::new(), positions: Vec::new(), offsets: vec![0] };
        let longest = config.longest_window();
        for (index, window) in windows.iter().enumerate() {
            if window.is_empty() || window.len() > longest {
                return Err(Error::WindowLength { index, length: window.len(), longest });
            }
            let size = config.vocab_size;
            if let Some(&token) = window.iter().find(|&&token| token as usize >= size) {
                return Err(Error::Token { index, token, size });
            }
            packing.ids.extend_from_slice(window);
            packing.positions.extend(config.position_ids(window));
            packing.offsets.push(packing.ids.len());
        }
        if packing.ids.is_empty() {
            return Err(Error::WindowLength { index: 0, length: 0, longest });
        }
        Ok(packing)
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Row numbers with windows of equal length side by side: `(windows, length)` of each group,
    /// and the rows in that order.
    pub(super) fn by_length(&self) -> (Vec<(usize, usize)>, Vec<usize>) {
        let length = |&window: &usize| self.offsets[window + 1] - self.offsets[window];
        let mut windows: Vec<usize> = (0..self.offsets.len() - 1).collect();
        windows.sort_by_key(length);
        let groups = windows.chunk_by(|a, b| length(a) == length(b));
        let groups = groups.map(|group| (group.len(), length(&group[0]))).collect();
        let rows = windows.iter().flat_map(|&w| self.offsets[w]..self.offsets[w + 1]).collect();
        (groups, rows)
    }
}
