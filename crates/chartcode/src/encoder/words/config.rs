//! `config.json` of a word encoder. The publications have none: it is written on import.

use crate::encoder::config::{Activation, AttentionKind, Biases, Config, LARGEST_SIZE, Positions};
use crate::encoder::family::Family;
use crate::encoder::fields::Fields;
use crate::error::Result;
use crate::windows::WindowRule;

/// A word encoder, as `model_type` names it, and its sizes beyond those that all encoders have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WordKind {
    /// CAML (Mullenbach et al. 2018): one convolution.
    Caml {
        /// Words that a filter sees.
        kernel: usize,
    },
    /// MultiResCNN (Li and Yu 2020): convolutions of several widths, a residual block behind each.
    MultiResCnn {
        /// Words that each filter sees; odd numbers.
        kernels: Vec<usize>,
        /// medical-coding-reproducibility's attention takes tanh of what it is given, though the
        /// residual blocks have done so before.
        attention_tanh: bool,
    },
    /// LAAT (Vu et al. 2020): an LSTM in both directions.
    LaatRnn {
        /// Layers, one on top of the other.
        layers: usize,
    },
}

impl WordKind {
    fn family(&self) -> Family {
        match self {
            Self::Caml { .. } => Family::Caml,
            Self::MultiResCnn { .. } => Family::MultiResCnn,
            Self::LaatRnn { .. } => Family::LaatRnn,
        }
    }

    /// What each names itself in `model_type`.
    pub(super) const CAML: &'static str = "caml";
    pub(super) const MULTI_RES_CNN: &'static str = "multirescnn";
    pub(super) const LAAT_RNN: &'static str = "laat-rnn";

    fn layers(&self) -> usize {
        match self {
            Self::Caml { .. } => 1,
            // The first convolution and the two of the block.
            Self::MultiResCnn { .. } => 3,
            Self::LaatRnn { layers } => *layers,
        }
    }

    fn read(model_type: &str, hidden_size: usize, fields: &Fields<'_>) -> Result<Self> {
        Ok(match model_type {
            Self::CAML => Self::Caml { kernel: fields.size(&["kernel_size"])? },
            Self::MULTI_RES_CNN => {
                let filters = fields.size(&["num_filters"])?.max(1);
                Self::MultiResCnn {
                    kernels: fields.sizes_or(&["kernel_sizes"], hidden_size / filters, 0)?,
                    attention_tanh: fields.flag_or(&["attention_tanh"], true)?,
                }
            }
            _ => Self::LaatRnn { layers: fields.size_or(&["num_hidden_layers"], 1)? },
        })
    }

    /// What rules the sizes out.
    fn problem(&self, hidden_size: usize) -> Option<String> {
        let kernels = match self {
            Self::Caml { kernel } => std::slice::from_ref(kernel),
            Self::MultiResCnn { kernels, .. } => kernels,
            Self::LaatRnn { .. } if !hidden_size.is_multiple_of(2) => {
                return Some(format!("hidden_size {hidden_size} is not twice a direction's"));
            }
            Self::LaatRnn { layers } if *layers > MOST_LAYERS => {
                return Some(format!("{layers} layers are more than {MOST_LAYERS}"));
            }
            Self::LaatRnn { .. } => return None,
        };
        if kernels.is_empty() || kernels.contains(&0) {
            return Some("a kernel size is 0".to_owned());
        }
        if !hidden_size.is_multiple_of(kernels.len()) {
            return Some(format!(
                "hidden_size {hidden_size} is no whole number of filters a kernel"
            ));
        }
        if kernels.iter().any(|&kernel| kernel > LARGEST_KERNEL) {
            return Some(format!("a kernel size is above {LARGEST_KERNEL}"));
        }
        let is_residual = matches!(self, Self::MultiResCnn { .. });
        if is_residual && kernels.iter().any(|kernel| kernel.is_multiple_of(2)) {
            // Each convolution would give one row more than it took, the shortcut would not.
            return Some("a kernel size is even, which a residual block cannot have".to_owned());
        }
        None
    }
}

/// No model comes near these; a larger size is a mistake or an attack on memory.
const LARGEST_KERNEL: usize = 1024;
const MOST_LAYERS: usize = 64;

