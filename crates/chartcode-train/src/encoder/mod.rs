//! An encoder with gradients.

mod composed;
mod packing;
mod parameters;

use std::path::Path;

use candle_core::{Device, Tensor, Var};
use chartcode::{Bundle, Config};

use crate::dropout::Dropout;
use crate::error::{Error, Result, Stage as _};
pub(crate) use packing::Packing;
pub(crate) use parameters::write as write_tensors;
use parameters::{Embeddings, Layer, Parameters};

/// How an encoder is trained.
#[derive(Clone, Debug)]
pub struct EncoderOptions {
    /// The share of hidden states' values that is dropped behind the embeddings and behind each
    /// block.
    pub dropout: f32,
    /// The share of attention weights that is dropped.
    pub attention_dropout: f32,
    /// Leave words, positions, segments and their LayerNorm as they are.
    pub freeze_embeddings: bool,
    /// Leave so many of the lowest layers as they are. Gradients still pass through them unless
    /// the embeddings are frozen too.
    pub freeze_layers: usize,
    /// Where it is computed.
    pub device: Device,
}

impl Default for EncoderOptions {
    /// All parameters are trained, on the CPU, with BERT's own rates of dropout.
    fn default() -> Self {
        Self {
            dropout: 0.1,
            attention_dropout: 0.1,
            freeze_embeddings: false,
            freeze_layers: 0,
            device: Device::Cpu,
        }
    }
}

/// Hidden states of several windows, row after row.
#[derive(Clone, Debug)]
pub struct Packed {
    /// `[tokens, H]`, a row a token.
    pub states: Tensor,
    /// Where each window's rows begin, and behind them the number of rows.
    pub offsets: Vec<usize>,
}

/// A BERT-like encoder whose parameters are trained: BERT, RoBERTa, XLM-RoBERTa, CamemBERT,
/// ELECTRA and DistilBERT.
///
/// Windows of any lengths are packed row after row, and no padding is computed. On the CPU a layer
/// is one operation with a backward pass of its own; elsewhere it is composed of candle's.
pub struct TrainableEncoder {
    config: Config,
    parameters: Parameters,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    options: EncoderOptions,
}

impl std::fmt::Debug for TrainableEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainableEncoder")
            .field("family", &self.config.family)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl TrainableEncoder {
    /// Reads the encoder of a bundle. Tensors stored as int8 are widened to f32.
    ///
    /// # Errors
    /// [`Error::Family`] for a family without gradients here, [`Error::Option`] for a rate outside
    /// its range, [`Error::Model`] where tensors are missing or damaged.
    pub fn from_bundle(bundle: &Bundle, options: &EncoderOptions) -> Result<Self> {
        options.check(bundle.config())?;
        if !bundle.config().is_bert_like() {
            let family = bundle.config().model_type.clone();
            return Err(Error::Family { path: bundle.path().to_owned(), family });
        }
        let config = bundle.config().clone();
        let parameters = Parameters::read(bundle, options)?;
        let embeddings = parameters.embeddings(&config)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| parameters.layer(index))
            .collect::<Result<_>>()?;
        Ok(Self { config, parameters, embeddings, layers, options: options.clone() })
    }

    /// Hidden states of windows given as vocabulary ids, special tokens included, in the order
    /// given; with `dropout` as in training, without it as in use.
    ///
    /// # Errors
    /// [`Error::WindowLength`], [`Error::Token`] and [`Error::Tensor`].
    pub fn forward(&self, windows: &[&[u32]], dropout: Option<&mut Dropout>) -> Result<Packed> {
        let packing = Packing::new(windows, &self.config)?;
        let rates = (self.options.dropout, self.options.attention_dropout);
        let masks = dropout.map(|dropout| dropout.next(rates.0, rates.1));
        let states = composed::forward(self, &packing, masks.as_ref()).stage("the encoder")?;
        Ok(Packed { states, offsets: packing.offsets })
    }

    /// The parameters that are trained, by the checkpoint's keys, in the order of the forward
    /// pass.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Var)> {
        self.parameters.trained()
    }

    /// All of the encoder's tensors by the checkpoint's keys, frozen ones included.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        self.parameters.tensors()
    }

    /// Writes all of the encoder's tensors as a safetensors file under the checkpoint's keys, so
    /// that it can take the place of the bundle's own.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_tensors(path.as_ref(), self.tensors())
    }

    /// Width of a hidden state.
    #[must_use]
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    /// Hyper-parameters.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it is computed.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.options.device
    }
}

impl EncoderOptions {
    fn check(&self, config: &Config) -> Result<()> {
        let rates = [("dropout", self.dropout), ("attention_dropout", self.attention_dropout)];
        for (option, rate) in rates {
            if !(0.0..1.0).contains(&rate) {
                let range = "0 to 1, 1 excluded";
                return Err(Error::Option { option, value: f64::from(rate), range });
            }
        }
        if self.freeze_layers > config.num_hidden_layers {
            return Err(Error::Option {
                option: "freeze_layers",
                value: self.freeze_layers as f64,
                range: "0 to the encoder's number of layers",
            });
        }
        Ok(())
    }
}
