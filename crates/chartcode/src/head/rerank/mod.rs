//! The second look of a description head: the codes that suit a chart best are weighed once more,
//! by all that is known of them together.
//!
//! Retrieval gives each concept its best passage. Of the [`RerankSpec::candidates`] best concepts
//! features are taken (how well passage and terms agree, in vectors and in words; what competes
//! for the passage; how common the code is), and boosted trees give each a logit.

mod candidates;
mod facts;
mod feature;
mod forest;
mod lexicon;
mod siblings;

use serde::{Deserialize, Serialize};

use super::description::DescriptionState;
use crate::bundle::weights::{QuantizedRows, Weights};
use crate::error::{Result, Stage as _};
use candidates::{Gathered, Seen};
use facts::{Facts, Trait};
pub use feature::Feature;
use feature::{Row, Surroundings};
use forest::Forest;
pub(super) use lexicon::ChartWords;
use lexicon::{Lexicon, Overlap, Readings};

/// What a manifest says of the second look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RerankSpec {
    /// How many concepts are weighed.
    pub candidates: usize,
    /// What the trees look at, in the order of their columns.
    pub features: Vec<Feature>,
    /// The logit of a concept that was not weighed is this plus its similarity.
    pub floor: f32,
    /// From similarity to logit, for passages beyond the best.
    pub sharpness: f32,
    /// What the keys of the trees' tensors begin with.
    #[serde(default = "tree", skip_serializing_if = "is_tree")]
    pub forest: String,
    /// Whether codes that cannot be billed are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub billable: bool,
}

fn tree() -> String {
    "tree".to_owned()
}

fn is_tree(forest: &str) -> bool {
    forest == "tree"
}

impl RerankSpec {
    /// What the manifest's numbers alone rule out.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.candidates == 0 {
            return Err("head.rerank.candidates is 0: it must be positive".into());
        }
        if self.features.is_empty() {
            return Err("head.rerank.features is empty".into());
        }
        let positive = self.sharpness > 0.0 && self.sharpness.is_finite();
        if !positive || !self.floor.is_finite() {
            return Err("head.rerank.floor must be finite, head.rerank.sharpness positive".into());
        }
        Ok(())
    }

    /// Reads the trees to see that they are sound.
    pub(super) fn check_forest(&self, weights: &Weights) -> Result<()> {
        Forest::load(weights, &self.forest, self.features.len()).map(drop)
    }
}

/// The terms of a description head, as the second look needs them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    /// Unit vectors `[K, D]`.
    pub(super) rows: &'a QuantizedRows,
    /// Concept c owns terms `offsets[c]..offsets[c + 1]`.
    pub(super) offsets: &'a [u32],
    /// What a concept has ahead of others in the competition for a passage, as similarity.
    pub(super) prior: &'a [f32],
    /// D.
    pub(super) width: usize,
}

/// A concept that was weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reranked {
    pub(super) concept: u32,
    pub(super) logit: f32,
}

/// The second look, ready to weigh.
#[derive(Debug)]
pub(super) struct Reranker {
    spec: RerankSpec,
    facts: Facts,
    lexicon: Lexicon,
    forest: Forest,
}

impl Reranker {
    /// Reads the tensors of the second look for `concepts` concepts and `terms` terms.
    pub(super) fn load(
        spec: &RerankSpec,
        weights: &Weights,
        terms: usize,
        concepts: usize,
    ) -> Result<Self> {
        weights.require(facts::KEYS)?;
        weights.require(lexicon::KEYS)?;
        Ok(Self {
            facts: Facts::load(weights, terms, concepts)?,
            lexicon: Lexicon::load(weights, terms)?,
            forest: Forest::load(weights, &spec.forest, spec.features.len())?,
            spec: spec.clone(),
        })
    }

    /// The logit of a concept that was not weighed.
    pub(super) fn floor(&self, concept: usize, similarity: f32) -> f32 {
        self.spec.floor + similarity + self.facts.head_start[concept]
    }

    /// From similarity to logit, for passages beyond the best.
    pub(super) fn sharpness(&self) -> f32 {
        self.spec.sharpness
    }

    /// Weighs the best concepts of a chart, best by retrieval first.
    pub(super) fn rerank(
        &self,
        terms: Terms<'_>,
        state: &DescriptionState,
    ) -> Result<Vec<Reranked>> {
        if state.spans().is_empty() {
            return Ok(Vec::new());
        }
        let concepts = self.best(state);
        let gathered = Gathered::new(terms, &self.facts, &concepts);
        let seen = gathered.look(state.vectors()).stage("the head")?;
        let rows = self.rows(terms, state, &concepts, &seen);
        let mut values = vec![0.0; self.spec.features.len()];
        Ok(concepts
            .iter()
            .zip(rows)
            .map(|(&concept, row)| {
                for (value, feature) in values.iter_mut().zip(&self.spec.features) {
                    *value = row.value(*feature);
                }
                Reranked { concept, logit: self.forest.logit(&values) }
            })
            .collect())
    }

    /// The concepts that are weighed, best first; of equal ones the first.
    fn best(&self, state: &DescriptionState) -> Vec<u32> {
        let scores: Vec<f32> = state
            .similarities()
            .zip(&self.facts.head_start)
            .map(|(similarity, head_start)| similarity + head_start)
            .collect();
        let order =
            |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        let may_be_coded = |&concept: &u32| {
            !self.spec.billable || self.facts.trait_of(concept as usize, Trait::Billable) > 0.0
        };
        let mut concepts: Vec<u32> = (0..scores.len() as u32).filter(may_be_coded).collect();
        let count = self.spec.candidates.min(concepts.len());
        if 0 < count && count < concepts.len() {
            concepts.select_nth_unstable_by(count - 1, order);
            concepts.truncate(count);
        }
        concepts.sort_unstable_by(order);
        concepts
    }

    /// All that is known of each candidate.
    fn rows<'a>(
        &'a self,
        terms: Terms<'_>,
        state: &DescriptionState,
        concepts: &'a [u32],
        seen: &'a [Seen],
    ) -> Vec<Row<'a>> {
        let siblings = siblings::compare(&self.facts, concepts, seen);
        let mut readings = Readings::new(&self.lexicon, state.words());
        let highest = seen.iter().map(|seen| seen.best).fold(f32::NEG_INFINITY, f32::max);
        let tokens = state.words().tokens();
        let spans = state.spans();
        concepts
            .iter()
            .zip(seen)
            .zip(siblings)
            .enumerate()
            .map(|(place, ((&concept, seen), sibling))| {
                let span = &spans[seen.span as usize];
                let own = terms.offsets[concept as usize]..terms.offsets[concept as usize + 1];
                let overlap: Overlap = readings.overlap(own, seen.term, seen.span as usize, span);
                let around = Surroundings {
                    place,
                    spans: spans.len(),
                    tokens,
                    highest,
                    span: span.clone(),
                    ahead: seen.best + terms.prior[concept as usize]
                        - state.span_best(seen.span as usize),
                };
                Row {
                    facts: &self.facts,
                    concept: concept as usize,
                    seen,
                    sibling,
                    overlap,
                    around,
                }
            })
            .collect()
    }
}
