//! What is known of concepts before any chart is read.

use crate::bundle::weights::Weights;
use crate::error::{Error, Result};

/// The tensors that are read here.
pub(super) const KEYS: [&str; 7] = [
    "term.kind",
    "concept.head_start",
    "concept.log_count",
    "concept.log_category_count",
    "concept.category",
    "concept.subtree_end",
    "concept.traits",
];

/// What a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TermKind {
    /// The code's official title.
    Title,
    /// An inclusion term or an entry of the alphabetic index.
    Description,
    /// A passage of a training chart that the code was assigned for.
    Mention,
}

/// A trait of a concept's code, one column of `concept.traits`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trait {
    /// Its title says "unspecified".
    Unspecified,
    /// Its title begins with "other".
    Other,
    /// Characters of the code.
    Length,
    /// Whether it, or a code it stands for, can be billed.
    Billable,
    /// Its first letter, A = 0.
    Letter,
    /// How many descriptions it has.
    Descriptions,
    /// How many concepts its category has.
    CategorySize,
}

/// Columns of `concept.traits`.
const TRAITS: usize = 7;

/// Facts of concepts and terms.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What each term is.
    pub(super) kinds: Vec<TermKind>,
    /// What a concept has ahead of others in retrieval, as similarity.
    pub(super) head_start: Vec<f32>,
    /// ln(0.3 + training charts with the concept).
    pub(super) log_count: Vec<f32>,
    /// The same of its category, by the root of the category's size.
    pub(super) log_category_count: Vec<f32>,
    /// The category (three characters), as a number.
    pub(super) category: Vec<u32>,
    /// Behind the last concept whose code begins with this one's.
    pub(super) subtree_end: Vec<u32>,
    traits: Vec<f32>,
}

impl Facts {
    pub(super) fn load(weights: &Weights, terms: usize, concepts: usize) -> Result<Self> {
        let floats = |key| weights.floats(key, &[concepts]);
        let kinds = weights.indices("term.kind", terms)?;
        let kind = |code: u32| match code {
            0 => Ok(TermKind::Title),
            1 => Ok(TermKind::Description),
            2 => Ok(TermKind::Mention),
            other => Err(Error::Inconsistent {
                path: weights.path().to_owned(),
                problem: format!("term.kind holds {other}; kinds are 0, 1 and 2"),
            }),
        };
        Ok(Self {
            kinds: kinds.into_iter().map(kind).collect::<Result<_>>()?,
            head_start: floats("concept.head_start")?,
            log_count: floats("concept.log_count")?,
            log_category_count: floats("concept.log_category_count")?,
            category: weights.indices("concept.category", concepts)?,
            subtree_end: weights.indices("concept.subtree_end", concepts)?,
            traits: weights.floats("concept.traits", &[concepts, TRAITS])?,
        })
    }

    pub(super) fn trait_of(&self, concept: usize, which: Trait) -> f32 {
        self.traits[concept * TRAITS + which as usize]
    }
}

#[cfg(test)]
impl Facts {
    /// Concepts of which only categories and subtrees matter.
    pub(super) fn of_categories(category: Vec<u32>, subtree_end: Vec<u32>) -> Self {
        let zeros = vec![0.0; category.len()];
        Self {
            kinds: Vec::new(),
            head_start: zeros.clone(),
            log_count: zeros.clone(),
            log_category_count: zeros,
            traits: vec![0.0; category.len() * TRAITS],
            category,
            subtree_end,
        }
    }
}
