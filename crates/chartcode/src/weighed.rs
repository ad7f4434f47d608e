//! Passages behind a linear head's logits: word runs and windows, each with what it adds.

use crate::attribution;
use crate::engine::{Engine, Scored};
use crate::error::Result;
use crate::evidence::Passage;
use crate::prepare::Prepared;
use crate::span::Span;

/// A passage stands for itself if it has this share of all that speaks for the label.
const LEAST_SHARE: f32 = 0.05;

/// Passages shown for a code.
const SHOWN: usize = 5;

/// Windows kept for a label while a chart is gone through.
const KEPT: usize = 64;

/// The passages that speak for each of `labels`, strongest first. Runs of words that overlap or
/// follow each other are one passage, which has what all of them add.
pub(crate) fn passages(
    engine: &Engine,
    text: &str,
    prepared: &Prepared,
    scored: &Scored,
    labels: &[usize],
) -> Result<Vec<Vec<Passage>>> {
    let spans = &prepared.tokens.spans;
    let mut windows: Vec<Vec<(Span, f32)>> = vec![Vec::new(); labels.len()];
    attribution::each_share(engine, prepared, scored, labels, |place, shares| {
        let own = shares.iter().filter(|share| share.contribution > 0.0).map(|share| {
            (spans[share.tokens.start].cover(spans[share.tokens.end - 1]), share.contribution)
        });
        windows[place].extend(own);
        strongest_first(&mut windows[place]);
        windows[place].truncate(KEPT);
    })?;
    let head = engine.head()?;
    Ok(labels
        .iter()
        .zip(windows)
        .map(|(&label, windows)| {
            let mut found = joined(text, head.runs(&scored.state, label));
            found.extend(windows);
            shown(found)
        })
        .collect())
}

/// Joins runs that overlap, or have nothing but white space between them.
fn joined(text: &str, mut runs: Vec<(Span, f32)>) -> Vec<(Span, f32)> {
    runs.sort_by_key(|run| run.0);
    let mut joined: Vec<(Span, f32)> = Vec::new();
    for (span, weight) in runs {
        match joined.last_mut() {
            Some((last, sum)) if follows(text, *last, span) => {
                *last = last.cover(span);
                *sum += weight;
            }
            _ => joined.push((span, weight)),
        }
    }
    joined
}

fn follows(text: &str, left: Span, right: Span) -> bool {
    right.start() <= left.end() || text[left.end()..right.start()].chars().all(|c| c == ' ')
}

fn shown(mut found: Vec<(Span, f32)>) -> Vec<Passage> {
    let total: f32 = found.iter().map(|(_, weight)| weight).sum();
    strongest_first(&mut found);
    let mut rank = 0..;
    found.retain(|(_, weight)| rank.next() == Some(0) || *weight >= LEAST_SHARE * total);
    found.truncate(SHOWN);
    let passage = |(span, contribution)| Passage { span, contribution, attention: None };
    found.into_iter().map(passage).collect()
}

fn strongest_first(found: &mut [(Span, f32)]) {
    found.sort_by(|(left, a), (right, b)| b.total_cmp(a).then_with(|| left.cmp(right)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_and_weak_passages_left_out() {
        let text = "acute chest pain, no fever";
        let runs = vec![
            (Span::new(0, 11), 1.0),
            (Span::new(12, 16), 0.5),
            (Span::new(6, 16), 1.0),
            (Span::new(18, 26), 0.1),
        ];
        let joined = joined(text, runs);
        assert_eq!(joined, [(Span::new(0, 16), 2.5), (Span::new(18, 26), 0.1)]);
        let shown = shown(joined);
        assert_eq!(shown.len(), 1);
        assert_eq!((shown[0].span, shown[0].contribution), (Span::new(0, 16), 2.5));
    }
}
