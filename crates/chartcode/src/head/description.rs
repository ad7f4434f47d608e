//! The description head: every code that has a description can be scored, though no chart with
//! it was ever seen.

use std::ops::Range;
use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::rerank::{ChartWords, RerankSpec, Reranked, Reranker, Terms};
use super::running::{Hit, Running, SpanNumbers};
use super::spans::{Cut, PooledSpan, Spanner};
use super::vectors::{column_maxima, mean, normalise, raise};
use super::{Support, WindowFeatures};
use crate::batch::Window;
use crate::bundle::Bundle;
use crate::bundle::weights::{QuantizedRows, Weights};
use crate::encoder::Linear;
use crate::error::{Error, Result, Stage as _};

/// Description vectors are widened and multiplied this many at a time; with the products they
/// stay in a core's second-level cache.
const BLOCK_TERMS: usize = 512;

/// Span vectors are multiplied this many at a time, the last ones filled up with zeros. Fixed, so
/// that the matrix library does the same sums whatever the chart's length.
const BLOCK_SPANS: usize = 128;

/// Label-wise attention against description vectors, streamed over labels and spans.
///
/// Labels that differ only in what a description cannot tell from a passage (the 7th character
/// for the encounter) share one *concept* and differ by their bias.
#[derive(Debug)]
pub(crate) struct DescriptionHead {
    projection: Linear,
    /// Width of a projected vector, D.
    width: usize,
    /// Unit description vectors `[K, D]`, concept after concept.
    terms: QuantizedRows,
    /// Concept c owns terms `offsets[c]..offsets[c + 1]`.
    offsets: Vec<u32>,
    /// What a concept has ahead of others in the competition for a passage, as similarity.
    concept_prior: Vec<f32>,
    /// Runs of concepts whose terms fit one block.
    blocks: Vec<Range<usize>>,
    label_concept: Vec<u32>,
    label_bias: Vec<f32>,
    spans: Spanner,
    constants: Constants,
    second_look: Option<Reranker>,
}

/// Online softmax over the spans of one chart, for every concept.
#[derive(Debug)]
pub(crate) struct DescriptionState {
    concepts: Vec<Running>,
    /// Token range of each span seen so far.
    spans: Vec<Range<usize>>,
    /// Highest similarity plus prior that any concept has to each span.
    span_best: Vec<f32>,
    /// Kept for a second look only: span vectors `[n, D]` and the chart's words.
    vectors: Vec<f32>,
    words: ChartWords,
    /// What the second look arrived at, by concept.
    reranked: OnceLock<Vec<Reranked>>,
}

impl DescriptionState {
    /// Tokens of each span.
    pub(super) fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// Span vectors `[n, D]`, row after row.
    pub(super) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    pub(super) fn words(&self) -> &ChartWords {
        &self.words
    }

    /// Highest similarity plus prior that any concept has to a span.
    pub(super) fn span_best(&self, span: usize) -> f32 {
        self.span_best[span]
    }

    /// Each concept's highest similarity with any span.
    pub(super) fn similarities(&self) -> impl Iterator<Item = f32> {
        self.concepts.iter().map(Running::attended)
    }
}

/// The span vectors of some windows of one chart.
struct Spans {
    /// Columns `[D, BLOCK_SPANS]`, the last ones filled up with zeros.
    blocks: Vec<Tensor>,
    numbers: SpanNumbers,
}

/// A manifest's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    /// Infinite where only the best passage counts.
    pub(super) temperature: f32,
    pub(super) scale: f32,
    pub(super) competition: f32,
}

impl DescriptionHead {
    pub(super) fn load(
        weights: &Weights,
        bundle: &Bundle,
        spans: Spanner,
        constants: Constants,
        device: &Device,
    ) -> Result<Self> {
        weights.require([
            "projection.weight",
            "projection.bias",
            "term.weight",
            "concept.offsets",
            "label.concept",
            "label.bias",
        ])?;
        let rows = |key| weights.shape(key).and_then(|shape| shape.first()).copied().unwrap_or(0);
        let (width, terms, labels) =
            (rows("projection.weight"), rows("term.weight"), bundle.labels.len());
        let hidden = bundle.config.hidden_size;
        let offsets = weights.indices("concept.offsets", rows("concept.offsets"))?;
        let concepts = offsets.len().saturating_sub(1);
        let head = Self {
            projection: Linear::load(weights, "projection", (hidden, width), device)?,
            width,
            terms: weights.quantized("term.weight", &[terms, width])?,
            concept_prior: if weights.contains("concept.prior") {
                weights.floats("concept.prior", &[concepts])?
            } else {
                vec![0.0; concepts]
            },
            blocks: blocks(&offsets),
            offsets,
            label_concept: weights.indices("label.concept", labels)?,
            label_bias: weights.floats("label.bias", &[labels])?,
            spans,
            constants,
            second_look: None,
        };
        match head.contradiction() {
            None => Ok(head),
            Some(problem) => Err(Error::Inconsistent { path: weights.path().to_owned(), problem }),
        }
    }

