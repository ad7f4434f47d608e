//! Step 5: windows → hidden states. One encoder; its variants are configuration.

mod activation;
mod attention;
mod config;
mod embeddings;
mod layer;
mod linear;

use candle_core::{Device, Tensor};

pub use config::{Activation, Config};

use crate::bundle::weights::Weights;
use crate::error::{Error, Result, Stage as _};
pub(crate) use linear::Linear;

use attention::Group;
use embeddings::Embeddings;
use layer::Layer;

/// A batch has at least this many rows: below it the matrix library takes another path, which
/// adds in another order, and a chart's answer would depend on what it was batched with.
const LEAST_ROWS: usize = 32;

/// A BERT-family encoder.
///
/// Windows of any lengths are packed row after row: products run over all rows at once, attention
/// over each group of windows of equal length, and no padding or mask exists.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    device: Device,
}

impl Encoder {
    /// Builds the encoder from Hugging Face keys, with or without the family's prefix.
    pub(crate) fn load(weights: &Weights, config: Config, device: &Device) -> Result<Self> {
        let keys = Keys::detect(weights, &config);
        let names = keys.names(&config);
        weights.require(names.iter().map(String::as_str))?;
        let embeddings = Embeddings::load(weights, &keys, &config, device)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::load(weights, &keys, index, &config, device))
            .collect::<Result<_>>()?;
        Ok(Self { config, embeddings, layers, device: device.clone() })
    }

    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Hidden states of the last layer for windows given as vocabulary ids: `[rows, H]`, window
    /// after window in the order given, a row a token.
    ///
    /// Cost is best where windows of equal length stand side by side.
    ///
    /// # Errors
    /// [`Error::Tensor`], for instance where an id is outside the vocabulary.
    pub fn forward(&self, windows: &[&[u32]]) -> Result<Tensor> {
        self.forward_packed(windows).stage("the encoder")
    }

    fn forward_packed(&self, windows: &[&[u32]]) -> candle_core::Result<Tensor> {
        let rows: usize = windows.iter().map(|window| window.len()).sum();
        let filler = vec![0; LEAST_ROWS.saturating_sub(rows)];
        let mut windows = windows.to_vec();
        // Filler rows are windows of their own, so that no real token attends to them.
        windows.extend(filler.chunks(self.config.max_position_embeddings));
        let groups = Group::of(&windows);
        let mut hidden = self.embeddings.forward(&windows, &self.device)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &groups)?;
        }
        hidden.narrow(0, 0, rows)
    }

    /// Checks that windows of `tokens` tokens have positions.
    pub(crate) fn check_window(&self, tokens: usize, path: &std::path::Path) -> Result<()> {
        if tokens <= self.config.max_position_embeddings {
            return Ok(());
        }
        Err(Error::Inconsistent {
            path: path.to_owned(),
            problem: format!(
                "windows of {tokens} tokens, but the encoder has {} positions",
                self.config.max_position_embeddings
            ),
        })
    }
}

/// How this file spells the encoder's keys.
pub(crate) struct Keys {
    prefix: &'static str,
    legacy_norm: bool,
}

impl Keys {
    fn detect(weights: &Weights, config: &Config) -> Self {
        const WORD: &str = "embeddings.word_embeddings.weight";
        let prefixed = config.model_type == "bert" && weights.contains(&format!("bert.{WORD}"));
        let prefix = if prefixed { "bert." } else { "" };
        // Checkpoints of 2019 call LayerNorm's parameters gamma and beta.
        let legacy_norm = weights.contains(&format!("{prefix}embeddings.LayerNorm.gamma"));
        Self { prefix, legacy_norm }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn layer(&self, index: usize, name: &str) -> String {
        format!("{}encoder.layer.{index}.{name}", self.prefix)
    }

    fn norm(&self) -> (&'static str, &'static str) {
        if self.legacy_norm { ("gamma", "beta") } else { ("weight", "bias") }
    }

    /// Every key that the encoder needs.
    fn names(&self, config: &Config) -> Vec<String> {
        let (scale, shift) = self.norm();
        let mut names = vec![
            self.key("embeddings.word_embeddings.weight"),
            self.key("embeddings.position_embeddings.weight"),
            self.key("embeddings.token_type_embeddings.weight"),
            self.key(&format!("embeddings.LayerNorm.{scale}")),
            self.key(&format!("embeddings.LayerNorm.{shift}")),
        ];
        for index in 0..config.num_hidden_layers {
            for linear in layer::LINEAR_NAMES {
                names.push(self.layer(index, &format!("{linear}.weight")));
                names.push(self.layer(index, &format!("{linear}.bias")));
            }
            for norm in layer::NORM_NAMES {
                names.push(self.layer(index, &format!("{norm}.{scale}")));
                names.push(self.layer(index, &format!("{norm}.{shift}")));
            }
        }
        names
    }
}
