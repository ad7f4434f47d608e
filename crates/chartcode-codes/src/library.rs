//! The tables of a folder.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::code_set::CodeSet;
use crate::error::{Error, Result};
use crate::system::System;

/// What the names of tables end with.
const ENDING: &str = "codes";

/// The code sets of a folder, one file for each system and version: `icd10cm-2027.codes`.
#[derive(Debug)]
pub struct Library {
    /// By system, the newest version of each first.
    sets: Vec<CodeSet>,
}

impl Library {
    /// Opens all tables of a folder; one that is not there has none.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Damaged`] of a table.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let failed = |source| Error::Io { path: folder.to_owned(), source };
        let mut sets = Vec::new();
        if folder.exists() {
            for file in std::fs::read_dir(folder).map_err(failed)? {
                let path = file.map_err(failed)?.path();
                if path.extension().is_some_and(|ending| ending == ENDING) {
                    sets.push(CodeSet::open(path)?);
                }
            }
        }
        sets.sort_by(|a, b| {
            let key = |set: &CodeSet| set.in_force().map(|days| days.from);
            (a.system(), key(b), b.version()).cmp(&(b.system(), key(a), a.version()))
        });
        Ok(Self { sets })
    }

    /// Where a table is in a folder.
    #[must_use]
    pub fn path_in(folder: &Path, set: &CodeSet) -> PathBuf {
        folder.join(format!("{}-{}.{ENDING}", set.system(), set.version()))
    }

    /// All of them: by system, the newest version of each first.
    #[must_use]
    pub fn sets(&self) -> &[CodeSet] {
        &self.sets
    }

    /// A version of a system.
    #[must_use]
    pub fn get(&self, system: System, version: &str) -> Option<&CodeSet> {
        self.of(system).find(|set| set.version() == version)
    }

    /// The newest version of a system.
    #[must_use]
    pub fn newest(&self, system: System) -> Option<&CodeSet> {
        self.of(system).next()
    }

    /// The version of a system that is for this date of service; of two, as after an update in
    /// April, the one that came later.
    #[must_use]
    pub fn in_force(&self, system: System, day: Date) -> Option<&CodeSet> {
        self.of(system).find(|set| set.in_force().is_some_and(|days| days.holds(day)))
    }

    fn of(&self, system: System) -> impl Iterator<Item = &CodeSet> {
        self.sets.iter().filter(move |set| set.system() == system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CodeKey, Draft};

    fn save(folder: &Path, system: System, version: &str) {
        let mut draft = Draft::new(system);
        draft.version = Some(version.to_owned());
        draft.add_code(CodeKey::parse("A00").unwrap(), "Cholera", Some(true));
        let set = CodeSet::build(&draft).unwrap();
        set.save(Library::path_in(folder, &set)).unwrap();
    }

    #[test]
    fn a_date_of_service_picks_the_version() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Library::open(folder.path().join("none")).unwrap();
        assert!(empty.sets().is_empty() && empty.newest(System::Icd10Cm).is_none());
        for version in ["2026", "2027", "2026-04"] {
            save(&folder.path().join("none"), System::Icd10Cm, version);
        }
        let library = Library::open(folder.path().join("none")).unwrap();
        let at = |day: &str| {
            let set = library.in_force(System::Icd10Cm, day.parse().unwrap());
            set.map(|set| set.version().to_owned())
        };
        assert_eq!(at("2026-03-31").as_deref(), Some("2026"));
        assert_eq!(at("2026-04-01").as_deref(), Some("2026-04"));
        assert_eq!(at("2026-10-01").as_deref(), Some("2027"));
        assert_eq!(at("2025-09-30"), None);
        assert_eq!(library.newest(System::Icd10Cm).unwrap().version(), "2027");
        assert!(library.in_force(System::Icd10Pcs, "2026-10-01".parse().unwrap()).is_none());
    }
}
