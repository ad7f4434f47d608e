//! The options of `chartcode train`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use chartcode_train::{AdamWOptions, Decay, LoopOptions};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use crate::eval_args::{EvalFormat, SourceArgs};

#[derive(Debug, ClapArgs)]
pub(crate) struct TrainArgs {
    #[command(subcommand)]
    pub(crate) what: Training,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Training {
    /// Adapt an encoder to code sets: texts of one code come to lie close together.
    Contrastive(Box<ContrastiveArgs>),
    /// Train an encoder and a label-attention head on labelled charts.
    Codes(Box<CodesArgs>),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A file of pairs has a line for each: code TAB text, with a third column for the kind of text
(title, index, …) or without; or JSON objects with code, text and maybe kind.

Examples:
  chartcode train contrastive --bundle models/minilm --pairs terms.tsv --output adapted
  chartcode train contrastive --bundle models/minilm --pairs titles.tsv --pairs index.tsv \\
      --pairs-weight 1,3 --hard-negatives 2 --output adapted
The bundle is then in adapted/bundle, the log in adapted/train.jsonl and adapted/train.svg. Run the
same command again after an interruption and it goes on where it stopped.")]
pub(crate) struct ContrastiveArgs {
    /// Pairs of code and text; may be repeated.
    #[arg(short, long, value_name = "FILE", required = true)]
    pub(crate) pairs: Vec<PathBuf>,

    /// How much more often pairs of each file are drawn, in the order of --pairs.
    #[arg(long, value_name = "W,…", value_delimiter = ',')]
    pub(crate) pairs_weight: Vec<f64>,

    #[command(flatten)]
    pub(crate) run: TrainRunArgs,
    #[command(flatten)]
    pub(crate) training: LoopArgs,

    /// Codes of each step; each brings two texts.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) batch: usize,

    /// Texts of siblings (same parent or category) that each code is also told from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) hard_negatives: usize,

    /// What cosines are divided by in the loss.
    #[arg(long, value_name = "T", default_value_t = 0.05)]
    pub(crate) temperature: f64,

    /// Also train a linear projection to so many dimensions.
    #[arg(long, value_name = "N")]
    pub(crate) projection: Option<usize>,

    /// Share of the codes of which one text is held out to judge by; at most 2,000 texts.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    pub(crate) held_out: f64,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode train codes --bundle models/minilm --charts train.jsonl --dev dev.jsonl --output ours
  chartcode train codes --bundle plm --charts mimic-iv/ --dev mimic-iv/ --splits split.csv \\
      --split train --dev-split val --window-tokens 128 --output ours
The bundle is then in ours/bundle, the log in ours/train.jsonl and ours/train.svg. Run the same
command again after an interruption and it goes on where it stopped. Charts may have any layout that
`chartcode eval` reads.")]
pub(crate) struct CodesArgs {
    /// Labelled charts to learn from.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) charts: PathBuf,

    /// Labelled charts to judge by and to choose the threshold on.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) dev: PathBuf,

    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// The split of the held-out charts.
    #[arg(long, value_name = "NAME")]
    pub(crate) dev_split: Option<String>,

    /// A list of labels: a code a line, with a title behind a tab or without. By default the codes
    /// of the training charts.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// Codes in fewer training charts are no labels.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "labels")]
    pub(crate) least_charts: usize,

    /// The code system, where charts have codes of several.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,

    #[command(flatten)]
    pub(crate) run: TrainRunArgs,
    #[command(flatten)]
    pub(crate) training: LoopArgs,

    /// Charts of each step.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) batch: usize,

    /// The head's learning rate, times the encoder's.
    #[arg(long, value_name = "X", default_value_t = 10.0)]
    pub(crate) head_rate: f64,

    /// Move targets so far towards one half.
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    pub(crate) label_smoothing: f64,

    /// Read each chart twice and punish that the two readings differ, with this weight (R-drop).
    #[arg(long, value_name = "W", default_value_t = 0.0)]
    pub(crate) r_drop: f64,

    /// Cut the chart as a whole into windows of so many tokens, instead of the bundle's windows.
    #[arg(long, value_name = "N")]
    pub(crate) window_tokens: Option<usize>,

    /// Learn from the first so many tokens of a chart; what is left out is told.
    #[arg(long, value_name = "N", default_value_t = 6144)]
    pub(crate) most_tokens: usize,
}

/// What is trained, and where it goes.
#[derive(Debug, ClapArgs)]
pub(crate) struct TrainRunArgs {
    /// The bundle whose encoder is trained: BERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA or
    /// DistilBERT.
    #[arg(short, long, value_name = "DIR", env = "CHARTCODE_BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,

    /// A new folder, or that of a training that was interrupted.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// The new bundle's name; by default that of the folder.
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,

    /// What the bundle's card and manifest say of the data's licence.
    #[arg(long, value_name = "TEXT")]
    pub(crate) data_note: Option<String>,

    /// Threads to compute with; all of the machine's by default.
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,

    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How the loop runs.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct LoopArgs {
    /// Steps at most.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    steps: u64,

    /// Steps between looks at held-out data.
    #[arg(long, value_name = "N", default_value_t = 100)]
    judge_every: u64,

    /// Steps between checkpoints; one is also written after each look at held-out data.
    #[arg(long, value_name = "N", default_value_t = 100)]
    checkpoint_every: u64,

    /// Stop after so many looks without a better figure.
    #[arg(long, value_name = "N", default_value_t = 5)]
    patience: u32,

    /// The encoder's highest learning rate.
    #[arg(long, value_name = "RATE", default_value_t = 5e-5)]
    learning_rate: f64,

    /// Steps over which the learning rate rises; a tenth of --steps by default.
    #[arg(long, value_name = "N")]
    warm_up: Option<u64>,

    /// How the learning rate falls then.
    #[arg(long, value_enum, default_value_t = DecayArg::Linear)]
    decay: DecayArg,

    /// Weight decay of the optimizer.
    #[arg(long, value_name = "X", default_value_t = 0.01)]
    weight_decay: f64,

    /// Scale gradients down whose norm is above this.
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    clip: f64,

    /// Share of hidden states and attention that is dropped.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub(crate) dropout: f32,

    /// Leave the embeddings as they are.
    #[arg(long)]
    pub(crate) freeze_embeddings: bool,

    /// Leave so many of the lowest layers as they are.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) freeze_layers: usize,

    /// Seed of everything that is drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl LoopArgs {
    /// The options of the loop.
    pub(crate) fn options(self) -> LoopOptions {
        LoopOptions {
            steps: self.steps,
            judge_every: self.judge_every,
            checkpoint_every: self.checkpoint_every,
            patience: self.patience,
            learning_rate: self.learning_rate,
            warm_up: self.warm_up.unwrap_or(self.steps / 10),
            decay: match self.decay {
                DecayArg::Constant => Decay::Constant,
                DecayArg::Linear => Decay::Linear,
                DecayArg::Cosine => Decay::Cosine,
            },
            optimizer: AdamWOptions {
                weight_decay: self.weight_decay,
                max_norm: Some(self.clip),
                ..AdamWOptions::default()
            },
            seed: self.seed,
        }
    }
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecayArg {
    /// Not at all.
    Constant,
    /// In a straight line.
    Linear,
    /// Along half a cosine.
    Cosine,
}
