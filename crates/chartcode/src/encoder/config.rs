//! The encoder's hyper-parameters, as Hugging Face writes them to `config.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::family::Family;
use super::fields::Fields;
use crate::error::{Error, Result};

/// No size of a real encoder comes near these; a larger one is a mistake or an attack on memory.
pub(super) const LARGEST_SIZE: usize = 1 << 24;
const MOST_LAYERS: usize = 1 << 10;
/// Positions times the width of an attention head: what tables of positions hold.
const LARGEST_TABLE: usize = 1 << 24;

/// `config.json` of an encoder, in one form for all families. Fields that do not change the
/// forward pass are ignored; values that would change it and are not supported are refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Family, as the file names it, e.g. `xlm-roberta`.
    pub model_type: String,
    /// Family.
    pub family: Family,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Width of an embedding, E; H except where the family factorises it.
    pub embedding_size: usize,
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
    /// Rows of the position embedding, or the longest window the encoder was made for.
    pub max_position_embeddings: usize,
    /// Rows of the segment embedding; 0 where there is none.
    pub type_vocab_size: usize,
    /// Added to the variance in LayerNorm.
    pub layer_norm_eps: f64,
    /// The padding token.
    pub pad_token_id: u32,
    /// Classes, e.g. `BertForSequenceClassification`.
    pub architectures: Vec<String>,
    /// `multi_label_classification` or another task.
    pub problem_type: Option<String>,
    /// Label of each column of a classification head.
    pub id2label: BTreeMap<String, String>,
    /// How PLM-ICD's first implementation pools: `laat` and others.
    pub(crate) model_mode: Option<String>,
    /// Whether a classification head takes the mean of all hidden states.
    pub(crate) mean_pooling: bool,
    /// The activation of a classification head, where the file has one.
    pub(crate) head_activation: Option<Activation>,
    pub(super) positions: Positions,
    pub(super) attention: AttentionKind,
    pub(super) bias: Biases,
    /// ALBERT: groups of layers, and layers a group.
    pub(super) shared: (usize, usize),
    /// The encoder that it is instead of a transformer.
    pub(super) words: Option<super::words::WordKind>,
}

/// How positions enter the embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Positions {
    /// Rows of a table, from 0.
    FromZero,
    /// Rows of a table, from one behind the padding token's number; padding has that number.
    BehindPadding(u32),
    /// Not at all: attention knows them.
    None,
}

/// How tokens attend to each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AttentionKind {
    /// Each to all.
    Full,
    /// Each to all, queries and keys rotated by position.
    Rotary(Rotary),
    /// Each to all in some layers, to the next `reach` on either side in the others.
    Alternating {
        /// Rotation in layers that see the whole window.
        global: Rotary,
        /// Rotation in the others.
        local: Rotary,
        /// Which layers are the others.
        is_local: Vec<bool>,
        /// Tokens on either side.
        reach: usize,
    },
    /// Each to all, plus a learned number for the distance's bucket.
    Buckets {
        /// Buckets.
        count: usize,
    },
    /// DeBERTa's.
    Disentangled(Disentangled),
    /// Each to the next `reach` on either side (a number a layer) and the first one to all.
    Sliding {
        /// Tokens on either side, for each layer.
        reach: Vec<usize>,
    },
}

/// Rotary position embedding (Su et al. 2021), halves of a head's dimensions paired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rotary {
    /// The base of the wave lengths.
    pub(super) theta: f64,
    /// Every frequency is divided by this to the power 2/d ("ntk" scaling); 1 for none.
    pub(super) stretch: f64,
}

impl Rotary {
    pub(super) fn plain(theta: f64) -> Self {
        Self { theta, stretch: 1.0 }
    }
}

/// Disentangled attention (He et al. 2021).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the published configuration is made of them")]
pub(super) struct Disentangled {
    pub(super) content_to_position: bool,
    pub(super) position_to_content: bool,
    /// Positions go through the projections of the content.
    pub(super) shared_projections: bool,
    /// Distances are put into this many buckets on either side.
    pub(super) buckets: Option<usize>,
    /// The longest distance told apart.
    pub(super) longest: usize,
    /// LayerNorm over the table of relative positions.
    pub(super) norm: bool,
    /// Width of the convolution beside the first layer.
    pub(super) convolution: Option<usize>,
    pub(super) convolution_activation: Activation,
}

