//! From what a system said to scores and suggestions over a label space.

use std::sync::Arc;

use crate::code::Code;
use crate::collapse::OwnedRow;
use crate::gold::guess_system;
use crate::label_set::LabelSet;
use crate::predicted::{Listed, PredictedChart, Scale, Scores};
use crate::record::Suggestion;
use crate::row::RowScores;
use crate::tune::sigmoid;

/// The threshold where a system gives probabilities and nobody says which of them are suggestions.
pub const USUAL_THRESHOLD: f64 = 0.5;

/// A code whose system is told by its form where it is not named.
#[must_use]
pub fn resolve(code: &Code) -> Code {
    match guess_system(&code.code) {
        Some(system) if code.system.is_empty() => Code::new(system, &code.code),
        _ => code.clone(),
    }
}

/// Turns the answers of one system into rows.
#[derive(Debug)]
pub struct Scorer<'s> {
    space: &'s LabelSet,
    scale: Scale,
    threshold: Option<f64>,
    columns: Option<Columns>,
}

/// The labels last seen, and which label of the set each is.
#[derive(Debug)]
struct Columns {
    of: Arc<[Code]>,
    labels: Vec<Option<u32>>,
}

/// One chart's answer over a label space.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    row: OwnedRow,
    /// What is suggested, best first.
    pub suggested: Vec<Suggestion>,
    /// Codes that are no labels of the space.
    pub strangers: usize,
}

impl Scored {
    /// A chart without an answer: nothing suggested, all labels tied.
    #[must_use]
    pub fn nothing() -> Self {
        Self { row: OwnedRow::Sparse(Vec::new()), suggested: Vec::new(), strangers: 0 }
    }

    /// The scores.
    #[must_use]
    pub fn row(&self) -> RowScores<'_> {
        self.row.as_row()
    }
}

impl<'s> Scorer<'s> {
    /// Codes above `threshold` are suggested; without one those the system itself decided for,
    /// where it does not say those above [`USUAL_THRESHOLD`], and where it gives no scores all.
    #[must_use]
    pub fn new(space: &'s LabelSet, scale: Scale, threshold: Option<f64>) -> Self {
        Self { space, scale, threshold, columns: None }
    }

    /// The probability that a score stands for.
    #[must_use]
    pub fn probability(scale: Scale, score: f64) -> Option<f64> {
        match scale {
            Scale::Probability => Some(score),
            Scale::Logit => Some(sigmoid(score)),
            Scale::Order => None,
        }
    }

    /// The same as a function, where scores are more than an order.
    #[must_use]
    pub fn probabilities(scale: Scale) -> Option<fn(f32) -> f64> {
        match scale {
            Scale::Probability => Some(f64::from),
            Scale::Logit => Some(|score| sigmoid(f64::from(score))),
            Scale::Order => None,
        }
    }

    /// One chart's row and suggestions. Of a code that is listed twice the better score counts.
    pub fn score(&mut self, chart: &PredictedChart) -> Scored {
        match &chart.scores {
            Scores::Listed(listed) => self.listed(listed),
            Scores::Dense { labels, scores } => self.dense(labels, scores),
        }
    }

    fn listed(&self, listed: &[Listed]) -> Scored {
        let mut entries: Vec<(u32, &Listed)> =
            listed.iter().filter_map(|l| Some((self.label(&l.code)?, l))).collect();
        let strangers = listed.len() - entries.len();
        entries.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.score.total_cmp(&a.1.score)));
        entries.dedup_by_key(|entry| entry.0);
        let row = entries.iter().map(|&(label, listed)| (label, listed.score as f32)).collect();
        entries.retain(|(_, listed)| self.is_suggested(listed));
        entries.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then_with(|| a.0.cmp(&b.0)));
        let suggested = entries
            .into_iter()
            .map(|(label, listed)| Suggestion {
                label,
                probability: Self::probability(self.scale, listed.score).map(|p| p as f32),
                accepted: listed.accepted,
            })
            .collect();
        Scored { row: OwnedRow::Sparse(row), suggested, strangers }
    }

    fn label(&self, code: &Code) -> Option<u32> {
        if code.system.is_empty() {
            return self.space.label(&resolve(code));
        }
        self.space.label(code)
    }

    fn is_suggested(&self, listed: &Listed) -> bool {
        match (self.threshold, listed.suggested, self.scale) {
            (None, Some(suggested), _) => suggested,
            (None, None, Scale::Order) => true,
            (threshold, _, scale) => {
                let threshold = threshold.unwrap_or(USUAL_THRESHOLD);
                Self::probability(scale, listed.score).is_none_or(|p| p > threshold)
            }
        }
    }

    /// A score up to which no exact comparison with the threshold is needed.
    fn surely_below(&self, threshold: f64) -> f32 {
        let score = match self.scale {
            Scale::Probability => threshold,
            Scale::Logit => (threshold / (1.0 - threshold)).ln(),
            Scale::Order => f64::NEG_INFINITY,
        };
        (score - 1e-3 * score.abs().max(1.0)) as f32
    }

    fn dense(&mut self, labels: &Arc<[Code]>, scores: &[f32]) -> Scored {
        let known = self.columns.as_ref().is_some_and(|known| Arc::ptr_eq(&known.of, labels));
        if !known {
            let columns = labels.iter().map(|code| self.label(code)).collect();
            self.columns = Some(Columns { of: Arc::clone(labels), labels: columns });
        }
        let columns = self.columns.as_ref().map_or(&[][..], |columns| &columns.labels);
        let threshold = self.threshold.unwrap_or(USUAL_THRESHOLD);
        let hopeless = self.surely_below(threshold);
        // Not a number where the system has no score for a label.
        let mut row = vec![f32::NAN; self.space.len()];
        let mut suggested = Vec::new();
        let mut strangers = 0;
        for (&column, &score) in columns.iter().zip(scores) {
            let Some(label) = column else {
                strangers += 1;
                continue;
            };
            row[label as usize] = score;
            if score <= hopeless {
                continue;
            }
            let probability = Self::probability(self.scale, f64::from(score));
            if probability.is_none_or(|p| p > threshold) {
                let probability = probability.map(|p| p as f32);
                suggested.push((score, Suggestion { label, probability, accepted: false }));
            }
        }
        suggested.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.label.cmp(&b.1.label)));
        let suggested = suggested.into_iter().map(|(_, suggestion)| suggestion).collect();
        Scored { row: whole(row), suggested, strangers }
    }
}

