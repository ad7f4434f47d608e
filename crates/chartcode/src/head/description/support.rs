//! The passages behind a logit of the second look.

use super::super::Support;
use super::super::rerank::Reranker;
use super::DescriptionState;

/// The passages of a concept that was weighed again: the best one has its logit, another less by
/// as much as it is less similar.
pub(super) fn second_support(
    look: &Reranker,
    state: &DescriptionState,
    concept: usize,
    bias: f32,
) -> Vec<Support> {
    let best = state.concepts[concept].attended();
    let weighed = state.reranked.get().and_then(|reranked| {
        let at = reranked.binary_search_by_key(&(concept as u32), |weighed| weighed.concept);
        at.ok().map(|at| reranked[at].logit)
    });
    let logit = bias + weighed.unwrap_or_else(|| look.floor(concept, best));
    supports(look, state, concept, logit)
}

/// The passages of a label that must not be suggested.
pub(super) fn barred_support(
    look: &Reranker,
    state: &DescriptionState,
    concept: usize,
) -> Vec<Support> {
    let logit = look.floor(concept, state.concepts[concept].attended());
    supports(look, state, concept, logit)
}

fn supports(look: &Reranker, state: &DescriptionState, concept: usize, logit: f32) -> Vec<Support> {
    let running = &state.concepts[concept];
    let best = running.attended();
    running
        .hits()
        .map(|hit| Support {
            tokens: state.spans[hit.span as usize].clone(),
            contribution: look.sharpness() * hit.similarity,
            logit_alone: logit - look.sharpness() * (best - hit.similarity),
        })
        .collect()
}
