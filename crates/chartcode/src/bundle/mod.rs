//! A bundle: a folder with everything needed to reproduce an answer.

mod labels;
mod manifest;
mod pickle;
pub(crate) mod weights;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

pub use labels::Labels;
pub use manifest::{DataSource, FORMAT, LabelSource, Manifest};

use crate::encoder::Config;
use crate::error::{Error, Result};
use crate::head::HeadSpec;
use crate::slow_tokenizer::{SlowConfig, wordpiece};
use crate::tokens::Tokenizer;
use weights::Weights;

const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const VOCABULARY: &str = "vocab.txt";
const SLOW_TOKENIZER: &str = "tokenizer_config.json";
const ENCODER_WEIGHTS: &str = "model.safetensors";
const PYTORCH_WEIGHTS: &str = "pytorch_model.bin";
const HEAD_WEIGHTS: &str = "head.safetensors";

/// A bundle as read from disk: every file that the manifest lists has been checked against it.
pub struct Bundle {
    path: PathBuf,
    digest: String,
    pub(crate) manifest: Manifest,
    pub(crate) config: Config,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) labels: Labels,
    pub(crate) encoder_weights: Weights,
    pub(crate) head_weights: Option<Weights>,
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
    /// Reads a bundle, or a plain Hugging Face folder, and verifies its checksums.
    ///
    /// # Errors
    /// Every way in which a bundle can be missing, damaged or contradictory; see [`Error`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut files = Files::of(path)?;
        let config_path = path.join(CONFIG);
        let config = Config::parse(&config_path, &files.read(CONFIG)?)?;
        let manifest = match files.manifest.take() {
            Some(manifest) => manifest,
            None => Manifest::of_plain_folder(
                name_of(path),
                &config,
                HeadSpec::of_config(&config_path, &config)?,
            ),
        };
        files.expected = manifest.files.clone();
        let labels = match (&manifest.labels, &manifest.head) {
            (Some(source), _) => {
                Labels::parse(&path.join(&source.file), &files.read(&source.file)?)?
            }
            (None, Some(_)) => Labels::of_config(&config_path, &config)?,
            (None, None) => Labels::default(),
        };
        let tokenizer = files.tokenizer()?;
        let encoder_weights = files.encoder_weights()?;
        let head_weights = match &manifest.head {
            Some(head) if head.has_own_file() => Some(files.weights(HEAD_WEIGHTS)?),
            _ => None,
        };
        files.verify_rest()?;
        Ok(Self {
            path: path.to_owned(),
            digest: files.digest(),
            manifest,
            config,
            tokenizer,
            labels,
            encoder_weights,
            head_weights,
        })
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

    /// Vocabulary entries of the tokenizer.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.tokenizer.vocabulary_size()
    }

    /// sha256 over the bundle's files, in hexadecimal: the same digest, the same answers.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Key and shape of every tensor in the bundle, alphabetical within each file.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let files = [Some(&self.encoder_weights), self.head_weights.as_ref()];
        let tensors = |weights: &Weights| -> Vec<(String, Vec<usize>)> {
            let shape = |key: &str| weights.shape(key).unwrap_or_default().to_vec();
            weights.keys().into_iter().map(|key| (key.clone(), shape(&key))).collect()
        };
        files.into_iter().flatten().flat_map(tensors).collect()
    }
}

/// The files of a bundle: each is read once, hashed, and compared with the manifest.
struct Files {
    folder: PathBuf,
    manifest: Option<Manifest>,
    expected: std::collections::BTreeMap<String, String>,
    /// Name and sha256 of what was read so far.
    read: Vec<(String, String)>,
}

impl Files {
    fn of(folder: &Path) -> Result<Self> {
        let missing = |missing| Error::NotABundle { path: folder.to_owned(), missing };
        let mut files = Self {
            folder: folder.to_owned(),
            manifest: None,
            expected: std::collections::BTreeMap::new(),
            read: Vec::new(),
        };
        if folder.join(MANIFEST).is_file() {
            let bytes = files.read(MANIFEST)?;
            let manifest = Manifest::parse(&folder.join(MANIFEST), &bytes)?;
            files.expected = manifest.files.clone();
            files.manifest = Some(manifest);
        }
        for names in
            [&[CONFIG] as &[_], &[TOKENIZER, VOCABULARY], &[ENCODER_WEIGHTS, PYTORCH_WEIGHTS]]
        {
            if !names.iter().any(|name| files.has(name)) {
                return Err(missing(names[0]));
            }
        }
        Ok(files)
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        let bytes =
            std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let found = hexadecimal(&Sha256::digest(&bytes));
        match self.expected.get(name) {
            Some(expected) if *expected != found => {
                return Err(Error::Checksum { path, expected: expected.clone(), found });
            }
            None if !self.expected.is_empty() => {
                let problem = format!("lists no sha256 for {name}");
                return Err(Error::Inconsistent { path: self.folder.join(MANIFEST), problem });
            }
            _ => {}
        }
        self.read.push((name.to_owned(), found));
        Ok(bytes)
    }

    /// Verifies what the manifest lists and nobody asked for, e.g. the card.
    fn verify_rest(&mut self) -> Result<()> {
        let names: Vec<String> = self.expected.keys().cloned().collect();
        let unread = |name: &&String| !self.read.iter().any(|(read, _)| read == *name);
        let rest: Vec<&String> = names.iter().filter(unread).collect();
        rest.into_iter().try_for_each(|name| self.read(name).map(drop))
    }

    fn tokenizer(&mut self) -> Result<Tokenizer> {
        if self.has(TOKENIZER) {
            return Tokenizer::parse(&self.folder.join(TOKENIZER), &self.read(TOKENIZER)?);
        }
        let config = if self.has(SLOW_TOKENIZER) {
            let path = self.folder.join(SLOW_TOKENIZER);
            serde_json::from_slice(&self.read(SLOW_TOKENIZER)?)
                .map_err(|source| Error::Json { path, source })?
        } else {
            SlowConfig::default()
        };
        let path = self.folder.join(VOCABULARY);
        Tokenizer::new(&path, wordpiece(&path, &self.read(VOCABULARY)?, &config)?)
    }

    fn encoder_weights(&mut self) -> Result<Weights> {
        if self.has(ENCODER_WEIGHTS) {
            return self.weights(ENCODER_WEIGHTS);
        }
        self.read(PYTORCH_WEIGHTS)?;
        pickle::read(&self.folder.join(PYTORCH_WEIGHTS))
    }

    fn weights(&mut self, name: &str) -> Result<Weights> {
        let bytes = self.read(name)?;
        Weights::from_bytes(&self.folder.join(name), bytes)
    }

    fn digest(mut self) -> String {
        self.read.sort();
        let lines: Vec<String> =
            self.read.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        hexadecimal(&Sha256::digest(lines.concat()))
    }
}

fn name_of(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    absolute.file_name().map_or_else(|| "bundle".to_owned(), |n| n.to_string_lossy().into_owned())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
