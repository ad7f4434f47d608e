//! Step 6: hidden states → one logit a label, and the passages behind it.

mod description;
mod label_attention;
mod linear;
mod pooled;
mod rerank;
mod running;
mod spans;
mod vectors;

use std::ops::Range;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

pub use linear::{LabelSets, TextFeatures, TextRule};
use linear::{LinearHead, LinearState};
pub use rerank::{Feature, RerankSpec};
pub use spans::SpanRule;
use spans::Spanner;
pub(crate) use spans::{Cut, PooledSpan};
pub(crate) use vectors::normalise;

use crate::batch::Window;
use crate::bundle::Bundle;
use crate::encoder::Encoder;
use crate::error::Result;
use crate::span::Span;
use description::{Constants, DescriptionHead, DescriptionState};
use label_attention::{LabelAttention, LabelState, Sizes};
pub(crate) use pooled::PooledLayout;
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
        /// A second look at the best concepts, whose logits replace those above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rerank: Option<Box<RerankSpec>>,
    },
    /// `*ForSequenceClassification` of Hugging Face, with each family's own layout: each window's
    /// pooled vector gives one logit a label.
    Classification {
        /// How the windows' logits become the chart's.
        #[serde(default)]
        aggregate: Aggregate,
    },
    /// LAAT's label attention (Vu et al. 2020), which PLM-ICD (Huang et al. 2022) took over:
    /// `α = softmax(tanh(X W1ᵀ) W2ᵀ)` over all tokens of the chart,
    /// `logit_l = W3_l · Σ α x + b_l`.
    Laat,
    /// CAML's label attention (Mullenbach et al. 2018), which MultiResCNN took over:
    /// `α = softmax(X Uᵀ)`, `logit_l = W_l · Σ α x + b_l`.
    Caml,
    /// PLM-CA (Edin et al. 2024), cross-attention from labels to tokens:
    /// `α = softmax(Q (X Wkᵀ)ᵀ / scale)`, `logit_l = w · LayerNorm(Σ α (Wv x + b_v)) + b`.
    PlmCa {
        /// What scores are divided by; 1 in the published models.
        #[serde(default = "one")]
        scale: f32,
    },
    /// GKI-ICD (2025): as PLM-CA with an output vector and a bias for each label.
    GkiIcd,
    /// A weight a label for each word run of the chart and for the mean of its windows' vectors:
    /// what `chartcode fit` makes of a site's own charts.
    ///
    /// `logit_l = b_l + Σ_f w_fl [f in the chart] + v_l · mean of u_i`, where f are the features of
    /// `text` and `u_i` is window i's mean hidden state scaled to length 1.
    Linear {
        /// Which word runs are features; none where only the encoder's vectors are weighed.
        #[serde(default)]
        text: Option<TextRule>,
        /// Whether the encoder's vectors are weighed; where they are not, nothing is encoded.
        pooled: bool,
        /// Whether labels are weighed together: the sums are scores, of which the head's
        /// [`LabelSets`] makes logits.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        joint: bool,
    },
}

/// How the logits of a chart's windows become the chart's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aggregate {
    /// The highest: a code is the chart's where any window has it.
    #[default]
    Max,
    /// The mean.
    Mean,
}

fn one() -> f32 {
    1.0
}

impl HeadSpec {
    /// The head's name for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Description { rerank: Some(_), .. } => {
                "description (retrieval by code descriptions, boosted trees over the best)"
            }
            Self::Description { .. } => "description (label-wise attention over code descriptions)",
            Self::Classification { aggregate: Aggregate::Max } => {
                "classification (pooled linear, maximum over windows)"
            }
            Self::Classification { aggregate: Aggregate::Mean } => {
                "classification (pooled linear, mean over windows)"
            }
            Self::Laat => "PLM-ICD (LAAT label attention)",
            Self::Caml => "CAML (label attention)",
            Self::PlmCa { .. } => "PLM-CA (cross-attention from labels)",
            Self::GkiIcd => "GKI-ICD (cross-attention from labels, a classifier a label)",
            Self::Linear { text: Some(_), pooled: true, .. } => {
                "linear (word runs and the encoder's vectors)"
            }
            Self::Linear { text: Some(_), pooled: false, .. } => "linear (word runs)",
            Self::Linear { text: None, .. } => "linear (the encoder's vectors)",
        }
    }

    /// Whether the head's tensors are in a file of their own.
    pub(crate) fn has_own_file(&self) -> bool {
        matches!(self, Self::Description { .. } | Self::Linear { .. })
    }

    /// Whether the head weighs single tokens of the whole chart.
    pub(crate) fn attends_to_tokens(&self) -> bool {
        matches!(self, Self::Laat | Self::Caml | Self::PlmCa { .. } | Self::GkiIcd)
    }

    /// What the manifest's numbers alone rule out.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::PlmCa { scale } if !(*scale > 0.0 && scale.is_finite()) => {
                Err(format!("head.scale is {scale}: it must be positive"))
            }
            Self::Description { rerank: Some(rerank), .. } => rerank.check(),
            Self::Linear { text: None, pooled: false, .. } => {
                Err("head: a linear head needs text or pooled vectors".to_owned())
            }
            Self::Linear { text: Some(rule), .. } => rule.check(),
            _ => Ok(()),
        }
    }
}

