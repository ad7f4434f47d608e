//! Whether the labels of a head are fitted together.

use serde::{Deserialize, Serialize};

use super::{Example, joint};

/// How labels are fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Form {
    /// Each label by itself.
    Alone,
    /// All at once, over the sets of labels that charts have ([`chartcode::LabelSets`]).
    Together,
}

impl Form {
    /// What is worth trying on these charts: labels are fitted together where sets of them recur
    /// and charts and labels are few enough for it.
    #[must_use]
    pub fn suited(examples: &[Example], labels: usize) -> Vec<Self> {
        let together = joint::suits(examples, labels).then_some(Self::Together);
        std::iter::once(Self::Alone).chain(together).collect()
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Together => "together",
        }
    }
}
