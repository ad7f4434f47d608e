//! One transformer layer: attention and feed-forward, each with a residual and a LayerNorm.

use candle_core::{Result, Tensor};

use super::Parts;
use super::attention::{Attention, Group, Tables};
use super::feed_forward::FeedForward;
use super::fused::{FusedLayer, FusedNorms};
use super::linear::Norm;
use crate::error::Stage as _;

#[derive(Debug)]
pub(super) struct Layer {
    attention: Attention,
    /// None in the first layer of a family that normalises before each block: there it would
    /// follow that of the embeddings.
    attention_norm: Option<Norm>,
    feed_forward: FeedForward,
    output_norm: Norm,
    norm_first: bool,
    /// What the CPU's kernels need besides, where they know the layer's kind.
    fused: Option<FusedNorms>,
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
        let mut layer = Self {
            attention: Attention::load(parts, index, tables)?,
            attention_norm: match index {
                0 if norm_first => None,
                _ => Some(norm(layout.attention_norm)?),
            },
            feed_forward: FeedForward::load(parts, index)?,
            output_norm: norm(layout.output_norm)?,
            norm_first,
            fused: None,
        };
        layer.fused = layer.fused_norms().stage("loading weights")?;
        Ok(layer)
    }

    /// The norms for a layer of BERT's kind on the CPU: full attention by products alone, a plain
    /// feed-forward block, LayerNorm behind each residual.
    fn fused_norms(&self) -> Result<Option<FusedNorms>> {
        let Some(attention) = self.attention_norm.as_ref().filter(|_| !self.norm_first) else {
            return Ok(None);
        };
        let (Some(attention), Some(output)) = (attention.kernel()?, self.output_norm.kernel()?)
        else {
            return Ok(None);
        };
        Ok(Some(FusedNorms { attention, output }))
    }

    /// The layer as the CPU's kernels take it.
    pub(super) fn fused(&self) -> Option<FusedLayer<'_>> {
        let attention = self.attention.fused()?;
        let feed_forward = self.feed_forward.fused()?;
        Some(FusedLayer { attention, feed_forward, norms: self.fused.as_ref()? })
    }

    /// `[rows, H]` → `[rows, H]`.
    pub(super) fn forward(&self, hidden: &Tensor, groups: &[Group]) -> Result<Tensor> {
        let attended = self.attention.forward(&self.attention_input(hidden)?, groups)?;
        self.finish(hidden, attended)
    }

    /// What the first token of a window gives without each of the window's tokens in turn: its
    /// output if it could not attend to them in this layer, `[length, H]`, and the attention that
    /// they have. `hidden` is the window's rows, `[length, H]`.
    pub(super) fn without_each(&self, hidden: &Tensor) -> Result<(Tensor, Vec<f32>)> {
        let length = hidden.dim(0)?;
        let first = self.attention.first_token(&self.attention_input(hidden)?)?;
        let contexts =
            Tensor::from_vec(first.without_each(length), hidden.shape(), hidden.device())?;
        let residual = hidden.narrow(0, 0, 1)?.broadcast_as(hidden.shape())?.contiguous()?;
        let output = self.finish(&residual, self.attention.project(&contexts)?)?;
        Ok((output, first.attention(length)))
    }

    fn attention_input(&self, hidden: &Tensor) -> Result<Tensor> {
        if self.norm_first { self.normalise(hidden) } else { Ok(hidden.clone()) }
    }

    /// What comes behind attention.
    fn finish(&self, hidden: &Tensor, attended: Tensor) -> Result<Tensor> {
        if self.norm_first {
            let hidden = (hidden + attended)?;
            return &hidden + self.feed_forward.forward(&self.output_norm.forward(&hidden)?)?;
        }
        let hidden = self.normalise(&(attended + hidden)?)?;
        let fed = self.feed_forward.forward(&hidden)?;
        self.output_norm.forward(&(fed + hidden)?)
    }

    fn normalise(&self, x: &Tensor) -> Result<Tensor> {
        self.attention_norm.as_ref().map_or_else(|| Ok(x.clone()), |norm| norm.forward(x))
    }
}
