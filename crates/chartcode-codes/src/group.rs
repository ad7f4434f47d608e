//! Chapters and sections.

use crate::code_key::CodeKey;

/// What a run of categories is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupKind {
    /// A chapter: `Endocrine, nutritional and metabolic diseases (E00-E89)`.
    Chapter,
    /// A section, or block, of a chapter: `Diabetes mellitus (E08-E13)`.
    Section,
}

/// A chapter or a section: categories from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group<'a> {
    /// Chapter or section.
    pub kind: GroupKind,
    /// A chapter's number, a section's range.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its first category.
    pub first: CodeKey,
    /// Its last category.
    pub last: CodeKey,
}

impl Group<'_> {
    /// Whether a code belongs to it.
    #[must_use]
    pub fn holds(&self, key: CodeKey) -> bool {
        key >= self.first && (key < self.last || key.is_within(self.last))
    }
}
