//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use chartcode::{Device, EvidenceKind, Options, Precision};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use crate::codes_args::CodesArgs;
use crate::eval_args::GoldArgs;
pub(crate) use crate::eval_args::{AgreeArgs, CompareArgs, EvalArgs, TuneArgs};
pub(crate) use crate::fit_args::FitArgs;
pub(crate) use crate::import_args::ImportArgs;
pub(crate) use crate::train_args::TrainArgs;

/// Codes clinical charts on your own machine: text in, medical codes with evidence out.
///
/// Nothing about a patient leaves the machine: chartcode writes no log and opens no network
/// connection, unless `import` is told to fetch a model with --allow-network.
#[derive(Debug, Parser)]
#[command(
    name = "chartcode",
    version,
    after_help = "Exit status: 0 all done; 1 some charts failed (each is named on standard \
                  error, the others are done); 2 wrong usage or an unusable bundle."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Code charts: codes with probability, decision and the passages that support them.
    Code(CodeArgs),
    /// Print every label's logit, one JSON object a chart, to check against other systems.
    Scores(ScoresArgs),
    /// Print the vectors of charts, one JSON object a chart.
    Embed(EmbedArgs),
    /// Benchmark a bundle, or any other system's output, against labelled charts.
    Eval(EvalArgs),
    /// Test whether one run of `eval` is better than another, chart by chart.
    Compare(CompareArgs),
    /// Say how far two coders agree.
    Agree(AgreeArgs),
    /// Learn a site's own codes from its own charts: a new head on a bundle's encoder.
    Fit(FitArgs),
    /// Fit thresholds and calibration on labelled charts: a new version of a bundle.
    Tune(TuneArgs),
    /// Train an encoder, or an encoder with a head, on your own data.
    Train(TrainArgs),
    /// Turn a published checkpoint into a bundle.
    Import(ImportArgs),
    /// Read and look up code sets: ICD-10-CM, ICD-10-PCS.
    Codes(CodesArgs),
    /// Measure what bf16 and int8 change in a bundle's answers.
    Precisions(PrecisionsArgs),
    /// Time the coding of charts on this machine.
    Bench(BenchArgs),
    /// Say what a bundle is made of and verify its checksums.
    Inspect(InspectArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode code note.txt                     a table on the terminal
  chartcode code --top 20 note.txt            the 20 best codes, whatever their probability
  chartcode code --format json note.txt       the whole report
  chartcode code --profile billing note.txt   what was assessed, in codes that can be billed
  cat note.txt | chartcode code -             from standard input
  chartcode code --output coded.jsonl charts.jsonl
                                              many charts; run it again after an interruption
                                              and it goes on where it stopped")]
pub(crate) struct CodeArgs {
    #[command(flatten)]
    pub(crate) charts: ChartArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// How to print the reports. Without it: a table on standard output; for --output what the
    /// file's ending says, else jsonl.
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Report the K most probable codes of each chart, whatever their decision.
    #[arg(short = 'k', long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: Option<u32>,

    /// Suggest codes whose probability is above P (0 to 1), instead of the bundle's thresholds.
    #[arg(short = 't', long, value_name = "P")]
    pub(crate) threshold: Option<f64>,

    /// Rule out, by bounds, codes that cannot be reported before their logits are computed. The
    /// reports stay the same; it pays with large vocabularies, and is there for heads of the LAAT
    /// and CAML kind.
    #[arg(long)]
    pub(crate) prune: bool,

    /// By what the passages that support a code are chosen. Attention and contribution differ for
    /// heads in which labels attend to tokens (PLM-ICD and its successors).
    #[arg(short, long, value_enum, default_value_t = Evidence::Contribution, value_name = "KIND")]
    pub(crate) evidence: Evidence,

    /// Write to FILE. Until all charts are done the reports are in FILE.part; run the same
    /// command again after an interruption to go on from there.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace FILE if it is there, and start over if it was begun.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  chartcode scores --bundle models/tiny note.txt > scores.jsonl")]
pub(crate) struct ScoresArgs {
    #[command(flatten)]
    pub(crate) charts: ChartArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode embed note.txt                    the chart's vector
  chartcode embed --windows charts.jsonl      and the vector of each window of it")]
pub(crate) struct EmbedArgs {
    #[command(flatten)]
    pub(crate) charts: ChartArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Also print each window's vector and where it stands.
    #[arg(short, long)]
    pub(crate) windows: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode inspect models/icd10cm-minilm
  chartcode inspect --format json --tensors models/tiny")]
pub(crate) struct InspectArgs {
    /// The bundle: a folder. The default bundle where none is given.
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,

    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = InspectFormat::Text)]
    pub(crate) format: InspectFormat,

    /// Also list every tensor with its shape.
    #[arg(long)]
    pub(crate) tensors: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  chartcode completions bash > ~/.local/share/bash-completion/completions/chartcode")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Where charts come from.
#[derive(Debug, ClapArgs)]
pub(crate) struct ChartArgs {
    /// Charts: a text file is one chart, a JSONL file holds one a line (fields `id` and `text`),
    /// - is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,

    /// What the files hold. By default files ending in .jsonl or .ndjson and those that begin
    /// like a JSON object are JSONL, the others text.
    #[arg(long, value_enum, default_value_t = InputFormat::Auto)]
    pub(crate) input: InputFormat,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What computes, and on what.
#[derive(Debug, ClapArgs)]
pub(crate) struct EngineArgs {
    /// The bundle: a folder. By default models/icd10cm-minilm, looked for in the working folder
    /// and in the folders above the program.
    #[arg(short, long, value_name = "DIR", env = "CHARTCODE_BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,

    /// How to decide, where the bundle has more than one way: with the default bundle exhaustive
    /// (every finding, the default) or billing (the problems that the assessment names, in codes
    /// that can be billed).
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Where to compute: cpu, cuda or cuda:N.
    #[arg(long, default_value_t = Device::Cpu)]
    pub(crate) device: Device,

    /// What large products are computed in: f32, bf16, int8 or auto. bf16 and int8 are faster and
    /// change logits a little (`chartcode bench` says how much faster, `chartcode precisions` at
    /// what cost); auto takes the fastest that the bundle says keeps its codes, else f32.
    #[arg(long, default_value = "f32", value_name = "PRECISION")]
    pub(crate) precision: PrecisionArg,

    /// Threads to compute with; all of the machine's by default.
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

impl EngineArgs {
    /// The options of the engine, those of a command's own aside.
    pub(crate) fn options(&self) -> Options {
        let options = Options::new().device(self.device).threads(self.threads);
        match self.precision {
            PrecisionArg::Is(precision) => options.precision(precision),
            PrecisionArg::Auto => options,
        }
    }
}

/// A precision, or the choice left to the bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrecisionArg {
    /// This one.
    Is(Precision),
    /// The fastest that keeps the bundle's codes.
    Auto,
}

impl FromStr for PrecisionArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Is).map_err(|_| "a precision is f32, bf16, int8 or auto")
    }
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode precisions --gold dev.jsonl              what each precision changes, on a table
  chartcode precisions --gold dev.jsonl --keep 0.98 --out bundle-3.2 --version 3.2
                                                     and a bundle in which --precision auto takes
                                                     the fastest that keeps 98 % of the codes")]
pub(crate) struct PrecisionsArgs {
    #[command(flatten)]
    pub(crate) gold: GoldArgs,

    /// The bundle: a folder. The default bundle where none is given.
    #[arg(short, long, value_name = "DIR", env = "CHARTCODE_BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Threads to compute with; all of the machine's by default.
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// The share of the suggested codes that a precision must leave as they are for auto to take
    /// it.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(crate) keep: f64,

    /// Write a new version of the bundle that knows what was measured: a folder that is not there
    /// yet.
    #[arg(short, long, value_name = "DIR", requires = "version")]
    pub(crate) out: Option<PathBuf>,

    /// The new version.
    #[arg(long, value_name = "VERSION", requires = "out")]
    pub(crate) version: Option<String>,

    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = InspectFormat::Text)]
    pub(crate) format: InspectFormat,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode bench notes/*.txt                        seconds, tokens and charts a second
  chartcode bench --precision int8 charts.jsonl      in another precision
  chartcode bench --prune --top 50 note.txt          the 50 best codes alone, by bounds
  chartcode bench --threads 1 --format json note.txt for programs")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) charts: ChartArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Time reports without evidence, codes ruled out by bounds, in place of all logits; and say
    /// what share of the labels was skipped.
    #[arg(long)]
    pub(crate) prune: bool,

    /// With --prune: the K most probable codes of each chart, not those above the thresholds.
    #[arg(short = 'k', long, value_name = "K", requires = "prune", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: Option<u32>,

    /// How often all charts are coded and timed.
    #[arg(short, long, value_name = "N", default_value = "5")]
    pub(crate) rounds: NonZeroUsize,

    /// How often they are coded before, so that caches are warm.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) warmup: usize,

    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = InspectFormat::Text)]
    pub(crate) format: InspectFormat,
}

/// How reports are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One array of reports.
    Json,
    /// A report a line.
    Jsonl,
    /// A row a code; a chart without codes has one row without a code.
    Csv,
}

/// By what passages are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Evidence {
    /// Show none.
    None,
    /// By the code's attention to them.
    Attention,
    /// By what they add to the code's logit.
    Contribution,
}

impl From<Evidence> for EvidenceKind {
    fn from(evidence: Evidence) -> Self {
        match evidence {
            Evidence::None => Self::None,
            Evidence::Attention => Self::Attention,
            Evidence::Contribution => Self::Contribution,
        }
    }
}

/// How a bundle is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What an input file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// Decided by the file's ending and its first bytes.
    Auto,
    /// One chart.
    Text,
    /// One chart a line.
    Jsonl,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
