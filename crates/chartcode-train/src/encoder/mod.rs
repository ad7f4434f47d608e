//! An encoder with gradients.

mod composed;
mod fused;
mod packing;
mod parameters;

use std::path::Path;

use candle_core::{Device, Tensor, Var};
use chartcode::{Bundle, Config};

use crate::dropout::{Dropout, Masks};
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
    /// Whether layers are operations of their own, rather than composed of candle's.
    fused: bool,
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
        let (fused, options) = (options.device.is_cpu(), options.clone());
        Ok(Self { config, parameters, embeddings, layers, options, fused })
    }

    /// Hidden states of windows given as vocabulary ids, special tokens included, in the order
    /// given; with `dropout` as in training, without it as in use.
    ///
    /// # Errors
    /// [`Error::WindowLength`], [`Error::Token`] and [`Error::Tensor`].
    pub fn forward(&self, windows: &[&[u32]], dropout: Option<&mut Dropout>) -> Result<Packed> {
        let rates = (self.options.dropout, self.options.attention_dropout);
        self.run(windows, dropout.map(|dropout| dropout.next(rates.0, rates.1)), true)
    }

    /// As [`TrainableEncoder::forward`] in use, for states that no gradient is asked of: what a
    /// backward pass would need is not kept.
    ///
    /// # Errors
    /// As [`TrainableEncoder::forward`].
    pub fn encode(&self, windows: &[&[u32]]) -> Result<Packed> {
        let packed = self.run(windows, None, false)?;
        Ok(Packed { states: packed.states.detach(), ..packed })
    }

    fn run(&self, windows: &[&[u32]], masks: Option<Masks>, gradients: bool) -> Result<Packed> {
        let packing = Packing::new(windows, &self.config)?;
        let states = if self.fused {
            fused::forward(self, &packing, masks.as_ref(), gradients)
        } else {
            composed::forward(self, &packing, masks.as_ref())
        };
        Ok(Packed { states: states.stage("the encoder")?, offsets: packing.offsets })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::gradients::Gradients;

    fn encoder(family: &str, options: &EncoderOptions, fused: bool) -> TrainableEncoder {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity");
        let bundle = Bundle::open(root.join(family)).unwrap();
        TrainableEncoder { fused, ..TrainableEncoder::from_bundle(&bundle, options).unwrap() }
    }

    /// The loss and all gradients of a forward pass with this seed of dropout.
    fn gradients(
        encoder: &TrainableEncoder,
        windows: &[&[u32]],
        seed: u64,
    ) -> BTreeMap<String, Tensor> {
        let states = encoder.forward(windows, Some(&mut Dropout::new(seed))).unwrap().states;
        let loss = states.sin().unwrap().sum_all().unwrap();
        let gradients = Gradients::of(&loss).unwrap();
        let gradient = |(key, var): (String, Var)| (key, gradients.get(&var).unwrap().unwrap());
        let mut all: BTreeMap<_, _> = encoder.parameters().into_iter().map(gradient).collect();
        all.insert("loss".to_owned(), loss);
        all
    }

    fn norm(tensor: &Tensor) -> f32 {
        tensor.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// What runs on the CPU is the composition that runs elsewhere, dropout included.
        #[test]
        fn fused_layers_are_the_composition(
            windows in proptest::collection::vec(proptest::collection::vec(2_u32..200, 1..40), 1..9),
            family in prop::sample::select(vec!["bert", "roberta", "electra", "distilbert"]),
            (dropout, attention_dropout) in prop::sample::select(vec![(0.0, 0.0), (0.3, 0.0), (0.1, 0.4)]),
            (freeze_embeddings, freeze_layers) in (any::<bool>(), 0_usize..3),
            seed in any::<u64>(),
        ) {
            let options = EncoderOptions {
                dropout, attention_dropout, freeze_embeddings, freeze_layers, device: Device::Cpu,
            };
            prop_assume!(!(freeze_embeddings && freeze_layers == 2));
            let windows: Vec<&[u32]> = windows.iter().map(Vec::as_slice).collect();
            let ours = gradients(&encoder(family, &options, true), &windows, seed);
            let composed = gradients(&encoder(family, &options, false), &windows, seed);
            let scale: f32 = composed.values().map(norm).fold(0.0, f32::max);
            for (key, ours) in &ours {
                let off = norm(&(ours - &composed[key]).unwrap());
                prop_assert!(off <= 1e-5 * scale, "{key} is off by {off} of {scale}");
            }
        }
    }

    /// The derivative along a random direction, by differences.
    #[test]
    fn gradients_are_finite_differences() {
        let options = EncoderOptions::default();
        let encoder = encoder("bert", &options, true);
        let windows: [&[u32]; 2] = [&[2, 17, 30, 45, 3], &[2, 9, 3]];
        let gradients = gradients(&encoder, &windows, 9);
        for (key, var) in encoder.parameters() {
            let (at, gradient) = (var.copy().unwrap(), &gradients[&key]);
            let direction = (gradient / f64::from(norm(gradient).max(1e-6))).unwrap();
            let step = 2e-3;
            let loss_at = |factor: f64| {
                var.set(&(&at + (&direction * factor).unwrap()).unwrap()).unwrap();
                let mut dropout = Dropout::new(9);
                let states = encoder.forward(&windows, Some(&mut dropout)).unwrap().states;
                let states = states.to_dtype(candle_core::DType::F64).unwrap();
                states.sin().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
            };
            let slope = (loss_at(step) - loss_at(-step)) / (2.0 * step);
            var.set(&at).unwrap();
            let expected = f64::from(norm(gradient));
            assert!((slope - expected).abs() < 0.01 * expected + 5e-3, "{key} {slope} {expected}");
        }
    }
}
