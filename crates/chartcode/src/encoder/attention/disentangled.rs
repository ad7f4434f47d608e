//! DeBERTa's disentangled attention (He et al. 2021): content and relative position attend to each
//! other by matrices of their own.

use candle_core::{D, Device, Result, Tensor};

use super::super::Parts;
use super::super::config::Disentangled;
use super::super::linear::{Linear, Norm};
use super::dot_product::{load_output, load_qkv, merge, split};
use super::{FirstToken, Group};

/// The table of relative positions that the layers share.
#[derive(Debug)]
pub(in super::super) struct RelativeTable {
    /// `[2 · span, H]`, LayerNorm applied.
    rows: Tensor,
}

impl RelativeTable {
    pub(super) fn load(parts: &Parts<'_>, kind: &Disentangled) -> crate::error::Result<Self> {
        let shape = [2 * kind.span(), parts.config.hidden_size];
        let key = parts.keys.key("encoder.rel_embeddings.weight");
        let rows = parts.weights.tensor(&key, &shape, parts.device)?;
        if !kind.norm {
            return Ok(Self { rows });
        }
        let norm: Norm = parts.norm(&parts.keys.key("encoder.LayerNorm"), shape[1])?;
        let rows = parts.weights.derive(&shape, parts.device, || norm.forward(&rows))?;
        Ok(Self { rows })
    }
}

#[derive(Debug)]
pub(in super::super) struct DisentangledAttention {
    /// As in plain attention; the query's part carries the whole factor.
    qkv: Linear,
    output: Linear,
    heads: usize,
    head_size: usize,
    /// Keys of the relative positions, `[heads, d, 2 · span]`.
    position_keys: Option<Tensor>,
    /// Queries of the relative positions, `[heads, d, 2 · span]`, factor included.
    position_queries: Option<Tensor>,
    kind: Disentangled,
}

impl DisentangledAttention {
    pub(super) fn load(
        parts: &Parts<'_>,
        index: usize,
        kind: &Disentangled,
        table: &RelativeTable,
    ) -> crate::error::Result<Self> {
        let config = parts.config;
        let terms =
            1 + usize::from(kind.content_to_position) + usize::from(kind.position_to_content);
        let factor = 1.0 / ((config.head_size() * terms) as f64).sqrt();
        let [query, key, _] = parts.keys.layout.qkv else {
            unreachable!("DeBERTa's layout has three names")
        };
        let projected = |shared: &str, own: &str, factor: f64| {
            let name = if kind.shared_projections { shared } else { own };
            let name = parts.keys.layer(index, name);
            let sizes = (config.hidden_size, config.hidden_size);
            let map = Linear::load(parts.weights, &name, sizes, parts.device)?;
            let (heads, size, rows) =
                (config.num_attention_heads, config.head_size(), 2 * kind.span());
            parts.weights.derive(&[heads, size, rows], parts.device, || {
                let rows = (map.forward(&table.rows)? * factor)?;
                rows.reshape(((), heads, size))?.permute((1, 2, 0))?.contiguous()
            })
        };
        let keys = || projected(key, "attention.self.pos_key_proj", 1.0);
        let queries = || projected(query, "attention.self.pos_query_proj", factor);
        Ok(Self {
            qkv: load_qkv(parts, index, factor)?,
            output: load_output(parts, index)?,
            heads: config.num_attention_heads,
            head_size: config.head_size(),
            position_keys: kind.content_to_position.then(keys).transpose()?,
            position_queries: kind.position_to_content.then(queries).transpose()?,
            kind: *kind,
        })
    }

    pub(super) fn forward(&self, hidden: &Tensor, groups: &[Group]) -> Result<Tensor> {
        let packed = self.qkv.forward(hidden)?;
        let contexts: Vec<Tensor> =
            groups.iter().map(|group| self.attend(&packed, *group)).collect::<Result<_>>()?;
        self.output.forward(&Tensor::cat(&contexts, 0)?)
    }

