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

    /// Labelled charts could not be used, or a metric not be computed.
    #[error(transparent)]
    Evaluation(#[from] chartcode_eval::Error),

    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A line of a file of pairs is not one.
    #[error(
        "{} line {line}: {problem} (a line is code TAB text, with a third column for the kind or \
         without, or a JSON object with code, text and maybe kind)",
        path.display()
    )]
    Pair {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it; no word of it.
        problem: &'static str,
    },

    /// A list of labels cannot be used.
    #[error("{} line {line}: {problem}", path.display())]
    LabelList {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },

    /// The data hold nothing to learn from, or nothing to judge by.
    #[error("{}: {problem}", path.display())]
    NothingToLearn {
        /// The file.
        path: PathBuf,
        /// What is missing, and what would help.
        problem: String,
    },

    /// The result is there already.
    #[error("{} is there already: training writes into a new folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },

    /// Another process trains into the folder.
    #[error("another process is training into {}", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },

    /// A folder holds the training of other settings.
    #[error(
        "{} holds a training with {setting} {was}, this one has {now} (repeat the old command to go \
         on with it, or name another folder)",
        path.display()
    )]
    OtherSettings {
        /// The folder.
        path: PathBuf,
        /// The first setting that differs.
        setting: String,
        /// Its value there.
        was: String,
        /// Its value now.
        now: String,
    },

    /// No checkpoint of a folder can be read.
    #[error(
        "no checkpoint in {} can be read; the newest: {problem} (remove the folder to start over)",
        path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong with the newest.
        problem: String,
    },

    /// The loss is no number any more.
    #[error(
        "the loss of step {step} is not finite (a lower learning rate may help; the checkpoints \
         before are sound)"
    )]
    NotFiniteLoss {
        /// The step, from 1.
        step: u64,
    },

    /// Whoever watches the training asked it to stop.
    #[error("stopped after step {step}: the same command goes on from the last checkpoint")]
    Stopped {
        /// The step, from 1.
        step: u64,
    },

    /// The threads could not be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// How many; 0 for all of the machine's.
        threads: usize,
        /// Why.
        source: rayon::ThreadPoolBuildError,
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
