//! One transformer layer: attention and feed-forward, each with a residual and a LayerNorm.

use candle_core::{Result, Tensor};

use super::Parts;
use super::attention::{Attention, Group, Tables};
use super::feed_forward::FeedForward;
use super::linear::Norm;

#[derive(Debug)]
pub(super) struct Layer {
    attention: Attention,
    /// None in the first layer of a family that normalises before each block: there it would
    /// follow that of the embeddings.
    attention_norm: Option<Norm>,
    feed_forward: FeedForward,
    output_norm: Norm,
    norm_first: bool,
}

impl Layer {
    pub(super) fn load(
        parts: &Parts<'_>,
        index: usize,
        tables: &Tables,
    ) -> crate::error::Result<Self> {
        let size = parts.config.hidden_size;
        let norm = |name: &str| parts.norm(&parts.keys.layer(index, name), size);
        let norm_first = parts.config.family.is_pre_norm();
        let layout = parts.keys.layout;
        Ok(Self {
            attention: Attention::load(parts, index, tables)?,
            attention_norm: match index {
                0 if norm_first => None,
                _ => Some(norm(layout.attention_norm)?),
            },
            feed_forward: FeedForward::load(parts, index)?,
            output_norm: norm(layout.output_norm)?,
            norm_first,
        })
    }

    /// `[rows, H]` → `[rows, H]`.
    pub(super) fn forward(&self, hidden: &Tensor, groups: &[Group]) -> Result<Tensor> {
        if self.norm_first {
            let attended = self.attention.forward(&self.normalise(hidden)?, groups)?;
            let hidden = (hidden + attended)?;
            return &hidden + self.feed_forward.forward(&self.output_norm.forward(&hidden)?)?;
        }
        let attended = self.attention.forward(hidden, groups)?;
        let hidden = self.normalise(&(attended + hidden)?)?;
        let fed = self.feed_forward.forward(&hidden)?;
        self.output_norm.forward(&(fed + hidden)?)
    }

    fn normalise(&self, x: &Tensor) -> Result<Tensor> {
        self.attention_norm.as_ref().map_or_else(|| Ok(x.clone()), |norm| norm.forward(x))
    }
}
