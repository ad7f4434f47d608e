//! How well the passages a system shows agree with those a human marked.
//!
//! The measures of explainable-medical-coding (Edin et al. 2024, `plausibility_metrics.py`): sets
//! of tokens, pooled over codes for precision and recall, averaged over codes for the
//! intersection over union.

use crate::chart::Span;

/// A passage that a system shows for a code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// Where it stands.
    pub span: Span,
    /// How strongly it supports the code; only the order counts.
    pub strength: f32,
}

/// What one code of one chart adds to the evidence scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EvidenceCase {
    /// Whether the code was suggested.
    pub suggested: bool,
    /// Tokens in gold passages.
    pub gold: u32,
    /// Tokens in shown passages.
    pub shown: u32,
    /// Tokens in both.
    pub both: u32,
    /// Of the strongest tokens, as many as there are gold ones, those that are gold.
    pub strongest_gold: u32,
    /// As many of the strongest tokens there were.
    pub strongest: u32,
    /// Gold passages.
    pub spans: u32,
    /// Gold passages with a shown token.
    pub spans_found: u32,
}

impl EvidenceCase {
    /// Compares what is shown with the gold. `tokens` are the chart's, in reading order, each not
    /// empty; a passage holds the tokens it overlaps. None where no token is gold.
    #[must_use]
    pub fn new(tokens: &[Span], gold: &[Span], shown: &[Shown], suggested: bool) -> Option<Self> {
        let mut is_gold = vec![false; tokens.len()];
        for span in gold {
            is_gold[overlapping(tokens, *span)].fill(true);
        }
        let mut strength: Vec<Option<f32>> = vec![None; tokens.len()];
        for passage in shown {
            for token in &mut strength[overlapping(tokens, passage.span)] {
                *token = Some(token.map_or(passage.strength, |known| known.max(passage.strength)));
            }
        }
        let gold_tokens = is_gold.iter().filter(|&&gold| gold).count();
        if gold_tokens == 0 {
            return None;
        }
        let mut ranked: Vec<usize> = (0..tokens.len()).filter(|&t| strength[t].is_some()).collect();
        let both = ranked.iter().filter(|&&token| is_gold[token]).count();
        let shown_tokens = ranked.len();
        let by_strength = |token: &usize| strength[*token].unwrap_or(f32::NEG_INFINITY);
        ranked.sort_by(|a, b| by_strength(b).total_cmp(&by_strength(a)));
        ranked.truncate(gold_tokens);
        let found = |span: &&Span| overlapping(tokens, **span).any(|t| strength[t].is_some());
        Some(Self {
            suggested,
            gold: gold_tokens as u32,
            shown: shown_tokens as u32,
            both: both as u32,
            strongest_gold: ranked.iter().filter(|&&token| is_gold[token]).count() as u32,
            strongest: ranked.len() as u32,
            spans: gold.len() as u32,
            spans_found: gold.iter().filter(found).count() as u32,
        })
    }

    /// Intersection over union of the shown and the gold tokens.
    #[must_use]
    pub fn iou(&self) -> f64 {
        f64::from(self.both) / f64::from(self.gold + self.shown - self.both)
    }

    /// The same of the strongest tokens, as many as there are gold ones.
    #[must_use]
    pub fn iou_at_gold_size(&self) -> f64 {
        let union = self.gold + self.strongest - self.strongest_gold;
        f64::from(self.strongest_gold) / f64::from(union)
    }
}

/// The tokens that overlap a passage; tokens do not overlap each other.
fn overlapping(tokens: &[Span], span: Span) -> std::ops::Range<usize> {
    let first = tokens.partition_point(|token| token.end <= span.start);
    let behind = tokens.partition_point(|token| token.start < span.end);
    first..behind.max(first)
}