/// The configuration, where `model_type` names a word encoder.
pub(in super::super) fn read(fields: &Fields<'_>) -> Result<Option<Config>> {
    let model_type = fields.text(&["model_type"])?.unwrap_or_default();
    if ![WordKind::CAML, WordKind::MULTI_RES_CNN, WordKind::LAAT_RNN].contains(&model_type) {
        return Ok(None);
    }
    let vocab_size = fields.size(&["vocab_size"])?;
    let embedding_size = fields.size(&["embedding_size"])?;
    let hidden_size = fields.size(&["hidden_size"])?;
    let layers = fields.size_or(&["num_hidden_layers"], 1)?;
    let sizes = [vocab_size, embedding_size, hidden_size, layers];
    if let Some(size) = sizes.iter().find(|&&size| size == 0 || size > LARGEST_SIZE) {
        return Err(fields.problem(format!("a size is {size}")));
    }
    let kind = WordKind::read(model_type, hidden_size, fields)?;
    if let Some(problem) = kind.problem(hidden_size) {
        return Err(fields.problem(problem));
    }
    let labels = fields.object(&["id2label"]);
    Ok(Some(Config {
        model_type: model_type.to_owned(),
        family: kind.family(),
        vocab_size,
        embedding_size,
        hidden_size,
        num_hidden_layers: kind.layers(),
        num_attention_heads: 1,
        intermediate_size: hidden_size,
        hidden_act: Activation::Tanh,
        max_position_embeddings: WindowRule::NO_LIMIT,
        type_vocab_size: 0,
        layer_norm_eps: 1e-5,
        pad_token_id: fields.size_or(&["pad_token_id"], 0)? as u32,
        architectures: Vec::new(),
        problem_type: None,
        id2label: labels.map(|labels| labels.strings()).transpose()?.unwrap_or_default(),
        model_mode: None,
        mean_pooling: false,
        head_activation: None,
        positions: Positions::None,
        attention: AttentionKind::Full,
        bias: NO_BIASES,
        shared: (1, 1),
        words: Some(kind),
    }))
}

/// There are no such maps.
const NO_BIASES: Biases = Biases {
    qkv: false,
    attention_output: false,
    up: false,
    down: false,
    norm: false,
    head: false,
};

impl Config {
    /// The word encoder, where it is one.
    pub(crate) fn word_kind(&self) -> Option<&WordKind> {
        self.words.as_ref()
    }

    /// Whether the encoder is one of those that read a whole chart at once, a token a word: CAML,
    /// MultiResCNN and LAAT's bi-LSTM.
    #[must_use]
    pub fn is_word_level(&self) -> bool {
        self.words.is_some()
    }

    /// Rows of hidden states that a chart has beyond its tokens. A convolution whose kernel k is
    /// even and whose padding is k/2 on either side, as CAML's published ones, gives N + 1 rows for
    /// N words. Row t sees k/2 words before word t and k/2 − 1 behind it; so the last row stands
    /// behind the last word and is no word's own. Labels attend to it, as they do to a special
    /// token, and it is no evidence.
    pub(crate) fn extra_rows(&self) -> usize {
        match &self.words {
            Some(WordKind::Caml { kernel }) if kernel.is_multiple_of(2) => 1,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(json: &str) -> Result<Config> {
        Config::parse(Path::new("config.json"), json.as_bytes())
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let sizes = r#""vocab_size": 9, "embedding_size": 4, "hidden_size": 6"#;
        for (fields, problem) in [
            (r#""model_type": "caml""#, "kernel_size"),
            (r#""model_type": "caml", "kernel_size": 0"#, "0"),
            (r#""model_type": "caml", "kernel_size": 99999"#, "1024"),
            (r#""model_type": "multirescnn", "num_filters": 3, "kernel_sizes": [3]"#, "entries"),
            (r#""model_type": "multirescnn", "num_filters": 3, "kernel_sizes": [3, 4]"#, "even"),
            (r#""model_type": "laat-rnn", "hidden_size": 7"#, "twice"),
            (r#""model_type": "laat-rnn", "vocab_size": 0"#, "a size is 0"),
            (r#""model_type": "laat-rnn", "num_hidden_layers": 65"#, "65 layers"),
        ] {
            let error = parse(&format!("{{{sizes}, {fields}}}")).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn an_even_kernel_has_one_row_more_than_words() {
        let rows = |kernel| {
            let json = format!(
                r#"{{"model_type": "caml", "vocab_size": 9, "embedding_size": 4,
                     "hidden_size": 6, "kernel_size": {kernel}}}"#
            );
            parse(&json).unwrap().extra_rows()
        };
        assert_eq!([rows(9), rows(10)], [0, 1]);
    }
}
