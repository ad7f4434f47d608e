//! The tensors of an encoder, trained and fixed.

use std::path::Path;

use candle_core::{Device, Tensor, Var};
use chartcode::{Bundle, Config, EncoderTensor};

use super::EncoderOptions;
use crate::error::{Error, Result, Stage as _};

/// An affine map `x W^T + b`: `W` is `[out, in]`, `b` `[out]`.
#[derive(Clone)]
pub(super) struct Affine {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// LayerNorm's parameters, `[H]` each.
#[derive(Clone)]
pub(super) struct Norm {
    pub(super) scale: Tensor,
    pub(super) shift: Tensor,
}

/// A layer's parameters.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) query: Affine,
    pub(super) key: Affine,
    pub(super) value: Affine,
    pub(super) attention_output: Affine,
    pub(super) attention_norm: Norm,
    pub(super) up: Affine,
    pub(super) down: Affine,
    pub(super) output_norm: Norm,
}

/// The parameters below the layers.
#[derive(Clone)]
pub(super) struct Embeddings {
    pub(super) word: Tensor,
    pub(super) position: Tensor,
    pub(super) segment: Option<Tensor>,
    pub(super) norm: Norm,
    pub(super) projection: Option<Affine>,
}

/// A named tensor; of a trained one, `var` is the variable.
struct Named {
    name: String,
    key: String,
    tensor: Tensor,
    var: Option<Var>,
}

/// All tensors of an encoder.
pub(super) struct Parameters {
    all: Vec<Named>,
}

impl Parameters {
    pub(super) fn read(bundle: &Bundle, options: &EncoderOptions) -> Result<Self> {
        let tensors = bundle.encoder_tensors()?;
        let named = tensors.into_iter().map(|tensor| Named::new(tensor, options));
        Ok(Self { all: named.collect::<Result<_>>()? })
    }

    /// The trained ones, by key.
    pub(super) fn trained(&self) -> Vec<(String, Var)> {
        let var = |named: &Named| Some((named.key.clone(), named.var.clone()?));
        self.all.iter().filter_map(var).collect()
    }

    /// All of them, by key, without a graph.
    pub(super) fn tensors(&self) -> Vec<(String, Tensor)> {
        self.all.iter().map(|named| (named.key.clone(), named.tensor.detach())).collect()
    }

    fn find(&self, name: &str) -> Option<Tensor> {
        self.all.iter().find(|named| named.name == name).map(|named| named.tensor.clone())
    }

    fn get(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| Error::State { problem: format!("no tensor {name}") })
    }

    fn affine(&self, name: &str) -> Result<Affine> {
        let weight = self.get(&format!("{name}.weight"))?;
        Ok(Affine { weight, bias: self.get(&format!("{name}.bias"))? })
    }

    fn norm(&self, name: &str) -> Result<Norm> {
        let scale = self.get(&format!("{name}.weight"))?;
        Ok(Norm { scale, shift: self.get(&format!("{name}.bias"))? })
    }

    pub(super) fn embeddings(&self, config: &Config) -> Result<Embeddings> {
        let projects = config.embedding_size != config.hidden_size;
        Ok(Embeddings {
            word: self.get("embeddings.word_embeddings.weight")?,
            position: self.get("embeddings.position_embeddings.weight")?,
            segment: self.find("embeddings.token_type_embeddings.weight"),
            norm: self.norm("embeddings.LayerNorm")?,
            projection: projects.then(|| self.affine("embeddings_project")).transpose()?,
        })
    }

    pub(super) fn layer(&self, index: usize) -> Result<Layer> {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        Ok(Layer {
            query: self.affine(&name("attention.self.query"))?,
            key: self.affine(&name("attention.self.key"))?,
            value: self.affine(&name("attention.self.value"))?,
            attention_output: self.affine(&name("attention.output.dense"))?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            up: self.affine(&name("intermediate.dense"))?,
            down: self.affine(&name("output.dense"))?,
            output_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}

impl Named {
    fn new(tensor: EncoderTensor, options: &EncoderOptions) -> Result<Self> {
        let EncoderTensor { name, key, shape, values, .. } = tensor;
        let trained = match layer_of(&name) {
            None => !options.freeze_embeddings,
            Some(layer) => layer >= options.freeze_layers,
        };
        let device: &Device = &options.device;
        let plain = Tensor::from_vec(values, shape, device).stage("loading weights")?;
        let var = trained.then(|| Var::from_tensor(&plain)).transpose().stage("loading weights")?;
        let tensor = var.as_ref().map_or(plain, |var| var.as_tensor().clone());
        Ok(Self { name, key, tensor, var })
    }
}

/// The layer that a tensor belongs to; none of the embeddings.
fn layer_of(name: &str) -> Option<usize> {
    name.strip_prefix("encoder.layer.")?.split('.').next()?.parse().ok()
}

/// Writes tensors as a safetensors file, whole or not at all.
pub(crate) fn write(path: &Path, tensors: Vec<(String, Tensor)>) -> Result<()> {
    let part = path.with_added_extension("part");
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let cpu = tensors.into_iter().map(|(key, tensor)| {
        let tensor = tensor.to_device(&Device::Cpu)?.contiguous()?;
        Ok((key, tensor))
    });
    let cpu: Vec<(String, Tensor)> =
        cpu.collect::<candle_core::Result<_>>().stage("saving weights")?;
    let bytes = safetensors::serialize(cpu.iter().map(|(key, t)| (key, t)), None)
        .map_err(|source| Error::Serialise { path: path.to_owned(), source })?;
    std::fs::write(&part, bytes).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
