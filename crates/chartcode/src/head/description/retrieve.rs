//! Retrieval: every concept against every span, block by block.

use std::ops::Range;

use chartcode_kernels::{Isa, Matrix, Precision, Product, Rows, Target};
use rayon::prelude::*;

use super::super::WindowFeatures;
use super::super::running::{Running, SpanNumbers};
use super::super::vectors::{column_maxima, raise};
use super::{BLOCK_SPANS, DescriptionHead, DescriptionState};
use crate::error::{Result, Stage as _};

/// Description vectors are widened and multiplied this many at a time; with the products they
/// stay in a core's second-level cache.
const BLOCK_TERMS: usize = 512;

/// The span vectors of some windows of one chart.
struct Spans {
    /// Up to [`BLOCK_SPANS`] spans each.
    blocks: Vec<Matrix>,
    numbers: SpanNumbers,
}

impl DescriptionHead {
    pub(in crate::head) fn absorb(
        &self,
        state: &mut DescriptionState,
        windows: &[WindowFeatures],
    ) -> Result<()> {
        let spans = self.gather(windows, state.spans.len() as u32)?;
        let mut rest = state.concepts.as_mut_slice();
        let mut jobs = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (concepts, behind) = rest.split_at_mut(block.len());
            jobs.push((block.clone(), concepts));
            rest = behind;
        }
        let nothing = || vec![f32::NEG_INFINITY; spans.numbers.count()];
        let best = jobs
            .into_par_iter()
            .map(|(block, concepts)| self.absorb_block(&block, concepts, &spans))
            .reduce(nothing, |mut best, other| {
                raise(&mut best, &other, 0.0);
                best
            });
        state.span_best.extend(best);
        for window in windows {
            state.spans.extend(window.spans.iter().cloned());
            if let Some((ids, tokens)) = &window.words {
                state.vectors.extend(&window.rows);
                state.words.push(ids, tokens, window.spans.len());
            }
        }
        Ok(())
    }

    /// Brings the windows' span vectors into the form that blocks of concepts are multiplied
    /// with.
    fn gather(&self, windows: &[WindowFeatures], first: u32) -> Result<Spans> {
        let mut bounds = vec![0];
        let mut rows: Vec<f32> = Vec::new();
        for window in windows {
            rows.extend(&window.rows);
            bounds.push(rows.len() / self.width);
        }
        let blocks = rows
            .chunks(BLOCK_SPANS * self.width)
            .map(|rows| {
                let shape = (rows.len() / self.width, self.width);
                Matrix::pack(rows, shape, Precision::F32).map_err(candle_core::Error::wrap)
            })
            .collect::<candle_core::Result<_>>()
            .stage("the head")?;
        Ok(Spans { blocks, numbers: SpanNumbers { first, bounds } })
    }

    /// Takes the spans into the softmaxes of a block of concepts; gives the highest similarity
    /// plus prior that any of these concepts has to each span.
    fn absorb_block(
        &self,
        concepts: &Range<usize>,
        running: &mut [Running],
        spans: &Spans,
    ) -> Vec<f32> {
        let first = self.offsets[concepts.start] as usize;
        let count = self.offsets[concepts.end] as usize - first;
        let mut widened = vec![0.0; count * self.width];
        self.terms.widen_into(first, &mut widened);
        let (isa, mut terms) = (Isa::best(), Rows::new());
        terms.fill(isa, &widened, self.width, Precision::F32);
        let mut products = vec![0.0; count * BLOCK_SPANS];
        let mut similarity = vec![0.0; BLOCK_SPANS];
        let mut best = vec![f32::NEG_INFINITY; spans.numbers.count()];
        for (matrix, (block, best)) in
            spans.blocks.iter().zip(best.chunks_mut(BLOCK_SPANS).enumerate())
        {
            let columns = matrix.outputs();
            let products = &mut products[..count * columns];
            let product = Product { matrix, bias: None, activation: None };
            product.run(isa, &terms, Target::Values(products));
            let similarity = &mut similarity[..columns];
            for (concept, running) in concepts.clone().zip(running.iter_mut()) {
                let rows = self.offsets[concept] as usize - first
                    ..self.offsets[concept + 1] as usize - first;
                let products = &products[rows.start * columns..rows.end * columns];
                column_maxima(products, similarity);
                raise(best, similarity, self.concept_prior[concept]);
                let from = block * BLOCK_SPANS;
                running.absorb(similarity, from, &spans.numbers, self.constants.temperature);
            }
        }
        best
    }
}

/// Cuts concepts into runs of at most [`BLOCK_TERMS`] terms, at least one concept each.
pub(super) fn blocks(offsets: &[u32]) -> Vec<Range<usize>> {
    let concepts = offsets.len().saturating_sub(1);
    let mut blocks = Vec::new();
    let mut start = 0;
    for concept in 0..concepts {
        if (offsets[concept + 1] - offsets[start]) as usize > BLOCK_TERMS && concept > start {
            blocks.push(start..concept);
            start = concept;
        }
    }
    if start < concepts {
        blocks.push(start..concepts);
    }
    blocks
}