/// A head, ready to score.
#[derive(Debug)]
pub(crate) enum Head {
    Description(Box<DescriptionHead>),
    Pooled(PooledHead),
    Label(LabelAttention),
    Linear(LinearHead),
}

/// What the head keeps of one window: the spans and, row after row, their features.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowFeatures {
    /// The chart's tokens that each row was pooled from.
    pub(crate) spans: Vec<Range<usize>>,
    /// `[spans, width]`, row-major; for a classification head the window's logits.
    pub(crate) rows: Vec<f32>,
    /// The window's own tokens, where the head compares words: their ids and places.
    pub(crate) words: Option<(Vec<u32>, Range<usize>)>,
}

/// A head's running state for one chart, of a size that does not grow with the chart.
#[derive(Debug)]
pub(crate) enum State {
    Description(DescriptionState),
    Pooled(PooledState),
    Label(LabelState),
    Linear(LinearState),
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

/// What one row of a window is to a label of a label-attention head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenShare {
    /// The chart's token; none for special tokens and padding.
    pub(crate) tokens: Range<usize>,
    /// Its share of the label's attention.
    pub(crate) attention: f32,
    /// What it adds to the logit.
    pub(crate) contribution: f32,
}

impl Head {
    /// Builds the bundle's head, if it has one.
    pub(crate) fn load(bundle: &Bundle, device: &candle_core::Device) -> Result<Option<Self>> {
        let weights = &bundle.encoder_weights;
        let sizes = Sizes { labels: bundle.labels.len(), width: bundle.config.hidden_size };
        let Some(spec) = &bundle.manifest.head else {
            return Ok(None);
        };
        Ok(Some(match spec {
            HeadSpec::Description { .. } => Self::description(spec, bundle, device)?,
            HeadSpec::Classification { aggregate } => {
                Self::Pooled(PooledHead::load(bundle, *aggregate, device)?)
            }
            HeadSpec::Laat => Self::Label(LabelAttention::laat(weights, sizes, device)?),
            HeadSpec::Caml => Self::Label(LabelAttention::caml(weights, sizes, device)?),
            HeadSpec::PlmCa { scale } => {
                Self::Label(LabelAttention::cross(weights, sizes, *scale, device)?)
            }
            HeadSpec::GkiIcd => Self::Label(LabelAttention::gki(weights, sizes, device)?),
            HeadSpec::Linear { text, pooled, joint } => {
                let Some(own) = &bundle.head_weights else {
                    unreachable!("a linear head's file is read with its bundle")
                };
                let sizes = (sizes.labels, sizes.width);
                Self::Linear(LinearHead::load(own, text.as_ref(), (*pooled, *joint), sizes)?)
            }
        }))
    }

    fn description(spec: &HeadSpec, bundle: &Bundle, device: &candle_core::Device) -> Result<Self> {
        let (
            HeadSpec::Description { spans, temperature, scale, competition, rerank },
            Some(weights),
        ) = (spec, &bundle.head_weights)
        else {
            unreachable!("a description head's file is read with its bundle")
        };
        let constants = Constants {
            temperature: temperature.unwrap_or(f32::INFINITY),
            scale: *scale,
            competition: *competition,
        };
        let spanner = Spanner::new(spans, &bundle.tokenizer, bundle.path())?;
        let mut head = DescriptionHead::load(weights, bundle, spanner, constants, device)?;
        if let Some(rerank) = rerank {
            head.add_second_look(weights, rerank)?;
        }
        Ok(Self::Description(Box::new(head)))
    }

