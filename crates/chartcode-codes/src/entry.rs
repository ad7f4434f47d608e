//! A code of a code set.

use std::fmt;

use crate::code_key::CodeKey;
use crate::code_set::CodeSet;
use crate::group::{Group, GroupKind};
use crate::image::{BILLABLE, STATED, Section};
use crate::note::NoteKind;

/// A code of a code set.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    set: &'a CodeSet,
    index: usize,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(set: &'a CodeSet, index: usize) -> Self {
        Self { set, index }
    }

    /// Its key.
    #[must_use]
    pub fn key(self) -> CodeKey {
        CodeKey::from_stored(self.set.image.key(Section::Codes, self.index, 0))
    }

    /// The code with its dot.
    #[must_use]
    pub fn code(self) -> String {
        self.set.system().write(self.key())
    }

    /// Its official title.
    #[must_use]
    pub fn title(self) -> &'a str {
        self.set.image.text(Section::Codes, self.index, 2)
    }

    /// Whether it can be billed: it is no header of others.
    #[must_use]
    pub fn is_billable(self) -> bool {
        self.flags() & BILLABLE != 0
    }

    /// Whether a release told if it can be billed.
    #[must_use]
    pub fn is_billable_known(self) -> bool {
        self.flags() & STATED != 0
    }

    /// The code it belongs to: the longest that it begins with.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let parent = self.set.image.field(Section::Codes, self.index, 5);
        // `NONE` is behind all. A parent comes before its children: no table leads in circles.
        let parent = parent as usize;
        (parent < self.index).then_some(Self { set: self.set, index: parent })
    }

    /// Its parent, that one's parent, and so on up to the category.
    pub fn ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), |entry| entry.parent())
    }

    /// The codes directly below it.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let below = self.set.within(self.key()).skip(1);
        below.filter(move |entry| entry.parent().is_some_and(|parent| parent.index == self.index))
    }

    /// Its own notes, by kind; see [`Entry::ancestors`] for those that hold for it too.
    pub fn notes(self) -> impl Iterator<Item = (NoteKind, &'a str)> {
        let image = &self.set.image;
        // The last code's notes end where those of the first group begin.
        let end = match image.count(Section::Groups) {
            0 => image.count(Section::Notes),
            _ => image.field(Section::Groups, 0, crate::image::GROUP - 1) as usize,
        };
        self.set.notes(image.owned((Section::Codes, self.index, 6), end))
    }

    /// The seventh characters that codes below it are completed with, and their meanings: its own,
    /// or those of the nearest code above that has some.
    #[must_use]
    pub fn seventh_characters(self) -> Vec<(char, &'a str)> {
        let image = &self.set.image;
        let own = |entry: Self| {
            let end = image.count(Section::Sevenths);
            image.owned((Section::Codes, entry.index, 7), end)
        };
        let found =
            std::iter::once(self).chain(self.ancestors()).map(own).find(|own| !own.is_empty());
        let characters = found.into_iter().flatten().filter_map(|at| {
            let character = char::from_u32(image.field(Section::Sevenths, at, 0))?;
            Some((character, image.text(Section::Sevenths, at, 1)))
        });
        characters.collect()
    }

    /// Its chapter or section.
    #[must_use]
    pub fn group(self, kind: GroupKind) -> Option<Group<'a>> {
        let key = self.key();
        self.set.groups().find(|group| group.kind == kind && group.holds(key))
    }

    fn flags(self) -> u32 {
        self.set.image.field(Section::Codes, self.index, 4)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.code())
    }
}
