//! One transformer layer, LayerNorm behind each residual (post-LN).

use candle_core::{Device, Result, Tensor};

use super::attention::{Group, SelfAttention};
use super::config::Activation;
use super::linear::{Linear, Norm};
use super::{Config, Keys};
use crate::bundle::weights::Weights;

/// The affine maps of a layer, under `encoder.layer.{index}.`.
pub(super) const LINEAR_NAMES: [&str; 6] = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
];

/// The layer norms of a layer, under `encoder.layer.{index}.`.
pub(super) const NORM_NAMES: [&str; 2] = ["attention.output.LayerNorm", "output.LayerNorm"];

#[derive(Debug)]
pub(super) struct Layer {
    attention: SelfAttention,
    attention_norm: Norm,
    up: Linear,
    activation: Activation,
    down: Linear,
    output_norm: Norm,
}

impl Layer {
    pub(super) fn load(
        weights: &Weights,
        keys: &Keys,
        index: usize,
        config: &Config,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let (narrow, wide) = (config.hidden_size, config.intermediate_size);
        let (scale, shift) = keys.norm();
        let norm = |name: &str| {
            let key = |part| keys.layer(index, &format!("{name}.{part}"));
            let sizes = (narrow, config.layer_norm_eps);
            Norm::load(weights, (&key(scale), &key(shift)), sizes, device)
        };
        let linear = |name, sizes| Linear::load(weights, &keys.layer(index, name), sizes, device);
        Ok(Self {
            attention: SelfAttention::load(weights, keys, index, config, device)?,
            attention_norm: norm(NORM_NAMES[0])?,
            up: linear("intermediate.dense", (narrow, wide))?,
            activation: config.hidden_act,
            down: linear("output.dense", (wide, narrow))?,
            output_norm: norm(NORM_NAMES[1])?,
        })
    }

    /// `[rows, H]` → `[rows, H]`.
    pub(super) fn forward(&self, hidden: &Tensor, groups: &[Group]) -> Result<Tensor> {
        let attended = self.attention.forward(hidden, groups)?;
        let hidden = self.attention_norm.forward(&(attended + hidden)?)?;
        let wide = self.activation.with_bias(self.up.product(&hidden)?, self.up.bias())?;
        let narrow = self.down.forward(&wide)?;
        self.output_norm.forward(&(narrow + hidden)?)
    }
}
