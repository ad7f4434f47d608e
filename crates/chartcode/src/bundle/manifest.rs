//! `manifest.json`: what a bundle says of itself.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::precisions::Precisions;
use super::profile::Profile;
use super::tuned::Tuned;
use crate::decide::Thresholds;
use crate::encoder::Config;
use crate::error::{Error, Result};
use crate::head::HeadSpec;
use crate::limit::ReadLimit;
use crate::padding::PaddingMode;
use crate::preprocess::Preprocess;
use crate::score::Calibration;
use crate::windows::WindowRule;

/// The manifest format this engine reads.
pub const FORMAT: u32 = 1;

/// What stands in a manifest where a checkpoint does not say.
pub const NOT_STATED: &str = "not stated";

/// Everything about a bundle that is not weights, tokenizer or labels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// Version of this file's form; see [`FORMAT`].
    pub format: u32,
    /// The bundle's name.
    pub id: String,
    /// The bundle's version.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// The encoder's family, `model_type` of its `config.json`.
    pub architecture: String,
    /// Licence of the bundle as a whole.
    pub licence: String,
    /// How charts are cut into windows.
    pub windows: WindowRule,
    /// What is done to the text before it is tokenised.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// How much of a chart is read; all of it where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<ReadLimit>,
    /// How padding takes part.
    #[serde(default)]
    pub padding_mode: PaddingMode,
    /// The head, where the bundle has one.
    #[serde(default)]
    pub head: Option<HeadSpec>,
    /// Where the labels come from.
    #[serde(default)]
    pub labels: Option<LabelSource>,
    /// Above which probability a code is for review, and for acceptance.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// Review thresholds of labels that have one of their own: a TSV with the columns `code` and
    /// `threshold` (a probability), gzipped if it ends in `.gz`. Labels that are not in it have
    /// that of [`Manifest::thresholds`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_thresholds: Option<String>,
    /// From logit to probability.
    #[serde(default)]
    pub calibration: Calibration,
    /// What thresholds and calibration rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// The name of the profile that head, thresholds and calibration above belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Other ways to decide, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Profile>,
    /// What computing in less than f32 does to the answers; see [`Precisions`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precisions: Option<Precisions>,
    /// What the bundle was made from, each with its licence.
    #[serde(default)]
    pub data: Vec<DataSource>,
    /// sha256 of every file the bundle is made of, in hexadecimal.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// Something a bundle was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Its name.
    pub name: String,
    /// What it was used for.
    #[serde(rename = "use")]
    pub used_for: String,
    /// The licence it was used under.
    pub licence: String,
}

/// Where a head's labels come from and which code set they belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSource {
    /// A TSV with the columns `code` and `title`, a row a label, gzipped if it ends in `.gz`.
    pub file: String,
    /// Short name of the code system, e.g. `icd10cm`.
    pub system: String,
    /// Name and edition, e.g. `ICD-10-CM FY2027`.
    pub code_set: String,
    /// First day on which the edition is in force, `YYYY-MM-DD`.
    #[serde(default)]
    pub effective: Option<String>,
}

impl Manifest {
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { path: path.to_owned(), source })?;
        manifest.check(path)?;
        Ok(manifest)
    }

    /// What the manifest alone rules out; `path` is for errors.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        let unsupported = |field, value: String, supported| {
            Err(Error::Unsupported { path: path.to_owned(), field, value, supported })
        };
        if self.format != FORMAT {
            return unsupported("format", self.format.to_string(), "1");
        }
        let inconsistent = |problem| Err(Error::Inconsistent { path: path.to_owned(), problem });
        if let Err(problem) = self.thresholds.check() {
            return inconsistent(problem);
        }
        if let Err(problem) = self.calibration.check() {
            return inconsistent(problem);
        }
        if let Some(Err(problem)) = self.limit.map(ReadLimit::check) {
            return inconsistent(problem);
        }
        let parts = self.check_tuned().and_then(|()| self.check_names());
        if let Err(problem) = parts.and_then(|()| self.check_profiles()) {
            return inconsistent(problem);
        }
        match (&self.head, &self.labels) {
            (Some(_), None) => return inconsistent("a head without labels".to_owned()),
            (Some(head), _) => head.check().map_or_else(inconsistent, Ok)?,
            _ => {}
        }
        Ok(())
    }

    fn check_tuned(&self) -> Result<(), String> {
        if self.label_thresholds.is_some() && self.labels.is_none() {
            return Err("label_thresholds without labels".to_owned());
        }
        if let Some(precisions) = &self.precisions {
            precisions.check()?;
        }
        let Some(tuned) = &self.tuned else {
            return Ok(());
        };
        if tuned.accept.is_some() && self.thresholds.accept.is_none() {
            return Err("tuned.accept without a threshold accept".to_owned());
        }
        tuned.check()
    }

    /// A bundle's files lie in its folder: what is copied with it must not lead out of it.
    fn check_names(&self) -> Result<(), String> {
        let labels = self.labels.as_ref().map(|labels| &labels.file);
        let mut names = self.files.keys().chain(labels).chain(&self.label_thresholds);
        match names.find(|name| !is_file_name(name)) {
            Some(name) => Err(format!("{name:?} is not the name of a file in the folder")),
            None => Ok(()),
        }
    }

    /// Checks what the encoder's configuration has to agree with.
    pub(crate) fn check_against(&self, config: &Config, path: &Path) -> Result<()> {
        let inconsistent = |problem| Err(Error::Inconsistent { path: path.to_owned(), problem });
        if self.architecture != config.model_type {
            return inconsistent(format!(
                "architecture is {:?}, but config.json has model_type {:?}",
                self.architecture, config.model_type
            ));
        }
        let whole = WindowRule::Document { max_tokens: WindowRule::NO_LIMIT };
        if config.is_word_level() && self.windows != whole {
            return inconsistent(format!(
                "{} reads a chart as one window: windows must be of kind document, without \
                 max_tokens",
                config.model_type
            ));
        }
        let is_document = matches!(self.windows, WindowRule::Document { .. });
        if self.padding_mode != PaddingMode::None && !is_document {
            return inconsistent("padding_mode needs windows of kind document".to_owned());
        }
        if self.padding_mode != PaddingMode::None && !config.knows_padding() {
            return inconsistent(format!(
                "padding_mode is for encoders with a table of positions, {} is none",
                config.model_type
            ));
        }
        Ok(())
    }
}

fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}
