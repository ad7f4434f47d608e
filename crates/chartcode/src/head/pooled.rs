//! Hugging Face's sequence classification heads: one logit a label from each window.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::{Aggregate, Support, TokenShare, WindowFeatures};
use crate::batch::{Window, each_window};
use crate::bundle::Bundle;
use crate::bundle::weights::Weights;
use crate::encoder::{Activation, Config, Encoder, Family, Keys, Linear, Norm, NormSpec};
use crate::error::{Error, Result, Stage as _};

/// `classifier(norm(activation(dense(pooled))))` for each window, where the pooled vector is the
/// first hidden state or the mean of all. A chart's logit is the aggregate over its windows.
///
/// The passages behind a logit are of the window with the highest one.
#[derive(Debug)]
pub(crate) struct PooledHead {
    dense: Linear,
    activation: Activation,
    norm: Option<Norm>,
    classifier: Linear,
    takes_mean: bool,
    aggregate: Aggregate,
    labels: usize,
}

/// Names of a family's head and its activation.
pub(crate) struct PooledLayout {
    /// Below the encoder's prefix.
    pooler: Option<&'static str>,
    /// At the top.
    dense: Option<&'static str>,
    /// The last map, at the top.
    pub(crate) classifier: &'static str,
    activation: Activation,
}

/// Logits over the windows so far.
#[derive(Debug)]
pub(crate) struct PooledState {
    best: Vec<f32>,
    window: Vec<u32>,
    /// Sums, where the aggregate is the mean.
    sum: Vec<f32>,
    windows: Vec<Range<usize>>,
}

impl PooledLayout {
    /// The head that Transformers gives a family's `*ForSequenceClassification`.
    pub(crate) fn of(config: &Config) -> Self {
        let pooler = |name, activation| Self {
            pooler: Some(name),
            dense: None,
            classifier: "classifier",
            activation,
        };
        let dense = |name, activation, classifier| Self {
            pooler: None,
            dense: Some(name),
            classifier,
            activation,
        };
        let own = config.head_activation.unwrap_or(Activation::Gelu);
        match config.family {
            // Nobody has published a pooled head for the word encoders.
            Family::Bert
            | Family::NomicBert
            | Family::Gte
            | Family::Caml
            | Family::MultiResCnn
            | Family::LaatRnn => pooler("pooler.dense", Activation::Tanh),
            Family::Albert => pooler("pooler", Activation::Tanh),
            Family::Electra => dense("classifier.dense", Activation::Gelu, "classifier.out_proj"),
            Family::Distilbert => dense("pre_classifier", Activation::Relu, "classifier"),
            Family::DebertaV2 => dense("pooler.dense", own, "classifier"),
            Family::Modernbert => dense("head.dense", own, "classifier"),
            Family::Roberta
            | Family::XlmRoberta
            | Family::Camembert
            | Family::Longformer
            | Family::Mpnet => dense("classifier.dense", Activation::Tanh, "classifier.out_proj"),
        }
    }

    /// The name of the map behind pooling.
    fn dense(&self, prefix: &str) -> String {
        match (self.pooler, self.dense) {
            (Some(pooler), _) => format!("{prefix}{pooler}"),
            (None, dense) => dense.unwrap_or_default().to_owned(),
        }
    }
}

impl PooledHead {
    pub(super) fn load(bundle: &Bundle, aggregate: Aggregate, device: &Device) -> Result<Self> {
        let (weights, config) = (&bundle.encoder_weights, &bundle.config);
        let labels = bundle.labels.len();
        if labels == 0 {
            let problem = "a classification head, but no labels".to_owned();
            return Err(Error::Inconsistent { path: bundle.path().to_owned(), problem });
        }
        let layout = PooledLayout::of(config);
        let keys = Keys::detect(weights, config);
        let size = config.hidden_size;
        let dense = layout.dense(keys.prefix());
        let (weight, bias) =
            Linear::read(weights, &dense, (size, size), config.has_head_bias(), device)?;
        Ok(Self {
            dense: Linear::new(&weight, bias).stage("loading weights")?,
            activation: layout.activation,
            norm: load_norm(weights, config, device)?,
            classifier: Linear::load(weights, layout.classifier, (size, labels), device)?,
            takes_mean: config.mean_pooling,
            aggregate,
            labels,
        })
    }

    pub(super) fn features(
        &self,
        hidden: &Tensor,
        windows: &[&Window],
    ) -> Result<Vec<WindowFeatures>> {
        each_window(hidden, windows, |window, rows| {
            let rows = self.logits(&rows)?;
            Ok(WindowFeatures { spans: vec![window.tokens.clone()], rows, words: None })
        })
        .stage("the head")
    }

