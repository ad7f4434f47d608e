//! One version of a code set.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use crate::code_key::CodeKey;
use crate::draft::{Draft, Source};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::group::{Group, GroupKind};
use crate::image::{self, Bytes, GROUP, Image, Section};
use crate::in_force::InForce;
use crate::note::NoteKind;
use crate::system::System;

/// One version of a code set: titles, hierarchy, notes. A table in a file is mapped and read in
/// place.
pub struct CodeSet {
    pub(crate) image: Image,
}

impl CodeSet {
    /// Builds the table of a draft in memory.
    ///
    /// # Errors
    /// [`Error::NoVersion`] where no file told the version.
    pub fn build(draft: &Draft) -> Result<Self> {
        let bytes = Bytes::Owned(image::write(draft)?);
        let image = Image::check(bytes, Path::new("a table in memory"))?;
        Ok(Self { image })
    }

    /// Opens a table that [`CodeSet::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Damaged`] where the file is no such table or was changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { image: Image::open(path.as_ref())? })
    }

    /// Writes the table; a file of the same name is replaced in one step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = temporary().tempfile_in(folder).map_err(failed)?;
        file.write_all(self.image.bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// The system of its codes.
    #[must_use]
    pub fn system(&self) -> System {
        self.image.header.system
    }

    /// Its version, e.g. `2027`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.image.header.version
    }

    /// When it is valid, where that is known.
    #[must_use]
    pub fn in_force(&self) -> Option<InForce> {
        self.image.header.in_force
    }

    /// The files it was read from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.image.header.sources
    }

    /// How many codes there are, categories among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.image.count(Section::Codes)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many codes can be billed.
    #[must_use]
    pub fn billable(&self) -> usize {
        self.image.header.billable
    }

    /// A code, with or without its dot.
    #[must_use]
    pub fn find(&self, code: &str) -> Option<Entry<'_>> {
        self.get(CodeKey::parse(code)?)
    }

    /// The code of a key.
    #[must_use]
    pub fn get(&self, key: CodeKey) -> Option<Entry<'_>> {
        let index = self.first_from(key);
        let entry = (index < self.len()).then(|| Entry::new(self, index))?;
        (entry.key() == key).then_some(entry)
    }

    /// All codes, in the order of their keys.
    #[must_use]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.len()).map(|index| Entry::new(self, index))
    }

    /// A code and all that begin with it.
    pub fn within(&self, key: CodeKey) -> impl Iterator<Item = Entry<'_>> {
        (self.first_from(key)..self.len())
            .map(|index| Entry::new(self, index))
            .take_while(move |entry| entry.key().is_within(key))
    }

    /// All chapters, then all sections.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        (0..self.image.count(Section::Groups)).map(|index| self.group(index))
    }

    /// The notes of a chapter or section, by kind.
    pub fn group_notes<'a>(
        &'a self,
        group: &Group<'_>,
    ) -> impl Iterator<Item = (NoteKind, &'a str)> + use<'a> {
        let index = self.groups().position(|other| other == *group);
        let notes = index.map_or(0..0, |index| {
            let end = self.image.count(Section::Notes);
            self.image.owned((Section::Groups, index, GROUP - 1), end)
        });
        self.notes(notes)
    }

    pub(crate) fn notes(
        &self,
        notes: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (NoteKind, &str)> {
        notes.filter_map(|note| {
            let kind = self.image.field(Section::Notes, note, 0);
            let kind = NoteKind::ALL.into_iter().find(|known| *known as u32 == kind)?;
            Some((kind, self.image.text(Section::Notes, note, 1)))
        })
    }

    fn group(&self, index: usize) -> Group<'_> {
        let key = |field| CodeKey::from_stored(self.image.key(Section::Groups, index, field));
        let is_chapter = self.image.field(Section::Groups, index, 0) == GroupKind::Chapter as u32;
        Group {
            kind: if is_chapter { GroupKind::Chapter } else { GroupKind::Section },
            id: self.image.text(Section::Groups, index, 1),
            title: self.image.text(Section::Groups, index, 3),
            first: key(5),
            last: key(7),
        }
    }

    /// The first code that is not before a key.
    fn first_from(&self, key: CodeKey) -> usize {
        let wanted = key.to_bytes();
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.image.key(Section::Codes, middle, 0) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// A file as others are: whom the user's mask lets read it, may.
fn temporary() -> tempfile::Builder<'static, 'static> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

impl fmt::Debug for CodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeSet")
            .field("system", &self.system())
            .field("version", &self.version())
            .field("codes", &self.len())
            .finish_non_exhaustive()
    }
}
