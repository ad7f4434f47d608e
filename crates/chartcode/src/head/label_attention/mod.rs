//! Heads in which each label attends to the chart's tokens: LAAT and cross-attention.

mod load;
mod softmax;
mod values;

use std::ops::Range;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::{TokenShare, WindowFeatures};
use crate::batch::{Window, each_window};
use crate::encoder::Linear;
use crate::error::{Result, Stage as _};
pub(super) use load::Sizes;
use softmax::Softmax;
use values::Values;

/// Tokens are multiplied this many at a time, the last ones filled up with zeros. Fixed, so that
/// the matrix library does the same sums whatever the chart's length.
const BLOCK_TOKENS: usize = 128;

/// Tokens taken in at a time: a chart that is one long window is in memory once, not with all its
/// keys. A whole number of blocks.
const PIECE_TOKENS: usize = 128 * BLOCK_TOKENS;

/// Labels are scored this many at a time: with the tokens of a block their vectors and scores stay
/// in a core's second-level cache.
const BLOCK_LABELS: usize = 256;

/// Labels whose tokens are weighed at a time when evidence is looked for.
const EVIDENCE_LABELS: usize = 64;

/// Label attention: `α = softmax over all tokens of the chart of key(x) · query_l`, and from the
/// tokens' values weighted by α to a logit.
///
/// Streamed over tokens and labels: the scores of all tokens and all labels are never in memory
/// together.
#[derive(Debug)]
pub(crate) struct LabelAttention {
    /// From hidden states to keys; CAML's keys are the hidden states.
    key: Option<KeyMap>,
    /// `[labels, width of a key]`.
    queries: Tensor,
    values: Values,
    labels: usize,
    width: usize,
}

#[derive(Debug)]
struct KeyMap {
    /// From H to a key.
    map: Linear,
    /// LAAT's keys go through tanh.
    squashes: bool,
}

/// Running softmax and sums for one chart, a block of labels each.
#[derive(Debug)]
pub(crate) struct LabelState {
    blocks: Vec<LabelBlock>,
}

#[derive(Debug)]
struct LabelBlock {
    labels: Range<usize>,
    softmax: Softmax,
    /// Sums of weighted values: one number a label, or a vector.
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

impl LabelAttention {
    /// The hidden states themselves, each with the chart's token that it stands for.
    #[expect(clippy::unused_self, reason = "the same call as on the other heads")]
    pub(super) fn features(
        &self,
        hidden: &Tensor,
        windows: &[&Window],
    ) -> Result<Vec<WindowFeatures>> {
        each_window(hidden, windows, |window, rows| {
            let spans = (0..window.ids.len()).map(|row| window.tokens_of(row)).collect();
            Ok(WindowFeatures { spans, rows: flat(&rows)?, words: None })
        })
        .stage("the head")
    }

    pub(super) fn start(&self) -> LabelState {
        let blocks = (0..self.labels).step_by(BLOCK_LABELS).map(|first| {
            let labels = first..(first + BLOCK_LABELS).min(self.labels);
            LabelBlock {
                softmax: Softmax::new(labels.len()),
                sums: vec![0.0; labels.len() * self.values.width()],
                labels,
            }
        });
        LabelState { blocks: blocks.collect() }
    }

    pub(super) fn absorb(&self, state: &mut LabelState, windows: &[WindowFeatures]) -> Result<()> {
        pieces(windows, PIECE_TOKENS * self.width)
            .try_for_each(|rows| {
                let tokens = self.token_blocks(&rows)?;
                state.blocks.par_iter_mut().try_for_each(|block| {
                    tokens.iter().try_for_each(|tokens| self.absorb_block(block, tokens))
                })
            })
            .stage("the head")
    }

    fn absorb_block(&self, block: &mut LabelBlock, tokens: &TokenBlock) -> candle_core::Result<()> {
        let labels = block.labels.clone();
        let queries = self.queries.narrow(0, labels.start, labels.len())?;
        let mut weights = flat(&tokens.keys.matmul(&queries.t()?)?)?;
        weights.truncate(tokens.count * labels.len());
        let shrink = block.softmax.absorb(&mut weights);
        self.values.add(&mut block.sums, &shrink, weights, (&tokens.values, labels))
    }

