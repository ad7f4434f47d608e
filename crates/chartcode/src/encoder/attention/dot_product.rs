//! Scaled dot-product attention, in full or within reach.

use candle_core::{D, Result, Tensor};
use chartcode_kernels::Precision;

use super::super::Parts;
use super::super::config::AttentionKind;
use super::super::fused::FusedAttention;
use super::super::linear::Linear;
use super::position::{Rotation, Tables};
use super::relative::Buckets;
use super::visible::Visible;
use super::{FirstToken, GlobalToken, Group};

/// Queries of a long window are multiplied this many at a time, so that the scores of a window of
/// thousands of tokens are never all in memory. Fixed: a window's sums depend on its length only.
const BLOCK: usize = 512;

#[derive(Debug)]
pub(in super::super) struct DotProduct {
    /// Query, key and value as one product; the query's part carries the factor 1/sqrt(d).
    qkv: Linear,
    output: Linear,
    heads: usize,
    head_size: usize,
    rotation: Option<Rotation>,
    buckets: Option<Buckets>,
    /// Tokens attended to on either side; all where there is none.
    reach: Option<usize>,
    /// Whether the first token is within everyone's reach.
    first_is_global: bool,
}

/// Queries, keys and values of one group, `[windows, heads, length, d]`.
pub(super) struct Qkv {
    pub(super) query: Tensor,
    pub(super) key: Tensor,
    pub(super) value: Tensor,
}

impl DotProduct {
    pub(super) fn load(
        parts: &Parts<'_>,
        index: usize,
        tables: &Tables,
    ) -> crate::error::Result<Self> {
        let config = parts.config;
        let (reach, is_local) = match &config.attention {
            AttentionKind::Sliding { reach } => (Some(reach[index]), false),
            AttentionKind::Alternating { is_local, reach, .. } if is_local[index] => {
                (Some(*reach), true)
            }
            _ => (None, false),
        };
        Ok(Self {
            qkv: load_qkv(parts, index, 1.0 / (config.head_size() as f64).sqrt())?,
            output: load_output(parts, index)?,
            heads: config.num_attention_heads,
            head_size: config.head_size(),
            rotation: tables.rotation(is_local),
            buckets: match tables {
                Tables::Buckets(buckets) => Some(buckets.clone()),
                _ => None,
            },
            reach,
            first_is_global: matches!(config.attention, AttentionKind::Sliding { .. }),
        })
    }

