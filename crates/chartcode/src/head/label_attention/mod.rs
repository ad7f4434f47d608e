//! Heads in which each label attends to the chart's tokens: LAAT and cross-attention.

mod cross;
mod load;
mod numbers;
mod pruned;
mod softmax;
mod vectors;

use std::ops::Range;
use std::sync::OnceLock;

use candle_core::Tensor;
use chartcode_kernels::{BLOCK_TOKENS, LabelSums};

use super::{TokenShare, WindowFeatures};
use crate::batch::{Window, each_window};
use crate::error::{Result, Stage as _};
use cross::{Cross, CrossState};
pub(super) use load::Sizes;
use numbers::Numbers;
use pruned::Pruner;
pub(crate) use pruned::{Counted, Wanted};

/// Tokens taken in at a time: a chart that is one long window is in memory once, not with all its
/// keys. A whole number of blocks.
const PIECE_TOKENS: usize = 128 * BLOCK_TOKENS;

/// Label attention: `α = softmax over all tokens of the chart of key(x) · query_l`, and from the
/// tokens' values weighted by α to a logit.
///
/// Streamed over tokens and labels: the scores of all tokens and all labels are never in memory
/// together.
#[derive(Debug)]
pub(crate) struct LabelAttention {
    kind: Kind,
    /// Of a hidden state.
    width: usize,
    /// Made when labels are first to be ruled out.
    pruner: OnceLock<Pruner>,
}

/// What a token's value is.
#[derive(Debug)]
enum Kind {
    Numbers(Box<Numbers>),
    Vectors(Box<Cross>),
}

/// The running softmax of all labels for one chart.
#[derive(Debug)]
pub(crate) struct LabelState(StateKind);

#[derive(Debug)]
enum StateKind {
    Numbers(LabelSums),
    /// Of these labels alone, in order.
    Some(Vec<usize>, LabelSums),
    Vectors(CrossState),
}

impl LabelState {
    /// Whether a label was computed, and not left out.
    pub(super) fn has(&self, label: usize) -> bool {
        match &self.0 {
            StateKind::Some(labels, _) => labels.binary_search(&label).is_ok(),
            StateKind::Numbers(_) | StateKind::Vectors(_) => true,
        }
    }
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
        LabelState(match &self.kind {
            Kind::Numbers(numbers) => StateKind::Numbers(numbers.start()),
            Kind::Vectors(cross) => StateKind::Vectors(cross.start()),
        })
    }

    pub(super) fn absorb(&self, state: &mut LabelState, windows: &[WindowFeatures]) -> Result<()> {
        for rows in pieces(windows, PIECE_TOKENS * self.width) {
            match (&self.kind, &mut state.0) {
                (Kind::Numbers(numbers), StateKind::Numbers(sums)) => numbers.absorb(sums, &rows),
                (Kind::Vectors(cross), StateKind::Vectors(state)) => {
                    cross.absorb(state, &rows).stage("the head")?;
                }
                _ => unreachable!("a state goes back to the head that started it"),
            }
        }
        Ok(())
    }

    /// The state of a whole chart in which labels that cannot answer `wanted` are left out;
    /// nothing from a head without bounds.
    pub(super) fn find(
        &self,
        windows: &[WindowFeatures],
        wanted: Wanted<'_>,
    ) -> Option<(LabelState, Counted)> {
        let Kind::Numbers(numbers) = &self.kind else { return None };
        let mut pieces = pieces(windows, PIECE_TOKENS * self.width);
        let (Some(rows), None) = (pieces.next(), pieces.next()) else { return None };
        let pruner = self.pruner.get_or_init(|| numbers.pruner());
        let found = numbers.find(pruner, &rows, wanted);
        Some((LabelState(StateKind::Some(found.labels, found.sums)), found.counted))
    }

    /// One logit a label, −∞ for those left out.
    pub(super) fn logits(&self, state: &LabelState) -> Vec<f32> {
        match (&self.kind, &state.0) {
            (Kind::Numbers(numbers), StateKind::Numbers(sums)) => numbers.logits(sums),
            (Kind::Numbers(numbers), StateKind::Some(labels, sums)) => {
                numbers.logits_of(labels, sums)
            }
            (Kind::Vectors(cross), StateKind::Vectors(state)) => cross.logits(state),
            _ => unreachable!("a state goes back to the head that started it"),
        }
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
            let (spans, behind) = rest.split_at(rows.len() / self.width);
            rest = behind;
            let tokens = (rows.as_slice(), spans);
            match (&self.kind, &state.0) {
                (Kind::Numbers(numbers), StateKind::Numbers(sums)) => {
                    numbers.shares((sums, |label| label), labels, tokens, &mut each);
                    Ok(())
                }
                (Kind::Numbers(numbers), StateKind::Some(computed, sums)) => {
                    // Evidence is asked for of labels that were computed.
                    let place = |label| computed.binary_search(&label).unwrap_or_default();
                    numbers.shares((sums, place), labels, tokens, &mut each);
                    Ok(())
                }
                (Kind::Vectors(cross), StateKind::Vectors(state)) => {
                    cross.shares(state, labels, tokens, &mut each)
                }
                _ => unreachable!("a state goes back to the head that started it"),
            }
            .stage("evidence")?;
        }
        Ok(())
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
