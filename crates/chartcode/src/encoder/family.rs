//! The encoder families and what sets each apart from BERT.

use serde::{Deserialize, Serialize};

use super::config::{Activation, AttentionKind, Disentangled, Positions, Rotary};
use super::fields::Fields;
use crate::error::Result;

/// An encoder family, as `model_type` of a `config.json` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Family {
    /// BERT (Devlin et al. 2019).
    Bert,
    /// RoBERTa (Liu et al. 2019).
    Roberta,
    /// XLM-RoBERTa (Conneau et al. 2020).
    XlmRoberta,
    /// CamemBERT (Martin et al. 2020).
    Camembert,
    /// ELECTRA's discriminator (Clark et al. 2020).
    Electra,
    /// DistilBERT (Sanh et al. 2019).
    Distilbert,
    /// ALBERT (Lan et al. 2020): layers share their weights.
    Albert,
    /// MPNet (Song et al. 2020): relative position buckets as in T5.
    Mpnet,
    /// DeBERTa-v2 and v3 (He et al. 2021): disentangled attention.
    DebertaV2,
    /// Longformer (Beltagy et al. 2020): sliding windows and a global first token.
    Longformer,
    /// ModernBERT (Warner et al. 2024): rotary positions, alternating local and global layers.
    Modernbert,
    /// Nomic-BERT (Nussbaum et al. 2024): BERT with rotary positions and a gated feed-forward.
    #[serde(rename = "nomic_bert")]
    NomicBert,
    /// GTE v1.5 (Zhang et al. 2024), whose first release called itself `new`.
    #[serde(alias = "new")]
    Gte,
    /// CAML (Mullenbach et al. 2018): words and one convolution.
    Caml,
    /// MultiResCNN (Li and Yu 2020): words and residual convolutions of several widths.
    #[serde(rename = "multirescnn")]
    MultiResCnn,
    /// LAAT's encoder (Vu et al. 2020): words and a bidirectional LSTM.
    LaatRnn,
}

impl Family {
    /// The names `model_type` may have.
    pub(super) const NAMES: &'static str = "bert, roberta, xlm-roberta, camembert, electra, \
         distilbert, albert, mpnet, deberta-v2, longformer, modernbert, nomic_bert, gte, new, caml, multirescnn, \
         laat-rnn";

    /// Number of segments where `config.json` does not say.
    pub(super) fn segments(self) -> usize {
        match self {
            Self::Distilbert | Self::Mpnet | Self::DebertaV2 | Self::Modernbert => 0,
            Self::Gte => 1,
            _ => 2,
        }
    }

    /// Epsilon of LayerNorm where `config.json` does not say.
    pub(super) fn norm_epsilon(self) -> f64 {
        match self {
            Self::DebertaV2 => 1e-7,
            Self::Modernbert => 1e-5,
            _ => 1e-12,
        }
    }

    /// The feed-forward activation where `config.json` does not say.
    pub(super) fn activation(self) -> Activation {
        match self {
            Self::Albert => Activation::GeluNew,
            Self::NomicBert => Activation::Silu,
            _ => Activation::Gelu,
        }
    }

    /// Whether the feed-forward layer multiplies a second product with the activated one.
    pub(super) fn is_gated(self) -> bool {
        matches!(self, Self::Modernbert | Self::NomicBert | Self::Gte)
    }

    /// Whether LayerNorm stands before each block instead of behind it.
    pub(super) fn is_pre_norm(self) -> bool {
        self == Self::Modernbert
    }

    /// How positions enter the embeddings.
    pub(super) fn positions(self, fields: &Fields<'_>) -> Result<Positions> {
        match self {
            Self::Bert | Self::Electra | Self::Distilbert | Self::Albert => Ok(Positions::FromZero),
            Self::Roberta | Self::XlmRoberta | Self::Camembert | Self::Longformer => {
                Ok(Positions::BehindPadding(fields.size_or(&["pad_token_id"], 1)? as u32))
            }
            // MPNet's code has the number written into it.
            Self::Mpnet => Ok(Positions::BehindPadding(1)),
            Self::DebertaV2 if fields.flag_or(&["position_biased_input"], true)? => {
                Ok(Positions::FromZero)
            }
            Self::DebertaV2
            | Self::Modernbert
            | Self::NomicBert
            | Self::Gte
            | Self::Caml
            | Self::MultiResCnn
            | Self::LaatRnn => Ok(Positions::None),
        }
    }

    /// How tokens attend to each other, for `layers` layers.
    pub(super) fn attention(self, fields: &Fields<'_>, layers: usize) -> Result<AttentionKind> {
        match self {
            Self::Mpnet => Ok(AttentionKind::Buckets {
                count: fields.size_or(&["relative_attention_num_buckets"], 32)?,
            }),
            Self::DebertaV2 => disentangled(fields),
            Self::Longformer => Ok(AttentionKind::Sliding {
                reach: fields
                    .sizes_or(&["attention_window"], layers, 512)?
                    .into_iter()
                    .map(|window| window / 2)
                    .collect(),
            }),
            Self::Modernbert => modern(fields, layers),
            Self::NomicBert => nomic(fields),
            Self::Gte => gte(fields),
            _ => Ok(AttentionKind::Full),
        }
    }
}

