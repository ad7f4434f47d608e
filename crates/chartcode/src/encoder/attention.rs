//! Self-attention within each window, without padding or mask.

use candle_core::{D, Device, Result, Tensor};

use super::linear::Linear;
use super::{Config, Keys};
use crate::bundle::weights::Weights;
use crate::error::Stage as _;

/// Consecutive windows of one length in a packed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    first_row: usize,
    windows: usize,
    length: usize,
}

impl Group {
    pub(super) fn of(windows: &[&[u32]]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut row = 0;
        for window in windows {
            let length = window.len();
            match groups.last_mut() {
                Some(group) if group.length == length => group.windows += 1,
                _ => groups.push(Self { first_row: row, windows: 1, length }),
            }
            row += length;
        }
        groups
    }
}

#[derive(Debug)]
pub(super) struct SelfAttention {
    /// Query, key and value as one product; the query's part carries the factor 1/sqrt(d).
    qkv: Linear,
    output: Linear,
    heads: usize,
    head_size: usize,
}

impl SelfAttention {
    pub(super) fn load(
        weights: &Weights,
        keys: &Keys,
        index: usize,
        config: &Config,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let size = config.hidden_size;
        let part = |name: &str| -> crate::error::Result<(Tensor, Tensor)> {
            let key = |kind| keys.layer(index, &format!("attention.self.{name}.{kind}"));
            Ok((
                weights.tensor(&key("weight"), &[size, size], device)?,
                weights.tensor(&key("bias"), &[size], device)?,
            ))
        };
        let qkv = join(part("query")?, part("key")?, part("value")?, config.head_size())
            .stage("loading weights")?;
        let output = keys.layer(index, "attention.output.dense");
        Ok(Self {
            qkv,
            output: Linear::load(weights, &output, (size, size), device)?,
            heads: config.num_attention_heads,
            head_size: config.head_size(),
        })
    }

    /// `[rows, H]` → `[rows, H]`, output projection included, residual not.
    pub(super) fn forward(&self, hidden: &Tensor, groups: &[Group]) -> Result<Tensor> {
        let qkv = self.qkv.forward(hidden)?;
        let contexts: Vec<Tensor> =
            groups.iter().map(|group| self.attend(&qkv, *group)).collect::<Result<_>>()?;
        self.output.forward(&Tensor::cat(&contexts, 0)?)
    }

    fn attend(&self, qkv: &Tensor, group: Group) -> Result<Tensor> {
        let Group { first_row, windows, length } = group;
        let (heads, size) = (self.heads, self.head_size);
        let qkv = qkv
            .narrow(0, first_row, windows * length)?
            .reshape((windows, length, 3, heads, size))?
            .permute((2, 0, 3, 1, 4))?
            .contiguous()?;
        let (query, key, value) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let scores = query.matmul(&key.transpose(D::Minus2, D::Minus1)?)?;
        let context = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&value)?;
        context.transpose(1, 2)?.reshape((windows * length, heads * size))
    }
}

fn join(
    (query_weight, query_bias): (Tensor, Tensor),
    (key_weight, key_bias): (Tensor, Tensor),
    (value_weight, value_bias): (Tensor, Tensor),
    head_size: usize,
) -> Result<Linear> {
    let factor = 1.0 / (head_size as f64).sqrt();
    let query_weight = (query_weight * factor)?;
    let query_bias = (query_bias * factor)?;
    Linear::new(
        &Tensor::cat(&[query_weight, key_weight, value_weight], 0)?,
        Tensor::cat(&[query_bias, key_bias, value_bias], 0)?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_one_length_form_a_group() {
        let windows: [&[u32]; 4] = [&[1, 2], &[3, 4], &[5, 6, 7], &[8, 9]];
        let group = |first_row, windows, length| Group { first_row, windows, length };
        assert_eq!(Group::of(&windows), [group(0, 2, 2), group(4, 1, 3), group(7, 1, 2)]);
    }
}