    /// One logit a label, from a window's rows.
    fn logits(&self, rows: &Tensor) -> candle_core::Result<Vec<f32>> {
        let pooled = if self.takes_mean { rows.mean_keepdim(0)? } else { rows.narrow(0, 0, 1)? };
        self.classifier.forward(&self.transform(&pooled)?)?.flatten_all()?.to_vec1()
    }

    /// From pooled vectors `[n, H]` to what is classified.
    fn transform(&self, pooled: &Tensor) -> candle_core::Result<Tensor> {
        let dense = self.dense.product(&pooled.contiguous()?)?;
        let dense = self.activation.with_bias(dense, self.dense.bias())?;
        self.norm.as_ref().map_or_else(|| Ok(dense.clone()), |norm| norm.forward(&dense))
    }

    /// What each row of a window is to each of `labels`, for each label a share a row. The window
    /// is the one that each of the labels has its highest logit from.
    ///
    /// A token's contribution is what that logit loses without it: where the head takes the first
    /// hidden state, if that could not attend to the token in the last layer; where it takes the
    /// mean, if the token's hidden state were not in it. Attention is that of the last layer's
    /// first token, the mean over heads, or one share a token.
    pub(super) fn shares(
        &self,
        encoder: &Encoder,
        state: &PooledState,
        window: &Window,
        labels: &[usize],
    ) -> Result<Vec<Vec<TokenShare>>> {
        let count = window.ids.len();
        let (without, attention) = if self.takes_mean {
            let hidden = encoder.encode(&[window.input()])?;
            let others = (count as f64 - 1.0).max(1.0);
            let sum = hidden.sum_keepdim(0);
            let without = sum.and_then(|sum| sum.broadcast_sub(&hidden)? / others);
            (without.stage("evidence")?, vec![1.0 / count as f32; count])
        } else {
            let Some(without_each) = encoder.without_each(window.input())? else {
                return Ok(vec![Vec::new(); labels.len()]);
            };
            without_each
        };
        let columns = self.classifier.columns(labels).stage("evidence")?;
        let logits: Vec<f32> = self
            .transform(&without)
            .and_then(|pooled| columns.forward(&pooled)?.flatten_all()?.to_vec1())
            .stage("evidence")?;
        let share = |row: usize, column: usize| TokenShare {
            tokens: window.tokens_of(row),
            attention: attention[row],
            contribution: state.best[labels[column]] - logits[row * labels.len() + column],
        };
        Ok((0..labels.len())
            .map(|column| (0..count).map(|row| share(row, column)).collect())
            .collect())
    }

    pub(super) fn start(&self) -> PooledState {
        PooledState {
            best: vec![f32::NEG_INFINITY; self.labels],
            window: vec![0; self.labels],
            sum: match self.aggregate {
                Aggregate::Max => Vec::new(),
                Aggregate::Mean => vec![0.0; self.labels],
            },
            windows: Vec::new(),
        }
    }

    #[expect(clippy::unused_self, reason = "the same call as on the other heads")]
    pub(super) fn absorb(&self, state: &mut PooledState, windows: &[WindowFeatures]) {
        for window in windows {
            let number = state.windows.len() as u32;
            state.windows.extend(window.spans.iter().cloned());
            state.sum.iter_mut().zip(&window.rows).for_each(|(sum, logit)| *sum += logit);
            for (label, &logit) in window.rows.iter().enumerate() {
                // Written so that NaN is kept, and found when the logits are checked.
                if logit > state.best[label] || logit.is_nan() {
                    state.best[label] = logit;
                    state.window[label] = number;
                }
            }
        }
    }
}

impl PooledState {
    pub(super) fn logits(&self) -> Vec<f32> {
        if self.sum.is_empty() {
            return self.best.clone();
        }
        let windows = self.windows.len() as f32;
        self.sum.iter().map(|sum| sum / windows).collect()
    }

    /// The window with a label's highest logit.
    pub(super) fn window(&self, label: usize) -> usize {
        self.window[label] as usize
    }

    pub(super) fn support(&self, label: usize) -> Vec<Support> {
        let logit = self.best[label];
        let tokens = self.windows[self.window[label] as usize].clone();
        let contribution =
            if self.sum.is_empty() { logit } else { logit / self.windows.len() as f32 };
        vec![Support { tokens, contribution, logit_alone: logit }]
    }
}

/// ModernBERT normalises what it has activated.
fn load_norm(weights: &Weights, config: &Config, device: &Device) -> Result<Option<Norm>> {
    if config.family != Family::Modernbert {
        return Ok(None);
    }
    let spec = NormSpec {
        has_bias: config.has_norm_bias(),
        ..NormSpec::plain(config.hidden_size, config.layer_norm_eps)
    };
    Norm::load(weights, "head.norm", spec, device).map(Some)
}