/// Dense where every label has a score.
fn whole(row: Vec<f32>) -> OwnedRow {
    if !row.iter().any(|score| score.is_nan()) {
        return OwnedRow::Dense(row);
    }
    let pairs = row.into_iter().enumerate().filter(|(_, score)| !score.is_nan());
    OwnedRow::Sparse(pairs.map(|(label, score)| (label as u32, score)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> LabelSet {
        LabelSet::new(["I10", "E11.9", "J44.1"].map(|code| Code::new("icd10cm", code))).unwrap()
    }

    fn listed(code: &str, score: f64, suggested: Option<bool>) -> Listed {
        Listed {
            code: Code::new("icd10cm", code),
            score,
            suggested,
            accepted: false,
            evidence: Vec::new(),
        }
    }

    fn chart(scores: Scores) -> PredictedChart {
        PredictedChart { id: "a".to_owned(), scores }
    }

    fn labels(scored: &Scored) -> Vec<u32> {
        scored.suggested.iter().map(|suggestion| suggestion.label).collect()
    }

    #[test]
    fn what_the_system_decided_counts_unless_a_threshold_is_given() {
        let space = space();
        let codes = || {
            chart(Scores::Listed(vec![
                listed("J44.1", 0.4, Some(true)),
                listed("I10", 0.9, Some(false)),
                listed("Z00.0", 0.9, Some(true)),
            ]))
        };
        let decided = Scorer::new(&space, Scale::Probability, None).score(&codes());
        assert_eq!((labels(&decided), decided.strangers), (vec![2], 1));
        assert_eq!(decided.row(), RowScores::Sparse(&[(0, 0.9), (2, 0.4)]));
        let above = Scorer::new(&space, Scale::Probability, Some(0.3)).score(&codes());
        assert_eq!(labels(&above), [0, 2]);
        let exactly = Scorer::new(&space, Scale::Probability, Some(0.4)).score(&codes());
        assert_eq!(labels(&exactly), [0]);
    }

    #[test]
    fn a_list_without_scores_is_all_suggested_in_its_order() {
        let space = space();
        let codes = vec![listed("J44.1", 0.0, None), listed("I10", -1.0, None)];
        let scored = Scorer::new(&space, Scale::Order, None).score(&chart(Scores::Listed(codes)));
        assert_eq!(labels(&scored), [2, 0]);
        assert_eq!(scored.suggested[0].probability, None);
    }

    #[test]
    fn dense_scores_find_their_columns() {
        let space = space();
        let order: Arc<[Code]> = ["J44.1", "A00.0", "I10", "E11.9"]
            .map(|code| Code::new("icd10cm", code))
            .into_iter()
            .collect();
        let scores = vec![2.0, 9.0, -1.0, 3.0];
        let mut scorer = Scorer::new(&space, Scale::Logit, None);
        let scored = scorer.score(&chart(Scores::Dense { labels: order, scores }));
        assert_eq!(scored.row(), RowScores::Dense(&[-1.0, 3.0, 2.0]));
        assert_eq!((labels(&scored), scored.strangers), (vec![1, 2], 1));
        let probability = f64::from(scored.suggested[1].probability.unwrap());
        assert!((probability - 0.880_797_077_977_882_3).abs() < 1e-7);
    }
}