/// The words of a text, as code points: runs of letters and digits.
#[must_use]
pub fn words(text: &str) -> Vec<Span> {
    let mut words = Vec::new();
    let mut start = None;
    for (place, character) in text.chars().chain(['\n']).enumerate() {
        match (character.is_alphanumeric(), start) {
            (true, None) => start = Some(place),
            (false, Some(first)) => {
                words.push(Span { start: first, end: place });
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Figures over cases, each with its chart's weight, in the order of the fields of
/// [`EvidenceScores`](crate::EvidenceScores); NaN where not defined.
pub(crate) fn figures(cases: &[(u32, EvidenceCase)], weights: &[u32]) -> [f64; 7] {
    let sum = |value: &dyn Fn(&EvidenceCase) -> f64| -> f64 {
        cases.iter().map(|(chart, case)| f64::from(weights[*chart as usize]) * value(case)).sum()
    };
    let both = sum(&|case| f64::from(case.both));
    let (shown, gold) = (sum(&|case| f64::from(case.shown)), sum(&|case| f64::from(case.gold)));
    let count = sum(&|_| 1.0);
    [
        both / shown,
        both / gold,
        2.0 * both / (shown + gold),
        sum(&EvidenceCase::iou) / count,
        sum(&EvidenceCase::iou_at_gold_size) / count,
        sum(&|case| f64::from(case.spans_found)) / sum(&|case| f64::from(case.spans)),
        sum(&|case| f64::from(u8::from(case.shown == 0))) / count,
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let text = "Sjögren's, 2x/day\u{301}";
        let characters: Vec<char> = text.chars().collect();
        let read: Vec<String> =
            words(text).iter().map(|w| characters[w.start..w.end].iter().collect()).collect();
        assert_eq!(read, ["Sjögren", "s", "2x", "day"]);
    }

    #[test]
    fn a_passage_is_compared_token_by_token() {
        // a b c d e: gold "b c" and "e", shown "c d" (strong) and "a" (weak).
        let tokens: Vec<Span> = (0..5).map(|t| span(2 * t, 2 * t + 1)).collect();
        let shown =
            [Shown { span: span(0, 1), strength: 0.1 }, Shown { span: span(4, 7), strength: 0.9 }];
        let case = EvidenceCase::new(&tokens, &[span(2, 5), span(8, 9)], &shown, true).unwrap();
        assert_eq!((case.gold, case.shown, case.both), (3, 3, 1));
        assert_eq!((case.spans, case.spans_found), (2, 1));
        assert!((case.iou() - 0.2).abs() < 1e-12);
        let all = figures(&[(0, case)], &[1]);
        let third = 1.0 / 3.0;
        for (value, expected) in all.iter().zip([third, third, third, 0.2, 0.2, 0.5, 0.0]) {
            assert!((value - expected).abs() < 1e-12, "{all:?}");
        }
    }

    #[test]
    fn without_gold_tokens_there_is_no_case() {
        assert_eq!(EvidenceCase::new(&[span(0, 1)], &[span(3, 4)], &[], false), None);
    }

    proptest! {
        #[test]
        fn counts_equal_those_of_sets_of_tokens(
            gaps in proptest::collection::vec((0_usize..3, 1_usize..4), 0..12),
            gold in proptest::collection::vec((0_usize..40, 1_usize..9), 1..4),
            shown in proptest::collection::vec((0_usize..40, 1_usize..9, 0_u8..4), 0..5),
        ) {
            let mut at = 0;
            let tokens: Vec<Span> = gaps.iter().map(|&(gap, length)| {
                let start = at + gap;
                at = start + length;
                span(start, at)
            }).collect();
            let gold: Vec<Span> = gold.iter().map(|&(s, l)| span(s, s + l)).collect();
            let shown: Vec<Shown> = shown.iter()
                .map(|&(s, l, f)| Shown { span: span(s, s + l), strength: f32::from(f) }).collect();
            let inside = |spans: &mut dyn Iterator<Item = Span>| -> BTreeSet<usize> {
                let held: Vec<Span> = spans.collect();
                let holds = |t: &usize| {
                    let token = tokens[*t];
                    held.iter().any(|s| (token.start..token.end).any(|c| (s.start..s.end).contains(&c)))
                };
                (0..tokens.len()).filter(holds).collect()
            };
            let gold_set = inside(&mut gold.iter().copied());
            let shown_set = inside(&mut shown.iter().map(|s| s.span));
            let Some(case) = EvidenceCase::new(&tokens, &gold, &shown, false) else {
                prop_assert!(gold_set.is_empty());
                return Ok(());
            };
            prop_assert_eq!(case.gold as usize, gold_set.len());
            prop_assert_eq!(case.shown as usize, shown_set.len());
            prop_assert_eq!(case.both as usize, gold_set.intersection(&shown_set).count());
            let found = gold.iter().filter(|&&g| {
                let own = inside(&mut std::iter::once(g));
                !own.is_disjoint(&shown_set)
            }).count();
            prop_assert_eq!(case.spans_found as usize, found);
            prop_assert!((0.0..=1.0).contains(&case.iou_at_gold_size()));
            prop_assert!(case.strongest as usize == gold_set.len().min(shown_set.len()));
        }
    }
}