    /// Reads what the second look needs.
    pub(super) fn add_second_look(&mut self, weights: &Weights, spec: &RerankSpec) -> Result<()> {
        let concepts = self.offsets.len().saturating_sub(1);
        self.second_look = Some(Reranker::load(spec, weights, self.terms.rows(), concepts)?);
        Ok(())
    }

    /// What the tensors' shapes alone do not rule out.
    fn contradiction(&self) -> Option<String> {
        let concepts = self.offsets.len().saturating_sub(1);
        let covered = self.offsets.first() == Some(&0)
            && self.offsets.last().map(|&last| last as usize) == Some(self.terms.rows());
        if !covered || !self.offsets.is_sorted_by(|a, b| a < b) {
            return Some("concept.offsets must rise strictly from 0 to the number of terms".into());
        }
        if let Some(concept) = self.label_concept.iter().find(|&&c| c as usize >= concepts) {
            return Some(format!("label.concept names concept {concept} of {concepts}"));
        }
        let Constants { temperature, scale, competition } = self.constants;
        let finite = scale.is_finite() && competition.is_finite();
        if !finite
            || scale <= 0.0
            || competition < 0.0
            || temperature.is_nan()
            || temperature <= 0.0
        {
            return Some(
                "head.temperature and head.scale must be positive, head.competition not negative"
                    .into(),
            );
        }
        None
    }

    pub(super) fn spans(&self, cut: &Cut<'_>) -> Vec<PooledSpan> {
        self.spans.cut(cut)
    }

    /// Mean-pools each span of each window and projects it to a unit vector of width D.
    pub(super) fn features(
        &self,
        hidden: &Tensor,
        windows: &[&Window],
    ) -> Result<Vec<WindowFeatures>> {
        let size = hidden.dim(1).stage("the head")?;
        let rows: Vec<f32> = hidden.flatten_all().and_then(|h| h.to_vec1()).stage("the head")?;
        let mut pooled = Vec::new();
        let mut start = 0;
        for window in windows {
            for span in &window.spans {
                let run = (start + span.rows.start) * size..(start + span.rows.end) * size;
                pooled.extend(mean(&rows[run], size));
            }
            start += window.ids.len();
        }
        let mut projected = self.project(pooled, size, hidden.device())?.into_iter();
        Ok(windows
            .iter()
            .map(|window| WindowFeatures {
                spans: window.spans.iter().map(|span| span.tokens.clone()).collect(),
                rows: projected.by_ref().take(window.spans.len() * self.width).collect(),
                words: self.second_look.is_some().then(|| own_words(window)),
            })
            .collect())
    }

    /// `[n, H]` → unit vectors `[n, D]`.
    fn project(&self, mut pooled: Vec<f32>, size: usize, device: &Device) -> Result<Vec<f32>> {
        let spans = pooled.len() / size;
        let filled = spans.next_multiple_of(BLOCK_SPANS);
        pooled.resize(filled * size, 0.0);
        let mut projected: Vec<f32> = Tensor::from_vec(pooled, (filled, size), device)
            .and_then(|pooled| self.projection.forward(&pooled))
            .and_then(|projected| projected.flatten_all()?.to_vec1())
            .stage("the head")?;
        projected.truncate(spans * self.width);
        projected.chunks_exact_mut(self.width).for_each(normalise);
        Ok(projected)
    }

    pub(super) fn start(&self) -> DescriptionState {
        DescriptionState {
            concepts: vec![Running::START; self.offsets.len() - 1],
            spans: Vec::new(),
            span_best: Vec::new(),
            vectors: Vec::new(),
            words: ChartWords::default(),
            reranked: OnceLock::new(),
        }
    }

