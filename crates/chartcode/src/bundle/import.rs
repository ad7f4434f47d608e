//! From a published checkpoint to a bundle: what it is, read from its keys and the files beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkpoint::Checkpoint;
use super::files::{Files, MANIFEST};
use super::findings::Findings;
use super::label_files::{self, FoundLabels};
use super::labels::Labels;
use super::layouts::{CHUNK, HeadLayout};
use super::manifest::{FORMAT, LabelSource, Manifest, NOT_STATED};
use super::weights::Weights;
use super::{Bundle, CONFIG, export, tokenizer_files, word_files};
use crate::decide::Thresholds;
use crate::encoder::{Config, synthesise_word_config};
use crate::error::{Error, Result};
use crate::head::{Aggregate, HeadSpec};
use crate::limit::ReadLimit;
use crate::padding::PaddingMode;
use crate::preprocess::Preprocess;
use crate::score::Calibration;
use crate::tokens::Tokenizer;
use crate::windows::WindowRule;

/// What the files do not say, or what is to be different from what they say.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// A folder with `config.json` and tokenizer, where the checkpoint has none beside it.
    pub encoder: Option<PathBuf>,
    /// The label order, in any of the published forms.
    pub labels: Option<PathBuf>,
    /// The threshold for review, instead of the one that the checkpoint holds.
    pub threshold: Option<f64>,
    /// How padding takes part, instead of how it did in the layout's publication.
    pub padding_mode: Option<PaddingMode>,
    /// What is done to the text, instead of what was done in the layout's publication.
    pub preprocess: Option<Preprocess>,
    /// Tokens of a window.
    pub window_tokens: Option<usize>,
    /// How much of a chart is read; all of it by default.
    pub limit: Option<ReadLimit>,
    /// How a classification head's windows become the chart's logits; the maximum by default.
    pub aggregate: Aggregate,
    /// Short name of the code system, e.g. `icd10cm`.
    pub system: Option<String>,
    /// Name and edition of the code set.
    pub code_set: Option<String>,
    /// The bundle's name; that of the folder by default.
    pub id: Option<String>,
    /// The licence of the weights.
    pub licence: Option<String>,
}

/// A checkpoint that was understood: a bundle in memory, ready to be used or written.
#[derive(Debug)]
pub struct Import {
    pub(super) bundle: Bundle,
    pub(super) config_bytes: Vec<u8>,
    findings: Findings,
}

impl Import {
    /// Reads a checkpoint: a folder, or a weights file with its folder around it.
    ///
    /// # Errors
    /// [`Error::NotABundle`] where a file is missing, [`Error::Checkpoint`] where tensors are of
    /// no known head, [`Error::Labels`] where the label order is missing or has another length
    /// than the head, [`Error::Pickle`] and others for damaged files.
    pub fn open(source: impl AsRef<Path>, options: &ImportOptions) -> Result<Self> {
        let source = source.as_ref();
        let (folder, name) = locate(source)?;
        if folder.join(MANIFEST).is_file() {
            let problem = "it is a bundle already, there is nothing to import".to_owned();
            return Err(Error::Inconsistent { path: folder.join(MANIFEST), problem });
        }
        let mut files = Files::of(&folder);
        let mut around = options.encoder.as_deref().map(Files::of);
        let has_config = around.as_ref().unwrap_or(&files).has(CONFIG);
        let early = (!has_config).then(|| Checkpoint::read(&files, &name)).transpose()?;
        let config_files = around.as_mut().unwrap_or(&mut files);
        let config_bytes = match &early {
            None => config_files.read(CONFIG)?,
            Some(checkpoint) => implied_config(checkpoint, config_files.folder())?,
        };
        let config = Config::parse(&config_files.path(CONFIG), &config_bytes)?;
        let tokenizer = tokenizer(&files, around.as_ref(), &config)?;
        let checkpoint = early.map_or_else(|| Checkpoint::read(&files, &name), Ok)?;
        let layout = HeadLayout::detect(&checkpoint.weights, &config)?;
        let found = match &layout {
            Some(_) => label_files::find(&files, options.labels.as_deref(), &config)?,
            None => None,
        };
        let mut findings = Findings::start(&checkpoint, &config, layout.as_ref());
        if !has_config {
            findings.assume_config(&config);
        }
        let manifest = Draft { options, config: &config, layout: layout.as_ref() }.manifest(
            &name_of(&folder),
            checkpoint.threshold,
            found.is_some(),
            &mut findings,
        );
        let labels = match &layout {
            Some(layout) => checked(found, layout, &checkpoint.weights, &folder, &mut findings)?,
            None => Labels::default(),
        };
        let bundle = Bundle {
            path: folder,
            digest: files.digest(),
            manifest,
            config,
            tokenizer,
            labels,
            label_thresholds: BTreeMap::new(),
            sums: None,
            encoder_weights: checkpoint.weights,
            head_weights: None,
            assumed: findings.assumed.clone(),
        };
        Ok(Self { bundle, config_bytes, findings })
    }

