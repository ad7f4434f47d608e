//! Self-attention within each window. What a token may attend to is told by the keys of its
//! group; there is no mask over a batch.

mod disentangled;
mod dot_product;
mod first_token;
mod global;
mod position;
mod relative;
mod visible;

use candle_core::{Result, Tensor};

use super::config::AttentionKind;
use super::fused::FusedAttention;
use super::{Input, Parts};
use disentangled::DisentangledAttention;
pub(super) use disentangled::RelativeTable;
use dot_product::DotProduct;
pub(super) use first_token::FirstToken;
use global::GlobalToken;
pub(super) use position::Tables;

/// Consecutive windows of one length and one number of visible keys in a packed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first_row: usize,
    pub(super) windows: usize,
    pub(super) length: usize,
    /// Only so many of a window's first tokens are attended to; the rest is masked padding. None in
    /// a window of nothing else.
    pub(super) keys: usize,
}

impl Group {
    pub(super) fn of(windows: &[Input<'_>]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut row = 0;
        for window in windows {
            let (length, keys) = (window.ids.len(), window.keys);
            match groups.last_mut() {
                Some(group) if group.length == length && group.keys == keys => group.windows += 1,
                _ => groups.push(Self { first_row: row, windows: 1, length, keys }),
            }
            row += length;
        }
        groups
    }
}

/// The self-attention of one layer, output projection included, residual not.
#[derive(Debug)]
pub(super) enum Attention {
    /// Queries times keys, with positions rotated into them, added to them, or none.
    DotProduct(DotProduct),
    /// Longformer: as above within reach, and a first token that sees and is seen by all.
    Global(DotProduct, Box<GlobalToken>),
    /// DeBERTa.
    Disentangled(DisentangledAttention),
}

impl Attention {
    pub(super) fn load(
        parts: &Parts<'_>,
        index: usize,
        tables: &Tables,
    ) -> crate::error::Result<Self> {
        match (&parts.config.attention, tables) {
            (AttentionKind::Disentangled(kind), Tables::Relative(table)) => {
                DisentangledAttention::load(parts, index, kind, table).map(Self::Disentangled)
            }
            (AttentionKind::Sliding { .. }, _) => Ok(Self::Global(
                DotProduct::load(parts, index, tables)?,
                Box::new(GlobalToken::load(parts, index)?),
            )),
            _ => DotProduct::load(parts, index, tables).map(Self::DotProduct),
        }
    }

    /// As the CPU's kernels take it, where they know its kind.
    pub(super) fn fused(&self) -> Option<FusedAttention<'_>> {
        match self {
            Self::DotProduct(attention) => attention.fused(),
            Self::Global(..) | Self::Disentangled(_) => None,
        }
    }

    /// `[rows, H]` → `[rows, H]`.
    pub(super) fn forward(&self, hidden: &Tensor, groups: &[Group]) -> Result<Tensor> {
        match self {
            Self::DotProduct(attention) => attention.forward(hidden, groups, None),
            Self::Global(attention, global) => attention.forward(hidden, groups, Some(global)),
            Self::Disentangled(attention) => attention.forward(hidden, groups),
        }
    }

    /// What the first token of a window attends to; `hidden` is the window's rows, `[length, H]`.
    pub(super) fn first_token(&self, hidden: &Tensor) -> Result<FirstToken> {
        match self {
            Self::DotProduct(attention) => attention.first_token(hidden),
            Self::Global(_, global) => global.first_token(hidden),
            Self::Disentangled(attention) => attention.first_token(hidden),
        }
    }

    /// The output projection of contexts `[rows, H]`.
    pub(super) fn project(&self, contexts: &Tensor) -> Result<Tensor> {
        match self {
            Self::DotProduct(attention) | Self::Global(attention, _) => attention.project(contexts),
            Self::Disentangled(attention) => attention.project(contexts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_one_length_form_a_group() {
        let ids: [&[u32]; 5] = [&[1, 2], &[3, 4], &[5, 6, 7], &[8, 9], &[8, 9]];
        let keys = [2, 2, 3, 2, 1];
        let windows: Vec<Input<'_>> =
            ids.into_iter().zip(keys).map(|(ids, keys)| Input { ids, keys }).collect();
        let group = |first_row, windows, length, keys| Group { first_row, windows, length, keys };
        assert_eq!(
            Group::of(&windows),
            [group(0, 2, 2, 2), group(4, 1, 3, 3), group(7, 1, 2, 2), group(9, 1, 2, 1)]
        );
    }
}
