//! MPNet's relative positions: a learned number for each head and bucket of distances, added to
//! the scores of every layer.

use candle_core::{Device, Result, Tensor};

use super::super::Parts;

/// Distances from here on share the last bucket.
const LONGEST: f32 = 128.0;

#[derive(Clone, Debug)]
pub(in super::super) struct Buckets {
    /// `[buckets, heads]`.
    table: Tensor,
    count: usize,
}

impl Buckets {
    pub(super) fn load(parts: &Parts<'_>, count: usize) -> crate::error::Result<Self> {
        let key = parts.keys.key("encoder.relative_attention_bias.weight");
        let heads = parts.config.num_attention_heads;
        let table = parts.weights.tensor(&key, &[count, heads], parts.device)?;
        Ok(Self { table, count })
    }

    /// `[1, heads, queries, keys]` for queries `first..first + queries` and keys from 0.
    pub(super) fn bias(&self, first: usize, queries: usize, keys: usize) -> Result<Tensor> {
        let buckets: Vec<u32> = (first..first + queries)
            .flat_map(|query| (0..keys).map(move |key| bucket(query, key, self.count)))
            .collect();
        let buckets = Tensor::from_vec(buckets, queries * keys, &Device::Cpu)?;
        self.table
            .index_select(&buckets.to_device(self.table.device())?, 0)?
            .reshape((queries, keys, ()))?
            .permute((2, 0, 1))?
            .unsqueeze(0)?
            .contiguous()
    }
}

/// T5's buckets in both directions: near distances one by one, far ones by their logarithm.
#[expect(clippy::cast_sign_loss, reason = "a far distance has a positive logarithm")]
fn bucket(query: usize, key: usize, count: usize) -> u32 {
    let half = count / 2;
    let side = if key > query { half } else { 0 };
    let distance = query.abs_diff(key);
    let exact = half / 2;
    if distance < exact {
        return (side + distance) as u32;
    }
    // In f32, as the published code does it.
    let ratio = (distance as f32 / exact as f32).ln() / (LONGEST / exact as f32).ln();
    let far = exact + (ratio * (half - exact) as f32) as usize;
    (side + far.min(half - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `MPNetEncoder.relative_position_bucket` of Transformers.
    #[test]
    fn buckets_equal_the_published_ones() {
        let keys = [0, 73, 136, 160, 184, 191, 192, 193, 199, 200];
        let ours = keys.map(|key| bucket(200, key, 32));
        assert_eq!(ours, [15, 15, 14, 12, 10, 8, 8, 7, 1, 0]);
        let keys = [201, 207, 208, 209, 216, 240, 264, 327, 400];
        let ours = keys.map(|key| bucket(200, key, 32));
        assert_eq!(ours, [17, 23, 24, 24, 26, 28, 30, 31, 31]);
    }
}
