//! What can go wrong, one variant a cause.

use std::path::PathBuf;

use thiserror::Error as ThisError;

/// Result with this crate's [`Error`], unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an evaluation cannot go on. No message shows a word of a chart.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// One record of a file is not what its format asks for. The others can go on.
    #[error("{} {place}: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where in it, e.g. `line 12` or `row 3`.
        place: String,
        /// What is wrong and what would be right; no words of a chart.
        problem: String,
    },
    /// A file as a whole is not what its format asks for.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right; no words of a chart.
        problem: String,
    },
    /// The request itself cannot be met.
    #[error("{0}")]
    Request(String),
}
