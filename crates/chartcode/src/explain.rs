//! Step 9: from a chart's scores to the passages behind each code.

use serde::Serialize;

use crate::attribution;
use crate::chart::Chart;
use crate::engine::{Engine, Scored};
use crate::error::Result;
use crate::evidence::{self, Evidence, Passage};
use crate::head::{State, Support};
use crate::options::EvidenceKind;
use crate::passages::Strongest;
use crate::prepare::Prepared;
use crate::span::Span;
use crate::weighed;

/// A chart's logits and the passages behind some of its labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// One a label, in the order of [`Engine::labels`].
    pub logits: Vec<f32>,
    /// For each label that was asked about, in that order, its passages, strongest first. None
    /// where nothing of the chart speaks for the label, or with [`EvidenceKind::None`].
    pub evidence: Vec<Vec<Evidence>>,
}

/// The passages behind each of `labels`, strongest first.
pub(crate) fn evidence(
    engine: &Engine,
    chart: &Chart,
    prepared: &Prepared,
    scored: &Scored,
    labels: &[usize],
) -> Result<Vec<Vec<Evidence>>> {
    let kind = engine.evidence_kind();
    if kind == EvidenceKind::None {
        return Ok(vec![Vec::new(); labels.len()]);
    }
    let spans = &prepared.tokens.spans;
    let head = engine.head()?;
    let support = |label| passages(engine, label, spans, head.support(&scored.state, label));
    let passages: Vec<Vec<Passage>> = if matches!(scored.state, State::Description(_)) {
        labels.iter().map(|&label| support(label)).collect()
    } else if matches!(scored.state, State::Linear(_)) {
        weighed::passages(engine, chart.text(), prepared, scored, labels)?
    } else {
        let mut strongest = vec![Strongest::new(kind); labels.len()];
        attribution::each_share(engine, prepared, scored, labels, |place, shares| {
            strongest[place].absorb(shares);
        })?;
        let passages = strongest.into_iter().map(|label| label.passages(chart.text(), spans));
        // Where no token speaks for a code by itself, the window that does is shown.
        let or_window = |(passages, &label): (Vec<Passage>, &usize)| {
            if passages.is_empty() { support(label) } else { passages }
        };
        passages.zip(labels).map(or_window).collect()
    };
    Ok(passages.iter().map(|passages| evidence::gather(chart.text(), passages)).collect())
}

/// The best passage is always shown, others where they would be enough by themselves.
fn passages(engine: &Engine, label: usize, spans: &[Span], support: Vec<Support>) -> Vec<Passage> {
    let mut passages: Vec<Passage> = support
        .into_iter()
        .filter(|passage| !passage.tokens.is_empty())
        .enumerate()
        .filter(|(rank, passage)| *rank == 0 || engine.suggests(label, passage.logit_alone))
        .map(|(_, Support { tokens, contribution, .. })| Passage {
            span: spans[tokens.start].cover(spans[tokens.end - 1]),
            contribution,
            attention: None,
        })
        .collect();
    passages.sort_by(|a, b| {
        b.contribution.total_cmp(&a.contribution).then_with(|| a.span.cmp(&b.span))
    });
    passages
}