impl Disentangled {
    /// Rows of the table of relative positions on either side of 0.
    pub(super) fn span(&self) -> usize {
        self.buckets.unwrap_or(self.longest)
    }
}

/// Which affine maps and norms have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of map")]
pub(super) struct Biases {
    pub(super) qkv: bool,
    pub(super) attention_output: bool,
    pub(super) up: bool,
    pub(super) down: bool,
    pub(super) norm: bool,
    pub(super) head: bool,
}

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// x Φ(x), with the error function: BERT's own.
    #[serde(alias = "gelu_python")]
    Gelu,
    /// The tanh approximation of GELU.
    #[serde(alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluNew,
    /// max(x, 0).
    Relu,
    /// x σ(x).
    #[serde(alias = "swish", alias = "swiglu")]
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    pub(super) const NAMES: &'static str = "gelu, gelu_new, gelu_fast, relu, silu, tanh";
}

impl Config {
    /// Reads and checks the content of a `config.json`; `path` is for errors.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Unsupported`] for another family or an unknown setting,
    /// [`Error::Inconsistent`] where a field is missing or sizes cannot be right.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let map: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { path: path.to_owned(), source })?;
        let fields = Fields::new(path, &map);
        if let Some(config) = super::words::read(&fields)? {
            return Ok(config);
        }
        let config = Self::read(&fields)?;
        config.check(&fields)?;
        Ok(config)
    }

    /// Width of one attention head.
    #[must_use]
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Tokens of the longest window that the encoder has positions for.
    #[must_use]
    pub fn longest_window(&self) -> usize {
        match self.positions {
            Positions::BehindPadding(padding) => {
                self.max_position_embeddings.saturating_sub(padding as usize + 1)
            }
            Positions::FromZero | Positions::None => self.max_position_embeddings,
        }
    }

    /// Whether the map behind the pooled vector has a bias.
    pub(crate) fn has_head_bias(&self) -> bool {
        self.bias.head
    }

    /// Whether LayerNorm has a bias.
    pub(crate) fn has_norm_bias(&self) -> bool {
        self.bias.norm
    }

    /// Layers with weights of their own.
    pub(super) fn distinct_layers(&self) -> usize {
        match self.family {
            Family::Albert => self.shared.0.saturating_mul(self.shared.1),
            _ => self.num_hidden_layers,
        }
    }

    /// Which weights each step of the forward pass takes. ALBERT divides its steps among groups,
    /// and each step runs all the layers of its group.
    pub(super) fn schedule(&self) -> Vec<usize> {
        let (layers, (groups, inner)) = (self.num_hidden_layers, self.shared);
        match self.family {
            Family::Albert => (0..layers)
                .map(|step| step * groups / layers)
                .flat_map(|group| (0..inner).map(move |layer| group * inner + layer))
                .collect(),
            _ => (0..layers).collect(),
        }
    }

    /// Whether padding can be given to the encoder as published label-attention models did.
    pub(crate) fn knows_padding(&self) -> bool {
        self.positions != Positions::None && self.attention == AttentionKind::Full
    }

    fn read(fields: &Fields<'_>) -> Result<Self> {
        let family: Family = fields
            .parsed(&["model_type"], Family::NAMES)?
            .ok_or_else(|| fields.problem("has no model_type".to_owned()))?;
        let hidden_size = fields.size(&["hidden_size", "dim", "n_embd"])?;
        let layers = fields.size(&["num_hidden_layers", "n_layers", "n_layer"])?;
        let act = ["hidden_act", "activation", "hidden_activation", "activation_function"];
        let labels = fields.object(&["id2label"]);
        let mean = fields.text(&["classifier_pooling"])? == Some("mean");
        let head_act = ["classifier_activation", "pooler_hidden_act"];
        Ok(Self {
            model_type: fields.text(&["model_type"])?.unwrap_or_default().to_owned(),
            family,
            vocab_size: fields.size(&["vocab_size"])?,
            embedding_size: match family {
                Family::Electra | Family::Albert => fields.size_or(&["embedding_size"], 128)?,
                _ => fields.size_or(&["embedding_size"], hidden_size)?,
            },
            hidden_size,
            num_hidden_layers: layers,
            num_attention_heads: fields.size(&["num_attention_heads", "n_heads", "n_head"])?,
            intermediate_size: fields.size(&["intermediate_size", "hidden_dim", "n_inner"])?,
            hidden_act: fields
                .parsed(&act, Activation::NAMES)?
                .unwrap_or_else(|| family.activation()),
            max_position_embeddings: fields.size_or(
                &["max_position_embeddings", "max_trained_positions", "n_positions"],
                512,
            )?,
            type_vocab_size: fields.size_or(&["type_vocab_size"], family.segments())?,
            layer_norm_eps: fields.number_or(
                &["layer_norm_eps", "layer_norm_epsilon", "norm_eps"],
                family.norm_epsilon(),
            )?,
            pad_token_id: fields.size_or(&["pad_token_id"], 0)? as u32,
            architectures: owned(&fields.texts(&["architectures"])?),
            problem_type: fields.text(&["problem_type"])?.map(str::to_owned),
            id2label: labels.map(|labels| labels.strings()).transpose()?.unwrap_or_default(),
            model_mode: fields.text(&["model_mode"])?.map(str::to_owned),
            mean_pooling: mean,
            head_activation: fields.parsed(&head_act, Activation::NAMES)?,
            positions: family.positions(fields)?,
            attention: family.attention(fields, layers)?,
            bias: Biases::read(family, fields)?,
            shared: (
                fields.size_or(&["num_hidden_groups"], 1)?,
                fields.size_or(&["inner_group_num"], 1)?,
            ),
            words: None,
        })
    }

    fn check(&self, fields: &Fields<'_>) -> Result<()> {
        let kind = fields.text(&["position_embedding_type"])?.unwrap_or("absolute");
        let expected = if self.family == Family::Gte { "rope" } else { "absolute" };
        if kind != expected && !(self.family == Family::Gte && kind == "absolute") {
            return Err(fields.unsupported("position_embedding_type", kind, expected));
        }
        if self.model_type == "new" && kind != "rope" {
            return Err(fields.unsupported("position_embedding_type", kind, "rope"));
        }
        let sizes = [
            self.vocab_size,
            self.embedding_size,
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            self.longest_window(),
            self.shared.0,
            self.shared.1,
        ];
        let problem = if sizes.contains(&0) {
            "a size is 0".to_owned()
        } else if let Some(size) = sizes.iter().find(|&&size| size > LARGEST_SIZE) {
            format!("a size is {size}")
        } else if self.num_hidden_layers.max(self.distinct_layers()) > MOST_LAYERS {
            format!("{} layers are more than {MOST_LAYERS}", self.num_hidden_layers)
        } else if self.longest_window().saturating_mul(self.head_size()) > LARGEST_TABLE {
            format!("max_position_embeddings is {}", self.max_position_embeddings)
        } else if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            )
        } else if fields.size_or(&["conv_groups"], 1)? != 1 {
            return Err(fields.unsupported("conv_groups", "more than 1", "1"));
        } else {
            return Ok(());
        };
        Err(fields.problem(problem))
    }
}

impl Biases {
    fn read(family: Family, fields: &Fields<'_>) -> Result<Self> {
        let all = Self {
            qkv: true,
            attention_output: true,
            up: true,
            down: true,
            norm: true,
            head: true,
        };
        Ok(match family {
            Family::Modernbert => {
                let attention = fields.flag_or(&["attention_bias"], false)?;
                let mlp = fields.flag_or(&["mlp_bias"], false)?;
                Self {
                    qkv: attention,
                    attention_output: attention,
                    up: mlp,
                    down: mlp,
                    norm: fields.flag_or(&["norm_bias"], false)?,
                    head: fields.flag_or(&["classifier_bias"], false)?,
                }
            }
            // The first release's fields; the class in Transformers has no bias at all.
            Family::NomicBert => {
                let qkv = fields.flag_or(&["qkv_proj_bias"], false)?;
                Self {
                    qkv,
                    attention_output: qkv,
                    up: fields.flag_or(&["mlp_fc1_bias"], false)?,
                    down: fields.flag_or(&["mlp_fc2_bias"], false)?,
                    ..all
                }
            }
            Family::Gte => Self { up: false, ..all },
            _ => all,
        })
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
