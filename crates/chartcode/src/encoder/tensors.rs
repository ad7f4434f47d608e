//! The tensors of a BERT-like encoder under one set of names, for those who train it.

use super::Keys;
use super::config::{AttentionKind, Config, Positions};
use super::family::Family;
use crate::bundle::weights::Weights;
use crate::error::Result;

/// One tensor of an encoder, widened to f32.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct EncoderTensor {
    /// What BERT's own checkpoints call it, without prefix, whatever the family:
    /// `encoder.layer.0.attention.self.query.weight`.
    pub name: String,
    /// What the checkpoint calls it.
    pub key: String,
    /// Rows and columns of a matrix, or the length of a vector.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

impl std::fmt::Debug for EncoderTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncoderTensor")
            .field("name", &self.name)
            .field("key", &self.key)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Whether the encoder is BERT's but for names, sizes and positions: absolute positions, full
    /// attention, LayerNorm behind each residual, layers of their own.
    #[must_use]
    pub fn is_bert_like(&self) -> bool {
        self.words.is_none()
            && self.attention == AttentionKind::Full
            && self.positions != Positions::None
            && !self.family.is_pre_norm()
            && !self.family.is_gated()
            && self.family != Family::Albert
    }

    /// The row of the position table for each token of a window.
    #[must_use]
    pub fn position_ids(&self, ids: &[u32]) -> Vec<u32> {
        self.positions.of(ids)
    }
}

/// Reads every tensor of an encoder that [`Config::is_bert_like`].
pub(crate) fn read(weights: &Weights, config: &Config) -> Result<Vec<EncoderTensor>> {
    let keys = Keys::detect(weights, config);
    let list = Names { keys: &keys, config, entries: Vec::new() }.list();
    let mut tensors = Vec::with_capacity(list.len());
    for (name, key, shape) in list {
        let values = weights.vector(&key, &shape)?;
        tensors.push(EncoderTensor { name, key, shape, values });
    }
    weights.finish()?;
    Ok(tensors)
}

struct Names<'a> {
    keys: &'a Keys,
    config: &'a Config,
    entries: Vec<(String, String, Vec<usize>)>,
}

impl Names<'_> {
    fn list(mut self) -> Vec<(String, String, Vec<usize>)> {
        let (config, layout) = (self.config, self.keys.layout);
        let (narrow, size) = (config.embedding_size, config.hidden_size);
        let rows = [config.vocab_size, config.max_position_embeddings, config.type_vocab_size];
        let words = ["word", "position", "token_type"];
        let own = [self.keys.word(), self.position_key(layout.position), {
            self.position_key(layout.segment)
        }];
        for ((word, key), rows) in words.iter().zip(own).zip(rows) {
            if rows > 0 {
                let name = format!("embeddings.{word}_embeddings.weight");
                self.entries.push((name, key, vec![rows, narrow]));
            }
        }
        self.norm("embeddings.LayerNorm", &self.keys.key(layout.embedding_norm), narrow);
        if narrow != size {
            let key = self.keys.key(layout.projection);
            self.map("embeddings_project", &key, size, narrow);
        }
        (0..config.num_hidden_layers).for_each(|index| self.layer(index));
        self.entries
    }

    fn position_key(&self, name: &str) -> String {
        self.keys.key(&format!("{name}.weight"))
    }

    fn layer(&mut self, index: usize) {
        let layout = self.keys.layout;
        let (size, wide) = (self.config.hidden_size, self.config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let keys = self.keys;
        let key = |part: &str| keys.layer(index, part);
        let qkv = ["query", "key", "value"];
        for (part, own) in qkv.iter().zip(layout.qkv) {
            self.map(&name(&format!("attention.self.{part}")), &key(own), size, size);
        }
        self.map(&name("attention.output.dense"), &key(layout.attention_output), size, size);
        self.norm(&name("attention.output.LayerNorm"), &key(layout.attention_norm), size);
        self.map(&name("intermediate.dense"), &key(layout.up[0]), wide, size);
        self.map(&name("output.dense"), &key(layout.down), size, wide);
        self.norm(&name("output.LayerNorm"), &key(layout.output_norm), size);
    }

    fn map(&mut self, name: &str, key: &str, outputs: usize, inputs: usize) {
        let weight = (format!("{name}.weight"), format!("{key}.weight"), vec![outputs, inputs]);
        let bias = (format!("{name}.bias"), format!("{key}.bias"), vec![outputs]);
        self.entries.extend([weight, bias]);
    }

    fn norm(&mut self, name: &str, key: &str, size: usize) {
        let (scale, shift) = self.keys.norm();
        for (part, own) in [("weight", scale), ("bias", shift)] {
            self.entries.push((format!("{name}.{part}"), format!("{key}.{own}"), vec![size]));
        }
    }
}
