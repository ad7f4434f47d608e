//! A bundle with other weights: what training makes of one.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::export::{LABELS, WEIGHTS};
use super::files::MANIFEST;
use super::folder::{self, CARD};
use super::tokenizer_files::TOKENIZER;
use super::tuned::Tuned;
use super::{Bundle, CONFIG, DataSource, FORMAT, LabelSource, Labels, Manifest};
use crate::decide::Thresholds;
use crate::error::{Error, Result};
use crate::head::HeadSpec;
use crate::padding::PaddingMode;
use crate::score::Calibration;
use crate::windows::WindowRule;

/// A tensor as training leaves it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedTensor {
    /// Its key, as the encoder's publication or the head's layout has it.
    pub key: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// The labels of a trained head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainedLabels {
    /// Short name of the code system, e.g. `icd10cm`.
    pub system: String,
    /// Name and edition, e.g. `ICD-10-CM FY2027`.
    pub code_set: String,
    /// First day on which the edition is in force, `YYYY-MM-DD`, where it is known.
    pub effective: Option<String>,
    /// Code and title of each label, in the order of the head's rows; a title may be empty.
    pub rows: Vec<(String, String)>,
}

/// What [`Bundle::write_trained`] writes in place of the bundle's own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trained {
    /// The new bundle's name.
    pub id: String,
    /// Its version.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// Its licence as a whole.
    pub licence: String,
    /// The encoder's tensors, and the head's: all there are.
    pub tensors: Vec<TrainedTensor>,
    /// How charts are cut into windows.
    pub windows: WindowRule,
    /// The head and its labels; without them the bundle embeds charts and codes none.
    pub head: Option<(HeadSpec, TrainedLabels)>,
    /// Above which probability a code is for review, and for acceptance.
    pub thresholds: Thresholds,
    /// From logit to probability.
    pub calibration: Calibration,
    /// What thresholds and calibration rest on.
    pub tuned: Option<Tuned>,
    /// What it was made from; the data of the bundle it was trained from come before.
    pub data: Vec<DataSource>,
    /// The card, in Markdown.
    pub card: String,
    /// Further files by name, which the manifest lists.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Trained {
    /// A bundle of these tensors without a head, with everything else as [`Bundle`] has it.
    #[must_use]
    pub fn of(bundle: &Bundle, id: impl Into<String>, tensors: Vec<TrainedTensor>) -> Self {
        Self {
            id: id.into(),
            version: "1".to_owned(),
            description: String::new(),
            licence: bundle.manifest.licence.clone(),
            tensors,
            windows: bundle.manifest.windows,
            head: None,
            thresholds: Thresholds::default(),
            calibration: Calibration::default(),
            tuned: None,
            data: Vec::new(),
            card: String::new(),
            files: BTreeMap::new(),
        }
    }
}

impl Bundle {
    /// Writes what this bundle became by training as a new one: its configuration and tokenizer,
    /// the tensors and all else from `trained`. What it writes can be opened; that is checked.
    ///
    /// # Errors
    /// [`Error::Exists`] where `out` has something in it; [`Error::Inconsistent`] for labels with
    /// a code twice and other contradictions; [`Error::Read`], [`Error::Write`].
    pub fn write_trained(&self, out: &Path, trained: &Trained) -> Result<()> {
        let config = self.path.join(CONFIG);
        let config =
            std::fs::read(&config).map_err(|source| Error::Read { path: config, source })?;
        let mut names = vec![CONFIG, TOKENIZER, WEIGHTS, LABELS, CARD, MANIFEST];
        names.extend(trained.files.keys().map(String::as_str));
        let manifest = self.trained_manifest(trained);
        manifest.check(&out.join(MANIFEST))?;
        let labels = match &trained.head {
            Some((_, labels)) => Some(Labels::from_rows(&out.join(LABELS), &labels.rows)?),
            None => None,
        };
        folder::write_new(out, &names, |part| {
            let mut sums = BTreeMap::new();
            let mut put = |name: &str, bytes: &[u8]| {
                sums.insert(name.to_owned(), folder::put(part, name, bytes)?);
                Ok::<(), Error>(())
            };
            put(CONFIG, &config)?;
            put(TOKENIZER, self.tokenizer.to_json(&part.join(TOKENIZER))?.as_bytes())?;
            put(WEIGHTS, &serialised(&trained.tensors, &part.join(WEIGHTS))?)?;
            if let Some(labels) = &labels {
                put(LABELS, labels.to_tsv().as_bytes())?;
            }
            put(CARD, trained.card.as_bytes())?;
            for (name, bytes) in &trained.files {
                put(name, bytes)?;
            }
            folder::put_manifest(part, &Manifest { files: sums, ..manifest.clone() })?;
            let written = Self::open(part)?;
            written.build((&candle_core::Device::Cpu, chartcode_kernels::Precision::F32)).map(drop)
        })
    }

    fn trained_manifest(&self, trained: &Trained) -> Manifest {
        let labels = trained.head.as_ref().map(|(_, labels)| LabelSource {
            file: LABELS.to_owned(),
            system: labels.system.clone(),
            code_set: labels.code_set.clone(),
            effective: labels.effective.clone(),
        });
        let own = self.manifest.data.iter();
        Manifest {
            format: FORMAT,
            id: trained.id.clone(),
            version: trained.version.clone(),
            description: trained.description.clone(),
            architecture: self.manifest.architecture.clone(),
            licence: trained.licence.clone(),
            windows: trained.windows,
            preprocess: self.manifest.preprocess,
            limit: self.manifest.limit,
            padding_mode: PaddingMode::None,
            head: trained.head.as_ref().map(|(spec, _)| spec.clone()),
            labels,
            thresholds: trained.thresholds,
            label_thresholds: None,
            calibration: trained.calibration.clone(),
            tuned: trained.tuned.clone(),
            profile: None,
            profiles: BTreeMap::new(),
            precisions: None,
            data: own.chain(&trained.data).cloned().collect(),
            files: trained.files.keys().map(|name| (name.clone(), String::new())).collect(),
        }
    }
}

fn serialised(tensors: &[TrainedTensor], path: &Path) -> Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?;
        Ok((tensor.key.as_str(), view))
    });
    views
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|source| Error::Weights { path: path.to_owned(), source })
}
