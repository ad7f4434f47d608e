//! Which keys a block of queries attends to where attention slides.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};

/// The keys that any query of a block sees, and which of them each one sees.
pub(super) struct Visible {
    queries: Range<usize>,
    keys: Range<usize>,
    /// Tokens on either side of a query; all where there is none.
    reach: Option<usize>,
    /// The first key is seen by every query.
    first_is_global: bool,
    /// Every key there is.
    all: usize,
}

impl Visible {
    /// Every query sees each of the `count` keys.
    pub(super) fn all(count: usize) -> Self {
        Self { queries: 0..0, keys: 0..count, reach: None, first_is_global: false, all: count }
    }

    /// Each query sees the keys within `reach` of it.
    pub(super) fn within(
        reach: usize,
        queries: Range<usize>,
        count: usize,
        first_is_global: bool,
    ) -> Self {
        let keys = queries.start.saturating_sub(reach)..(queries.end + reach).min(count);
        Self { queries, keys, reach: Some(reach), first_is_global, all: count }
    }

    /// Whether the first key comes besides the run of keys.
    fn first_besides(&self) -> bool {
        self.first_is_global && self.keys.start > 0
    }

    /// The rows of these keys, from `[windows, heads, all keys, d]`.
    pub(super) fn pick(&self, x: &Tensor) -> Result<Tensor> {
        if self.keys.len() == self.all {
            return x.contiguous();
        }
        let run = x.narrow(2, self.keys.start, self.keys.len())?;
        if self.first_besides() {
            Tensor::cat(&[x.narrow(2, 0, 1)?, run], 2)
        } else {
            run.contiguous()
        }
    }

    /// `[queries, keys]` to add to the scores: −∞ where a key is out of a query's reach. Nothing
    /// where every query sees every key.
    pub(super) fn mask(&self, device: &Device) -> Result<Option<Tensor>> {
        let Some(reach) = self.reach else {
            return Ok(None);
        };
        let keys: Vec<usize> =
            self.first_besides().then_some(0).into_iter().chain(self.keys.clone()).collect();
        let sees = |query: usize, key: usize| {
            query.abs_diff(key) <= reach || (self.first_is_global && key == 0)
        };
        let rows = self.queries.clone().flat_map(|query| keys.iter().map(move |&key| (query, key)));
        let mask: Vec<f32> = rows
            .map(|(query, key)| if sees(query, key) { 0.0 } else { f32::NEG_INFINITY })
            .collect();
        if mask.iter().all(|&value| value == 0.0) {
            return Ok(None);
        }
        Tensor::from_vec(mask, (self.queries.len(), keys.len()), device).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(visible: &Visible) -> Vec<Vec<u32>> {
        let numbers: Vec<u32> = (0..visible.all as u32).collect();
        let x = Tensor::from_vec(numbers, (1, 1, visible.all, 1), &Device::Cpu).unwrap();
        let keys: Vec<u32> = visible.pick(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let shown = |row: &[f32]| {
            keys.iter().zip(row).filter(|(_, m)| **m == 0.0).map(|(k, _)| *k).collect()
        };
        match visible.mask(&Device::Cpu).unwrap() {
            Some(mask) => mask.to_vec2::<f32>().unwrap().iter().map(|row| shown(row)).collect(),
            None => vec![shown(&vec![0.0; keys.len()])],
        }
    }

    #[test]
    fn keys_within_reach_are_seen() {
        let visible = Visible::within(1, 2..4, 6, false);
        assert_eq!(seen(&visible), [vec![1, 2, 3], vec![2, 3, 4]]);
        assert_eq!(seen(&Visible::within(1, 0..2, 2, false)), [vec![0, 1]]);
    }

    #[test]
    fn a_global_first_token_is_seen_from_everywhere_once() {
        let visible = Visible::within(1, 3..5, 5, true);
        assert_eq!(seen(&visible), [vec![0, 2, 3, 4], vec![0, 3, 4]]);
        assert_eq!(seen(&Visible::within(1, 0..2, 5, true)), [vec![0, 1], vec![0, 1, 2]]);
    }

    #[test]
    fn without_reach_all_is_seen() {
        assert_eq!(seen(&Visible::all(3)), [vec![0, 1, 2]]);
    }
}
