//! Notes of a tabular list.

/// What an instruction or inclusion of the tabular list is.
///
/// Source: ICD-10-CM Official Guidelines for Coding and Reporting, section I.A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NoteKind {
    /// What a category is about, or examples of it.
    Includes,
    /// A condition that is coded so.
    InclusionTerm,
    /// Not coded here: the two are never used together.
    Excludes1,
    /// Not included here: both may be used.
    Excludes2,
    /// The underlying condition comes before this one.
    CodeFirst,
    /// A further code comes behind this one.
    UseAdditional,
    /// A further code may be needed, in either order.
    CodeAlso,
    /// What a seventh character says.
    SeventhCharacter,
    /// Anything else.
    Note,
}

impl NoteKind {
    /// All of them, in the order of a tabular list.
    pub const ALL: [Self; 9] = [
        Self::Note,
        Self::Includes,
        Self::InclusionTerm,
        Self::CodeFirst,
        Self::UseAdditional,
        Self::CodeAlso,
        Self::Excludes1,
        Self::Excludes2,
        Self::SeventhCharacter,
    ];

    /// The element of the tabular list in XML that holds such notes.
    #[must_use]
    pub fn element(self) -> &'static str {
        match self {
            Self::Includes => "includes",
            Self::InclusionTerm => "inclusionTerm",
            Self::Excludes1 => "excludes1",
            Self::Excludes2 => "excludes2",
            Self::CodeFirst => "codeFirst",
            Self::UseAdditional => "useAdditionalCode",
            Self::CodeAlso => "codeAlso",
            Self::SeventhCharacter => "sevenChrNote",
            Self::Note => "notes",
        }
    }

    /// The heading people read above such notes.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Includes => "Includes",
            Self::InclusionTerm => "Inclusion terms",
            Self::Excludes1 => "Excludes1",
            Self::Excludes2 => "Excludes2",
            Self::CodeFirst => "Code first",
            Self::UseAdditional => "Use additional code",
            Self::CodeAlso => "Code also",
            Self::SeventhCharacter => "7th character",
            Self::Note => "Note",
        }
    }

    pub(crate) fn of_element(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.element() == name)
    }
}