    /// Which runs of a window's rows the head pools.
    pub(crate) fn spans(&self, cut: &Cut<'_>) -> Vec<PooledSpan> {
        match self {
            Self::Description(head) => head.spans(cut),
            Self::Pooled(_) | Self::Label(_) | Self::Linear(_) => Vec::new(),
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
            Self::Label(head) => head.features(hidden, windows),
            Self::Linear(_) => linear::window_features(hidden, windows),
        }
    }

    /// Whether windows have to be encoded at all.
    pub(crate) fn reads_hidden(&self) -> bool {
        !matches!(self, Self::Linear(head) if !head.reads_hidden())
    }

    /// The state before the first window of a chart of which `text` is read.
    pub(crate) fn start(&self, text: &str) -> State {
        match self {
            Self::Description(head) => State::Description(head.start()),
            Self::Pooled(head) => State::Pooled(head.start()),
            Self::Label(head) => State::Label(head.start()),
            Self::Linear(head) => State::Linear(head.start(text)),
        }
    }

    /// Takes in further windows of a chart, in reading order. They must be divided among calls in
    /// the same way each time for the result to be the same to the last bit.
    pub(crate) fn absorb(&self, state: &mut State, windows: &[WindowFeatures]) -> Result<()> {
        match (self, state) {
            (Self::Description(head), State::Description(state)) => head.absorb(state, windows),
            (Self::Pooled(head), State::Pooled(state)) => {
                head.absorb(state, windows);
                Ok(())
            }
            (Self::Label(head), State::Label(state)) => head.absorb(state, windows),
            (Self::Linear(head), State::Linear(state)) => {
                head.absorb(state, windows);
                Ok(())
            }
            _ => unreachable!("a state goes back to the head that started it"),
        }
    }

    /// One logit a label.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`].
    pub(crate) fn logits(&self, state: &State) -> Result<Vec<f32>> {
        match (self, state) {
            (Self::Description(head), State::Description(state)) => head.logits(state),
            (Self::Pooled(_), State::Pooled(state)) => Ok(state.logits()),
            (Self::Label(head), State::Label(state)) => Ok(head.logits(state)),
            (Self::Linear(head), State::Linear(state)) => Ok(head.logits(state)),
            _ => unreachable!("a state goes back to the head that started it"),
        }
    }

    /// The strongest passages behind a label's logit, strongest first. None from a head in which
    /// labels attend to tokens.
    pub(crate) fn support(&self, state: &State, label: usize) -> Vec<Support> {
        match (self, state) {
            (Self::Description(head), State::Description(state)) => head.support(state, label),
            (Self::Pooled(_), State::Pooled(state)) => state.support(label),
            _ => Vec::new(),
        }
    }

    /// The word runs that speak for a label, each with where it stands first and what it adds to
    /// the logit; none from a head that does not read words.
    pub(crate) fn runs(&self, state: &State, label: usize) -> Vec<(Span, f32)> {
        match (self, state) {
            (Self::Linear(head), State::Linear(state)) => head.runs(state, label),
            _ => Vec::new(),
        }
    }

    /// The one window that a label's logit comes from, if the head takes it from one.
    pub(crate) fn decisive_window(&self, state: &State, label: usize) -> Option<usize> {
        match (self, state) {
            (Self::Pooled(_), State::Pooled(state)) => Some(state.window(label)),
            _ => None,
        }
    }

    /// What each row of the decisive window of each of `labels` is to them, for each label a share
    /// a row.
    pub(crate) fn window_shares(
        &self,
        encoder: &Encoder,
        state: &State,
        window: &Window,
        labels: &[usize],
    ) -> Result<Vec<Vec<TokenShare>>> {
        match (self, state) {
            (Self::Pooled(head), State::Pooled(state)) => {
                head.shares(encoder, state, window, labels)
            }
            _ => Ok(vec![Vec::new(); labels.len()]),
        }
    }

    /// What each row of some of the chart's windows is to each of `labels`. `each` is given the
    /// label's place in `labels` and the shares of further rows, in reading order. The state must
    /// be that of the whole chart.
    pub(crate) fn shares(
        &self,
        state: &State,
        labels: &[usize],
        windows: &[WindowFeatures],
        each: impl FnMut(usize, &[TokenShare]),
    ) -> Result<()> {
        match (self, state) {
            (Self::Label(head), State::Label(state)) => head.shares(state, labels, windows, each),
            (Self::Linear(head), State::Linear(state)) => {
                head.shares(state, labels, windows, each);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
