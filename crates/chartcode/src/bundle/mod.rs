//! A bundle: a folder with everything needed to reproduce an answer.

mod checkpoint;
mod export;
mod files;
mod findings;
mod folder;
mod import;
mod label_files;
mod label_thresholds;
mod labels;
mod layouts;
mod manifest;
mod pickle;
mod precisions;
mod problems;
mod profile;
mod tokenizer_files;
mod trained;
mod tuned;
mod version;
pub(crate) mod weights;
mod with_head;
mod word_files;
mod word_heads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use export::StoredAs;
pub use findings::Findings;
pub use import::{Import, ImportOptions};
pub use labels::Labels;
pub use manifest::{DataSource, FORMAT, LabelSource, Manifest, NOT_STATED};
pub use pickle::PickleError;
pub use precisions::{MeasuredPrecision, Precisions};
pub use problems::KeyProblems;
pub use profile::Profile;
pub use trained::{Trained, TrainedLabels, TrainedTensor};
pub use tuned::{AcceptPromise, Tuned};
pub use version::BundleChanges;
pub use with_head::{BundleHead, HeadTensor};

use chartcode_kernels::Precision;

use crate::encoder::{self, Config, Encoder, EncoderTensor};
use crate::error::{Error, Result};
use crate::head::Head;
use crate::tokens::Tokenizer;
use checkpoint::Checkpoint;
use files::{Files, MANIFEST};
use weights::Weights;

const CONFIG: &str = "config.json";
const HEAD_WEIGHTS: &str = "head.safetensors";