    /// Builds the model, so that every tensor is known to fit, and tells what was found.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with all keys that are missing or mis-shaped.
    pub fn check(&mut self) -> Result<&Findings> {
        self.bundle.build((&candle_core::Device::Cpu, chartcode_kernels::Precision::F32))?;
        let weights = &self.bundle.encoder_weights;
        let used = weights.used();
        self.findings.used = used.len();
        let unused = weights.keys().into_iter().filter(|key| !used.iter().any(|used| used == key));
        self.findings.ignored.extend(unused.map(str::to_owned));
        self.findings.ignored.sort();
        self.findings.ignored.dedup();
        Ok(&self.findings)
    }

    /// What the bundle will say of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.bundle.manifest
    }

    /// Writes the bundle into a new folder, with a manifest, checksums and a card. What was not
    /// checked before is checked first: only then is it known which tensors the model uses.
    ///
    /// # Errors
    /// As [`Import::check`]; [`Error::Exists`] where the folder has something in it,
    /// [`Error::Write`].
    pub fn write(&mut self, out: impl AsRef<Path>, precision: export::StoredAs) -> Result<()> {
        if self.findings.used == 0 {
            self.check()?;
        }
        export::write(self, &self.findings, out.as_ref(), precision)
    }

    /// The bundle, to be used without being written.
    pub(super) fn into_bundle(self) -> Bundle {
        self.bundle
    }
}

/// What a manifest is drafted from.
struct Draft<'a> {
    options: &'a ImportOptions,
    config: &'a Config,
    layout: Option<&'a HeadLayout>,
}

