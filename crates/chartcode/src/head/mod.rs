//! Step 6: hidden states → one logit a label, and the passages behind it.

mod description;
mod pooled;
mod running;
mod spans;
mod vectors;

use std::ops::Range;
use std::path::Path;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

pub use spans::SpanRule;
use spans::Spanner;
pub(crate) use spans::{Cut, PooledSpan};
pub(crate) use vectors::normalise;

use crate::batch::Window;
use crate::bundle::Bundle;
use crate::encoder::Config;
use crate::error::{Error, Result};
use description::{Constants, DescriptionHead, DescriptionState};
use pooled::{PooledHead, PooledState};

/// What a manifest says of the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum HeadSpec {
    /// Label-wise attention whose label vectors come from the codes' own descriptions.
    ///
    /// With span vectors `p_t` and a code's unit description vectors `d_k`:
    /// `s_t = max_k p_t·d_k`, `α = softmax_t(temperature · s)`,
    /// `logit = scale · Σ α_t s_t + competition · margin + bias`.
    ///
    /// The margin says how far the code stays behind the one that its best passage suits most:
    /// with `t*` the first span of the highest `s_t` and `q` the codes' priors,
    /// `margin = (s_t* + q) − max over all codes of their (s_t* + q)`, which is 0 for the best
    /// code and negative for the others.
    ///
    /// In the terms of LAAT (Vu et al. 2020) the two label matrices are one and are not trained.
    Description {
        /// Which runs of a window's tokens are pooled to span vectors.
        spans: SpanRule,
        /// How sharply attention prefers the best passage; without it only the best one counts
        /// (the limit of an infinite temperature).
        #[serde(default)]
        temperature: Option<f32>,
        /// From similarity to logit.
        scale: f32,
        /// How much a code loses to a better one for the same passage.
        #[serde(default)]
        competition: f32,
    },
    /// `*ForSequenceClassification` of Hugging Face: each window's pooled vector gives one logit
    /// a label; a chart's logit is the maximum over its windows.
    Classification,
}

impl HeadSpec {
    /// The head that a plain Hugging Face folder's classes imply, if any.
    pub(crate) fn of_config(path: &Path, config: &Config) -> Result<Option<Self>> {
        if !config.architectures.iter().any(|name| name.ends_with("ForSequenceClassification")) {
            return Ok(None);
        }
        match config.problem_type.as_deref() {
            None | Some("multi_label_classification") => Ok(Some(Self::Classification)),
            Some(other) => Err(Error::Unsupported {
                path: path.to_owned(),
                field: "problem_type",
                value: other.to_owned(),
                supported: "multi_label_classification",
            }),
        }
    }

    /// Whether the head's tensors are in a file of their own.
    pub(crate) fn has_own_file(&self) -> bool {
        matches!(self, Self::Description { .. })
    }

    /// The head's name for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Description { .. } => "description (label-wise attention over code descriptions)",
            Self::Classification => "classification (pooled linear, maximum over windows)",
        }
    }
}

/// A head, ready to score.
#[derive(Debug)]
pub(crate) enum Head {
    Description(Box<DescriptionHead>),
    Pooled(PooledHead),
}

/// What the head keeps of one window: the spans and, row after row, their features.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowFeatures {
    /// The chart's tokens that each row was pooled from.
    pub(crate) spans: Vec<Range<usize>>,
    /// `[spans, width]`, row-major.
    pub(crate) rows: Vec<f32>,
}

/// A head's running state for one chart, of a size that does not grow with the chart.
#[derive(Debug)]
pub(crate) enum State {
    Description(DescriptionState),
    Pooled(PooledState),
}

/// A passage that supports a label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Support {
    /// The chart's tokens.
    pub(crate) tokens: Range<usize>,
    /// What it adds to the logit; where only the best passage counts, what it would add as the
    /// best one.
    pub(crate) contribution: f32,
    /// The logit that the label would have with this passage alone.
    pub(crate) logit_alone: f32,
}

impl Head {
    /// Builds the bundle's head, if it has one.
    pub(crate) fn load(bundle: &Bundle, device: &candle_core::Device) -> Result<Option<Self>> {
        match (&bundle.manifest.head, &bundle.head_weights) {
            (
                Some(HeadSpec::Description { spans, temperature, scale, competition }),
                Some(weights),
            ) => {
                let spanner = Spanner::new(spans, &bundle.tokenizer, bundle.path())?;
                let constants = Constants {
                    temperature: temperature.unwrap_or(f32::INFINITY),
                    scale: *scale,
                    competition: *competition,
                };
                let head = DescriptionHead::load(weights, bundle, spanner, constants, device)?;
                Ok(Some(Self::Description(Box::new(head))))
            }
            (Some(HeadSpec::Classification), _) => {
                Ok(Some(Self::Pooled(PooledHead::load(bundle, device)?)))
            }
            _ => Ok(None),
        }
    }

    /// Which runs of a window's rows the head pools.
    pub(crate) fn spans(&self, cut: &Cut<'_>) -> Vec<PooledSpan> {
        match self {
            Self::Description(head) => head.spans(cut),
            Self::Pooled(_) => vec![cut.whole()],
        }
    }

    /// The head's features of each window of a batch. `hidden` is `[rows, H]`, the windows row
    /// after row.
    pub(crate) fn features(
        &self,
        hidden: &Tensor,
        windows: &[&Window],
    ) -> Result<Vec<WindowFeatures>> {
        match self {
            Self::Description(head) => head.features(hidden, windows),
            Self::Pooled(head) => head.features(hidden, windows),
        }
    }

    /// The state before the first window of a chart.
    pub(crate) fn start(&self) -> State {
        match self {
            Self::Description(head) => State::Description(head.start()),
            Self::Pooled(head) => State::Pooled(head.start()),
        }
    }

    /// Takes in further windows of a chart, in reading order. How they are divided among calls
    /// does not change the result.
    pub(crate) fn absorb(&self, state: &mut State, windows: &[WindowFeatures]) -> Result<()> {
        match (self, state) {
            (Self::Description(head), State::Description(state)) => head.absorb(state, windows),
            (Self::Pooled(head), State::Pooled(state)) => {
                head.absorb(state, windows);
                Ok(())
            }
            _ => unreachable!("a state goes back to the head that started it"),
        }
    }

    /// One logit a label.
    pub(crate) fn logits(&self, state: &State) -> Vec<f32> {
        match (self, state) {
            (Self::Description(head), State::Description(state)) => head.logits(state),
            (Self::Pooled(_), State::Pooled(state)) => state.logits(),
            _ => unreachable!("a state goes back to the head that started it"),
        }
    }

    /// The strongest passages behind a label's logit, strongest first.
    pub(crate) fn support(&self, state: &State, label: usize) -> Vec<Support> {
        match (self, state) {
            (Self::Description(head), State::Description(state)) => head.support(state, label),
            (Self::Pooled(_), State::Pooled(state)) => state.support(label),
            _ => unreachable!("a state goes back to the head that started it"),
        }
    }
}
