//! What can go wrong when a head is fitted.

/// The result of fitting.
pub type Result<T, E = FitError> = std::result::Result<T, E>;

/// Why no head could be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The engine failed on a chart.
    #[error(transparent)]
    Engine(#[from] chartcode::Error),

    /// Thresholds or calibration could not be fitted.
    #[error(transparent)]
    Tuning(#[from] chartcode_eval::Error),

    /// No code is assigned often enough to be learnt.
    #[error(
        "none of the {codes} codes is assigned to {least} charts or more: nothing can be learnt \
         (give more charts, or lower --min-charts)"
    )]
    NoLabels {
        /// Codes there are.
        codes: usize,
        /// Charts a code needs.
        least: usize,
    },

    /// Every chart has the same codes.
    #[error(
        "all {charts} charts have the same codes: there is nothing to tell apart (give charts \
         without them, too)"
    )]
    OneClass {
        /// Charts there are.
        charts: usize,
    },

    /// Fewer charts than cross-validation needs.
    #[error("{charts} charts are too few for {folds} folds: at least two charts a fold are needed")]
    TooFewCharts {
        /// Charts there are.
        charts: usize,
        /// Folds asked for.
        folds: usize,
    },

    /// A setting that cannot be used.
    #[error("{setting} must be {range}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is allowed.
        range: &'static str,
    },

    /// The file that keeps vectors between runs could not be read or written.
    #[error("cannot use {}", path.display())]
    Cache {
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}
