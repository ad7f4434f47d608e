//! What can go wrong, one variant a cause. No variant holds a word of a chart.

use std::path::PathBuf;

/// The result of every fallible call of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle could not be used.
    #[error(transparent)]
    Model(#[from] chartcode::Error),

    /// The encoder belongs to a family that has no gradients here.
    #[error(
        "{}: an encoder of family {family} cannot be trained here (families that can: bert, \
         roberta, xlm-roberta, camembert, electra, distilbert)",
        path.display()
    )]
    Family {
        /// The bundle.
        path: PathBuf,
        /// Its `model_type`.
        family: String,
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

    /// A window that the encoder cannot read.
    #[error("window {index} has {length} tokens: from 1 to {longest} are possible")]
    WindowLength {
        /// Its place in the batch.
        index: usize,
        /// Tokens.
        length: usize,
        /// Positions that the encoder has.
        longest: usize,
    },

    /// A token that the vocabulary lacks.
    #[error("window {index} holds token {token}, but the encoder's vocabulary has {size} entries")]
    Token {
        /// The window's place in the batch.
        index: usize,
        /// The token's number.
        token: u32,
        /// Rows of the word embedding.
        size: usize,
    },

    /// A gradient or its norm is not a number.
    #[error("the gradient of {name} is not finite (a lower learning rate may help)")]
    NotFiniteGradient {
        /// The parameter.
        name: String,
    },

    /// A saved state does not belong to these parameters.
    #[error("the optimizer's state does not fit: {problem}")]
    State {
        /// What is missing or has another shape.
        problem: String,
    },

    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// Tensors could not be put into a safetensors file.
    #[error("cannot write {}", path.display())]
    Serialise {
        /// The file.
        path: PathBuf,
        /// Why.
        source: safetensors::SafeTensorError,
    },

    /// Tensor arithmetic failed.
    #[error("tensor arithmetic failed in {stage}")]
    Tensor {
        /// The step of training.
        stage: &'static str,
        /// What candle said: shapes and types, never data.
        source: candle_core::Error,
    },
}

/// Names the step in which candle failed.
pub(crate) trait Stage<T> {
    fn stage(self, stage: &'static str) -> Result<T>;
}

impl<T> Stage<T> for candle_core::Result<T> {
    fn stage(self, stage: &'static str) -> Result<T> {
        self.map_err(|source| Error::Tensor { stage, source })
    }
}
