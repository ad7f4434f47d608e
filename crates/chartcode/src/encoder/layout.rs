//! How a family's checkpoints name their tensors.

use super::config::Config;
use super::family::Family;
use crate::bundle::weights::Weights;

/// Names of an encoder's tensors. `{}` is the layer's number; `.weight` and `.bias` are left out.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Prefix that Hugging Face gives the encoder inside a larger model.
    prefix: &'static str,
    word: &'static str,
    pub(super) position: &'static str,
    pub(super) segment: &'static str,
    pub(super) embedding_norm: &'static str,
    /// From E to H, where the two differ.
    pub(super) projection: &'static str,
    layer: &'static str,
    /// Query, key and value, or all in one.
    pub(super) qkv: &'static [&'static str],
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    /// The first feed-forward product; where it is gated, the one to activate comes first.
    pub(super) up: &'static [&'static str],
    /// A gated product in one tensor, the half to activate second.
    pub(super) gate_second: bool,
    pub(super) down: &'static str,
    pub(super) output_norm: &'static str,
}

const BERT: Layout = Layout {
    prefix: "bert.",
    word: "embeddings.word_embeddings",
    position: "embeddings.position_embeddings",
    segment: "embeddings.token_type_embeddings",
    embedding_norm: "embeddings.LayerNorm",
    projection: "embeddings_project",
    layer: "encoder.layer.{}.",
    qkv: &["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: &["intermediate.dense"],
    gate_second: false,
    down: "output.dense",
    output_norm: "output.LayerNorm",
};

const ROBERTA: Layout = Layout { prefix: "roberta.", ..BERT };

const ELECTRA: Layout = Layout { prefix: "electra.", ..BERT };

const LONGFORMER: Layout = Layout { prefix: "longformer.", ..BERT };

const DISTILBERT: Layout = Layout {
    prefix: "distilbert.",
    layer: "transformer.layer.{}.",
    qkv: &["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: &["ffn.lin1"],
    down: "ffn.lin2",
    output_norm: "output_layer_norm",
    ..BERT
};

const ALBERT: Layout = Layout {
    prefix: "albert.",
    projection: "encoder.embedding_hidden_mapping_in",
    layer: "encoder.albert_layer_groups.{}.",
    qkv: &["attention.query", "attention.key", "attention.value"],
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    up: &["ffn"],
    down: "ffn_output",
    output_norm: "full_layer_layer_norm",
    ..BERT
};

const MPNET: Layout = Layout {
    prefix: "mpnet.",
    qkv: &["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

const DEBERTA: Layout = Layout {
    prefix: "deberta.",
    projection: "embeddings.embed_proj",
    qkv: &["attention.self.query_proj", "attention.self.key_proj", "attention.self.value_proj"],
    ..BERT
};

const MODERN: Layout = Layout {
    prefix: "model.",
    word: "embeddings.tok_embeddings",
    embedding_norm: "embeddings.norm",
    layer: "layers.{}.",
    qkv: &["attn.Wqkv"],
    attention_output: "attn.Wo",
    attention_norm: "attn_norm",
    up: &["mlp.Wi"],
    down: "mlp.Wo",
    output_norm: "mlp_norm",
    ..BERT
};

/// Nomic-BERT and GTE as Transformers has them.
const ROTARY: Layout = Layout {
    prefix: "nomic_bert.",
    layer: "layers.{}.",
    qkv: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_output: "self_attn.o_proj",
    attention_norm: "post_attention_layernorm",
    up: &["mlp.gate_proj", "mlp.up_proj"],
    down: "mlp.down_proj",
    output_norm: "post_mlp_layernorm",
    ..BERT
};

const GTE: Layout = Layout { prefix: "gte.", ..ROTARY };

/// Nomic-BERT as nomic-ai first released it.
const NOMIC: Layout = Layout {
    embedding_norm: "emb_ln",
    layer: "encoder.layers.{}.",
    qkv: &["attn.Wqkv"],
    attention_output: "attn.out_proj",
    attention_norm: "norm1",
    up: &["mlp.fc12", "mlp.fc11"],
    down: "mlp.fc2",
    output_norm: "norm2",
    ..BERT
};

/// GTE as Alibaba first released it.
const NEW: Layout = Layout {
    prefix: "new.",
    qkv: &["attention.qkv_proj"],
    attention_output: "attention.o_proj",
    attention_norm: "attn_ln",
    up: &["mlp.up_gate_proj"],
    gate_second: true,
    down: "mlp.down_proj",
    output_norm: "mlp_ln",
    ..BERT
};

/// The layouts of a family; where there are several, the file decides.
fn layouts(family: Family) -> &'static [Layout] {
    match family {
        // The word encoders have names of their own and never ask.
        Family::Bert | Family::Caml | Family::MultiResCnn | Family::LaatRnn => &[BERT],
        Family::Roberta | Family::XlmRoberta | Family::Camembert => &[ROBERTA],
        Family::Electra => &[ELECTRA],
        Family::Distilbert => &[DISTILBERT],
        Family::Albert => &[ALBERT],
        Family::Mpnet => &[MPNET],
        Family::DebertaV2 => &[DEBERTA],
        Family::Longformer => &[LONGFORMER],
        Family::Modernbert => &[MODERN],
        Family::NomicBert => &[NOMIC, ROTARY],
        Family::Gte => &[NEW, GTE],
    }
}

/// How one file spells an encoder's keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(super) layout: &'static Layout,
    prefix: String,
    legacy_norm: bool,
    /// ALBERT's layers a group.
    group_size: Option<usize>,
}

impl Keys {
    /// Finds the encoder in a file: the layout whose names occur, and the prefix they have there,
    /// whatever it is (`roberta.`, `roberta_encoder.`, `text_encoder.`, none).
    pub(crate) fn detect(weights: &Weights, config: &Config) -> Self {
        let candidates = layouts(config.family);
        let found = candidates.iter().find_map(|layout| {
            let first = format!("{}{}.weight", layer_name(layout, 0, config), layout.qkv[0]);
            weights.prefix_of(&first).map(|prefix| (layout, prefix))
        });
        // Where nothing fits, Hugging Face's own names are those that the error should list.
        let (layout, prefix) =
            found.unwrap_or_else(|| (&candidates[0], candidates[0].prefix.to_owned()));
        // Checkpoints of 2019 call LayerNorm's parameters gamma and beta.
        let legacy_norm = weights.contains(&format!("{prefix}{}.gamma", layout.embedding_norm));
        let group_size = (config.family == Family::Albert).then_some(config.shared.1);
        Self { layout, prefix, legacy_norm, group_size }
    }

    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn word(&self) -> String {
        self.key(&format!("{}.weight", self.layout.word))
    }

    pub(super) fn layer(&self, index: usize, name: &str) -> String {
        let layer = match self.group_size {
            None => self.layout.layer.replace("{}", &index.to_string()),
            Some(size) => format!(
                "{}albert_layers.{}.",
                self.layout.layer.replace("{}", &(index / size).to_string()),
                index % size
            ),
        };
        format!("{}{layer}{name}", self.prefix)
    }

    /// The names of LayerNorm's two parameters.
    pub(super) fn norm(&self) -> (&'static str, &'static str) {
        if self.legacy_norm { ("gamma", "beta") } else { ("weight", "bias") }
    }

    /// The prefix of the encoder's keys.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

fn layer_name(layout: &Layout, index: usize, config: &Config) -> String {
    let layer = layout.layer.replace("{}", &index.to_string());
    let inner = if config.family == Family::Albert { "albert_layers.0." } else { "" };
    format!("{layer}{inner}")
}
