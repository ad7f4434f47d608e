//! What can go wrong.

use std::path::PathBuf;

/// What can go wrong with code sets; one variant a cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than any release.
    #[error("{path} has {bytes} bytes; a code set has at most {most}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What is read at most.
        most: u64,
    },
    /// A file is not in UTF-8.
    #[error("{path} is not UTF-8 at byte {offset}: convert it, e.g. with iconv")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first bad byte.
        offset: usize,
    },
    /// A line of a table is not as the release's documentation has it.
    #[error("{path}, line {line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// XML is damaged.
    #[error("{path}, line {line}: damaged XML")]
    Xml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: quick_xml::Error,
    },
    /// A file is none of those that are known.
    #[error("{path} is no release that is known: {known}")]
    UnknownFile {
        /// The file.
        path: PathBuf,
        /// Those that are known.
        known: &'static str,
    },
    /// A code set has no version.
    #[error("{system}: no file says which version it is: name it, e.g. --version 2027")]
    NoVersion {
        /// The code set.
        system: String,
    },
    /// Two files are of different systems or versions.
    #[error("{system}: {problem}")]
    Conflict {
        /// The code set.
        system: String,
        /// What does not agree.
        problem: String,
    },
    /// There is no system of this name.
    #[error("no code system {name:?}: icd10cm, icd10pcs, icd9cm, hcpcs, cpt")]
    UnknownSystem {
        /// The name.
        name: String,
    },
    /// A table that was built is damaged, or from another program.
    #[error("{path} is no table of codes, or damaged ({problem}): import the release again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;