impl Draft<'_> {
    fn manifest(
        &self,
        folder_name: &str,
        stored_threshold: Option<f64>,
        has_labels: bool,
        findings: &mut Findings,
    ) -> Manifest {
        let options = self.options;
        let layout = self.layout;
        let attends = layout.is_some_and(|layout| layout.spec.attends_to_tokens());
        let windows = self.windows(attends, findings);
        let mut assume = |given: bool, what: String| {
            if attends && !given {
                findings.assumed.push(what);
            }
        };
        let padding_mode = options.padding_mode.unwrap_or_else(|| self.published_padding());
        assume(
            options.padding_mode.is_some(),
            format!("padding_mode {}, as in the publication", name(&padding_mode)),
        );
        let preprocess = options
            .preprocess
            .unwrap_or_else(|| layout.map_or(Preprocess::None, |layout| layout.preprocess));
        assume(
            options.preprocess.is_some(),
            format!("preprocess {}, as in the publication", name(&preprocess)),
        );
        assume(
            options.limit.is_some(),
            "charts read to their end, where publications cut them off".to_owned(),
        );
        let system = options.system.clone().unwrap_or_default();
        Manifest {
            format: FORMAT,
            id: options.id.clone().unwrap_or_else(|| folder_name.to_owned()),
            version: "unversioned".to_owned(),
            description: layout.map_or_else(
                || format!("{} encoder, imported", self.config.model_type),
                |layout| format!("{} on {}, imported", layout.name, self.config.model_type),
            ),
            architecture: self.config.model_type.clone(),
            licence: options.licence.clone().unwrap_or_else(|| NOT_STATED.to_owned()),
            windows,
            preprocess,
            limit: options.limit,
            padding_mode,
            head: layout.map(|layout| match &layout.spec {
                HeadSpec::Classification { .. } => {
                    HeadSpec::Classification { aggregate: options.aggregate }
                }
                spec => spec.clone(),
            }),
            labels: has_labels.then(|| LabelSource {
                file: export::LABELS.to_owned(),
                code_set: options.code_set.clone().unwrap_or_else(|| NOT_STATED.to_owned()),
                system,
                effective: None,
            }),
            thresholds: self.thresholds(stored_threshold, findings),
            label_thresholds: None,
            calibration: Calibration::default(),
            tuned: None,
            profile: None,
            profiles: BTreeMap::new(),
            precisions: None,
            data: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    fn windows(&self, attends: bool, findings: &mut Findings) -> WindowRule {
        let longest = self.config.longest_window();
        if self.config.is_word_level() {
            let max_tokens = self.options.window_tokens.unwrap_or(WindowRule::NO_LIMIT);
            return WindowRule::Document { max_tokens };
        }
        if !attends {
            let max_tokens = self.options.window_tokens.unwrap_or(longest);
            return WindowRule::Fixed { max_tokens, overlap: 0 };
        }
        let max_tokens = self.options.window_tokens.unwrap_or_else(|| {
            let chunk = CHUNK.min(longest);
            let why = if chunk == CHUNK { "as in the publication" } else { "all that fit" };
            findings.assumed.push(format!("windows of {chunk} tokens, {why}"));
            chunk
        });
        WindowRule::Document { max_tokens }
    }

    /// Padding is published for encoders with a table of positions only.
    fn published_padding(&self) -> PaddingMode {
        match self.layout {
            Some(layout) if self.config.knows_padding() => layout.padding,
            _ => PaddingMode::None,
        }
    }

    fn thresholds(&self, stored: Option<f64>, findings: &mut Findings) -> Thresholds {
        let default = Thresholds::default();
        let (review, source) = match (self.options.threshold, stored) {
            (Some(given), _) => (given, "as asked for"),
            (None, Some(stored)) => (stored, "from the checkpoint"),
            (None, None) => (default.review, "the default: the checkpoint holds none"),
        };
        findings.threshold = format!("{review}, {source}");
        Thresholds { review, accept: None }
    }
}

/// The folder of a checkpoint and the name of its weights.
fn locate(source: &Path) -> Result<(PathBuf, String)> {
    if source.is_file() {
        let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = match source.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        return Ok((folder, name));
    }
    let missing = if source.join(CONFIG).is_file() { "model.safetensors" } else { CONFIG };
    match Checkpoint::find(&Files::of(source)) {
        Some(name) => Ok((source.to_owned(), name)),
        None => Err(Error::NotABundle { path: source.to_owned(), missing }),
    }
}

/// The configuration of a word encoder, as its tensors imply it; `folder` should hold another's.
fn implied_config(checkpoint: &Checkpoint, folder: &Path) -> Result<Vec<u8>> {
    let missing = || Error::NotABundle { path: folder.to_owned(), missing: CONFIG };
    synthesise_word_config(&checkpoint.weights)?.ok_or_else(missing)
}

/// The tokenizer beside the weights or, where there is none, in the folder around.
fn tokenizer(files: &Files, around: Option<&Files>, config: &Config) -> Result<Tokenizer> {
    let is_word_level = config.is_word_level();
    let is_there = if is_word_level { word_files::is_there } else { tokenizer_files::is_there };
    let folder = match around {
        Some(around) if !is_there(files) => around,
        _ => files,
    };
    if is_word_level {
        return word_files::read(folder, config.vocab_size);
    }
    tokenizer_files::read(folder, &config.model_type)
}

/// The labels, as many as the head has rows.
fn checked(
    found: Option<FoundLabels>,
    layout: &HeadLayout,
    weights: &Weights,
    folder: &Path,
    findings: &mut Findings,
) -> Result<Labels> {
    let rows = weights.shape(&layout.label_key).and_then(|shape| shape.first()).copied();
    let Some(FoundLabels { labels, source }) = found else {
        return Err(Error::Labels {
            path: folder.to_owned(),
            problem: format!("no label order for the head's {} labels", rows.unwrap_or(0)),
        });
    };
    match rows {
        Some(rows) if rows != labels.len() => Err(Error::Labels {
            path: folder.to_owned(),
            problem: format!("{source} has {} labels, the head {rows}", labels.len()),
        }),
        _ => {
            findings.labels = Some((labels.len(), source));
            Ok(labels)
        }
    }
}

fn name_of(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    absolute.file_name().map_or_else(|| "bundle".to_owned(), |n| n.to_string_lossy().into_owned())
}

/// How a manifest spells a value.
fn name(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
