//! The command line of `chartcode import`.

use std::path::PathBuf;

use chartcode::{Aggregate, ImportOptions, PaddingMode, Preprocess, ReadLimit, StoredAs};
use clap::{Args as ClapArgs, ValueEnum};

use crate::args::InspectFormat;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode import ./my-classifier --out models/mine
                                  a folder as Transformers saves it
  chartcode import runs/best_model.pt --encoder RoBERTa-base-PM-M3-Voc-hf --out models/plm-icd
                                  a PLM-ICD or PLM-CA checkpoint of the research code; label
                                  order and threshold are found beside and inside it
  chartcode import runs/best_model.pt --encoder ENCODER --check
                                  only say what it is
  chartcode import owner/name --allow-network --out models/name
                                  from the Hugging Face hub, through its usual cache

Padding and preprocessing follow the publication that the layout belongs to; what was assumed is
printed and can be overridden.")]
pub(crate) struct ImportArgs {
    /// A folder, a weights file (.safetensors, .bin, .pt), or owner/name on the Hugging Face hub.
    pub(crate) source: PathBuf,

    /// The new bundle's folder.
    #[arg(short, long, value_name = "BUNDLE", required_unless_present = "check")]
    pub(crate) out: Option<PathBuf>,

    /// Say what the checkpoint is, write nothing.
    #[arg(long, conflicts_with = "out")]
    pub(crate) check: bool,

    /// A folder with config.json and tokenizer, where the checkpoint has none beside it.
    #[arg(long, value_name = "DIR")]
    pub(crate) encoder: Option<PathBuf>,

    /// The label order, in a published form: a JSON object or list, a code a line, or TSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// Suggest codes whose probability is above P, instead of the checkpoint's own threshold.
    #[arg(short, long, value_name = "P")]
    pub(crate) threshold: Option<f64>,

    /// How padding takes part, instead of as in the layout's publication.
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) padding_mode: Option<Padding>,

    /// What is done to the text, instead of what was in the layout's publication.
    #[arg(long, value_enum, value_name = "RULE")]
    pub(crate) preprocess: Option<Rule>,

    /// How the windows of a long chart become one answer of a classification head.
    #[arg(long, value_enum, default_value_t = Windows::Max, value_name = "RULE")]
    pub(crate) aggregate: Windows,

    /// Tokens of a window: 128 for label attention, all that the encoder takes for classification.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) window_tokens: Option<u32>,

    /// Read so many tokens of a chart at most, as the publication did; the rest is reported as
    /// unread. Without it charts are read to their end.
    #[arg(long, value_name = "N", conflicts_with = "limit_words")]
    pub(crate) limit_tokens: Option<usize>,

    /// Read so many words of a chart at most.
    #[arg(long, value_name = "N")]
    pub(crate) limit_words: Option<usize>,

    /// How the bundle stores its weights; computed with in f32 whatever this is.
    #[arg(long, value_enum, default_value_t = Weights::Keep, value_name = "TYPE")]
    pub(crate) weights: Weights,

    /// Short name of the code system, e.g. icd10cm.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,

    /// Name and edition of the code set, e.g. "ICD-10-CM FY2027".
    #[arg(long, value_name = "NAME")]
    pub(crate) code_set: Option<String>,

    /// The bundle's name; the source's by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,

    /// The licence of the weights, for the bundle's card.
    #[arg(long, value_name = "NAME")]
    pub(crate) licence: Option<String>,

    /// Fetch from the Hugging Face hub. Without it nothing but the hub's cache on this machine is
    /// looked at.
    #[arg(long)]
    pub(crate) allow_network: bool,

    /// Branch, tag or commit on the hub.
    #[arg(long, value_name = "REV", default_value = "main")]
    pub(crate) revision: String,

    /// How to print what was found.
    #[arg(short, long, value_enum, default_value_t = InspectFormat::Text)]
    pub(crate) format: InspectFormat,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl ImportArgs {
    /// What the library is to know of it.
    pub(crate) fn options(&self) -> ImportOptions {
        let mut options = ImportOptions::default();
        options.encoder.clone_from(&self.encoder);
        options.labels.clone_from(&self.labels);
        options.threshold = self.threshold;
        options.padding_mode = self.padding_mode.map(Into::into);
        options.preprocess = self.preprocess.map(Into::into);
        options.window_tokens = self.window_tokens.map(|tokens| tokens as usize);
        options.limit =
            self.limit_tokens.map(ReadLimit::Tokens).or(self.limit_words.map(ReadLimit::Words));
        options.system.clone_from(&self.system);
        options.code_set.clone_from(&self.code_set);
        options.id.clone_from(&self.id);
        options.licence.clone_from(&self.licence);
        options
    }
}

/// How padding takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Padding {
    /// Not at all: Hugging Face's heads, GKI-ICD, explainable-medical-coding since 2026.
    None,
    /// In the label attention: PLM-ICD of its authors (2022).
    Head,
    /// In encoder and label attention: medical-coding-reproducibility (2023).
    EncoderAndHead,
    /// In the label attention, a full last window followed by one of padding:
    /// explainable-medical-coding (2024).
    HeadExtraWindow,
}

impl From<Padding> for PaddingMode {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::None => Self::None,
            Padding::Head => Self::Head,
            Padding::EncoderAndHead => Self::EncoderAndHead,
            Padding::HeadExtraWindow => Self::HeadExtraWindow,
        }
    }
}

/// What is done to the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// Nothing.
    None,
    /// Lower case, letters and digits only, no numbers: medical-coding-reproducibility.
    Mullenbach,
    /// Lower case, words only, no numbers: CAML, and PLM-ICD of its authors.
    Caml,
}

impl From<Rule> for Preprocess {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::None => Self::None,
            Rule::Mullenbach => Self::Mullenbach,
            Rule::Caml => Self::Caml,
        }
    }
}

/// How windows become one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Windows {
    /// A code is the chart's where any window has it.
    Max,
    /// The mean of the windows' logits.
    Mean,
}

impl From<Windows> for Aggregate {
    fn from(windows: Windows) -> Self {
        match windows {
            Windows::Max => Self::Max,
            Windows::Mean => Self::Mean,
        }
    }
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Weights {
    /// As the checkpoint has them.
    Keep,
    /// 32 bits.
    F32,
    /// 16 bits, IEEE.
    F16,
    /// 16 bits, bfloat.
    Bf16,
    /// Matrices in 8 bits with a scale a row.
    Int8,
}

impl From<Weights> for StoredAs {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::Keep => Self::Keep,
            Weights::F32 => Self::F32,
            Weights::F16 => Self::F16,
            Weights::Bf16 => Self::Bf16,
            Weights::Int8 => Self::Int8,
        }
    }
}