fn disentangled(fields: &Fields<'_>) -> Result<AttentionKind> {
    if !fields.flag_or(&["relative_attention"], false)? {
        return Ok(AttentionKind::Full);
    }
    let kinds = match fields.texts(&["pos_att_type"]) {
        Ok(kinds) => kinds,
        // Files of 2020 write it as one string, "p2c|c2p".
        Err(_) => {
            fields.text(&["pos_att_type"])?.map_or(vec![], |kinds| kinds.split('|').collect())
        }
    };
    let positive = |value: i64| usize::try_from(value).ok().filter(|&value| value > 0);
    let longest = positive(fields.integer_or(&["max_relative_positions"], -1)?);
    let norm = fields.text(&["norm_rel_ebd"])?.unwrap_or("none").to_lowercase();
    Ok(AttentionKind::Disentangled(Disentangled {
        content_to_position: kinds.iter().any(|kind| kind.trim() == "c2p"),
        position_to_content: kinds.iter().any(|kind| kind.trim() == "p2c"),
        shared_projections: fields.flag_or(&["share_att_key"], false)?,
        buckets: positive(fields.integer_or(&["position_buckets"], -1)?),
        longest: match longest {
            Some(longest) => longest,
            None => fields.size_or(&["max_position_embeddings"], 512)?,
        },
        norm: norm.split('|').any(|kind| kind.trim() == "layer_norm"),
        convolution: fields.optional_size(&["conv_kernel_size"])?.filter(|&size| size > 0),
        convolution_activation: fields
            .parsed(&["conv_act"], Activation::NAMES)?
            .unwrap_or(Activation::Tanh),
    }))
}

fn modern(fields: &Fields<'_>, layers: usize) -> Result<AttentionKind> {
    let parameters = fields.object(&["rope_parameters"]);
    let theta = |layer_type: &str, old_name: &str, default: f64| {
        let of_type = parameters.as_ref().and_then(|map| map.object(&[layer_type]));
        match of_type {
            Some(of_type) => plain_rotary(&of_type)?.number_or(&["rope_theta"], default),
            None => fields.number_or(&[old_name], default),
        }
    };
    let global = theta("full_attention", "global_rope_theta", 160_000.0)?;
    let local = theta("sliding_attention", "local_rope_theta", 10_000.0)?;
    let types = fields.texts(&["layer_types"])?;
    let every = fields.size_or(&["global_attn_every_n_layers"], 3)?.max(1);
    let is_local = match types.len() {
        0 => (0..layers).map(|layer| layer % every != 0).collect(),
        count if count == layers => types.iter().map(|kind| *kind == "sliding_attention").collect(),
        count => {
            return Err(fields.problem(format!("layer_types has {count} entries for {layers}")));
        }
    };
    Ok(AttentionKind::Alternating {
        global: Rotary::plain(global),
        local: Rotary::plain(local),
        is_local,
        reach: fields.size_or(&["local_attention"], 128)? / 2,
    })
}

fn nomic(fields: &Fields<'_>) -> Result<AttentionKind> {
    let unusual = [
        (fields.number_or(&["rotary_emb_fraction"], 1.0)? != 1.0, "rotary_emb_fraction"),
        (fields.flag_or(&["rotary_emb_interleaved"], false)?, "rotary_emb_interleaved"),
        (fields.flag_or(&["prenorm"], false)?, "prenorm"),
        (fields.flag_or(&["parallel_block"], false)?, "parallel_block"),
        (fields.flag_or(&["use_rms_norm"], false)?, "use_rms_norm"),
    ];
    if let Some((_, field)) = unusual.iter().find(|(is_set, _)| *is_set) {
        return Err(fields.unsupported(field, "set", "the value of nomic-bert-2048"));
    }
    let theta = match fields.object(&["rope_parameters"]) {
        Some(parameters) => plain_rotary(&parameters)?.number_or(&["rope_theta"], 1000.0)?,
        None => fields.number_or(&["rotary_emb_base", "rope_theta"], 1000.0)?,
    };
    Ok(AttentionKind::Rotary(Rotary::plain(theta)))
}

fn gte(fields: &Fields<'_>) -> Result<AttentionKind> {
    if let Some(parameters) = fields.object(&["rope_parameters"]) {
        let theta = plain_rotary(&parameters)?.number_or(&["rope_theta"], 160_000.0)?;
        return Ok(AttentionKind::Rotary(Rotary::plain(theta)));
    }
    let theta = fields.number_or(&["rope_theta"], 10_000.0)?;
    let Some(scaling) = fields.object(&["rope_scaling"]) else {
        return Ok(AttentionKind::Rotary(Rotary::plain(theta)));
    };
    let kind = scaling.text(&["type", "rope_type"])?.unwrap_or("none");
    let mixed = scaling.number_or(&["mixed_b"], 0.0)? != 0.0;
    if kind != "ntk" || mixed {
        return Err(fields.unsupported("rope_scaling", kind, "ntk, without mixed_b"));
    }
    let factor = scaling.number_or(&["factor"], 1.0)?;
    Ok(AttentionKind::Rotary(Rotary { theta: theta * factor, stretch: factor }))
}

/// Refuses rotary parameters of a kind that scales positions.
fn plain_rotary<'a>(parameters: &Fields<'a>) -> Result<Fields<'a>> {
    match parameters.text(&["rope_type", "type"])? {
        None | Some("default") => Ok(parameters.clone()),
        Some(other) => Err(parameters.unsupported("rope_type", other, "default")),
    }
}