/// A bundle as read from disk: every file that the manifest lists has been checked against it.
pub struct Bundle {
    path: PathBuf,
    digest: String,
    pub(crate) manifest: Manifest,
    pub(crate) config: Config,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) labels: Labels,
    /// Review thresholds of labels that have one of their own, by label.
    pub(crate) label_thresholds: BTreeMap<usize, f64>,
    /// sha256 of the files it was read from, the manifest apart; none without a manifest.
    sums: Option<BTreeMap<String, String>>,
    /// The encoder's tensors, and the head's where it has no file of its own.
    pub(crate) encoder_weights: Weights,
    pub(crate) head_weights: Option<Weights>,
    /// What a folder without a manifest does not say and was taken to be so.
    assumed: Vec<String>,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("path", &self.path)
            .field("id", &self.manifest.id)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Bundle {
    /// Reads a bundle and verifies its checksums. A folder without a manifest, as Hugging Face and
    /// research code leave them, is read as [`Import`] reads it by default.
    ///
    /// # Errors
    /// Every way in which a bundle can be missing, damaged or contradictory; see [`Error`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut files = Files::of(path);
        if !files.has(MANIFEST) {
            return Ok(Import::open(path, &ImportOptions::default())?.into_bundle());
        }
        let manifest = Manifest::parse(&files.path(MANIFEST), &files.read(MANIFEST)?)?;
        let missing = |missing| Error::NotABundle { path: path.to_owned(), missing };
        if !files.has(CONFIG) {
            return Err(missing(CONFIG));
        }
        if !tokenizer_files::is_there(&files) {
            return Err(missing(tokenizer_files::TOKENIZER));
        }
        let name = Checkpoint::find(&files).ok_or_else(|| missing("model.safetensors"))?;
        files.expect(manifest.files.clone());
        let config = Config::parse(&files.path(CONFIG), &files.read(CONFIG)?)?;
        // Weights are most of the bytes; meanwhile another thread parses what is text.
        let (labels, label_thresholds, tokenizer, weights) = std::thread::scope(|scope| {
            let weights = scope.spawn(|| Self::read_weights(&files, &manifest, &name));
            let (labels, thresholds) = Self::read_labels(&files, &manifest)?;
            let tokenizer = tokenizer_files::read(&files, &config.model_type)?;
            let weights =
                weights.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok((labels, thresholds, tokenizer, weights))
        })?;
        let (encoder_weights, head_weights) = weights;
        files.verify_rest()?;
        let (sums, digest) = (Some(files.sums()), files.digest());
        Ok(Self {
            path: path.to_owned(),
            digest,
            sums,
            manifest,
            config,
            tokenizer,
            labels,
            label_thresholds,
            encoder_weights,
            head_weights,
            assumed: Vec::new(),
        })
    }

    /// The encoder's tensors, and the head's where it has a file of its own.
    fn read_weights(
        files: &Files,
        manifest: &Manifest,
        name: &str,
    ) -> Result<(Weights, Option<Weights>)> {
        let encoder = Checkpoint::read(files, name)?.weights;
        let head = match &manifest.head {
            Some(head) if head.has_own_file() => {
                let bytes = files.read(HEAD_WEIGHTS)?;
                Some(Weights::from_safetensors(&files.path(HEAD_WEIGHTS), bytes)?)
            }
            _ => None,
        };
        Ok((encoder, head))
    }

    /// Labels, and the thresholds of those that have their own.
    fn read_labels(files: &Files, manifest: &Manifest) -> Result<(Labels, BTreeMap<usize, f64>)> {
        let labels = match &manifest.labels {
            Some(source) => Labels::parse(&files.path(&source.file), &files.read(&source.file)?)?,
            None => Labels::default(),
        };
        let thresholds = match &manifest.label_thresholds {
            Some(name) => label_thresholds::parse(&files.path(name), &files.read(name)?, &labels)?,
            None => BTreeMap::new(),
        };
        Ok((labels, thresholds))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the bundle says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The encoder's hyper-parameters.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Code and title of each label.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Review thresholds of the labels that have one of their own, by label.
    #[must_use]
    pub fn label_thresholds(&self) -> &BTreeMap<usize, f64> {
        &self.label_thresholds
    }

    /// The tokenizer, and the special tokens that enclose a window.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Vocabulary entries of the tokenizer.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.tokenizer.vocabulary_size()
    }

    /// sha256 over the bundle's files, manifest and thresholds included, in hexadecimal: the same
    /// digest, the same answers.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What a folder without a manifest does not say and was taken to be so, for people.
    #[must_use]
    pub fn assumed(&self) -> &[String] {
        &self.assumed
    }

    /// Key and shape of every tensor in the bundle, alphabetical within each file.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let files = [Some(&self.encoder_weights), self.head_weights.as_ref()];
        let tensors = |weights: &Weights| -> Vec<(String, Vec<usize>)> {
            let shape = |key: &str| weights.shape(key).unwrap_or_default().to_vec();
            weights.keys().into_iter().map(|key| (key.to_owned(), shape(key))).collect()
        };
        files.into_iter().flatten().flat_map(tensors).collect()
    }

    /// Every tensor of the encoder, widened to f32, in the order of the forward pass.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the encoder is not [`Config::is_bert_like`],
    /// [`Error::Checkpoint`] with all the tensors that do not fit.
    pub fn encoder_tensors(&self) -> Result<Vec<EncoderTensor>> {
        if !self.config.is_bert_like() {
            return Err(Error::Unsupported {
                path: self.path.join(CONFIG),
                field: "model_type",
                value: self.config.model_type.clone(),
                supported: "for training: bert, roberta, xlm-roberta, camembert, electra, \
                            distilbert",
            });
        }
        encoder::read_tensors(&self.encoder_weights, &self.config)
    }

    /// The encoder alone, on the CPU.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with all the tensors that do not fit.
    pub fn encoder(&self) -> Result<Encoder> {
        let place = (&candle_core::Device::Cpu, Precision::F32);
        let encoder = Encoder::load(&self.encoder_weights, self.config.clone(), place)?;
        self.encoder_weights.finish()?;
        Ok(encoder)
    }

    /// Builds the encoder and the head, and tells of all the tensors that do not fit at once.
    pub(crate) fn build(
        &self,
        place: (&candle_core::Device, Precision),
    ) -> Result<(Encoder, Option<Head>)> {
        let encoder = Encoder::load(&self.encoder_weights, self.config.clone(), place)?;
        let head = Head::load(self, place)?;
        self.encoder_weights.finish()?;
        if let Some(weights) = &self.head_weights {
            weights.finish()?;
        }
        Ok((encoder, head))
    }
}
