//! Step 5: windows → hidden states. One encoder; its variants are configuration.

mod activation;
mod attention;
mod config;
mod convolution;
mod embeddings;
mod family;
mod feed_forward;
mod fields;
mod layer;
mod layout;
mod linear;

use candle_core::{Device, Tensor};

pub use config::{Activation, Config};
pub use family::Family;
pub(crate) use layout::Keys;
pub(crate) use linear::{Linear, Norm, NormSpec};

use crate::bundle::weights::Weights;
use crate::error::{Error, Result, Stage as _};

use attention::{Group, Tables};
use config::AttentionKind;
use convolution::Convolution;
use embeddings::Embeddings;
use layer::Layer;

/// A batch has at least this many rows: below it the matrix library takes another path, which
/// adds in another order, and a chart's answer would depend on what it was batched with.
const LEAST_ROWS: usize = 32;

/// A transformer encoder of any family that [`Family`] names.
///
/// Windows of any lengths are packed row after row: products run over all rows at once, attention
/// over each group of windows of equal length, and no padding or mask exists but what a window
/// itself brings.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    /// Which layer each step of the forward pass takes.
    schedule: Vec<usize>,
    convolution: Option<Convolution>,
    final_norm: Option<Norm>,
    device: Device,
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
}

impl Parts<'_> {
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
    /// Builds the encoder from Hugging Face keys, whatever their prefix. Keys that are missing or
    /// have another shape are noted in `weights`, which tells of all of them at once.
    pub(crate) fn load(weights: &Weights, config: Config, device: &Device) -> Result<Self> {
        let keys = Keys::detect(weights, &config);
        let parts = Parts { weights, keys: &keys, config: &config, device };
        let embeddings = Embeddings::load(&parts)?;
        let tables = Tables::load(&parts)?;
        let layers = (0..config.distinct_layers())
            .map(|index| Layer::load(&parts, index, &tables))
            .collect::<Result<_>>()?;
        let convolution = match &config.attention {
            AttentionKind::Disentangled(kind) => Convolution::load(&parts, kind)?,
            _ => None,
        };
        let final_norm = config
            .family
            .is_pre_norm()
            .then(|| parts.norm(&keys.key("final_norm"), config.hidden_size))
            .transpose()?;
        let (schedule, device) = (config.schedule(), device.clone());
        Ok(Self { config, embeddings, layers, schedule, convolution, final_norm, device })
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
        self.encode_packed(windows).stage("the encoder")
    }

    /// The first token's last hidden state as it would be if it could not attend to a token in the
    /// last layer, for each token of a window a row, `[length, H]`; and how much the last layer
    /// attends to each, the mean over its heads.
    pub(crate) fn without_each(&self, window: Input<'_>) -> Result<(Tensor, Vec<f32>)> {
        let (last, before) = self.schedule.split_last().unwrap_or((&0, &[]));
        let without_each = || {
            let hidden = self.run(&[window], before)?;
            let (mut hidden, attention) = self.layers[*last].without_each(&hidden)?;
            if let Some(norm) = &self.final_norm {
                hidden = norm.forward(&hidden)?;
            }
            Ok((hidden, attention))
        };
        without_each().stage("evidence")
    }

    fn encode_packed(&self, windows: &[Input<'_>]) -> candle_core::Result<Tensor> {
        let hidden = self.run(windows, &self.schedule)?;
        self.final_norm.as_ref().map_or_else(|| Ok(hidden.clone()), |norm| norm.forward(&hidden))
    }

    /// Embeddings and some steps of the schedule, from its beginning.
    fn run(&self, windows: &[Input<'_>], steps: &[usize]) -> candle_core::Result<Tensor> {
        let rows: usize = windows.iter().map(|window| window.ids.len()).sum();
        let filler = vec![0; LEAST_ROWS.saturating_sub(rows)];
        let mut windows = windows.to_vec();
        // Filler rows are windows of their own, so that no real token attends to them.
        let filler = filler.chunks(self.config.longest_window());
        windows.extend(filler.map(|ids| Input { ids, keys: ids.len() }));
        let groups = Group::of(&windows);
        let embedded = self.embeddings.forward(&windows, &self.device)?;
        let mut hidden = embedded.clone();
        for (step, &index) in steps.iter().enumerate() {
            hidden = self.layers[index].forward(&hidden, &groups)?;
            if let (0, Some(convolution)) = (step, &self.convolution) {
                hidden = convolution.forward(&embedded, &hidden, &groups)?;
            }
        }
        hidden.narrow(0, 0, rows)
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
