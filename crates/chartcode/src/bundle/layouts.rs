//! The layouts in which heads have been published, told apart by their keys.

use super::problems::KeyProblems;
use super::weights::Weights;
use super::word_heads;
use crate::encoder::{Config, Keys};
use crate::error::{Error, Result};
use crate::head::{Aggregate, HeadSpec, PooledLayout};
use crate::padding::PaddingMode;
use crate::preprocess::Preprocess;

/// Tokens of a window in all published label-attention models.
pub(crate) const CHUNK: usize = 128;

/// A published head, as it was found in a checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct HeadLayout {
    /// For people.
    pub(crate) name: &'static str,
    pub(crate) spec: HeadSpec,
    /// How the published scores were made.
    pub(crate) padding: PaddingMode,
    pub(crate) preprocess: Preprocess,
    /// The tensor whose rows are the labels.
    pub(crate) label_key: String,
}

/// A layout's name and its keys, for telling what an unknown checkpoint is most like.
const KNOWN: [(&str, &[&str]); 7] = [
    (
        "PLM-ICD (first_linear, second_linear, third_linear)",
        &[
            "first_linear.weight",
            "second_linear.weight",
            "third_linear.weight",
            "third_linear.bias",
        ],
    ),
    (
        "PLM-CA (label_wise_attention.label_representations, weights_k, weights_v, …)",
        &[
            "label_representations",
            "weights_k.weight",
            "weights_v.weight",
            "layernorm.weight",
            "output_linear.weight",
        ],
    ),
    (
        "GKI-ICD (retrieve_embedding, classify_embedding, cross_attention.…)",
        &[
            "retrieve_embedding",
            "classify_embedding",
            "cross_attention.w_k.weight",
            "cross_attention.w_v.weight",
            "cross_attention.layer_norm.weight",
            "classifier.bias",
        ],
    ),
    (
        "a classification head of Hugging Face (classifier)",
        &["classifier.weight", "classifier.out_proj.weight", "classifier.dense.weight"],
    ),
    (
        "CAML (embed, conv, U, final), a word-level model that needs no config.json",
        &["conv.weight", "U.weight", "final.weight"],
    ),
    (
        "MultiResCNN (embed, convs), a word-level model that needs no config.json",
        &["convs.0.0.weight", "convs.0.2.left.0.weight"],
    ),
    (
        "LAAT (embed, rnn), a word-level model that needs no config.json",
        &["rnn.weight_ih_l0", "rnn.weight_hh_l0", "embed.weight"],
    ),
];

/// Classes whose heads have the same names and answer another question.
const OTHER_TASKS: [&str; 3] =
    ["ForTokenClassification", "ForMultipleChoice", "ForQuestionAnswering"];

/// What stands beside an encoder in checkpoints and has no part in coding: what it was pretrained
/// with, buffers, poolers.
const BESIDES: [&str; 18] = [
    "cls.",
    "lm_head.",
    "pooler.",
    "head.",
    "decoder.",
    "discriminator_predictions.",
    "generator_predictions.",
    "generator_lm_head.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "predictions.",
    "sop_classifier.",
    "lm_predictions.",
    "mask_predictions.",
    "qa_outputs.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
];

impl HeadLayout {
    /// The head whose keys a checkpoint has, if any.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a head that answers another question,
    /// [`Error::Checkpoint`] where tensors beside the encoder's are of no known head.
    pub(crate) fn detect(weights: &Weights, config: &Config) -> Result<Option<Self>> {
        if let Some(kind) = config.word_kind() {
            return word_heads::detect(weights, kind);
        }
        let layout = label_attention(weights);
        if let Some(layout) = layout {
            if let Some(mode) = config.model_mode.as_deref().filter(|mode| *mode != "laat") {
                return Err(unsupported(weights, "model_mode", mode, "laat"));
            }
            weights.take_for(layout.name);
            return Ok(Some(layout));
        }
        let other_task = |name: &&String| OTHER_TASKS.iter().any(|task| name.ends_with(task));
        if let Some(other) = config.architectures.iter().find(other_task) {
            return Err(unsupported(weights, "architectures", other, "…ForSequenceClassification"));
        }
        let classifier = format!("{}.weight", PooledLayout::of(config).classifier);
        let mut classes = config.architectures.iter();
        if weights.contains(&classifier)
            || classes.any(|name| name.ends_with("ForSequenceClassification"))
        {
            return classification(weights, config, classifier).map(Some);
        }
        let unknown = unknown_keys(weights, config);
        if unknown.is_empty() {
            return Ok(None);
        }
        let nearest = nearest(&unknown).map(str::to_owned);
        let problems = KeyProblems { unexpected: unknown, nearest, ..KeyProblems::default() };
        Err(Error::Checkpoint { path: weights.path().to_owned(), problems: Box::new(problems) })
    }
}