    /// Rows in blocks of fixed size.
    fn token_blocks(&self, rows: &[f32]) -> candle_core::Result<Vec<TokenBlock>> {
        let block = BLOCK_TOKENS * self.width;
        rows.par_chunks(block)
            .map(|rows| {
                let count = rows.len() / self.width;
                let mut rows = rows.to_vec();
                rows.resize(block, 0.0);
                let hidden = Tensor::from_vec(rows, (BLOCK_TOKENS, self.width), &Device::Cpu)?
                    .to_device(self.queries.device())?;
                let keys = match &self.key {
                    None => hidden.clone(),
                    Some(KeyMap { map, squashes: false }) => map.forward(&hidden)?,
                    Some(KeyMap { map, squashes: true }) => map.forward(&hidden)?.tanh()?,
                };
                Ok(TokenBlock { keys, values: self.values.of_tokens(&hidden)?, count })
            })
            .collect()
    }

    /// One logit a label.
    pub(super) fn logits(&self, state: &LabelState) -> Vec<f32> {
        let of_block = |block: &LabelBlock| -> Vec<f32> {
            let width = self.values.width();
            let sums = block.sums.chunks_exact(width).zip(&block.softmax.sum);
            let labels = block.labels.clone().zip(sums);
            labels.map(|(label, (sums, total))| self.values.logit(label, sums, *total)).collect()
        };
        state.blocks.par_iter().flat_map_iter(of_block).collect()
    }

    /// What each row of the windows adds to each of `labels`: for every label a share a row, in
    /// the rows' order. The state must be that of the whole chart.
    pub(super) fn shares(
        &self,
        state: &LabelState,
        labels: &[usize],
        windows: &[WindowFeatures],
        mut each: impl FnMut(usize, &[TokenShare]),
    ) -> Result<()> {
        let spans: Vec<&Range<usize>> = windows.iter().flat_map(|window| &window.spans).collect();
        let mut rest = spans.as_slice();
        for rows in pieces(windows, PIECE_TOKENS * self.width) {
            let tokens = self.token_blocks(&rows).stage("evidence")?;
            let (spans, behind) = rest.split_at(rows.len() / self.width);
            rest = behind;
            for (number, labels) in labels.chunks(EVIDENCE_LABELS).enumerate() {
                for (tokens, spans) in tokens.iter().zip(spans.chunks(BLOCK_TOKENS)) {
                    let shares = self.shares_of(state, labels, tokens, spans).stage("evidence")?;
                    for (at, shares) in shares.iter().enumerate() {
                        each(number * EVIDENCE_LABELS + at, shares);
                    }
                }
            }
        }
        Ok(())
    }

    fn shares_of(
        &self,
        state: &LabelState,
        labels: &[usize],
        tokens: &TokenBlock,
        spans: &[&Range<usize>],
    ) -> candle_core::Result<Vec<Vec<TokenShare>>> {
        let numbers: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
        let numbers = Tensor::from_vec(numbers, labels.len(), self.queries.device())?;
        let queries = self.queries.index_select(&numbers, 0)?;
        let scores = flat(&tokens.keys.matmul(&queries.t()?)?)?;
        let block = |label: usize| &state.blocks[label / BLOCK_LABELS];
        let sums = |label: usize| {
            let (width, at) = (self.values.width(), label % BLOCK_LABELS);
            let block = block(label);
            (&block.sums[at * width..(at + 1) * width], block.softmax.sum[at])
        };
        let worth = self.values.worth(&tokens.values, labels, sums)?;
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

/// The windows' rows one behind the other, at most `most` numbers at a time.
fn pieces(windows: &[WindowFeatures], most: usize) -> impl Iterator<Item = Vec<f32>> {
    let mut windows = windows.iter();
    let mut rest: &[f32] = &[];
    std::iter::from_fn(move || {
        let mut piece = Vec::new();
        while piece.len() < most {
            if rest.is_empty() {
                let Some(window) = windows.next() else { break };
                rest = &window.rows;
            }
            let (now, later) = rest.split_at(rest.len().min(most - piece.len()));
            piece.extend_from_slice(now);
            rest = later;
        }
        (!piece.is_empty()).then_some(piece)
    })
}

fn flat(x: &Tensor) -> candle_core::Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}
