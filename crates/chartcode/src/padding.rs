//! How padding takes part, as it did when a published model was trained.

use serde::{Deserialize, Serialize};

/// Whether the padding that fills a chart's last window takes part in the answer.
///
/// chartcode itself needs no padding. Published label-attention models were trained with it: the
/// chart was filled up with padding to a whole number of windows, and not all implementations
/// masked it everywhere. Their scores come back only if the same padding takes part in the same
/// places; see "Exactness" in ARCHITECTURE.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaddingMode {
    /// No padding, which is the same as padding that is masked everywhere: Hugging Face's heads,
    /// GKI-ICD with one chart at a time, explainable-medical-coding since January 2026.
    #[default]
    None,
    /// Masked in the encoder, attended to by labels: PLM-ICD as published by its authors (2022).
    Head,
    /// Attended to in the encoder and by labels: medical-coding-reproducibility (2023), whose
    /// attention mask was filled up with ones.
    EncoderAndHead,
    /// As `head`; and a chart that fills its last window is given one more, of padding alone:
    /// the models that explainable-medical-coding released in 2024.
    HeadExtraWindow,
}

impl PaddingMode {
    /// How many padding tokens follow `tokens` in windows of `window`.
    pub(crate) fn count(self, tokens: usize, window: usize) -> usize {
        let short = tokens.next_multiple_of(window) - tokens;
        match self {
            Self::None => 0,
            Self::HeadExtraWindow if short == 0 => window,
            Self::Head | Self::EncoderAndHead | Self::HeadExtraWindow => short,
        }
    }

    /// Whether tokens attend to padding.
    pub(crate) fn is_seen_by_tokens(self) -> bool {
        self == Self::EncoderAndHead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_last_window_is_padded_in_one_mode_only() {
        let counts = |tokens| {
            use PaddingMode::{EncoderAndHead, Head, HeadExtraWindow, None};
            [None, Head, EncoderAndHead, HeadExtraWindow].map(|mode| mode.count(tokens, 4))
        };
        assert_eq!(counts(6), [0, 2, 2, 2]);
        assert_eq!(counts(8), [0, 0, 0, 4]);
    }
}
