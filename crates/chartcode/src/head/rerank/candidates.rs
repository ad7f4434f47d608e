//! Every candidate against every span of the chart.

use candle_core::{Device, Tensor};

use super::Terms;
use super::facts::{Facts, TermKind};
use crate::head::vectors::{column_maxima, raise};

/// Span vectors are multiplied this many at a time, the last ones filled up with zeros. Fixed, so
/// that the matrix library does the same sums whatever the chart's length.
const BLOCK_SPANS: usize = 128;

/// Fewer rows than this could make the matrix library sum in another order.
const LEAST_ROWS: usize = 32;

/// How a candidate stands to the spans of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// The highest similarity of any of its terms with any span.
    pub(super) best: f32,
    /// The span that has it; of equal ones the first.
    pub(super) span: u32,
    /// The highest similarity with any other span; -1 where there is none.
    pub(super) second: f32,
    /// Of the best span: the highest similarity of a description.
    pub(super) described: f32,
    /// Of the best span: the highest similarity of a mention; -1 where it has none.
    pub(super) mentioned: f32,
    /// The description that suits the best span most.
    pub(super) term: u32,
    /// Of all spans.
    pub(super) most_described: f32,
    /// Of all spans.
    pub(super) most_mentioned: f32,
    /// The title's highest similarity.
    pub(super) titled: f32,
    /// How many candidates suit the best span better.
    pub(super) rank: u32,
    /// The same of the span where the fewest do.
    pub(super) best_rank: u32,
    /// Spans that no candidate suits better.
    pub(super) spans_first: u32,
    /// Spans that at most two candidates suit better.
    pub(super) spans_third: u32,
}

impl Seen {
    const NOTHING: Self = Self {
        best: f32::NEG_INFINITY,
        span: 0,
        second: -1.0,
        described: -1.0,
        mentioned: -1.0,
        term: u32::MAX,
        most_described: -1.0,
        most_mentioned: -1.0,
        titled: -1.0,
        rank: 0,
        best_rank: u32::MAX,
        spans_first: 0,
        spans_third: 0,
    };
}

/// The terms of the candidates, widened.
pub(super) struct Gathered<'a> {
    terms: Terms<'a>,
    facts: &'a Facts,
    concepts: &'a [u32],
    /// `[rows, D]`, candidate after candidate.
    rows: Vec<f32>,
    /// Candidate k owns rows `bounds[k]..bounds[k + 1]`.
    bounds: Vec<usize>,
}

/// Highest similarities of one candidate with each span of a block.
struct Columns {
    described: Vec<f32>,
    mentioned: Vec<f32>,
    titled: Vec<f32>,
    best: Vec<f32>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(terms: Terms<'a>, facts: &'a Facts, concepts: &'a [u32]) -> Self {
        let mut bounds = vec![0];
        let mut rows = Vec::new();
        for &concept in concepts {
            let own = terms.offsets[concept as usize] as usize
                ..terms.offsets[concept as usize + 1] as usize;
            let start = rows.len();
            rows.resize(start + own.len() * terms.width, 0.0);
            terms.rows.widen_into(own.start, &mut rows[start..]);
            bounds.push(rows.len() / terms.width);
        }
        let least = bounds[concepts.len()].max(LEAST_ROWS);
        rows.resize(least * terms.width, 0.0);
        Self { terms, facts, concepts, rows, bounds }
    }

    /// Takes in all spans, vectors `[n, D]` row after row, block by block.
    pub(super) fn look(&self, vectors: &[f32]) -> candle_core::Result<Vec<Seen>> {
        let width = self.terms.width;
        let rows = Tensor::from_slice(&self.rows, (self.rows.len() / width, width), &Device::Cpu)?;
        let mut seen = vec![Seen::NOTHING; self.concepts.len()];
        for (block, vectors) in vectors.chunks(BLOCK_SPANS * width).enumerate() {
            let spans = vectors.len() / width;
            let mut filled = vectors.to_vec();
            filled.resize(BLOCK_SPANS * width, 0.0);
            let columns = Tensor::from_vec(filled, (BLOCK_SPANS, width), &Device::Cpu)?;
            let products: Vec<f32> =
                rows.matmul(&columns.t()?.contiguous()?)?.flatten_all()?.to_vec1()?;
            let columns: Vec<Columns> =
                (0..self.concepts.len()).map(|k| self.columns(k, &products)).collect();
            for span in 0..spans {
                self.take_in(&mut seen, &columns, &products, (block, span));
            }
        }
        Ok(seen)
    }

