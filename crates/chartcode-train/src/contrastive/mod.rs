//! Contrastive adaptation of an encoder to codes: texts of one code come to lie close together,
//! those of its siblings apart.

mod judge;
mod task;
mod write;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use candle_core::{Device, Var};
use chartcode::{Bundle, Chart};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::encoder::{EncoderOptions, TrainableEncoder};
use crate::error::{Error, Result, Stage as _};
use crate::pairs::{PairFile, PairSet, Sampler};
use crate::run::{Event, LoopOptions, OnEvent, RunFolder, Settings, Trainer, digest_of, finish};
use crate::run::{note, on_threads, tell};
use crate::stream::{Purpose, stream};

use task::{Projection, Terms};

/// How an encoder is adapted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContrastiveOptions {
    /// The loop.
    pub training: LoopOptions,
    /// Codes of each batch; each brings two texts.
    pub batch: usize,
    /// Hard negatives of each code, from codes with the same parent or category.
    pub hard_negatives: usize,
    /// What cosines are divided by.
    pub temperature: f64,
    /// Width of a linear projection behind the mean; none without it.
    pub projection: Option<usize>,
    /// Share of the codes of which one text is held out.
    pub held_out: f64,
    /// Texts held out at most.
    pub most_held_out: usize,
    /// Dropout of hidden states and of attention.
    pub dropout: f32,
    /// Leave the embeddings as they are.
    pub freeze_embeddings: bool,
    /// Leave so many of the lowest layers as they are.
    pub freeze_layers: usize,
}

impl Default for ContrastiveOptions {
    /// Values that suit short texts.
    fn default() -> Self {
        Self {
            training: LoopOptions { learning_rate: 3e-5, ..LoopOptions::default() },
            batch: 64,
            hard_negatives: 1,
            temperature: 0.05,
            projection: None,
            held_out: 0.02,
            most_held_out: 2000,
            dropout: 0.1,
            freeze_embeddings: false,
            freeze_layers: 0,
        }
    }
}

/// What is read and where the result goes.
#[derive(Clone, Debug)]
pub struct ContrastiveFiles {
    /// Pairs of code and text.
    pub pairs: Vec<PairFile>,
    /// The folder: the bundle goes into its `bundle`, beside the log and the checkpoints.
    pub output: PathBuf,
    /// The result's name.
    pub id: String,
    /// What the user says of the data and their licence.
    pub data_note: Option<String>,
    /// Threads to compute with; all of the machine's where none is given.
    pub threads: Option<NonZeroUsize>,
}

/// What an adaptation came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContrastiveSummary {
    /// Where the bundle is.
    pub bundle: PathBuf,
    /// Codes, and those of them with two texts or more.
    pub codes: usize,
    /// Codes with two texts or more.
    pub codes_with_positives: usize,
    /// Pairs that were trained on.
    pub pairs: usize,
    /// Pairs that were held out.
    pub held_out: usize,
    /// Texts that were longer than the encoder's longest window and cut off.
    pub cut_texts: usize,
    /// Steps made.
    pub steps: u64,
    /// Whether early stopping ended it.
    pub stopped_early: bool,
    /// The step it was taken up at; 0 where it was not interrupted.
    pub resumed_at: u64,
    /// The step whose weights were kept.
    pub best_step: u64,
    /// The held-out figures of that step.
    pub dev: BTreeMap<String, f64>,
}

/// Adapts the encoder of a bundle. A head of that bundle, which rests on the encoder as it was, is
/// left out; that is told.
///
/// The same call goes on with a training that was interrupted, and ends with the bytes that an
/// uninterrupted one with as many threads ends with.
///
/// # Errors
/// Every way in which files, options and checkpoints can be wrong; see [`Error`].
pub fn train_contrastive(
    bundle: &Bundle,
    files: &ContrastiveFiles,
    options: &ContrastiveOptions,
    on_event: OnEvent<'_>,
) -> Result<ContrastiveSummary> {
    on_threads(files.threads, || train(bundle, files, options, on_event))
}

fn train(
    bundle: &Bundle,
    files: &ContrastiveFiles,
    options: &ContrastiveOptions,
    on_event: OnEvent<'_>,
) -> Result<ContrastiveSummary> {
    options.check()?;
    let folder = RunFolder::open(&files.output)?;
    tell(on_event, Event::Stage("reading pairs", None), 0)?;
    let mut set = PairSet::read(&files.pairs)?;
    let held = set.hold_out(options.held_out, options.most_held_out, options.training.seed);
    check_data(&set, held.len(), files)?;
    if set.repeated > 0 {
        note(on_event, format!("{} pairs stand in the files twice; used once", set.repeated))?;
    }
    if let Some(head) = &bundle.manifest().head {
        let text = "it rests on the encoder as it was; the result embeds charts and codes none";
        note(on_event, format!("the bundle's head ({}) is left out: {text}", head.name()))?;
    }
    let (tokens, cut_texts) = tokens(bundle, &set.texts)?;
    if cut_texts > 0 {
        note(on_event, format!("{cut_texts} texts are longer than a window and are cut off"))?;
    }
    let encoder = TrainableEncoder::from_bundle(bundle, &options.encoder())?;
    let projection = options.new_projection(encoder.hidden_size(), encoder.device())?;
    let task = Terms {
        encoder,
        projection,
        sampler: Sampler {
            size: options.batch,
            hard: options.hard_negatives,
            seed: options.training.seed,
        },
        set,
        held,
        tokens,
        lead: bundle.tokenizer().prefix().len(),
        special: bundle.tokenizer().prefix().len() + bundle.tokenizer().suffix().len(),
        temperature: options.temperature,
    };
    let settings = settings(bundle, files, options)?;
    let outcome = Trainer::new(&task, &folder, settings, options.training)?.run(&mut *on_event)?;
    let summary = ContrastiveSummary {
        bundle: folder.bundle(),
        codes: task.set.codes.len(),
        codes_with_positives: task.set.codes_with_positives(),
        pairs: task.set.len(),
        held_out: task.held.len(),
        cut_texts,
        steps: outcome.steps,
        stopped_early: outcome.stopped_early,
        resumed_at: outcome.resumed_at,
        best_step: outcome.best.step,
        dev: outcome.best.figures,
    };
    tell(on_event, Event::Stage("writing the bundle", None), summary.steps)?;
    write::bundle(bundle, &task, files, options, &summary)?;
    finish(&folder)?;
    Ok(summary)
}

