//! Which of a chart's features a head weighs.

use serde::{Deserialize, Serialize};

/// What a linear head weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Inputs {
    /// Word runs.
    Text,
    /// Word runs and the encoder's vectors.
    Both,
    /// The encoder's vectors.
    Encoder,
}

impl Inputs {
    /// Whether word runs are weighed.
    #[must_use]
    pub fn has_text(self) -> bool {
        self != Self::Encoder
    }

    /// Whether the encoder's vectors are weighed.
    #[must_use]
    pub fn has_vector(self) -> bool {
        self != Self::Text
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "word runs",
            Self::Both => "word runs and vectors",
            Self::Encoder => "vectors",
        }
    }
}