    /// The highest similarity of each kind of term of candidate k with each span of a block.
    fn columns(&self, k: usize, products: &[f32]) -> Columns {
        let lowest = || vec![-1.0_f32; BLOCK_SPANS];
        let mut columns =
            Columns { described: lowest(), mentioned: lowest(), titled: lowest(), best: lowest() };
        let own = self.bounds[k]..self.bounds[k + 1];
        column_maxima(&products[own.start * BLOCK_SPANS..own.end * BLOCK_SPANS], &mut columns.best);
        for (row, kind) in own.clone().zip(self.kinds(k)) {
            let products = &products[row * BLOCK_SPANS..(row + 1) * BLOCK_SPANS];
            match kind {
                TermKind::Mention => {
                    raise(&mut columns.mentioned, products, 0.0);
                }
                TermKind::Title => {
                    raise(&mut columns.titled, products, 0.0);
                    raise(&mut columns.described, products, 0.0);
                }
                TermKind::Description => {
                    raise(&mut columns.described, products, 0.0);
                }
            }
        }
        columns
    }

    fn kinds(&self, k: usize) -> impl Iterator<Item = TermKind> {
        let first = self.terms.offsets[self.concepts[k] as usize] as usize;
        self.facts.kinds[first..].iter().copied()
    }

    /// One span of one block.
    fn take_in(
        &self,
        seen: &mut [Seen],
        columns: &[Columns],
        products: &[f32],
        (block, span): (usize, usize),
    ) {
        let mut order: Vec<(f32, usize)> = columns
            .iter()
            .zip(self.concepts)
            .map(|(columns, &concept)| columns.best[span] + self.terms.prior[concept as usize])
            .zip(0..)
            .collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (rank, (_, k)) in order.into_iter().enumerate() {
            let rank = rank as u32;
            let columns = &columns[k];
            let seen = &mut seen[k];
            seen.best_rank = seen.best_rank.min(rank);
            seen.spans_first += u32::from(rank == 0);
            seen.spans_third += u32::from(rank < 3);
            seen.most_described = seen.most_described.max(columns.described[span]);
            seen.most_mentioned = seen.most_mentioned.max(columns.mentioned[span]);
            seen.titled = seen.titled.max(columns.titled[span]);
            if columns.best[span] > seen.best {
                if seen.best.is_finite() {
                    seen.second = seen.best;
                }
                seen.best = columns.best[span];
                seen.span = (block * BLOCK_SPANS + span) as u32;
                seen.described = columns.described[span];
                seen.mentioned = columns.mentioned[span];
                seen.rank = rank;
                seen.term = self.best_term(k, products, span);
            } else {
                seen.second = seen.second.max(columns.best[span]);
            }
        }
    }

    /// The description of candidate k that suits a span most; of equal ones the first.
    fn best_term(&self, k: usize, products: &[f32], span: usize) -> u32 {
        let first = self.terms.offsets[self.concepts[k] as usize];
        let mut best = (f32::NEG_INFINITY, u32::MAX);
        for ((row, kind), term) in
            (self.bounds[k]..self.bounds[k + 1]).zip(self.kinds(k)).zip(first..)
        {
            let similarity = products[row * BLOCK_SPANS + span];
            if kind != TermKind::Mention && similarity > best.0 {
                best = (similarity, term);
            }
        }
        best.1
    }
}

#[cfg(test)]
impl Seen {
    pub(super) fn with_similarity(best: f32) -> Self {
        Self { best, ..Self::NOTHING }
    }
}
