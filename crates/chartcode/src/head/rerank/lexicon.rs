//! How many of a term's words a chart has, weighed by how rare they are among titles.

use std::ops::Range;

use crate::bundle::weights::Weights;
use crate::error::{Error, Result};

/// The tensors that are read here.
pub(super) const KEYS: [&str; 3] = ["word.weight", "term.word_offsets", "term.words"];

/// Keeps a quotient finite where nothing has weight.
const LEAST_MASS: f32 = 1e-6;

/// The words (vocabulary entries) of terms, and what each word weighs.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// Inverse document frequency of each vocabulary entry.
    weights: Vec<f32>,
    /// Term k has words `offsets[k]..offsets[k + 1]`, each once.
    offsets: Vec<u32>,
    words: Vec<u32>,
}

/// The words of a chart, window after window, special tokens left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChartWords {
    ids: Vec<u32>,
    /// Window w has ids `bounds[w]..bounds[w + 1]`.
    bounds: Vec<usize>,
    /// The chart's token that each window begins with.
    first: Vec<usize>,
    /// The window of each span.
    window_of: Vec<u32>,
    /// Behind the last of the chart's tokens.
    tokens: usize,
}

/// How the words of a candidate's terms lie in a chart; all but `mass` are shares in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Overlap {
    /// Of the best term's words, those in its span.
    pub(super) span: f32,
    /// Those in its window.
    pub(super) window: f32,
    /// Those anywhere in the chart.
    pub(super) chart: f32,
    /// The most that the window has of any term of the concept.
    pub(super) any_term: f32,
    /// Of the span's words, those of the best term.
    pub(super) covered: f32,
    /// What the best term's words weigh together.
    pub(super) mass: f32,
}

impl ChartWords {
    /// Takes in a window: its ids without special tokens, which of the chart's tokens they are,
    /// and how many spans were pooled from it.
    pub(crate) fn push(&mut self, ids: &[u32], tokens: &Range<usize>, spans: usize) {
        if self.bounds.is_empty() {
            self.bounds.push(0);
        }
        self.window_of.resize(self.window_of.len() + spans, self.first.len() as u32);
        self.ids.extend(ids);
        self.bounds.push(self.ids.len());
        self.first.push(tokens.start);
        self.tokens = self.tokens.max(tokens.end);
    }

    /// How many tokens the chart has.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    fn window(&self, window: usize) -> &[u32] {
        &self.ids[self.bounds[window]..self.bounds[window + 1]]
    }
}

impl Lexicon {
    pub(super) fn load(weights: &Weights, terms: usize) -> Result<Self> {
        let length = |key| weights.shape(key).and_then(|shape| shape.first()).copied().unwrap_or(0);
        let lexicon = Self {
            weights: weights.floats("word.weight", &[length("word.weight")])?,
            offsets: weights.indices("term.word_offsets", terms + 1)?,
            words: weights.indices("term.words", length("term.words"))?,
        };
        let covered = lexicon.offsets.first() == Some(&0)
            && lexicon.offsets.last().map(|&last| last as usize) == Some(lexicon.words.len())
            && lexicon.offsets.is_sorted();
        let known = lexicon.words.iter().all(|&word| (word as usize) < lexicon.weights.len());
        if covered && known {
            return Ok(lexicon);
        }
        let problem = "term.word_offsets must rise from 0 to the number of term.words, each an \
                       entry of word.weight"
            .into();
        Err(Error::Inconsistent { path: weights.path().to_owned(), problem })
    }

    fn words(&self, term: u32) -> &[u32] {
        let term = term as usize;
        &self.words[self.offsets[term] as usize..self.offsets[term + 1] as usize]
    }

    fn weight(&self, word: u32) -> f32 {
        self.weights.get(word as usize).copied().unwrap_or(0.0)
    }

    /// What the words of a term weigh that `counts` lets pass.
    fn mass(&self, term: u32, counts: impl Fn(u32) -> bool) -> f32 {
        self.words(term).iter().filter(|&&word| counts(word)).map(|&word| self.weight(word)).sum()
    }
}

/// Words of a chart, looked up by window and span.
pub(super) struct Readings<'a> {
    lexicon: &'a Lexicon,
    words: &'a ChartWords,
    in_chart: Vec<bool>,
    /// The window that `in_window` tells of.
    window: Option<usize>,
    in_window: Vec<bool>,
}

