//! What the trees look at.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::candidates::Seen;
use super::facts::{Facts, Trait};
use super::lexicon::Overlap;
use super::siblings::Sibling;

/// A feature of a candidate. Similarities are cosines of projected vectors; a *mention* is a
/// passage of a training chart, a *description* any other term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feature {
    /// The highest similarity of any term with any span; that span is the candidate's best.
    Similarity,
    /// The highest similarity with any other span.
    SecondSimilarity,
    /// Of the best span: the highest similarity of a description.
    Described,
    /// Of the best span: the highest similarity of a mention.
    Mentioned,
    /// Of all spans: the highest similarity of a description.
    MostDescribed,
    /// Of all spans: the highest similarity of a mention.
    MostMentioned,
    /// Of all spans: the highest similarity of the title.
    Titled,
    /// How far it is behind the concept that the best span suits most, priors included.
    Margin,
    /// How many candidates suit the best span better.
    Rank,
    /// The same of the span where the fewest do.
    BestRank,
    /// Spans that no candidate suits better.
    SpansFirst,
    /// Spans that at most two candidates suit better.
    SpansThird,
    /// ln(0.3 + training charts with the concept).
    LogCount,
    /// ln(0.3 + those with its category / √ concepts of the category).
    LogCategoryCount,
    /// The title says "unspecified".
    Unspecified,
    /// The title begins with "other".
    Other,
    /// Characters of the code.
    CodeLength,
    /// Whether it, or a code it stands for, can be billed.
    Billable,
    /// The code's first letter, A = 0.
    Letter,
    /// How many descriptions it has.
    Descriptions,
    /// How many concepts its category has.
    CategorySize,
    /// How many candidates of its category are better.
    SiblingRank,
    /// How many candidates are of its category.
    Siblings,
    /// How far it is ahead of the best other one of its category.
    SiblingLead,
    /// The highest similarity of a candidate with a finer code.
    FinerSimilarity,
    /// Its place among the candidates.
    Place,
    /// How many spans the chart has.
    Spans,
    /// How many tokens the chart has.
    ChartTokens,
    /// The highest similarity of any candidate.
    Highest,
    /// Of the best description's words, the share in the best span (weighed by rarity, as all
    /// shares of words).
    WordsInSpan,
    /// The share in its window.
    WordsInWindow,
    /// The share in the chart.
    WordsInChart,
    /// The highest share in the window of any description.
    WordsOfAnyTerm,
    /// Of the best span's words, the share that the best description has.
    SpanCovered,
    /// What the best description's words weigh.
    WordMass,
    /// Where in the chart the best span begins, 0 to 1.
    Position,
    /// How many tokens the best span has.
    SpanTokens,
}

/// What surrounds a candidate.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) place: usize,
    pub(super) spans: usize,
    pub(super) tokens: usize,
    pub(super) highest: f32,
    /// Tokens of the best span.
    pub(super) span: Range<usize>,
    /// Similarity and prior above the highest of any concept for the best span; at most 0.
    pub(super) ahead: f32,
}

/// All that is known of one candidate.
pub(super) struct Row<'a> {
    pub(super) facts: &'a Facts,
    pub(super) concept: usize,
    pub(super) seen: &'a Seen,
    pub(super) sibling: Sibling,
    pub(super) overlap: Overlap,
    pub(super) around: Surroundings,
}

impl Row<'_> {
    pub(super) fn value(&self, feature: Feature) -> f32 {
        let Self { facts, concept, seen, sibling, overlap, around } = self;
        match feature {
            Feature::Similarity => seen.best,
            Feature::SecondSimilarity => seen.second,
            Feature::Described => seen.described,
            Feature::Mentioned => seen.mentioned,
            Feature::MostDescribed => seen.most_described,
            Feature::MostMentioned => seen.most_mentioned,
            Feature::Titled => seen.titled,
            Feature::Margin => around.ahead,
            Feature::Rank => seen.rank as f32,
            Feature::BestRank => seen.best_rank as f32,
            Feature::SpansFirst => seen.spans_first as f32,
            Feature::SpansThird => seen.spans_third as f32,
            Feature::LogCount => facts.log_count[*concept],
            Feature::LogCategoryCount => facts.log_category_count[*concept],
            Feature::Unspecified => facts.trait_of(*concept, Trait::Unspecified),
            Feature::Other => facts.trait_of(*concept, Trait::Other),
            Feature::CodeLength => facts.trait_of(*concept, Trait::Length),
            Feature::Billable => facts.trait_of(*concept, Trait::Billable),
            Feature::Letter => facts.trait_of(*concept, Trait::Letter),
            Feature::Descriptions => facts.trait_of(*concept, Trait::Descriptions),
            Feature::CategorySize => facts.trait_of(*concept, Trait::CategorySize),
            Feature::SiblingRank => sibling.rank as f32,
            Feature::Siblings => sibling.count as f32,
            Feature::SiblingLead => sibling.lead,
            Feature::FinerSimilarity => sibling.finer,
            Feature::Place => around.place as f32,
            Feature::Spans => around.spans as f32,
            Feature::ChartTokens => around.tokens as f32,
            Feature::Highest => around.highest,
            Feature::WordsInSpan => overlap.span,
            Feature::WordsInWindow => overlap.window,
            Feature::WordsInChart => overlap.chart,
            Feature::WordsOfAnyTerm => overlap.any_term,
            Feature::SpanCovered => overlap.covered,
            Feature::WordMass => overlap.mass,
            Feature::Position => around.span.start as f32 / around.tokens as f32,
            Feature::SpanTokens => around.span.len() as f32,
        }
    }
}
