//! The encoder's hyper-parameters, as Hugging Face writes them to `config.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};

/// `config.json` of a BERT-family model. Fields that do not change the forward pass are ignored.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Config {
    /// Family, e.g. `bert`.
    pub model_type: String,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Width of a hidden state, H.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads; H is a multiple of it.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// The feed-forward layer's activation.
    pub hidden_act: Activation,
    /// Longest window the position embedding has rows for.
    pub max_position_embeddings: usize,
    /// Rows of the segment embedding.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Added to the variance in LayerNorm.
    #[serde(default = "bert_epsilon")]
    pub layer_norm_eps: f64,
    /// How positions enter; only `absolute` is BERT's own.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// Classes, e.g. `BertForSequenceClassification`.
    #[serde(default)]
    pub architectures: Vec<String>,
    /// `multi_label_classification` or another task.
    #[serde(default)]
    pub problem_type: Option<String>,
    /// Label of each column of a classification head.
    #[serde(default)]
    pub id2label: BTreeMap<String, String>,
}

/// The activation between the two feed-forward products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// x Φ(x), with the error function: BERT's own.
    Gelu,
    /// The tanh approximation of GELU.
    #[serde(alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// max(x, 0).
    Relu,
    /// x σ(x).
    #[serde(alias = "swish")]
    Silu,
}

fn two() -> usize {
    2
}

fn bert_epsilon() -> f64 {
    1e-12
}

fn absolute() -> String {
    "absolute".to_owned()
}

impl Config {
    /// Reads and checks the content of a `config.json`; `path` is for errors.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Unsupported`] for another family or position embedding,
    /// [`Error::Inconsistent`] where sizes cannot be right.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { path: path.to_owned(), source })?;
        config.check(path)?;
        Ok(config)
    }

    /// Width of one attention head.
    #[must_use]
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    fn check(&self, path: &Path) -> Result<()> {
        let unsupported = |field, value: &str, supported| Error::Unsupported {
            path: path.to_owned(),
            field,
            value: value.to_owned(),
            supported,
        };
        if self.model_type != "bert" {
            return Err(unsupported("model_type", &self.model_type, "bert"));
        }
        if self.position_embedding_type != "absolute" {
            return Err(unsupported(
                "position_embedding_type",
                &self.position_embedding_type,
                "absolute",
            ));
        }
        let sizes = [
            self.vocab_size,
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ];
        let problem = if sizes.contains(&0) {
            "a size is 0".to_owned()
        } else if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            )
        } else {
            return Ok(());
        };
        Err(Error::Inconsistent { path: path.to_owned(), problem })
    }
}