fn label_attention(weights: &Weights) -> Option<HeadLayout> {
    // Any key of a layout is enough: what is missing is then told by its name.
    let prefix = |names: &[&str]| names.iter().find_map(|name| weights.prefix_of(name));
    let laat = ["third_linear.weight", "second_linear.weight", "first_linear.weight"];
    if let Some(prefix) = prefix(&laat) {
        let (name, padding, preprocess) = match prefix.as_str() {
            "" => ("PLM-ICD of its authors (2022)", PaddingMode::Head, Preprocess::Caml),
            "attention." => (
                "PLM-ICD of medical-coding-reproducibility (2023)",
                PaddingMode::EncoderAndHead,
                Preprocess::Mullenbach,
            ),
            "label_wise_attention." => (
                "PLM-ICD of explainable-medical-coding (2024)",
                PaddingMode::HeadExtraWindow,
                Preprocess::None,
            ),
            _ => ("PLM-ICD under another prefix", PaddingMode::None, Preprocess::None),
        };
        let label_key = format!("{prefix}third_linear.weight");
        return Some(HeadLayout { name, spec: HeadSpec::Laat, padding, preprocess, label_key });
    }
    if let Some(prefix) = prefix(&["label_representations", "weights_k.weight"]) {
        return Some(HeadLayout {
            name: "PLM-CA of explainable-medical-coding (2024)",
            spec: HeadSpec::PlmCa { scale: 1.0 },
            padding: PaddingMode::HeadExtraWindow,
            preprocess: Preprocess::None,
            label_key: format!("{prefix}label_representations"),
        });
    }
    let prefix = prefix(&["classify_embedding", "retrieve_embedding"])?;
    Some(HeadLayout {
        name: "GKI-ICD (2025)",
        spec: HeadSpec::GkiIcd,
        padding: PaddingMode::None,
        preprocess: Preprocess::None,
        label_key: format!("{prefix}classify_embedding"),
    })
}

fn classification(weights: &Weights, config: &Config, label_key: String) -> Result<HeadLayout> {
    if let Some(other) = config.problem_type.as_deref()
        && other != "multi_label_classification"
    {
        let supported = "multi_label_classification";
        return Err(unsupported(weights, "problem_type", other, supported));
    }
    let name = "sequence classification of Hugging Face";
    // The class that config.json names may not be the one that was saved.
    let saved =
        if weights.contains(&label_key) { None } else { nearest(&unknown_keys(weights, config)) };
    weights.take_for(saved.unwrap_or(name));
    Ok(HeadLayout {
        name,
        spec: HeadSpec::Classification { aggregate: Aggregate::Max },
        padding: PaddingMode::None,
        preprocess: Preprocess::None,
        label_key,
    })
}

/// Keys that are neither the encoder's nor of what is known to stand beside one.
fn unknown_keys(weights: &Weights, config: &Config) -> Vec<String> {
    let keys = Keys::detect(weights, config);
    let is_known = |key: &str| {
        let inside = key.strip_prefix(keys.prefix());
        let besides = |key: &str| BESIDES.iter().any(|name| key.starts_with(name));
        // An encoder without a prefix owns its names only.
        let own = ["embeddings", "encoder.", "transformer.", "layers.", "final_norm", "emb_ln"];
        besides(key)
            || inside.is_some_and(|key| {
                !keys.prefix().is_empty()
                    || own.iter().any(|name| key.starts_with(name))
                    || besides(key)
            })
    };
    weights.keys().into_iter().filter(|key| !is_known(key)).map(str::to_owned).collect()
}

/// The known layout that has most of its keys among these.
fn nearest(keys: &[String]) -> Option<&'static str> {
    let shared = |names: &[&str]| {
        names.iter().filter(|name| keys.iter().any(|key| key.ends_with(**name))).count()
    };
    KNOWN
        .iter()
        .map(|(name, names)| (shared(names), *name))
        .filter(|(shared, _)| *shared > 0)
        .max_by_key(|(shared, _)| *shared)
        .map(|(_, name)| name)
}

fn unsupported(
    weights: &Weights,
    field: &'static str,
    value: &str,
    supported: &'static str,
) -> Error {
    let path = weights.path().with_file_name("config.json");
    Error::Unsupported { path, field, value: value.to_owned(), supported }
}