    pub(super) fn absorb(
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
            .try_reduce(nothing, |mut best, other| {
                raise(&mut best, &other, 0.0);
                Ok(best)
            })
            .stage("the head")?;
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
        let block = BLOCK_SPANS * self.width;
        rows.resize(rows.len().next_multiple_of(block), 0.0);
        let blocks = rows
            .chunks_exact(block)
            .map(|rows| {
                Tensor::from_slice(rows, (BLOCK_SPANS, self.width), &Device::Cpu)
                    .and_then(|rows| rows.t()?.contiguous())
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
    ) -> candle_core::Result<Vec<f32>> {
        let first = self.offsets[concepts.start] as usize;
        let count = self.offsets[concepts.end] as usize - first;
        let padded = count.max(BLOCK_TERMS);
        let mut terms = vec![0.0; padded * self.width];
        self.terms.widen_into(first, &mut terms[..count * self.width]);
        let terms = Tensor::from_vec(terms, (padded, self.width), &Device::Cpu)?;
        let mut similarity = vec![0.0; BLOCK_SPANS];
        let mut best = vec![f32::NEG_INFINITY; spans.numbers.count()];
        for (columns, (block, best)) in
            spans.blocks.iter().zip(best.chunks_mut(BLOCK_SPANS).enumerate())
        {
            let products: Vec<f32> = terms.matmul(columns)?.flatten_all()?.to_vec1()?;
            for (concept, running) in concepts.clone().zip(running.iter_mut()) {
                let rows = self.offsets[concept] as usize - first
                    ..self.offsets[concept + 1] as usize - first;
                let products = &products[rows.start * BLOCK_SPANS..rows.end * BLOCK_SPANS];
                column_maxima(products, &mut similarity);
                let similarity = &similarity[..best.len()];
                raise(best, similarity, self.concept_prior[concept]);
                let from = block * BLOCK_SPANS;
                running.absorb(similarity, from, &spans.numbers, self.constants.temperature);
            }
        }
        Ok(best)
    }

    pub(super) fn logits(&self, state: &DescriptionState) -> Result<Vec<f32>> {
        let concepts = match &self.second_look {
            None => self.first_logits(state),
            Some(second_look) => self.second_logits(second_look, state)?,
        };
        Ok(self
            .label_concept
            .iter()
            .zip(&self.label_bias)
            .map(|(&concept, bias)| concepts[concept as usize] + bias)
            .collect())
    }

    /// A logit a concept, from retrieval alone.
    fn first_logits(&self, state: &DescriptionState) -> Vec<f32> {
        let logit = |(concept, running): (usize, &Running)| {
            let margin = running.hits().next().map_or(0.0, |hit| self.margin(state, concept, hit));
            self.logit(running.attended(), margin)
        };
        state.concepts.iter().enumerate().map(logit).collect()
    }

    /// A logit a concept, by the second look.
    fn second_logits(&self, look: &Reranker, state: &DescriptionState) -> Result<Vec<f32>> {
        let mut logits: Vec<f32> = state
            .similarities()
            .enumerate()
            .map(|(concept, similarity)| look.floor(concept, similarity))
            .collect();
        let mut reranked = look.rerank(self.terms(), state)?;
        for weighed in &reranked {
            logits[weighed.concept as usize] = weighed.logit;
        }
        reranked.sort_unstable_by_key(|weighed| weighed.concept);
        // Only the first of several calls has to keep it: all arrive at the same.
        let _ = state.reranked.set(reranked);
        Ok(logits)
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            rows: &self.terms,
            offsets: &self.offsets,
            prior: &self.concept_prior,
            width: self.width,
        }
    }

    pub(super) fn support(&self, state: &DescriptionState, label: usize) -> Vec<Support> {
        let concept = self.label_concept[label] as usize;
        match &self.second_look {
            None => self.first_support(state, concept, self.label_bias[label]),
            Some(look) => second_support(look, state, concept, self.label_bias[label]),
        }
    }

    fn first_support(&self, state: &DescriptionState, concept: usize, bias: f32) -> Vec<Support> {
        let running = &state.concepts[concept];
        running
            .hits()
            .map(|hit| Support {
                tokens: state.spans[hit.span as usize].clone(),
                contribution: self.constants.scale
                    * running.weight(hit.similarity, self.constants.temperature),
                logit_alone: bias + self.logit(hit.similarity, self.margin(state, concept, hit)),
            })
            .collect()
    }

    /// How far a passage's concept stays behind the one that the passage suits most; at most 0.
    fn margin(&self, state: &DescriptionState, concept: usize, hit: Hit) -> f32 {
        hit.similarity + self.concept_prior[concept] - state.span_best[hit.span as usize]
    }

    /// The logit, but for the label's bias.
    fn logit(&self, attended: f32, margin: f32) -> f32 {
        self.constants.scale * attended + self.constants.competition * margin
    }
}

/// The passages of a concept that was weighed again: the best one has its logit, another less by
/// as much as it is less similar.
fn second_support(
    look: &Reranker,
    state: &DescriptionState,
    concept: usize,
    bias: f32,
) -> Vec<Support> {
    let running = &state.concepts[concept];
    let best = running.attended();
    let weighed = state.reranked.get().and_then(|reranked| {
        let at = reranked.binary_search_by_key(&(concept as u32), |weighed| weighed.concept);
        at.ok().map(|at| reranked[at].logit)
    });
    let logit = bias + weighed.unwrap_or_else(|| look.floor(concept, best));
    running
        .hits()
        .map(|hit| Support {
            tokens: state.spans[hit.span as usize].clone(),
            contribution: look.sharpness() * hit.similarity,
            logit_alone: logit - look.sharpness() * (best - hit.similarity),
        })
        .collect()
}

/// A window's tokens without special ones: their ids, and where they stand in the chart.
fn own_words(window: &Window) -> (Vec<u32>, Range<usize>) {
    let ids = window.ids[window.lead..window.lead + window.tokens.len()].to_vec();
    (ids, window.tokens.clone())
}

/// Cuts concepts into runs of at most [`BLOCK_TERMS`] terms, at least one concept each.
fn blocks(offsets: &[u32]) -> Vec<Range<usize>> {
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
