//! Longformer's global token: the first of each window attends to all, with projections of its
//! own, and all attend to it.

use candle_core::{D, Result, Tensor};

use super::super::Parts;
use super::super::linear::Linear;
use super::{FirstToken, Group};

#[derive(Debug)]
pub(in super::super) struct GlobalToken {
    query: Linear,
    key: Linear,
    value: Linear,
    heads: usize,
    head_size: usize,
}

impl GlobalToken {
    pub(super) fn load(parts: &Parts<'_>, index: usize) -> crate::error::Result<Self> {
        let size = parts.config.hidden_size;
        let linear = |name: &str| {
            let key = parts.keys.layer(index, &format!("attention.self.{name}_global"));
            Linear::load(parts.weights, &key, (size, size), parts.device)
        };
        Ok(Self {
            query: linear("query")?,
            key: linear("key")?,
            value: linear("value")?,
            heads: parts.config.num_attention_heads,
            head_size: parts.config.head_size(),
        })
    }

    /// `context`, `[windows, heads, length, d]`, with the first token's replaced.
    pub(super) fn replace_first(
        &self,
        hidden: &Tensor,
        group: Group,
        context: &Tensor,
    ) -> Result<Tensor> {
        let Group { first_row, windows, length, keys } = group;
        let mut firsts = Vec::with_capacity(windows);
        // A window at a time, so that the sums don't depend on how many there are.
        for window in 0..windows {
            let rows = hidden.narrow(0, first_row + window * length, keys)?;
            let (weights, value) = self.weigh(&rows)?;
            firsts.push(weights.matmul(&value)?.unsqueeze(0)?);
        }
        let first = Tensor::cat(&firsts, 0)?;
        if length == 1 {
            return Ok(first);
        }
        Tensor::cat(&[first, context.narrow(2, 1, length - 1)?], 2)
    }

    /// What the first token of a window attends to; `hidden` is the window's rows, `[length, H]`.
    pub(super) fn first_token(&self, hidden: &Tensor) -> Result<FirstToken> {
        let (weights, value) = self.weigh(hidden)?;
        FirstToken::new(&weights, &value)
    }

    /// The first row's attention, `[heads, 1, rows]`, and the values, `[heads, rows, d]`.
    fn weigh(&self, rows: &Tensor) -> Result<(Tensor, Tensor)> {
        let (heads, size) = (self.heads, self.head_size);
        let by_head = |x: Tensor| x.reshape(((), heads, size))?.transpose(0, 1)?.contiguous();
        let query = (self.query.forward(&rows.narrow(0, 0, 1)?)? / (size as f64).sqrt())?;
        let key = by_head(self.key.forward(rows)?)?;
        let value = by_head(self.value.forward(rows)?)?;
        let scores = by_head(query)?.matmul(&key.transpose(D::Minus2, D::Minus1)?)?;
        Ok((candle_nn::ops::softmax_last_dim(&scores)?, value))
    }
}
