//! A new bundle: the encoder of an old one under a head of its own.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::export::LABELS;
use super::files::MANIFEST;
use super::folder::{self, CARD};
use super::label_thresholds::{self, LABEL_THRESHOLDS};
use super::manifest::{DataSource, FORMAT, LabelSource, Manifest};
use super::tuned::Tuned;
use super::version::copy;
use super::{Bundle, HEAD_WEIGHTS, Labels};
use crate::decide::Thresholds;
use crate::error::{Error, Result};
use crate::head::HeadSpec;
use crate::score::Calibration;

/// A tensor of a head, row-major.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HeadTensor {
    /// Numbers, of this shape.
    F32(Vec<usize>, Vec<f32>),
    /// Indices, a row of them.
    U32(Vec<u32>),
}

/// A head for another bundle's encoder, with all that goes with it.
#[derive(Clone, Debug)]
pub struct BundleHead {
    /// The new bundle's name.
    pub id: String,
    /// One line for people.
    pub description: String,
    /// The head; one whose tensors are in a file of their own.
    pub spec: HeadSpec,
    /// Its tensors, by key.
    pub tensors: BTreeMap<String, HeadTensor>,
    /// Code and title of each label.
    pub labels: Vec<(String, String)>,
    /// Short name of the labels' code system, e.g. `icd10cm`.
    pub system: String,
    /// Name and edition of the code set.
    pub code_set: String,
    /// Above which probability a code is for review, and for acceptance.
    pub thresholds: Thresholds,
    /// Review thresholds of labels that have one of their own, by code.
    pub label_thresholds: BTreeMap<String, f64>,
    /// From logit to probability.
    pub calibration: Calibration,
    /// What thresholds and calibration rest on.
    pub tuned: Option<Tuned>,
    /// What the head was made from.
    pub data: DataSource,
    /// The card, in Markdown.
    pub card: String,
}

/// Name and content of the files that are the head's own.
type OwnFiles = Vec<(&'static str, Vec<u8>)>;

impl Bundle {
    /// Whether a bundle may be written into `out`: it is not there, or an empty folder.
    ///
    /// # Errors
    /// [`Error::Exists`].
    pub fn check_new(out: &Path) -> Result<()> {
        folder::check_new(out)
    }

    /// Writes this bundle's encoder and tokenizer under another head into a new folder. The old
    /// head, its labels, thresholds and card stay behind.
    ///
    /// # Errors
    /// As [`Bundle::write_version`]; [`Error::Weights`] where the tensors cannot be written,
    /// [`Error::Inconsistent`] where a code is there twice or holds a tab or line end.
    pub fn write_with_head(&self, out: &Path, head: BundleHead) -> Result<()> {
        let Some(sums) = &self.sums else {
            return Err(Error::NotImported { path: self.path.clone() });
        };
        let kept = self.encoder_files(sums);
        let (own, manifest) = self.own_files(out, head)?;
        let names: Vec<&str> = kept
            .keys()
            .map(String::as_str)
            .chain(own.iter().map(|(name, _)| *name))
            .chain([MANIFEST])
            .collect();
        folder::write_new(out, &names, |part| {
            for (name, sum) in &kept {
                copy(&self.path.join(name), &part.join(name), sum)?;
            }
            let mut files = kept.clone();
            for (name, bytes) in &own {
                files.insert((*name).to_owned(), folder::put(part, name, bytes)?);
            }
            folder::put_manifest(part, &Manifest { files, ..manifest })
        })
    }

    /// The files that do not belong to the head.
    fn encoder_files(&self, sums: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let labels = self.manifest.labels.as_ref().map(|labels| labels.file.as_str());
        let old =
            [Some(HEAD_WEIGHTS), Some(CARD), labels, self.manifest.label_thresholds.as_deref()];
        let is_kept = |name: &str| !old.contains(&Some(name)) && name != LABELS;
        sums.iter()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, sum)| (name.clone(), sum.clone()))
            .collect()
    }

    /// Everything that can be refused is refused here, before anything is written.
    fn own_files(&self, out: &Path, head: BundleHead) -> Result<(OwnFiles, Manifest)> {
        let labels = Labels::from_pairs(&out.join(LABELS), &head.labels)?;
        let mut own = vec![
            (LABELS, labels.to_tsv().into_bytes()),
            (HEAD_WEIGHTS, serialised(&out.join(HEAD_WEIGHTS), &head.tensors)?),
            (CARD, head.card.into_bytes()),
        ];
        if !head.label_thresholds.is_empty() {
            let text = label_thresholds::to_tsv(&head.label_thresholds).into_bytes();
            label_thresholds::parse(&out.join(LABEL_THRESHOLDS), &text, &labels)?;
            own.push((LABEL_THRESHOLDS, text));
        }
        let source = &self.manifest;
        let manifest = Manifest {
            format: FORMAT,
            id: head.id,
            version: "1".to_owned(),
            description: head.description,
            architecture: source.architecture.clone(),
            licence: source.licence.clone(),
            windows: source.windows,
            preprocess: source.preprocess,
            limit: source.limit,
            padding_mode: source.padding_mode,
            head: Some(head.spec),
            labels: Some(LabelSource {
                file: LABELS.to_owned(),
                system: head.system,
                code_set: head.code_set,
                effective: None,
            }),
            thresholds: head.thresholds,
            label_thresholds: (!head.label_thresholds.is_empty())
                .then(|| LABEL_THRESHOLDS.to_owned()),
            calibration: head.calibration,
            tuned: head.tuned,
            profile: None,
            profiles: BTreeMap::new(),
            precisions: None,
            data: source.data.iter().cloned().chain([head.data]).collect(),
            files: BTreeMap::new(),
        };
        manifest.check(&out.join(MANIFEST))?;
        Ok((own, manifest))
    }
}

fn serialised(path: &Path, tensors: &BTreeMap<String, HeadTensor>) -> Result<Vec<u8>> {
    let bytes: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(key, tensor)| match tensor {
            HeadTensor::F32(shape, values) => {
                let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                (key.as_str(), Dtype::F32, shape.clone(), bytes)
            }
            HeadTensor::U32(values) => {
                let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                (key.as_str(), Dtype::U32, vec![values.len()], bytes)
            }
        })
        .collect();
    bytes
        .iter()
        .map(|(key, dtype, shape, bytes)| {
            Ok((*key, TensorView::new(*dtype, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|source| Error::Weights { path: path.to_owned(), source })
}
