//! Step 6: hidden states → one logit a label, and the passages behind it.

mod description;
mod label_attention;
mod linear;
mod lines;
mod pooled;
mod problems;
mod rerank;
mod running;
mod spans;
mod spec;
mod vectors;

use std::ops::Range;

use candle_core::Tensor;
use chartcode_kernels::Precision;
pub use linear::{LabelSets, TextFeatures, TextRule};
use linear::{LinearHead, LinearState};
pub(crate) use problems::Focus;
pub use problems::ProblemRule;
use problems::Problems;
pub use rerank::{Feature, RerankSpec};
pub use spans::SpanRule;
use spans::Spanner;
pub(crate) use spans::{Cut, PooledSpan};
pub use spec::{Aggregate, HeadSpec};
pub(crate) use vectors::normalise;

use crate::batch::Window;
use crate::bundle::Bundle;
use crate::encoder::Encoder;
use crate::error::Result;
use crate::span::Span;
use crate::tokens::Tokens;
use description::{Constants, DescriptionHead, DescriptionState};
pub(crate) use label_attention::{Counted, Wanted};
use label_attention::{LabelAttention, LabelState, Sizes};
pub(crate) use pooled::PooledLayout;
use pooled::{PooledHead, PooledState};

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

impl State {
    /// Whether a label was computed, and not left out.
    pub(crate) fn has(&self, label: usize) -> bool {
        match self {
            Self::Label(state) => state.has(label),
            Self::Description(_) | Self::Pooled(_) | Self::Linear(_) => true,
        }
    }
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
    pub(crate) fn load(
        bundle: &Bundle,
        place: (&candle_core::Device, Precision),
    ) -> Result<Option<Self>> {
        let device = place.0;
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
            HeadSpec::Laat => Self::Label(LabelAttention::laat(weights, sizes, place)?),
            HeadSpec::Caml => Self::Label(LabelAttention::caml(weights, sizes, place)?),
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
            HeadSpec::Description { spans, temperature, scale, competition, rerank, problems },
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
            head.add_second_look(weights, rerank, &bundle.labels)?;
        }
        for profile in bundle.manifest.profiles.values() {
            profile.rerank.check_forest(weights)?;
        }
        head.look_at(problems.as_deref().map(Problems::new));
        Ok(Self::Description(Box::new(head)))
    }

    /// What of a chart the head looks at.
    pub(crate) fn focus(&self, text: &str, tokens: &Tokens) -> Focus {
        match self {
            Self::Description(head) => head.focus(text, tokens),
            Self::Pooled(_) | Self::Label(_) | Self::Linear(_) => Focus::All,
        }
    }

    /// Which runs of a window's rows the head pools.
    pub(crate) fn spans(&self, cut: &Cut<'_>, focus: &Focus) -> Vec<PooledSpan> {
        match self {
            Self::Description(head) => head.spans(cut, focus),
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

    /// What the head keeps of a window whose hidden states it does not need, so that it is not
    /// encoded at all; nothing where it needs them.
    pub(crate) fn unread(&self, window: &Window) -> Option<WindowFeatures> {
        match self {
            Self::Description(head) => head.unread(window),
            Self::Linear(head) if !head.reads_hidden() => Some(WindowFeatures::default()),
            Self::Pooled(_) | Self::Label(_) | Self::Linear(_) => None,
        }
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

    /// The state of a whole chart in which labels that cannot be among the `wanted` are left out;
    /// nothing from a head that has no bounds for its labels.
    pub(crate) fn find(
        &self,
        windows: &[WindowFeatures],
        wanted: Wanted<'_>,
    ) -> Option<(State, Counted)> {
        let Self::Label(head) = self else { return None };
        head.find(windows, wanted).map(|(state, counted)| (State::Label(state), counted))
    }

    /// One logit a label, −∞ for those left out.
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
