//! Another version of a bundle: the same model with other thresholds or another calibration.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use super::files::{MANIFEST, sha256, sha256_of};
use super::folder::{self, CARD};
use super::label_thresholds::{self, LABEL_THRESHOLDS};
use super::labels::text_of;
use super::manifest::Manifest;
use super::precisions::Precisions;
use super::tuned::Tuned;
use super::{Bundle, labels};
use crate::decide::Thresholds;
use crate::error::{Error, Result};
use crate::score::Calibration;

/// What is to be different in another version of a bundle. What is not given stays as it is, with
/// two exceptions: new thresholds or another calibration end the thresholds of single labels, and
/// any of the three ends what the old ones rested on, and what was measured of precisions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BundleChanges {
    /// The new version.
    pub version: String,
    /// The decision profile whose thresholds and calibration these are; the bundle's own where none
    /// is named.
    pub profile: Option<String>,
    /// Above which probability a code is for review, and for acceptance.
    pub thresholds: Option<Thresholds>,
    /// From logit to probability.
    pub calibration: Option<Calibration>,
    /// Review thresholds of labels that have one of their own, by code.
    pub label_thresholds: Option<BTreeMap<String, f64>>,
    /// What thresholds and calibration rest on.
    pub tuned: Option<Tuned>,
    /// What computing in less than f32 does to the answers.
    pub precisions: Option<Precisions>,
    /// A section for the end of the card, in Markdown.
    pub card: Option<String>,
}

impl BundleChanges {
    /// No change but this version.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            profile: None,
            thresholds: None,
            calibration: None,
            label_thresholds: None,
            tuned: None,
            precisions: None,
            card: None,
        }
    }

    fn ends_label_thresholds(&self, other_profile: bool) -> bool {
        !other_profile && self.changes_decisions()
    }

    fn changes_decisions(&self) -> bool {
        self.thresholds.is_some() || self.calibration.is_some() || self.label_thresholds.is_some()
    }
}

/// The files of a new version.
struct Plan {
    manifest: Manifest,
    /// Taken over as they are, with their sha256.
    copied: BTreeMap<String, String>,
    written: Vec<(&'static str, String)>,
}

impl Bundle {
    /// Writes another version of this bundle into a new folder, with a manifest and checksums of
    /// its own. Files that do not change are copied, and verified there.
    ///
    /// # Errors
    /// [`Error::NotImported`] where the bundle has no manifest, [`Error::Exists`] where `out` has
    /// something in it, [`Error::Inconsistent`] for changes that contradict each other or the
    /// bundle, [`Error::Checksum`] where a file was changed since the bundle was opened,
    /// [`Error::Read`], [`Error::Write`].
    pub fn write_version(&self, out: &Path, changes: BundleChanges) -> Result<()> {
        let plan = self.plan(out, changes)?;
        let written = plan.written.iter().map(|&(name, _)| name);
        let mut names: Vec<&str> = plan.copied.keys().map(String::as_str).chain(written).collect();
        names.extend([CARD, LABEL_THRESHOLDS, MANIFEST]);
        folder::write_new(out, &names, |part| {
            for (name, sum) in &plan.copied {
                copy(&self.path.join(name), &part.join(name), sum)?;
            }
            let mut files = plan.copied.clone();
            for (name, text) in &plan.written {
                files.insert((*name).to_owned(), folder::put(part, name, text.as_bytes())?);
            }
            folder::put_manifest(part, &Manifest { files, ..plan.manifest.clone() })
        })
    }

