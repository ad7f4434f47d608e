//! What each token of a chart is to a label.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::chart::Chart;
use crate::engine::{Engine, Needs, Scored, segments};
use crate::error::Result;
use crate::head::{State, TokenShare};
use crate::prepare::Prepared;
use crate::span::Span;

/// One token's part in a label's logit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenSupport {
    /// The token, in bytes of the chart's text; none for special tokens and padding.
    pub span: Option<Span>,
    /// Its share of the label's attention; over all tokens they add up to 1.
    pub attention: f32,
    /// What it adds to the logit. For a classification head: what the logit of the label's best
    /// window loses without it; other windows have no tokens here. For LAAT the contributions and the label's bias add up to the
    /// logit; for cross-attention they do with a number that depends on the label only, LayerNorm's
    /// divisor taken as that of the whole chart.
    pub contribution: f32,
}

pub(crate) fn token_support(
    engine: &Engine,
    chart: &Chart,
    label: usize,
) -> Result<Option<Vec<TokenSupport>>> {
    engine.check_label(label)?;
    engine.answer(chart, Needs::All, |engine, _, prepared, scored| {
        if matches!(scored.state, State::Description(_) | State::Linear(_)) {
            return Ok(None);
        }
        let mut support = Vec::new();
        each_share(engine, prepared, scored, &[label], |_, shares| {
            support.extend(shares.iter().map(|share| TokenSupport {
                span: share.tokens.clone().next().map(|token| prepared.tokens.spans[token]),
                attention: share.attention,
                contribution: share.contribution,
            }));
        })?;
        Ok(Some(support))
    })
}

/// Gives `each` the shares of all rows of the chart in reading order, for each label by its place
/// in `labels`. A chart too long for its features to be kept is encoded once more.
pub(crate) fn each_share(
    engine: &Engine,
    prepared: &Prepared,
    scored: &Scored,
    labels: &[usize],
    mut each: impl FnMut(usize, &[TokenShare]),
) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    let head = engine.head()?;
    if matches!(scored.state, State::Pooled(_)) {
        return each_window_share(engine, prepared, scored, labels, each);
    }
    let mut kept = scored.features.as_deref();
    for segment in segments(&prepared.windows) {
        let again;
        let own = if let Some(features) = &mut kept {
            let (own, behind) = features.split_at(segment.len());
            *features = behind;
            own
        } else {
            again = engine.segment_features(head, segment)?;
            &again
        };
        head.shares(&scored.state, labels, own, &mut each)?;
    }
    Ok(())
}

/// As [`each_share`], for a head that takes each label's logit from one window: the shares of that
/// window's rows.
fn each_window_share(
    engine: &Engine,
    prepared: &Prepared,
    scored: &Scored,
    labels: &[usize],
    mut each: impl FnMut(usize, &[TokenShare]),
) -> Result<()> {
    let head = engine.head()?;
    let mut by_window: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, &label) in labels.iter().enumerate() {
        if let Some(window) = head.decisive_window(&scored.state, label) {
            by_window.entry(window).or_default().push(place);
        }
    }
    for (window, places) in by_window {
        let own: Vec<usize> = places.iter().map(|&place| labels[place]).collect();
        let (encoder, window) = (engine.encoder(), &prepared.windows[window]);
        let shares = head.window_shares(encoder, &scored.state, window, &own)?;
        places.into_iter().zip(&shares).for_each(|(place, shares)| each(place, shares));
    }
    Ok(())
}
