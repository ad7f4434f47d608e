//! Label attention whose value is a vector a token: PLM-CA and GKI-ICD.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::super::TokenShare;
use super::flat;
use super::softmax::Softmax;
use super::vectors::Vectors;
use crate::encoder::Linear;

/// Tokens are multiplied this many at a time, the last ones filled up with zeros. Fixed, so that
/// the matrix library does the same sums whatever the chart's length.
const BLOCK_TOKENS: usize = 128;

/// Labels are scored this many at a time: with the tokens of a block their vectors and scores stay
/// in a core's second-level cache.
const BLOCK_LABELS: usize = 256;

/// Labels whose tokens are weighed at a time when evidence is looked for.
const EVIDENCE_LABELS: usize = 64;

/// `α = softmax over all tokens of key(x) · query_l`, a vector from the tokens' values weighted by
/// α, and from that a logit.
#[derive(Debug)]
pub(super) struct Cross {
    /// From H to a key.
    pub(super) key: Linear,
    /// `[labels, width of a key]`.
    pub(super) queries: Tensor,
    pub(super) vectors: Vectors,
    pub(super) labels: usize,
    pub(super) width: usize,
}

/// Running softmax and sums for one chart, a block of labels each.
#[derive(Debug)]
pub(super) struct CrossState {
    blocks: Vec<LabelBlock>,
}

#[derive(Debug)]
struct LabelBlock {
    labels: Range<usize>,
    softmax: Softmax,
    /// Sums of weighted values, a vector a label.
    sums: Vec<f32>,
}

/// Up to [`BLOCK_TOKENS`] tokens of a chart.
struct TokenBlock {
    /// `[BLOCK_TOKENS, width of a key]`.
    keys: Tensor,
    /// `[BLOCK_TOKENS, H]`: what values are computed from.
    values: Tensor,
    /// How many are not filling.
    count: usize,
}

impl Cross {
    pub(super) fn start(&self) -> CrossState {
        let blocks = (0..self.labels).step_by(BLOCK_LABELS).map(|first| {
            let labels = first..(first + BLOCK_LABELS).min(self.labels);
            LabelBlock {
                softmax: Softmax::new(labels.len()),
                sums: vec![0.0; labels.len() * self.vectors.width()],
                labels,
            }
        });
        CrossState { blocks: blocks.collect() }
    }

    /// Takes in hidden states `[tokens, H]`.
    pub(super) fn absorb(&self, state: &mut CrossState, rows: &[f32]) -> Result<()> {
        let tokens = self.token_blocks(rows)?;
        state.blocks.par_iter_mut().try_for_each(|block| {
            tokens.iter().try_for_each(|tokens| self.absorb_block(block, tokens))
        })
    }

    fn absorb_block(&self, block: &mut LabelBlock, tokens: &TokenBlock) -> Result<()> {
        let labels = block.labels.clone();
        let queries = self.queries.narrow(0, labels.start, labels.len())?;
        let mut weights = flat(&tokens.keys.matmul(&queries.t()?)?)?;
        weights.truncate(tokens.count * labels.len());
        let shrink = block.softmax.absorb(&mut weights);
        self.vectors.add(&mut block.sums, &shrink, weights, &tokens.values)
    }

    /// Rows in blocks of fixed size.
    fn token_blocks(&self, rows: &[f32]) -> Result<Vec<TokenBlock>> {
        let block = BLOCK_TOKENS * self.width;
        rows.par_chunks(block)
            .map(|rows| {
                let count = rows.len() / self.width;
                let mut rows = rows.to_vec();
                rows.resize(block, 0.0);
                let hidden = Tensor::from_vec(rows, (BLOCK_TOKENS, self.width), &Device::Cpu)?
                    .to_device(self.queries.device())?;
                let keys = self.key.forward(&hidden)?;
                Ok(TokenBlock { keys, values: self.vectors.map.forward(&hidden)?, count })
            })
            .collect()
    }

    /// One logit a label.
    pub(super) fn logits(&self, state: &CrossState) -> Vec<f32> {
        let of_block = |block: &LabelBlock| -> Vec<f32> {
            let sums = block.sums.chunks_exact(self.vectors.width()).zip(&block.softmax.sum);
            let labels = block.labels.clone().zip(sums);
            labels.map(|(label, (sums, total))| self.vectors.logit(label, sums, *total)).collect()
        };
        state.blocks.par_iter().flat_map_iter(of_block).collect()
    }

    /// What each row adds to each of `labels`; see
    /// [`LabelAttention::shares`](super::LabelAttention::shares).
    pub(super) fn shares(
        &self,
        state: &CrossState,
        labels: &[usize],
        (rows, spans): (&[f32], &[&Range<usize>]),
        mut each: impl FnMut(usize, &[TokenShare]),
    ) -> Result<()> {
        let tokens = self.token_blocks(rows)?;
        for (number, labels) in labels.chunks(EVIDENCE_LABELS).enumerate() {
            for (tokens, spans) in tokens.iter().zip(spans.chunks(BLOCK_TOKENS)) {
                let shares = self.shares_of(state, labels, tokens, spans)?;
                for (at, shares) in shares.iter().enumerate() {
                    each(number * EVIDENCE_LABELS + at, shares);
                }
            }
        }
        Ok(())
    }

    fn shares_of(
        &self,
        state: &CrossState,
        labels: &[usize],
        tokens: &TokenBlock,
        spans: &[&Range<usize>],
    ) -> Result<Vec<Vec<TokenShare>>> {
        let numbers: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
        let numbers = Tensor::from_vec(numbers, labels.len(), self.queries.device())?;
        let queries = self.queries.index_select(&numbers, 0)?;
        let scores = flat(&tokens.keys.matmul(&queries.t()?)?)?;
        let block = |label: usize| &state.blocks[label / BLOCK_LABELS];
        let sums = |label: usize| {
            let (width, at) = (self.vectors.width(), label % BLOCK_LABELS);
            let block = block(label);
            (&block.sums[at * width..(at + 1) * width], block.softmax.sum[at])
        };
        let worth = self.vectors.worth(&tokens.values, labels, sums)?;
        Ok(labels
            .iter()
            .enumerate()
            .map(|(column, &label)| {
                let softmax = &block(label).softmax;
                let share = |(row, tokens): (usize, &&Range<usize>)| {
                    let at = row * labels.len() + column;
                    let attention = softmax.share(label % BLOCK_LABELS, scores[at]);
                    let contribution = attention * worth[at];
                    TokenShare { tokens: (*tokens).clone(), attention, contribution }
                };
                spans.iter().enumerate().map(share).collect()
            })
            .collect())
    }
}