    /// Everything that can be refused is refused here, before anything is written.
    fn plan(&self, out: &Path, changes: BundleChanges) -> Result<Plan> {
        let Some(mut copied) = self.sums.clone() else {
            return Err(Error::NotImported { path: self.path.clone() });
        };
        if changes.version.is_empty() || changes.version == self.manifest.version {
            let problem = format!("a changed bundle cannot be version {:?}", changes.version);
            return Err(labels::inconsistent(&self.path.join(MANIFEST), problem));
        }
        let mut manifest = self.manifest.clone();
        let card = self.path.join(CARD);
        if !copied.contains_key(CARD) && card.is_file() {
            // Not every manifest lists its card.
            copied.insert(CARD.to_owned(), sum_of(&card)?);
        }
        let mut written = Vec::new();
        let other = changes.profile.clone().filter(|name| manifest.profile.as_ref() != Some(name));
        if changes.ends_label_thresholds(other.is_some()) {
            manifest.tuned = None;
            if let Some(old) = &self.manifest.label_thresholds {
                copied.remove(old);
            }
            manifest.label_thresholds = None;
            if let Some(new) = changes.label_thresholds.as_ref().filter(|new| !new.is_empty()) {
                let text = label_thresholds::to_tsv(new);
                label_thresholds::parse(
                    &out.join(LABEL_THRESHOLDS),
                    text.as_bytes(),
                    &self.labels,
                )?;
                manifest.label_thresholds = Some(LABEL_THRESHOLDS.to_owned());
                written.push((LABEL_THRESHOLDS, text));
            }
        }
        if let Some(section) = &changes.card {
            let card = match copied.remove(CARD) {
                Some(sum) => read_card(&card, &sum)?,
                None => format!("# {}\n\n{}.", manifest.id, manifest.description),
            };
            written.push((CARD, format!("{}\n\n{}\n", card.trim_end(), section.trim())));
        }
        manifest.version.clone_from(&changes.version);
        if changes.precisions.is_some() || (other.is_none() && changes.changes_decisions()) {
            manifest.precisions.clone_from(&changes.precisions);
        }
        if let Some(name) = other {
            self.change_profile(&mut manifest, &name, changes)?;
        } else {
            manifest.thresholds = changes.thresholds.unwrap_or(manifest.thresholds);
            manifest.calibration = changes.calibration.unwrap_or(manifest.calibration);
            manifest.tuned = changes.tuned.or(manifest.tuned);
        }
        manifest.check(&out.join(MANIFEST))?;
        Ok(Plan { manifest, copied, written })
    }

    /// Applies the changes to a profile that is not the bundle's own.
    fn change_profile(
        &self,
        manifest: &mut Manifest,
        name: &str,
        changes: BundleChanges,
    ) -> Result<()> {
        let ends_tuned = changes.changes_decisions();
        let Some(profile) = manifest.profiles.get_mut(name) else {
            return Err(self.manifest.no_profile(&self.path, name));
        };
        if changes.label_thresholds.is_some_and(|own| !own.is_empty()) {
            let problem = format!("codes cannot have thresholds of their own in profile {name:?}");
            return Err(labels::inconsistent(&self.path.join(MANIFEST), problem));
        }
        profile.tuned = changes.tuned.or(profile.tuned.take().filter(|_| !ends_tuned));
        profile.thresholds = changes.thresholds.unwrap_or(profile.thresholds);
        if let Some(calibration) = changes.calibration {
            profile.calibration = calibration;
        }
        Ok(())
    }
}

fn read_card(path: &Path, expected: &str) -> Result<String> {
    let read = fs::read(path);
    let bytes = read.map_err(|source| Error::Read { path: path.to_owned(), source })?;
    verify(path, expected, sha256(&bytes))?;
    text_of(path, &bytes)
}

/// Copies a file and reads the copy again.
pub(super) fn copy(from: &Path, to: &Path, expected: &str) -> Result<()> {
    fs::copy(from, to).map_err(|source| {
        if from.is_file() {
            Error::Write { path: to.to_owned(), source }
        } else {
            Error::Read { path: from.to_owned(), source }
        }
    })?;
    verify(from, expected, sum_of(to)?)
}

fn sum_of(path: &Path) -> Result<String> {
    let sum = File::open(path).and_then(sha256_of);
    sum.map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn verify(path: &Path, expected: &str, found: String) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let (path, expected) = (path.to_owned(), expected.to_owned());
    Err(Error::Checksum { path, expected, found })
}