impl ContrastiveOptions {
    fn check(&self) -> Result<()> {
        let width = self.projection.unwrap_or(1);
        for (option, value, is_good, range) in [
            ("batch", self.batch, self.batch > 1, "the numbers from 2"),
            ("projection", width, width > 0, "the numbers from 1"),
        ] {
            if !is_good {
                return Err(Error::Option { option, value: value as f64, range });
            }
        }
        let is_share = self.held_out > 0.0 && self.held_out <= 0.5;
        for (option, value, is_good, range) in [
            ("temperature", self.temperature, self.temperature > 0.0, "the numbers above 0"),
            ("held_out", self.held_out, is_share, "0 to 0.5, 0 excluded"),
        ] {
            if !(is_good && value.is_finite()) {
                return Err(Error::Option { option, value, range });
            }
        }
        Ok(())
    }

    fn encoder(&self) -> EncoderOptions {
        EncoderOptions {
            dropout: self.dropout,
            attention_dropout: self.dropout,
            freeze_embeddings: self.freeze_embeddings,
            freeze_layers: self.freeze_layers,
            device: Device::Cpu,
        }
    }

    /// A projection that leaves most of the angles as they are: rows of random directions.
    fn new_projection(&self, width: usize, device: &Device) -> Result<Option<Projection>> {
        let Some(rows) = self.projection else {
            return Ok(None);
        };
        let mut random = stream(self.training.seed, Purpose::Head, 0);
        let bound = (3.0 / width as f32).sqrt();
        let draw = |_| rand::RngExt::random_range(&mut random, -bound..bound);
        let values: Vec<f32> = (0..rows * width).map(draw).collect();
        let weight = Var::from_vec(values, (rows, width), device).stage("the projection")?;
        let bias = Var::zeros(rows, candle_core::DType::F32, device).stage("the projection")?;
        Ok(Some(Projection { weight, bias }))
    }
}

fn check_data(set: &PairSet, held: usize, files: &ContrastiveFiles) -> Result<()> {
    let problem = match (set.codes_with_positives(), held) {
        (_, 0) => "no code has a second text to hold out, so that nothing can be judged",
        (0 | 1, _) => "fewer than two codes have two texts to learn from",
        _ => return Ok(()),
    };
    let path = files.pairs.first().map_or_else(PathBuf::new, |file| file.path.clone());
    let problem =
        format!("{problem} ({} codes, {} pairs in all)", set.codes.len(), set.len() + held);
    Err(Error::NothingToLearn { path, problem })
}

/// The windows of all texts, and how many were cut off.
fn tokens(bundle: &Bundle, texts: &[String]) -> Result<(Vec<Vec<u32>>, usize)> {
    let tokenizer = bundle.tokenizer();
    let (prefix, suffix) = (tokenizer.prefix(), tokenizer.suffix());
    let room = bundle.config().longest_window().saturating_sub(prefix.len() + suffix.len());
    let windows: Vec<(Vec<u32>, bool)> = texts
        .par_iter()
        .enumerate()
        .map(|(number, text)| {
            let chart = Chart::new(format!("text {}", number + 1), text.as_str())?;
            let ids = tokenizer.encode(&chart)?.ids;
            if ids.is_empty() {
                return Err(chartcode::Error::NoTokens { id: chart.id().to_owned() }.into());
            }
            let read = &ids[..ids.len().min(room)];
            Ok(([prefix, read, suffix].concat(), read.len() < ids.len()))
        })
        .collect::<Result<_>>()?;
    let cut = windows.iter().filter(|(_, is_cut)| *is_cut).count();
    Ok((windows.into_iter().map(|(ids, _)| ids).collect(), cut))
}

fn settings(
    bundle: &Bundle,
    files: &ContrastiveFiles,
    options: &ContrastiveOptions,
) -> Result<Settings> {
    let mut settings = Settings::default()
        .with("command", &"contrastive")
        .with("bundle", &bundle.digest())
        .with("id", &files.id)
        .with("options", options);
    for (number, file) in files.pairs.iter().enumerate() {
        settings = settings
            .with(&format!("pairs {} (sha256)", number + 1), &digest_of(&file.path)?)
            .with(&format!("pairs {} (weight)", number + 1), &file.weight);
    }
    Ok(settings)
}
