//! The description head: every code that has a description can be scored, though no chart with
//! it was ever seen.

use std::ops::Range;
use std::sync::OnceLock;

use candle_core::{Device, Tensor};

mod retrieve;
mod state;
mod support;

use super::problems::{Focus, Problems};
use super::rerank::{ChartWords, RerankSpec, Reranker, Terms};
use super::running::{Hit, Running};
use super::spans::{Cut, PooledSpan, Spanner};
use super::vectors::{mean, normalise};
pub(crate) use state::DescriptionState;
use support::{barred_support, second_support};

use super::{Support, WindowFeatures};
use crate::batch::Window;
use crate::bundle::weights::{QuantizedRows, Weights};
use crate::bundle::{Bundle, Labels};
use crate::encoder::Linear;
use crate::error::{Error, Result, Stage as _};
use crate::tokens::Tokens;

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
    /// Labels that must not be suggested; empty where all may.
    barred: Vec<bool>,
    problems: Option<Problems>,
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
            blocks: retrieve::blocks(&offsets),
            offsets,
            label_concept: weights.indices("label.concept", labels)?,
            label_bias: weights.floats("label.bias", &[labels])?,
            spans,
            constants,
            second_look: None,
            barred: Vec::new(),
            problems: None,
        };
        match head.contradiction() {
            None => Ok(head),
            Some(problem) => Err(Error::Inconsistent { path: weights.path().to_owned(), problem }),
        }
    }

    /// Reads what the second look needs.
    pub(super) fn add_second_look(
        &mut self,
        weights: &Weights,
        spec: &RerankSpec,
        labels: &Labels,
    ) -> Result<()> {
        let concepts = self.offsets.len().saturating_sub(1);
        if spec.billable {
            let problem = "labels need a column billable, for a second look at billable codes only";
            let inconsistent =
                || Error::Inconsistent { path: weights.path().to_owned(), problem: problem.into() };
            self.barred = (0..labels.len())
                .map(|label| labels.is_billable(label).map(|paid| !paid).ok_or_else(inconsistent))
                .collect::<Result<_>>()?;
            share_among_billable(&mut self.label_bias, &self.label_concept, &self.barred, concepts);
        }
        self.second_look = Some(Reranker::load(spec, weights, self.terms.rows(), concepts)?);
        Ok(())
    }

    /// Says where to look; everywhere by default.
    pub(super) fn look_at(&mut self, problems: Option<Problems>) {
        self.problems = problems;
    }

    pub(super) fn focus(&self, text: &str, tokens: &Tokens) -> Focus {
        self.problems.as_ref().map_or(Focus::All, |problems| problems.focus(text, tokens))
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

    pub(super) fn spans(&self, cut: &Cut<'_>, focus: &Focus) -> Vec<PooledSpan> {
        self.spans.cut(cut, focus)
    }

    /// The features of a window without spans, which nothing is to be known of but its words.
    pub(super) fn unread(&self, window: &Window) -> Option<WindowFeatures> {
        let words = || self.second_look.is_some().then(|| own_words(window));
        window.spans.is_empty().then(|| WindowFeatures { words: words(), ..Default::default() })
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

    pub(super) fn logits(&self, state: &DescriptionState) -> Result<Vec<f32>> {
        let concepts = match &self.second_look {
            None => self.first_logits(state),
            Some(second_look) => self.second_logits(second_look, state)?,
        };
        let mut logits: Vec<f32> = self
            .label_concept
            .iter()
            .zip(&self.label_bias)
            .map(|(&concept, bias)| concepts[concept as usize] + bias)
            .collect();
        if let Some(look) = self.second_look.as_ref().filter(|_| !self.barred.is_empty()) {
            for (label, logit) in logits.iter_mut().enumerate().filter(|(l, _)| self.barred[*l]) {
                let concept = self.label_concept[label] as usize;
                *logit = look.floor(concept, state.concepts[concept].attended());
            }
        }
        Ok(logits)
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
            Some(look) if self.barred.get(label) == Some(&true) => {
                barred_support(look, state, concept)
            }
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

/// Biases are logarithms of shares of a concept's charts: those of the labels that may be suggested
/// are made to add up to one again.
fn share_among_billable(bias: &mut [f32], concept: &[u32], barred: &[bool], concepts: usize) {
    let mut shares = vec![0.0_f64; concepts];
    let paid = || (0..barred.len()).filter(|&label| !barred[label]);
    for label in paid() {
        if let Some(share) = shares.get_mut(concept[label] as usize) {
            *share += f64::from(bias[label]).exp();
        }
    }
    for label in paid() {
        if let Some(share) = shares.get(concept[label] as usize) {
            bias[label] -= share.ln() as f32;
        }
    }
}

/// A window's tokens without special ones: their ids, and where they stand in the chart.
fn own_words(window: &Window) -> (Vec<u32>, Range<usize>) {
    let ids = window.ids[window.lead..window.lead + window.tokens.len()].to_vec();
    (ids, window.tokens.clone())
}
