//! Decision profiles: one model, more than one way to decide.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::MANIFEST;
use super::tuned::Tuned;
use super::{Bundle, Manifest};
use crate::decide::Thresholds;
use crate::error::{Error, Result};
use crate::head::{HeadSpec, ProblemRule, RerankSpec};
use crate::score::Calibration;

/// What a decision profile has of its own: all else is the bundle's.
///
/// Coders differ in what they code: every finding of a case report, or what was assessed at a
/// visit and can be billed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Profile {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where to look; everywhere by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problems: Option<Box<ProblemRule>>,
    /// The second look.
    pub rerank: Box<RerankSpec>,
    /// Above which probability a code is for review, and for acceptance.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// From logit to probability.
    #[serde(default)]
    pub calibration: Calibration,
    /// What thresholds and calibration rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
}

impl Bundle {
    /// The bundle as it decides under another of its profiles. Thresholds of single labels belong
    /// to the profile that the bundle has by itself.
    ///
    /// # Errors
    /// [`Error::NoProfile`].
    pub fn with_profile(mut self, name: &str) -> Result<Self> {
        if self.manifest.profile.as_deref() == Some(name) {
            return Ok(self);
        }
        if !self.manifest.take_profile(name) {
            return Err(self.manifest.no_profile(&self.path, name));
        }
        self.label_thresholds.clear();
        Ok(self)
    }
}

impl Manifest {
    /// Names of all profiles, the one in force first; none where there is but one way to decide.
    #[must_use]
    pub fn profile_names(&self) -> Vec<&str> {
        self.profile.iter().chain(self.profiles.keys()).map(String::as_str).collect()
    }

    pub(super) fn no_profile(&self, path: &Path, name: &str) -> Error {
        let known = match self.profile_names().as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        Error::NoProfile { path: path.join(MANIFEST), profile: name.to_owned(), known }
    }

    /// Puts a profile in force; the one that was changes places with it.
    fn take_profile(&mut self, name: &str) -> bool {
        let Some(HeadSpec::Description { rerank: Some(rerank), problems, .. }) = &mut self.head
        else {
            return false;
        };
        let (Some(own), Some(mut profile)) = (self.profile.clone(), self.profiles.remove(name))
        else {
            return false;
        };
        std::mem::swap(rerank, &mut profile.rerank);
        std::mem::swap(problems, &mut profile.problems);
        std::mem::swap(&mut self.thresholds, &mut profile.thresholds);
        std::mem::swap(&mut self.calibration, &mut profile.calibration);
        std::mem::swap(&mut self.tuned, &mut profile.tuned);
        profile.description.clear();
        self.label_thresholds = None;
        self.profile = Some(name.to_owned());
        self.profiles.insert(own, profile);
        true
    }

    /// What the profiles alone rule out.
    pub(super) fn check_profiles(&self) -> Result<(), String> {
        let Some(own) = &self.profile else {
            return if self.profiles.is_empty() {
                Ok(())
            } else {
                Err("profiles, but no profile: the name of the manifest's own".to_owned())
            };
        };
        if self.profiles.contains_key(own) {
            return Err(format!("profile {own:?} is there twice"));
        }
        let is_weighed = matches!(&self.head, Some(HeadSpec::Description { rerank: Some(_), .. }));
        if !self.profiles.is_empty() && !is_weighed {
            return Err("profiles need a description head with rerank".to_owned());
        }
        self.profiles.iter().try_for_each(|(name, profile)| {
            profile.check().map_err(|problem| format!("profiles.{name}: {problem}"))
        })
    }
}

impl Profile {
    fn check(&self) -> Result<(), String> {
        self.thresholds.check()?;
        self.calibration.check()?;
        self.rerank.check()?;
        self.tuned.as_ref().map_or(Ok(()), Tuned::check)?;
        self.problems.as_ref().map_or(Ok(()), |problems| problems.check())
    }
}
