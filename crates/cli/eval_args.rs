//! The options of `chartcode eval`, `compare`, `agree` and `tune`.

use std::path::PathBuf;

use chartcode_eval::{Bootstrap, Layout};
use clap::{Args as ClapArgs, ValueEnum};

use crate::args::EngineArgs;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode eval --gold charts.jsonl                       the default bundle, a table
  chartcode eval --gold charts.jsonl --output run          and a folder: report.html, metrics.json,
                                                           charts.jsonl; run it again after an
                                                           interruption and it goes on
  chartcode eval --gold visits.jsonl --profile billing     charts coded for billing
  chartcode eval --gold charts.jsonl --format json | jq .metrics.micro_f1
  chartcode eval --gold charts.jsonl --predictions other.parquet
                                                           any other system's output
  chartcode eval --gold mimic-iv/ --bundle plm-icd --splits split.csv --split test
  chartcode compare run-a run-b                            is one of them better?")]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) gold: GoldArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Evaluate what another system said instead of a bundle: JSONL (chartcode's own reports and
    /// scores too), CSV, Parquet or Feather with chart ids, codes and scores.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["bundle", "device", "profile"])]
    pub(crate) predictions: Option<PathBuf>,

    /// What the scores of the predictions are, where the file does not say.
    #[arg(long, value_enum, requires = "predictions")]
    pub(crate) scale: Option<ScaleArg>,

    /// All labels of the system that made the predictions, a code a line; by default all codes
    /// that it or the gold names.
    #[arg(long, value_name = "FILE", requires = "predictions")]
    pub(crate) labels: Option<PathBuf>,

    /// Suggest codes whose probability is above P, instead of the bundle's thresholds or the
    /// decisions in the predictions.
    #[arg(short = 't', long, value_name = "P")]
    pub(crate) threshold: Option<f64>,

    /// Evaluate this code system only, e.g. icd10cm; may be repeated. By default all that the
    /// model has labels of.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Vec<String>,

    /// Charts the model was trained on: figures by how often a code occurs in them.
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,

    /// A list of codes of another edition: gold codes in it that are no labels are called retired,
    /// not unknown. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) code_set: Vec<PathBuf>,

    /// The k of precision@k and recall@k.
    #[arg(short, long, value_name = "K,…", value_delimiter = ',', default_values_t = [5, 8, 10, 15],
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) k: Vec<u32>,

    #[command(flatten)]
    pub(crate) intervals: IntervalArgs,

    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,

    #[command(flatten)]
    pub(crate) run: RunArgs,

    /// Do not compare passages with gold passages (it takes another pass over those charts).
    #[arg(long)]
    pub(crate) no_evidence: bool,

    /// Also save every score to FILE (Parquet), to evaluate again without computing.
    #[arg(long, value_name = "FILE", conflicts_with = "predictions")]
    pub(crate) save_scores: Option<PathBuf>,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How intervals are made.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct IntervalArgs {
    /// Replicates of the bootstrap over charts; 0 for no intervals.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) bootstrap: usize,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

impl IntervalArgs {
    /// The bootstrap that makes them.
    pub(crate) fn bootstrap(self) -> Bootstrap {
        Bootstrap { replicates: self.bootstrap, seed: self.seed, ..Bootstrap::default() }
    }
}

/// What a run leaves behind.
#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// Also write report.html, metrics.json and charts.jsonl (for `chartcode compare`) into DIR.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Replace what is in DIR, and start over if a run was begun in it.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,

    /// Show the notes of the worst charts in the HTML report. They are PHI: by default the report
    /// holds ids, codes and figures only.
    #[arg(long, requires = "output")]
    pub(crate) with_text: bool,
}

/// Where labelled charts come from.
#[derive(Debug, ClapArgs)]
pub(crate) struct GoldArgs {
    /// Labelled charts: a JSONL, CSV, Parquet or Feather file, a CMC-2007 XML file, or a folder of
    /// CodiEsp, MDACE or MIMIC-IV.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) gold: PathBuf,

    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// How labelled charts are read.
#[derive(Debug, ClapArgs)]
pub(crate) struct SourceArgs {
    /// The layout of the gold, where it is not told by its names: jsonl, csv, table, codiesp,
    /// mdace, mimic-iv, cmc.
    #[arg(long, value_name = "LAYOUT", default_value = "auto")]
    pub(crate) layout: Layout,

