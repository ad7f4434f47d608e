//! Step 5: windows → hidden states. One transformer, whose variants are configuration, and the word
//! encoders that came before it.

mod activation;
mod attention;
mod config;
mod convolution;
mod embeddings;
mod family;
mod feed_forward;
mod fields;
mod fused;
mod layer;
mod layout;
mod linear;
mod tensors;
mod transformer;
mod words;

use candle_core::{Device, Tensor};
use chartcode_kernels::Precision;

pub use config::{Activation, Config};
pub use family::Family;
pub(crate) use layout::Keys;
pub(crate) use linear::{Linear, Norm, NormSpec, with_values};
pub use tensors::EncoderTensor;
pub(crate) use tensors::read as read_tensors;
pub(crate) use words::{WordKind, synthesise as synthesise_word_config};

use crate::bundle::weights::Weights;
use crate::error::{Error, Result, Stage as _};

use transformer::Transformer;
use words::WordEncoder;

/// An encoder: a transformer of any family that [`Family`] names, or one of the word encoders that
/// read a whole chart at once (CAML, MultiResCNN, LAAT's bi-LSTM).
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Transformer(Box<Transformer>),
    Words(Box<WordEncoder>),
}

/// One window as the encoder reads it.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Vocabulary ids, padding included.
    pub(crate) ids: &'a [u32],
    /// How many of the first tokens are attended to; all but padding that is masked.
    pub(crate) keys: usize,
}

/// What the parts of an encoder are loaded from.
#[derive(Clone, Copy)]
struct Parts<'a> {
    weights: &'a Weights,
    keys: &'a Keys,
    config: &'a Config,
    device: &'a Device,
    /// What products of layers are computed in.
    precision: Precision,
}

impl Parts<'_> {
    /// The maps `names` of layer `index` as one, `rows` outputs in all, `[rows, H]` and `[rows]`
    /// passed through `edit`.
    fn joined(
        &self,
        index: usize,
        names: &[&str],
        (rows, has_bias): (usize, bool),
        edit: impl Fn(Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Linear> {
        let (size, each) = (self.config.hidden_size, rows / names.len());
        let read = |kind: &str, shape: &[usize]| -> Result<Vec<Tensor>> {
            let key = |name: &&str| self.keys.layer(index, &format!("{name}.{kind}"));
            names.iter().map(|name| self.weights.tensor(&key(name), shape, self.device)).collect()
        };
        let join = |tensors: Vec<Tensor>, shape: &[usize]| {
            self.weights.derive(shape, self.device, || edit(Tensor::cat(&tensors, 0)?))
        };
        let weight = join(read("weight", &[each, size])?, &[rows, size])?;
        let bias = has_bias.then(|| join(read("bias", &[each])?, &[rows])).transpose()?;
        Linear::packed(&weight, bias, self.precision).stage("loading weights")
    }

    /// A map of a layer, in the precision of the layers.
    fn linear(&self, name: &str, sizes: (usize, usize), has_bias: bool) -> Result<Linear> {
        let (weight, bias) = Linear::read(self.weights, name, sizes, has_bias, self.device)?;
        Linear::packed(&weight, bias, self.precision).stage("loading weights")
    }

    /// A LayerNorm as this file spells it.
    fn norm(&self, name: &str, size: usize) -> Result<Norm> {
        let spec = NormSpec {
            size,
            epsilon: self.config.layer_norm_eps,
            names: self.keys.norm(),
            has_bias: self.config.bias.norm,
        };
        Norm::load(self.weights, name, spec, self.device)
    }
}

impl Encoder {
    /// Builds the encoder from the keys of its publication. Keys that are missing or have another
    /// shape are noted in `weights`, which tells of all of them at once.
    pub(crate) fn load(
        weights: &Weights,
        config: Config,
        (device, precision): (&Device, Precision),
    ) -> Result<Self> {
        let body = if let Some(kind) = config.word_kind() {
            Body::Words(Box::new(WordEncoder::load(weights, &config, kind, device)?))
        } else {
            let keys = Keys::detect(weights, &config);
            let parts = Parts { weights, keys: &keys, config: &config, device, precision };
            Body::Transformer(Box::new(Transformer::load(&parts)?))
        };
        Ok(Self { config, body })
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
        let windows: Vec<Input<'_>> =
            windows.iter().map(|ids| Input { ids, keys: ids.len() }).collect();
        self.encode(&windows)
    }

    /// As [`Encoder::forward`], for windows that may end in masked padding.
    pub(crate) fn encode(&self, windows: &[Input<'_>]) -> Result<Tensor> {
        let hidden = match &self.body {
            Body::Transformer(transformer) => transformer.forward(windows),
            Body::Words(words) => words.forward(windows),
        };
        hidden.stage("the encoder")
    }

    /// The first token's last hidden state as it would be if it could not attend to a token in the
    /// last layer, for each token of a window a row, `[length, H]`; and how much the last layer
    /// attends to each, the mean over its heads. Nothing from an encoder without attention.
    pub(crate) fn without_each(&self, window: Input<'_>) -> Result<Option<(Tensor, Vec<f32>)>> {
        match &self.body {
            Body::Transformer(transformer) => {
                transformer.without_each(window).stage("evidence").map(Some)
            }
            Body::Words(_) => Ok(None),
        }
    }

    /// Checks that windows of `tokens` tokens have positions.
    pub(crate) fn check_window(&self, tokens: usize, path: &std::path::Path) -> Result<()> {
        let longest = self.config.longest_window();
        if tokens <= longest {
            return Ok(());
        }
        Err(Error::Inconsistent {
            path: path.to_owned(),
            problem: format!(
                "windows of {tokens} tokens, but the encoder has positions for {longest}"
            ),
        })
    }
}
