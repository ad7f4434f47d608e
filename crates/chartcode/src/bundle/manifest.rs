//! `manifest.json`: what a bundle says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::decide::Thresholds;
use crate::encoder::Config;
use crate::error::{Error, Result};
use crate::head::HeadSpec;
use crate::score::Calibration;
use crate::windows::WindowRule;

/// The manifest format this engine reads.
pub const FORMAT: u32 = 1;

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
    /// The encoder's family.
    pub architecture: String,
    /// Licence of the bundle as a whole.
    pub licence: String,
    /// How charts are cut into windows.
    pub windows: WindowRule,
    /// What is done to the text before it is tokenised; only `none` exists so far.
    pub preprocess: String,
    /// How padding enters the head; only `none` (no padding exists) so far.
    pub padding_mode: String,
    /// The head, where the bundle has one.
    #[serde(default)]
    pub head: Option<HeadSpec>,
    /// Where the labels come from.
    #[serde(default)]
    pub labels: Option<LabelSource>,
    /// Above which probability a code is for review, and for acceptance.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// From logit to probability.
    #[serde(default)]
    pub calibration: Calibration,
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

    /// The manifest a plain Hugging Face folder would have.
    pub(crate) fn of_plain_folder(id: String, config: &Config, head: Option<HeadSpec>) -> Self {
        Self {
            format: FORMAT,
            id,
            version: "unversioned".to_owned(),
            description: "a Hugging Face folder without a manifest".to_owned(),
            architecture: config.model_type.clone(),
            licence: "not stated".to_owned(),
            windows: WindowRule::Fixed { max_tokens: config.max_position_embeddings, overlap: 0 },
            preprocess: "none".to_owned(),
            padding_mode: "none".to_owned(),
            head,
            labels: None,
            thresholds: Thresholds::default(),
            calibration: Calibration::default(),
            data: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    fn check(&self, path: &Path) -> Result<()> {
        let unsupported = |field, value: String, supported| {
            Err(Error::Unsupported { path: path.to_owned(), field, value, supported })
        };
        if self.format != FORMAT {
            return unsupported("format", self.format.to_string(), "1");
        }
        if self.architecture != "bert" {
            return unsupported("architecture", self.architecture.clone(), "bert");
        }
        if self.preprocess != "none" {
            return unsupported("preprocess", self.preprocess.clone(), "none");
        }
        if self.padding_mode != "none" {
            return unsupported("padding_mode", self.padding_mode.clone(), "none");
        }
        let inconsistent = |problem| Err(Error::Inconsistent { path: path.to_owned(), problem });
        if let Err(problem) = self.thresholds.check() {
            return inconsistent(problem);
        }
        if let Err(problem) = self.calibration.check() {
            return inconsistent(problem);
        }
        match (&self.head, &self.labels) {
            (Some(_), None) => inconsistent("a head without labels".to_owned()),
            _ => Ok(()),
        }
    }
}