impl<'a> Readings<'a> {
    pub(super) fn new(lexicon: &'a Lexicon, words: &'a ChartWords) -> Self {
        let mut in_chart = vec![false; lexicon.weights.len()];
        mark(&mut in_chart, &words.ids, true);
        let in_window = vec![false; lexicon.weights.len()];
        Self { lexicon, words, in_chart, window: None, in_window }
    }

    /// The words of a concept's terms `own` against the chart; `best` is the term that suits the
    /// span numbered `number` most, and `span` that span's tokens.
    pub(super) fn overlap(
        &mut self,
        own: Range<u32>,
        best: u32,
        number: usize,
        span: &Range<usize>,
    ) -> Overlap {
        let window = self.words.window_of[number] as usize;
        self.enter(window);
        let lexicon = self.lexicon;
        let from = span.start - self.words.first[window];
        let mut span: Vec<u32> = self.words.window(window)[from..from + span.len()].to_vec();
        span.sort_unstable();
        span.dedup();
        let in_span = |word| span.binary_search(&word).is_ok();
        let in_window = |word: u32| self.in_window[word as usize];
        let share = |term, counts: &dyn Fn(u32) -> bool| {
            lexicon.mass(term, counts) / (lexicon.mass(term, |_| true) + LEAST_MASS)
        };
        let any_term = own.map(|term| share(term, &in_window)).fold(0.0, f32::max);
        if best == u32::MAX {
            return Overlap { any_term, ..Overlap::default() };
        }
        let span_mass: f32 = span.iter().map(|&word| lexicon.weight(word)).sum();
        Overlap {
            span: share(best, &in_span),
            window: share(best, &in_window),
            chart: share(best, &|word| self.in_chart[word as usize]),
            any_term,
            covered: lexicon.mass(best, in_span) / (span_mass + LEAST_MASS),
            mass: lexicon.mass(best, |_| true) + LEAST_MASS,
        }
    }

    fn enter(&mut self, window: usize) {
        if self.window == Some(window) {
            return;
        }
        if let Some(left) = self.window {
            mark(&mut self.in_window, self.words.window(left), false);
        }
        mark(&mut self.in_window, self.words.window(window), true);
        self.window = Some(window);
    }
}

fn mark(marks: &mut [bool], words: &[u32], value: bool) {
    for &word in words {
        if let Some(mark) = marks.get_mut(word as usize) {
            *mark = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words 0..6 weigh 0, 1, 2, 4, 8, 16; term 0 has words 1 and 3, term 1 words 4 and 5, term 2 none.
    fn lexicon() -> Lexicon {
        Lexicon {
            weights: vec![0.0, 1.0, 2.0, 4.0, 8.0, 16.0],
            offsets: vec![0, 2, 4, 4],
            words: vec![1, 3, 4, 5],
        }
    }

    fn words() -> ChartWords {
        let mut words = ChartWords::default();
        words.push(&[1, 2, 0, 3], &(0..4), 2);
        words.push(&[5, 4], &(4..6), 1);
        words
    }

    #[test]
    fn shares_are_weighed_by_rarity() {
        let (lexicon, words) = (lexicon(), words());
        let mut readings = Readings::new(&lexicon, &words);
        let overlap = readings.overlap(0..2, 0, 1, &(1..4));
        let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
        assert!(near(overlap.span, 4.0 / 5.0));
        assert!(near(overlap.window, 1.0));
        assert!(near(overlap.chart, 1.0));
        assert!(near(overlap.any_term, 1.0));
        assert!(near(overlap.covered, 4.0 / 6.0));
        assert!(near(overlap.mass, 5.0));
        // The other window: marks of the first are gone.
        let overlap = readings.overlap(0..2, 0, 2, &(4..5));
        assert_eq!((overlap.span, overlap.window), (0.0, 0.0));
        assert!(near(overlap.chart, 1.0) && near(overlap.any_term, 1.0));
        assert_eq!(words.tokens(), 6);
    }

    #[test]
    fn a_concept_without_descriptions_has_no_words() {
        let (lexicon, words) = (lexicon(), words());
        let overlap = Readings::new(&lexicon, &words).overlap(2..3, u32::MAX, 0, &(0..1));
        assert_eq!(overlap, Overlap::default());
    }
}