    fn attend(&self, packed: &Tensor, group: Group) -> Result<Tensor> {
        let (weights, value) = self.weigh(packed, group)?;
        merge(&weights.matmul(&value)?)
    }

    /// Attention `[windows, heads, length, length]`, and the values.
    fn weigh(&self, packed: &Tensor, group: Group) -> Result<(Tensor, Tensor)> {
        let qkv = split(packed, group, self.heads, self.head_size)?;
        let mut scores = qkv.query.matmul(&qkv.key.transpose(D::Minus2, D::Minus1)?)?;
        let columns = self.columns(group.length, packed.device())?;
        if let Some(keys) = &self.position_keys {
            scores = (scores + by_distance(&qkv.query, keys, &columns)?)?;
        }
        if let Some(queries) = &self.position_queries {
            let by_key = by_distance(&qkv.key, queries, &columns.t()?)?;
            scores = (scores + by_key.transpose(D::Minus2, D::Minus1)?)?;
        }
        Ok((candle_nn::ops::softmax_last_dim(&scores.contiguous()?)?, qkv.value))
    }

    /// What the first token of a window attends to; `hidden` is the window's rows, `[length, H]`.
    pub(super) fn first_token(&self, hidden: &Tensor) -> Result<FirstToken> {
        let length = hidden.dim(0)?;
        let group = Group { first_row: 0, windows: 1, length, keys: length };
        let (weights, value) = self.weigh(&self.qkv.forward(hidden)?, group)?;
        FirstToken::new(&weights.squeeze(0)?.narrow(1, 0, 1)?, &value.squeeze(0)?)
    }

    /// The output projection of contexts `[rows, H]`.
    pub(super) fn project(&self, contexts: &Tensor) -> Result<Tensor> {
        self.output.forward(contexts)
    }

    /// Column of the position table for each query (rows) and key (columns) of a window. The table
    /// holds keys behind the query first, farthest first, and ends with those before it.
    fn columns(&self, length: usize, device: &Device) -> Result<Tensor> {
        let span = self.kind.span();
        // A window has few distances, each many times.
        let buckets: Vec<usize> = (0..length).map(|distance| self.bucket(distance)).collect();
        let column = |query: usize, key: usize| {
            let bucket = buckets[query.abs_diff(key)];
            if query < key {
                span.saturating_sub(bucket)
            } else {
                (span + bucket).min(2 * span - 1)
            }
        };
        let pairs = (0..length).flat_map(|query| (0..length).map(move |key| (query, key)));
        let columns: Vec<u32> = pairs.map(|(query, key)| column(query, key) as u32).collect();
        Tensor::from_vec(columns, (length, length), device)
    }

    /// Near distances one by one, far ones by their logarithm (`make_log_bucket_position`).
    #[expect(clippy::cast_sign_loss, reason = "a distance beyond the middle has a positive log")]
    fn bucket(&self, distance: usize) -> usize {
        let Some(buckets) = self.kind.buckets else {
            return distance;
        };
        let middle = buckets / 2;
        if distance <= middle {
            return distance;
        }
        // In f32, as the published code does it.
        let base = (((self.kind.longest as f64 - 1.0) / middle as f64) as f32).ln();
        let log = ((distance as f32 / middle as f32).ln() / base * (middle as f32 - 1.0)).ceil();
        middle.saturating_add(log as usize)
    }
}

/// `x`, `[windows, heads, length, d]`, times the position vectors, one picked for each pair of
/// tokens: `[windows, heads, length, length]`.
fn by_distance(x: &Tensor, positions: &Tensor, columns: &Tensor) -> Result<Tensor> {
    let (windows, heads, length, _) = x.dims4()?;
    let products = x.broadcast_matmul(&positions.unsqueeze(0)?)?;
    let columns = columns
        .reshape((1, 1, length, length))?
        .broadcast_as((windows, heads, length, length))?
        .contiguous()?;
    products.contiguous()?.gather(&columns, D::Minus1)
}
