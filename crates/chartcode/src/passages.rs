//! From single tokens to the passages that a coder would read.

use std::ops::Range;

use crate::evidence::Passage;
use crate::head::TokenShare;
use crate::options::EvidenceKind;
use crate::span::Span;

/// Tokens kept for a label while a chart is gone through; weaker ones say nothing.
const KEPT: usize = 256;

/// A token stands for itself if it has this share of what all kept tokens have. Attention of
/// published models is spread so that 4 to 5 % parts evidence from noise best (Edin et al. 2024).
const LEAST_SHARE: f32 = 0.05;

/// Tokens with at most this many others between them belong to one passage.
const GAP: usize = 2;

/// Passages shown for a code.
const SHOWN: usize = 5;

/// The strongest tokens of a label.
#[derive(Clone, Debug)]
pub(crate) struct Strongest {
    kind: EvidenceKind,
    tokens: Vec<Weighed>,
}

#[derive(Clone, Copy, Debug)]
struct Weighed {
    token: usize,
    attention: f32,
    contribution: f32,
}

impl Strongest {
    pub(crate) fn new(kind: EvidenceKind) -> Self {
        Self { kind, tokens: Vec::new() }
    }

    /// Takes in further tokens, in reading order.
    pub(crate) fn absorb(&mut self, shares: &[TokenShare]) {
        let own = shares.iter().filter(|share| !share.tokens.is_empty());
        self.tokens.extend(own.map(|share| Weighed {
            token: share.tokens.start,
            attention: share.attention,
            contribution: share.contribution,
        }));
        if self.tokens.len() >= 2 * KEPT {
            self.prune();
        }
    }

    fn weight(&self, token: &Weighed) -> f32 {
        match self.kind {
            EvidenceKind::Attention => token.attention,
            EvidenceKind::None | EvidenceKind::Contribution => token.contribution,
        }
    }

    fn prune(&mut self) {
        let kind = self.kind;
        let weight = |token: &Weighed| Self { kind, tokens: Vec::new() }.weight(token);
        self.tokens
            .sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.token.cmp(&b.token)));
        self.tokens.truncate(KEPT);
    }

    /// The passages, strongest first; none where nothing speaks for the label. `spans` are those
    /// of the chart's tokens.
    pub(crate) fn passages(mut self, text: &str, spans: &[Span]) -> Vec<Passage> {
        self.prune();
        let total: f32 = self.tokens.iter().map(|token| self.weight(token).max(0.0)).sum();
        let least = LEAST_SHARE * total;
        let mut standing: Vec<Weighed> = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(rank, token)| {
                let weight = self.weight(token);
                weight > 0.0 && (*rank == 0 || weight >= least)
            })
            .map(|(_, token)| *token)
            .collect();
        standing.sort_by_key(|token| token.token);
        let mut passages: Vec<(f32, Passage)> = runs(&standing)
            .into_iter()
            .map(|run| {
                let passage = self.passage(text, spans, run);
                let weight = match self.kind {
                    EvidenceKind::Attention => passage.attention.unwrap_or_default(),
                    _ => passage.contribution,
                };
                (weight, passage)
            })
            .collect();
        passages.sort_by(|(a, left), (b, right)| {
            b.total_cmp(a).then_with(|| left.span.cmp(&right.span))
        });
        passages.truncate(SHOWN);
        passages.into_iter().map(|(_, passage)| passage).collect()
    }

    /// The run of tokens widened to whole words, with all that its kept tokens have.
    fn passage(&self, text: &str, spans: &[Span], run: Range<usize>) -> Passage {
        let span = whole_words(text, spans[run.start].cover(spans[run.end - 1]));
        let inside = |token: &&Weighed| {
            let own = spans[token.token];
            run.contains(&token.token) || (own.start() >= span.start() && own.end() <= span.end())
        };
        let inside: Vec<&Weighed> = self.tokens.iter().filter(inside).collect();
        Passage {
            span,
            contribution: inside.iter().map(|token| token.contribution).sum(),
            attention: Some(inside.iter().map(|token| token.attention).sum()),
        }
    }
}

/// Runs of tokens that stand close together, as ranges of token numbers.
fn runs(tokens: &[Weighed]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for Weighed { token, .. } in tokens {
        match runs.last_mut() {
            Some(run) if *token <= run.end + GAP => run.end = token + 1,
            _ => runs.push(*token..token + 1),
        }
    }
    runs
}

/// The span with the words that it begins and ends in.
fn whole_words(text: &str, span: Span) -> Span {
    let part_of_word = |c: char| c.is_alphanumeric();
    let (before, inside) = (&text[..span.start()], &text[span.range()]);
    let behind = &text[span.end()..];
    let start = if inside.starts_with(part_of_word) {
        before.trim_end_matches(part_of_word).len()
    } else {
        span.start()
    };
    let end = if inside.ends_with(part_of_word) {
        text.len() - behind.trim_start_matches(part_of_word).len()
    } else {
        span.end()
    };
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passages of a text whose tokens are pieces of at most four characters of its words.
    fn passages(text: &str, weights: &[(&str, f32)]) -> Vec<(String, f32)> {
        let mut spans = Vec::new();
        for word in text.split(' ') {
            let start = word.as_ptr().addr() - text.as_ptr().addr();
            let ends = (0..word.len()).step_by(4);
            spans.extend(ends.map(|at| Span::new(start + at, start + (at + 4).min(word.len()))));
        }
        let shares: Vec<TokenShare> = spans
            .iter()
            .enumerate()
            .map(|(token, span)| {
                let piece = &text[span.range()];
                let weight = weights.iter().find(|(name, _)| *name == piece).map_or(0.0, |w| w.1);
                TokenShare { tokens: token..token + 1, attention: 0.0, contribution: weight }
            })
            .collect();
        let mut strongest = Strongest::new(EvidenceKind::Contribution);
        shares.chunks(3).for_each(|shares| strongest.absorb(shares));
        strongest
            .passages(text, &spans)
            .into_iter()
            .map(|passage| (text[passage.span.range()].to_owned(), passage.contribution))
            .collect()
    }

    #[test]
    fn passages_are_whole_words_and_close_ones_are_joined() {
        let text = "seen for an acute pneumonia of the left lobe and later, much later, a fever";
        let found = passages(text, &[("pneu", 2.0), ("lobe", 1.0), ("feve", 0.5), ("of", -0.5)]);
        assert_eq!(
            found,
            [("pneumonia".to_owned(), 2.0), ("lobe".to_owned(), 1.0), ("fever".to_owned(), 0.5)]
        );
        let joined = passages(text, &[("acut", 1.0), ("moni", 2.0)]);
        assert_eq!(joined, [("acute pneumonia".to_owned(), 3.0)]);
    }

    #[test]
    fn weak_tokens_stand_for_nothing_and_the_best_for_itself() {
        let text = "one two three four five";
        assert_eq!(passages(text, &[("one", 1.0), ("five", 0.01)]), [("one".to_owned(), 1.0)]);
        assert!(passages(text, &[("one", -1.0)]).is_empty());
    }
}
