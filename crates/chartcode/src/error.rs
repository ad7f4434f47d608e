//! What can go wrong, one variant a cause. No variant holds a word of a chart.

use std::path::PathBuf;

use crate::bundle::{KeyProblems, PickleError};

/// The result of every fallible call of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a bundle could not be loaded or a chart could not be coded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A path that should hold a bundle does not.
    #[error(
        "{} is not a bundle: it has no {missing} (a bundle is a folder with config.json, a \
         tokenizer, and weights such as model.safetensors or pytorch_model.bin, with or without a \
         manifest.json; where config.json and tokenizer lie elsewhere, name their folder with \
         chartcode import --encoder)",
        path.display()
    )]
    NotABundle {
        /// The path that was given.
        path: PathBuf,
        /// The first file that was looked for in vain.
        missing: &'static str,
    },

    /// A JSON file of the bundle is malformed or has a field of the wrong kind.
    #[error("{} is not valid", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },

    /// A field has a value this engine does not know.
    #[error("{}: {field} is {value:?}, which is not supported (supported: {supported})", path.display())]
    Unsupported {
        /// The file that holds the field.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be understood.
        supported: &'static str,
    },

    /// Two facts of a bundle contradict each other.
    #[error("{}: {problem}", path.display())]
    Inconsistent {
        /// The file at fault.
        path: PathBuf,
        /// What contradicts what.
        problem: String,
    },

    /// A file's content is not the one that the manifest names.
    #[error(
        "{} does not match the manifest: sha256 is {found}, the manifest says {expected} (the file \
         is damaged or was changed: fetch the bundle again)",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// From the manifest.
        expected: String,
        /// Of the file.
        found: String,
    },

    /// A weights file is not a readable safetensors file.
    #[error("{} is not a readable safetensors file (truncated download?)", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why it could not be read.
        source: safetensors::SafeTensorError,
    },

    /// A PyTorch checkpoint could not be read.
    #[error("{} is not a readable PyTorch checkpoint", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// Why it could not be read.
        source: PickleError,
    },

    /// A head's labels cannot be told.
    #[error(
        "{}: {problem} (beside the weights there may be target2index.json, target_tokenizer.json, \
         ALL_CODES.txt, labels.tsv or id2label in config.json; chartcode import --labels FILE names \
         another)",
        path.display()
    )]
    Labels {
        /// The folder.
        path: PathBuf,
        /// What is missing or contradictory.
        problem: String,
    },

    /// A word-level model has no vocabulary.
    #[error(
        "{} has neither token2index.json (word to index) nor vocab.csv (a word a line): a \
         word-level model reads nothing without the vocabulary it was trained with (put that file \
         beside the weights, or name its folder with chartcode import --encoder)",
        path.display()
    )]
    NoVocabulary {
        /// The folder.
        path: PathBuf,
    },

    /// A bundle has no such decision profile.
    #[error("{} has no profile {profile:?} (its profiles: {known})", path.display())]
    NoProfile {
        /// The manifest.
        path: PathBuf,
        /// The profile that was asked for.
        profile: String,
        /// Those that it has.
        known: String,
    },

    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A folder that was to be made is there already.
    #[error("{} is there already and not empty", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },

    /// A folder as Hugging Face or research code left it, which has no manifest to be changed.
    #[error(
        "{} has no manifest.json, so there is no version of it to change (chartcode import writes \
         it as a bundle, which can be)",
        path.display()
    )]
    NotImported {
        /// The folder.
        path: PathBuf,
    },

    /// A checkpoint's tensors are not those that its configuration and head imply.
    #[error("{} does not fit its configuration: {problems}", path.display())]
    Checkpoint {
        /// The file or folder.
        path: PathBuf,
        /// Which keys are missing, mis-shaped or unexpected.
        problems: Box<KeyProblems>,
    },

    /// A tensor has a data type that this engine does not read.
    #[error("{}: tensor {key} has data type {found}, which is not supported here", path.display())]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        key: String,
        /// Its data type.
        found: String,
    },

    /// A tensor holds NaN or an infinity.
    #[error("{}: tensor {key} holds a value that is not finite at element {index}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        key: String,
        /// The first such element, row-major.
        index: usize,
    },

    /// The tokenizer's file could not be used.
    #[error("{} is not a usable tokenizer", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the tokenizer library said of the file.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The tokenizer failed on a chart. Its own message may quote text and is not kept.
    #[error("the tokenizer failed on a passage of chart {id:?}")]
    Tokenize {
        /// The chart.
        id: String,
    },

    /// A chart holds nothing but white space.
    #[error("chart {id:?} is empty")]
    EmptyChart {
        /// The chart.
        id: String,
    },

    /// A chart's bytes are not UTF-8.
    #[error(
        "chart {id:?} is not UTF-8: byte 0x{byte:02X} at offset {offset} (if it is Latin-1, \
         convert it first: iconv -f LATIN1 -t UTF-8)"
    )]
    NotUtf8 {
        /// The chart.
        id: String,
        /// Offset of the first bad byte.
        offset: usize,
        /// That byte.
        byte: u8,
    },

    /// A chart holds NUL bytes: it is a binary file, not text.
    #[error("chart {id:?} is binary, not text: NUL byte at offset {offset}")]
    BinaryChart {
        /// The chart.
        id: String,
        /// Offset of the first NUL.
        offset: usize,
    },

    /// A chart has characters but the tokenizer finds no token in them.
    #[error("chart {id:?} has no token the tokenizer knows (only control characters?)")]
    NoTokens {
        /// The chart.
        id: String,
    },

    /// The bundle is an encoder without a head: it can embed charts, not code them.
    #[error(
        "{} has no head: it can embed charts but not code them (a head comes with a manifest.json \
         or as a *ForSequenceClassification model)",
        path.display()
    )]
    NoHead {
        /// The bundle.
        path: PathBuf,
    },

    /// The device asked for cannot be had.
    #[error("device {device} is not available: {reason}")]
    Device {
        /// As the user wrote it.
        device: String,
        /// Why, and the cure.
        reason: &'static str,
    },

    /// The threads asked for could not be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What rayon said.
        source: rayon::ThreadPoolBuildError,
    },

    /// An option has a value outside its range.
    #[error("{option} is {value}, which is outside {range}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },

    /// A model gave a logit that is not a number.
    #[error("chart {id:?}: the logit of label {label} is not finite (damaged weights?)")]
    NotFiniteLogit {
        /// The chart.
        id: String,
        /// The label.
        label: String,
    },

    /// Tensor arithmetic failed.
    #[error("tensor arithmetic failed in {stage}")]
    Tensor {
        /// The step of the route.
        stage: &'static str,
        /// What candle said: shapes and types, never data.
        source: candle_core::Error,
    },
}

/// Names the step of the route in which candle failed.
pub(crate) trait Stage<T> {
    fn stage(self, stage: &'static str) -> Result<T>;
}

impl<T> Stage<T> for candle_core::Result<T> {
    fn stage(self, stage: &'static str) -> Result<T> {
        self.map_err(|source| Error::Tensor { stage, source })
    }
}
