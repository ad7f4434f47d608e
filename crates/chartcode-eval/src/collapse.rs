//! Scores of categories from those of their codes.

use std::collections::HashMap;

use crate::code::Code;
use crate::hierarchy::category;
use crate::record::Suggestion;
use crate::row::RowScores;

/// The categories of some labels. A category's score is the highest of its codes', so that it is
/// suggested where one of them is.
#[derive(Clone, Debug)]
pub(crate) struct Collapse {
    /// The category of each label.
    of: Vec<u32>,
    categories: Vec<Code>,
    index: HashMap<Code, u32>,
}

impl Collapse {
    pub(crate) fn new(labels: &[Code]) -> Self {
        let mut collapse = Self {
            of: Vec::with_capacity(labels.len()),
            categories: Vec::new(),
            index: HashMap::new(),
        };
        for label in labels {
            let code = category_code(label);
            let next = collapse.categories.len() as u32;
            let category = *collapse.index.entry(code.clone()).or_insert(next);
            if category == next {
                collapse.categories.push(code);
            }
            collapse.of.push(category);
        }
        collapse
    }

    /// How many categories there are.
    pub(crate) fn len(&self) -> usize {
        self.categories.len()
    }

    /// The category of a code, label or not, where a label has it too.
    pub(crate) fn category(&self, code: &Code) -> Option<u32> {
        self.index.get(&category_code(code)).copied()
    }

    /// The categories of labels, ascending, without repetition.
    pub(crate) fn labels(&self, labels: &[u32]) -> Vec<u32> {
        let mut categories: Vec<u32> = labels.iter().map(|&l| self.of[l as usize]).collect();
        categories.sort_unstable();
        categories.dedup();
        categories
    }

    /// The categories of suggestions, each with its best one's probability.
    pub(crate) fn suggestions(&self, suggested: &[Suggestion]) -> Vec<Suggestion> {
        let mut categories: Vec<Suggestion> = Vec::new();
        for suggestion in suggested {
            let label = self.of[suggestion.label as usize];
            match categories.iter_mut().find(|category| category.label == label) {
                Some(category) => category.accepted |= suggestion.accepted,
                None => categories.push(Suggestion { label, ..*suggestion }),
            }
        }
        categories
    }

    /// The scores of categories, dense or sparse as the labels' are.
    pub(crate) fn row(&self, row: RowScores<'_>) -> OwnedRow {
        match row {
            RowScores::Dense(scores) => {
                let mut best = vec![f32::NEG_INFINITY; self.len()];
                for (&category, &score) in self.of.iter().zip(scores) {
                    let best = &mut best[category as usize];
                    *best = best.max(score);
                }
                OwnedRow::Dense(best)
            }
            RowScores::Sparse(pairs) => {
                let mut best: Vec<(u32, f32)> =
                    pairs.iter().map(|&(label, score)| (self.of[label as usize], score)).collect();
                best.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.total_cmp(&a.1)));
                best.dedup_by_key(|pair| pair.0);
                OwnedRow::Sparse(best)
            }
        }
    }
}

/// A row with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OwnedRow {
    Dense(Vec<f32>),
    Sparse(Vec<(u32, f32)>),
}

impl OwnedRow {
    pub(crate) fn as_row(&self) -> RowScores<'_> {
        match self {
            Self::Dense(scores) => RowScores::Dense(scores),
            Self::Sparse(pairs) => RowScores::Sparse(pairs),
        }
    }
}

fn category_code(code: &Code) -> Code {
    Code { system: code.system.clone(), code: category(code).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collapse() -> Collapse {
        let codes = ["E11.9", "I10", "E11.65", "I50.1", "E11.8"];
        Collapse::new(&codes.map(|code| Code::new("icd10cm", code)))
    }

    #[test]
    fn a_category_scores_as_its_best_code() {
        let collapse = collapse();
        assert_eq!(collapse.len(), 3);
        let row = collapse.row(RowScores::Dense(&[0.1, 0.5, 0.7, 0.2, 0.3]));
        assert_eq!(row, OwnedRow::Dense(vec![0.7, 0.5, 0.2]));
        let row = collapse.row(RowScores::Sparse(&[(0, -1.0), (3, 0.0), (4, 2.0)]));
        assert_eq!(row, OwnedRow::Sparse(vec![(0, 2.0), (2, 0.0)]));
        assert_eq!(collapse.labels(&[0, 1, 2]), [0, 1]);
        assert_eq!(collapse.category(&Code::new("icd10cm", "E11.21")), Some(0));
        assert_eq!(collapse.category(&Code::new("icd9cm", "E11.21")), None);
    }

    #[test]
    fn a_category_is_suggested_once_and_as_its_best_code() {
        let suggestion = |label, probability, accepted| Suggestion {
            label,
            probability: Some(probability),
            accepted,
        };
        let suggested =
            [suggestion(2, 0.9, false), suggestion(1, 0.8, false), suggestion(4, 0.7, true)];
        let categories = collapse().suggestions(&suggested);
        assert_eq!(categories, [suggestion(0, 0.9, true), suggestion(1, 0.8, false)]);
    }
}