    /// As the CPU's kernels take it; nothing where more than products decides what is attended to.
    pub(super) fn fused(&self) -> Option<FusedAttention<'_>> {
        let plain = self.rotation.is_none() && self.buckets.is_none() && self.reach.is_none();
        let qkv = self.qkv.kernel(None).filter(|_| plain)?;
        let heads = chartcode_kernels::Attention { heads: self.heads, head_size: self.head_size };
        // bf16 come in pairs, which must not be of two heads.
        let even = self.head_size.is_multiple_of(2) || qkv.matrix.precision() == Precision::F32;
        even.then_some(FusedAttention { qkv, heads, output: self.output.kernel(None)? })
    }

    pub(super) fn forward(
        &self,
        hidden: &Tensor,
        groups: &[Group],
        global: Option<&GlobalToken>,
    ) -> Result<Tensor> {
        let packed = self.qkv.forward(hidden)?;
        let mut contexts = Vec::with_capacity(groups.len());
        for group in groups {
            let qkv = split(&packed, *group, self.heads, self.head_size)?;
            let mut context = self.attend(qkv, group.keys)?;
            if let Some(global) = global {
                context = global.replace_first(hidden, *group, &context)?;
            }
            contexts.push(merge(&context)?);
        }
        self.output.forward(&Tensor::cat(&contexts, 0)?)
    }

    /// `[windows, heads, length, d]`.
    fn attend(&self, qkv: Qkv, keys: usize) -> Result<Tensor> {
        if keys == 0 {
            return attend_to_nothing(&qkv.value);
        }
        let Qkv { query, key, value } = self.rotate(qkv)?;
        let length = query.dim(2)?;
        let key = key.narrow(2, 0, keys)?;
        let value = value.narrow(2, 0, keys)?;
        let block = self.reach.map_or(BLOCK, |reach| reach.clamp(1, BLOCK));
        let mut contexts = Vec::with_capacity(length.div_ceil(block));
        for first in (0..length).step_by(block) {
            let queries = query.narrow(2, first, block.min(length - first))?.contiguous()?;
            contexts.push(self.attend_block(&queries, &key, &value, first)?);
        }
        if contexts.len() == 1 { Ok(contexts.remove(0)) } else { Tensor::cat(&contexts, 2) }
    }

    /// Queries and keys turned by their positions, where positions are rotated in.
    fn rotate(&self, qkv: Qkv) -> Result<Qkv> {
        let Some(rotation) = &self.rotation else {
            return Ok(qkv);
        };
        let Qkv { query, key, value } = qkv;
        Ok(Qkv { query: rotation.apply(&query)?, key: rotation.apply(&key)?, value })
    }

    /// The queries from `first` on.
    fn attend_block(
        &self,
        queries: &Tensor,
        key: &Tensor,
        value: &Tensor,
        first: usize,
    ) -> Result<Tensor> {
        let (weights, value) = self.weigh(queries, key, value, first)?;
        weights.matmul(&value)
    }

    /// Attention of the queries from `first` on to the keys they see, and those keys' values.
    fn weigh(
        &self,
        queries: &Tensor,
        key: &Tensor,
        value: &Tensor,
        first: usize,
    ) -> Result<(Tensor, Tensor)> {
        let (count, keys) = (queries.dim(2)?, key.dim(2)?);
        let visible = match self.reach {
            None => Visible::all(keys),
            Some(reach) => Visible::within(reach, first..first + count, keys, self.first_is_global),
        };
        let (key, value) = (visible.pick(key)?, visible.pick(value)?);
        let mut scores = queries.matmul(&key.transpose(D::Minus2, D::Minus1)?)?;
        if let Some(buckets) = &self.buckets {
            scores = scores.broadcast_add(&buckets.bias(first, count, keys)?)?;
        }
        if let Some(mask) = visible.mask(queries.device())? {
            scores = scores.broadcast_add(&mask)?;
        }
        Ok((candle_nn::ops::softmax_last_dim(&scores)?, value))
    }

    /// What the first token of a window attends to; `hidden` is the window's rows, `[length, H]`.
    pub(super) fn first_token(&self, hidden: &Tensor) -> Result<FirstToken> {
        let length = hidden.dim(0)?;
        let group = Group { first_row: 0, windows: 1, length, keys: length };
        let qkv = split(&self.qkv.forward(hidden)?, group, self.heads, self.head_size)?;
        let Qkv { query, key, value } = self.rotate(qkv)?;
        let first = query.narrow(2, 0, 1)?.contiguous()?;
        let (weights, values) = self.weigh(&first, &key, &value, 0)?;
        FirstToken::new(&weights.squeeze(0)?, &values.squeeze(0)?)
    }

    /// The output projection of contexts `[rows, H]`.
    pub(super) fn project(&self, contexts: &Tensor) -> Result<Tensor> {
        self.output.forward(contexts)
    }
}

/// The context in a window that is masked as a whole. Hugging Face adds the lowest finite number to
/// every score, next to which the scores themselves vanish: attention is uniform.
fn attend_to_nothing(value: &Tensor) -> Result<Tensor> {
    value.mean_keepdim(2)?.broadcast_as(value.shape())
}

/// Query, key and value of layer `index` as one map; the query's part is multiplied by `factor`.
pub(super) fn load_qkv(
    parts: &Parts<'_>,
    index: usize,
    factor: f64,
) -> crate::error::Result<Linear> {
    let size = parts.config.hidden_size;
    let rows = (3 * size, parts.config.bias.qkv);
    parts.joined(index, parts.keys.layout.qkv, rows, |joined| {
        let query = (joined.narrow(0, 0, size)? * factor)?;
        Tensor::cat(&[query, joined.narrow(0, size, 2 * size)?], 0)
    })
}

/// The output projection of layer `index`.
pub(super) fn load_output(parts: &Parts<'_>, index: usize) -> crate::error::Result<Linear> {
    let size = parts.config.hidden_size;
    let name = parts.keys.layer(index, parts.keys.layout.attention_output);
    let has_bias = parts.config.bias.attention_output;
    parts.linear(&name, (size, size), has_bias)
}

/// `[rows, 3 H]` → queries, keys and values of one group.
pub(super) fn split(packed: &Tensor, group: Group, heads: usize, size: usize) -> Result<Qkv> {
    let Group { first_row, windows, length, .. } = group;
    let qkv = packed
        .narrow(0, first_row, windows * length)?
        .reshape((windows, length, 3, heads, size))?
        .permute((2, 0, 3, 1, 4))?
        .contiguous()?;
    Ok(Qkv { query: qkv.get(0)?, key: qkv.get(1)?, value: qkv.get(2)? })
}

/// `[windows, heads, length, d]` → `[rows, H]`.
pub(super) fn merge(context: &Tensor) -> Result<Tensor> {
    let (windows, heads, length, size) = context.dims4()?;
    context.transpose(1, 2)?.reshape((windows * length, heads * size))
}
