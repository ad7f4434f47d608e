//! The options of `chartcode fit`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::args::EngineArgs;
use crate::eval_args::{EvalFormat, SourceArgs};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode fit --charts coded.jsonl --output models/ours
  chartcode fit --charts train.jsonl --dev dev.jsonl --output models/ours
  chartcode fit --charts warehouse.parquet --columns id=key,text=note,codes=icd --system icd10cm \\
                --output models/ours
  chartcode code --bundle models/ours note.txt

The head is chosen by cross-validation; its calibration and thresholds are fitted on charts that
the models which scored them had not seen. The bundle holds no text of the charts, only hashes of
word runs that are in two of them or more. An interrupted run goes on from OUT.vectors.part.")]
pub(crate) struct FitArgs {
    /// Charts with the codes that were assigned to them: any form that `chartcode eval` reads.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) charts: PathBuf,

    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// More charts, which nothing is fitted on: the finished bundle is measured on them.
    #[arg(long, value_name = "PATH")]
    pub(crate) dev: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// The new bundle: a folder that is not there yet.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// The new bundle's name; by default that of its folder.
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,

    /// Learn the codes of this system, where the charts have codes of several.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,

    /// Leave out codes that are assigned to fewer charts.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) min_charts: u32,

    /// What the head weighs; auto is what cross-validation finds best of text and both.
    #[arg(long, value_enum, default_value_t = InputsArg::Auto)]
    pub(crate) inputs: InputsArg,

    /// One over the strength of the regularisation (scikit-learn's C); of several, the best by
    /// cross-validation.
    #[arg(long, value_name = "C,…", value_delimiter = ',', default_values_t = [0.03, 0.1, 0.3, 1.0, 3.0])]
    pub(crate) strength: Vec<f64>,

    /// Folds of the cross-validation.
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=50))]
    pub(crate) folds: u32,

    /// Seed of the folds.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What a head weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputsArg {
    /// Whichever of text and both does better.
    Auto,
    /// Word runs, with their section and whether they are negated or uncertain.
    Text,
    /// The encoder's vectors.
    Encoder,
    /// Both.
    Both,
}
