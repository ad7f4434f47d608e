//! The engine's passages beside the gold's.

use std::collections::HashMap;

use chartcode::{Chart, Decision, Engine};
use chartcode_eval::{Code, EvidenceCase, GoldEvidence, LabelSet, Shown, Span, words};

/// A case for each gold code that has passages and is a label; `label` gives the bundle's label.
pub(super) fn cases(
    engine: &Engine,
    chart: &Chart,
    gold: &[GoldEvidence],
    label: impl Fn(&Code) -> Option<usize>,
) -> chartcode::Result<Vec<EvidenceCase>> {
    let wanted = by_label(gold, label);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = tokens(engine, chart)?;
    let labels: Vec<usize> = wanted.iter().map(|(label, _)| *label).collect();
    let explanation = engine.explain(chart, &labels)?;
    let mut cases = Vec::new();
    for ((label, spans), evidence) in wanted.iter().zip(&explanation.evidence) {
        let shown: Vec<Shown> = evidence
            .iter()
            .map(|passage| Shown {
                span: Span { start: passage.characters.start(), end: passage.characters.end() },
                strength: passage.contribution,
            })
            .collect();
        let suggested = engine.decide(*label, explanation.logits[*label]) != Decision::Drop;
        cases.extend(EvidenceCase::new(&tokens, spans, &shown, suggested));
    }
    Ok(cases)
}

/// The gold passages of each label.
fn by_label(
    gold: &[GoldEvidence],
    label: impl Fn(&Code) -> Option<usize>,
) -> Vec<(usize, Vec<Span>)> {
    let mut wanted: Vec<(usize, Vec<Span>)> = Vec::new();
    for marked in gold {
        let Some(label) = label(&marked.code) else {
            continue;
        };
        match wanted.iter_mut().find(|(known, _)| *known == label) {
            Some((_, spans)) => spans.extend(&marked.spans),
            None => wanted.push((label, marked.spans.clone())),
        }
    }
    wanted
}

/// What another system shows for a chart's labels, and whether it suggests them.
#[derive(Debug, Default)]
pub(super) struct ShownLabels {
    pub(super) shown: HashMap<u32, Vec<Shown>>,
    pub(super) suggested: Vec<u32>,
}

/// A case for each gold code of a chart that has passages and is a label, word by word.
pub(super) fn cases_of_words(
    text: &str,
    gold: &[GoldEvidence],
    labels: &LabelSet,
    answer: &ShownLabels,
) -> Vec<EvidenceCase> {
    let tokens = words(text);
    by_label(gold, |code| labels.label(code).map(|label| label as usize))
        .into_iter()
        .filter_map(|(label, spans)| {
            let label = label as u32;
            let shown = answer.shown.get(&label).map_or(&[][..], Vec::as_slice);
            EvidenceCase::new(&tokens, &spans, shown, answer.suggested.contains(&label))
        })
        .collect()
}

/// The bundle's tokens as code points of the text; those that stand for no text are left out.
fn tokens(engine: &Engine, chart: &Chart) -> chartcode::Result<Vec<Span>> {
    let mut places = vec![0; chart.text().len() + 1];
    let mut count = 0;
    for (byte, character) in chart.text().char_indices() {
        places[byte..byte + character.len_utf8()].fill(count);
        count += 1;
    }
    places[chart.text().len()] = count;
    let mut tokens: Vec<Span> = Vec::new();
    for span in &engine.tokens(chart)?.spans {
        let token = Span { start: places[span.start()], end: places[span.end()] };
        // Byte-level tokens may share a character.
        let start = token.start.max(tokens.last().map_or(0, |last| last.end));
        if start < token.end {
            tokens.push(Span { start, end: token.end });
        }
    }
    Ok(tokens)
}
