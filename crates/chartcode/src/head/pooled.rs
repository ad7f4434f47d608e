//! Hugging Face's sequence classification head: one logit a label from each window.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::{Support, WindowFeatures};
use crate::batch::Window;
use crate::bundle::Bundle;
use crate::encoder::Linear;
use crate::error::{Error, Result, Stage as _};

/// `classifier(tanh(pooler(h_first)))` a window, the maximum over a chart's windows.
///
/// The passage behind a logit is the window that gave the maximum.
#[derive(Debug)]
pub(crate) struct PooledHead {
    pooler: Linear,
    classifier: Linear,
    labels: usize,
}

/// The best window of each label so far.
#[derive(Debug)]
pub(crate) struct PooledState {
    best: Vec<f32>,
    window: Vec<u32>,
    windows: Vec<Range<usize>>,
}

impl PooledHead {
    pub(super) fn load(bundle: &Bundle, device: &Device) -> Result<Self> {
        let weights = &bundle.encoder_weights;
        let prefix = if weights.contains("bert.pooler.dense.weight") { "bert." } else { "" };
        let pooler = format!("{prefix}pooler.dense");
        let keys = [format!("{pooler}.weight"), format!("{pooler}.bias")];
        weights.require(
            keys.iter().map(String::as_str).chain(["classifier.weight", "classifier.bias"]),
        )?;
        let (size, labels) = (bundle.config.hidden_size, bundle.labels.len());
        if labels == 0 {
            let problem = "a classification head, but id2label is empty".to_owned();
            return Err(Error::Inconsistent { path: bundle.path().to_owned(), problem });
        }
        Ok(Self {
            pooler: Linear::load(weights, &pooler, (size, size), device)?,
            classifier: Linear::load(weights, "classifier", (size, labels), device)?,
            labels,
        })
    }

    pub(super) fn features(
        &self,
        hidden: &Tensor,
        windows: &[&Window],
    ) -> Result<Vec<WindowFeatures>> {
        let mut start = 0;
        windows
            .iter()
            .map(|window| {
                // A window at a time, so that the sums don't depend on how many there are.
                let rows = self.logits(hidden, start).stage("the head")?;
                start += window.ids.len();
                let spans = window.spans.iter().map(|span| span.tokens.clone()).collect();
                Ok(WindowFeatures { spans, rows })
            })
            .collect()
    }

    fn logits(&self, hidden: &Tensor, first: usize) -> candle_core::Result<Vec<f32>> {
        let pooled = self.pooler.forward(&hidden.narrow(0, first, 1)?)?.tanh()?;
        self.classifier.forward(&pooled)?.flatten_all()?.to_vec1()
    }

    pub(super) fn start(&self) -> PooledState {
        PooledState {
            best: vec![f32::NEG_INFINITY; self.labels],
            window: vec![0; self.labels],
            windows: Vec::new(),
        }
    }

    #[expect(clippy::unused_self, reason = "the same call as on the other heads")]
    pub(super) fn absorb(&self, state: &mut PooledState, windows: &[WindowFeatures]) {
        for window in windows {
            let number = state.windows.len() as u32;
            state.windows.extend(window.spans.iter().cloned());
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
        self.best.clone()
    }

    pub(super) fn support(&self, label: usize) -> Vec<Support> {
        let logit = self.best[label];
        let tokens = self.windows[self.window[label] as usize].clone();
        vec![Support { tokens, contribution: logit, logit_alone: logit }]
    }
}