    /// The notes that MDACE's annotations belong to: NOTEEVENTS.csv.gz of MIMIC-III.
    #[arg(long, value_name = "FILE")]
    pub(crate) notes: Option<PathBuf>,

    /// The code system of gold codes that do not name one.
    #[arg(long, value_name = "NAME")]
    pub(crate) gold_system: Option<String>,

    /// Which text to read where the gold has several languages (CodiEsp: es, en).
    #[arg(long, value_name = "LANG")]
    pub(crate) lang: Option<String>,

    /// Names of the gold's columns: pairs such as id=KEY, text=NOTE, codes=TARGET, system=SET.
    #[arg(long, value_name = "WHAT=NAME,…", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// A file that says which split each chart is in (columns id and split).
    #[arg(long, value_name = "FILE", requires = "split")]
    pub(crate) splits: Option<PathBuf>,

    /// Only charts of this split.
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  chartcode compare run-a run-b          run-a and run-b are folders that `chartcode eval --output`
                                         wrote, over the same gold")]
pub(crate) struct CompareArgs {
    /// The first run: a folder written by `chartcode eval --output`.
    #[arg(value_name = "RUN-A")]
    pub(crate) a: PathBuf,

    /// The second run.
    #[arg(value_name = "RUN-B")]
    pub(crate) b: PathBuf,

    /// Replicates of the bootstrap and permutations of the randomization test.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..))]
    pub(crate) replicates: u32,

    /// Seed of both.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  chartcode agree first-coder.jsonl second-coder.jsonl")]
pub(crate) struct AgreeArgs {
    /// One coder's gold.
    #[arg(value_name = "GOLD-A")]
    pub(crate) a: PathBuf,

    /// Another's, of the same charts.
    #[arg(value_name = "GOLD-B")]
    pub(crate) b: PathBuf,

    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// Compare codes of this system only; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Vec<String>,

    #[command(flatten)]
    pub(crate) intervals: IntervalArgs,

    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode tune --gold charts.jsonl --out models/ours
  chartcode tune --gold charts.jsonl --accept-error 0.05 --confidence 0.95 --out models/ours
  chartcode tune --gold charts.jsonl --dry-run             only say what would be written")]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) gold: GoldArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Take the scores from FILE instead of computing them; `chartcode eval --save-scores` writes
    /// it.
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,

    /// The new version of the bundle: a folder that is not there yet.
    #[arg(short, long, value_name = "DIR", required_unless_present = "dry_run")]
    pub(crate) out: Option<PathBuf>,

    /// The version it is given; by default the bundle's with `+tuned`.
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,

    /// What the threshold is to do.
    #[arg(long, value_enum, default_value_t = Objective::MicroF1)]
    pub(crate) objective: Objective,

    /// Suggest as many codes as keep this precision, instead of an objective.
    #[arg(long, value_name = "P")]
    pub(crate) at_precision: Option<f64>,

    /// Give labels with at least N gold charts a threshold of their own, where cross-validation
    /// says that it pays.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10")]
    pub(crate) per_label: Option<u32>,

    /// The map from logit to probability; auto is the one with the lowest cross-validated log
    /// loss.
    #[arg(long, value_enum, default_value_t = CalibrationArg::Auto)]
    pub(crate) calibration: CalibrationArg,

    /// Accept codes without review so that at most this share of them is wrong.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(crate) accept_error: f64,

    /// With this confidence.
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub(crate) confidence: f64,

    /// Folds of the cross-validation.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=50))]
    pub(crate) folds: u32,

    /// Seed of the folds and the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvalFormat {
    /// For people.
    Table,
    /// For programs: one object.
    Json,
}

/// What scores mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScaleArg {
    /// Between 0 and 1.
    Probability,
    /// Any number; σ makes a probability of it.
    Logit,
}

/// What a threshold is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Objective {
    /// The highest micro-F1, exactly.
    MicroF1,
    /// The highest micro-F1 on the grid of 100 thresholds of medical-coding-reproducibility.
    Grid,
}

/// The map from logit to probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CalibrationArg {
    /// Whichever has the lowest cross-validated log loss.
    Auto,
    /// Leave the bundle's as it is.
    Keep,
    /// σ(logit).
    None,
    /// σ(logit / T).
    Temperature,
    /// Platt's sigmoid: scale and shift.
    Platt,
    /// Any rising map (pool adjacent violators).
    Isotonic,
}
