//! Roles of colour. Plotters writes hexadecimal colours; the page replaces each by a class, whose
//! colour the style sheet chooses for light, dark and paper.

use plotters::style::RGBColor;

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::html) enum Paint {
    /// Text and marks that are read first.
    Ink,
    /// Text that explains.
    Muted,
    /// Counts in small print.
    Small,
    /// Grid lines.
    Grid,
    /// Axes, and the diagonal of a reliability diagram.
    Axis,
    /// Lines of reference, dashed.
    Dash,
    /// Areas behind others.
    Wash,
    /// Precision, and what belongs to the model.
    Blue,
    /// Recall.
    Orange,
    /// The page's own colour, to set a mark off from what lies under it.
    Paper,
}

impl Paint {
    /// Every role, in the order of their placeholders.
    pub(super) const ALL: [Self; 10] = [
        Self::Ink,
        Self::Muted,
        Self::Small,
        Self::Grid,
        Self::Axis,
        Self::Dash,
        Self::Wash,
        Self::Blue,
        Self::Orange,
        Self::Paper,
    ];

    /// The colour that stands for the role until the page replaces it.
    pub(super) fn placeholder(self) -> RGBColor {
        RGBColor(0xC0, 0xDE, self as u8)
    }

    /// The role's class: `f-ink` fills, `s-ink` strokes.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Ink => "ink",
            Self::Muted => "muted",
            Self::Small => "small",
            Self::Grid => "grid",
            Self::Axis => "axis",
            Self::Dash => "dash",
            Self::Wash => "wash",
            Self::Blue => "blue",
            Self::Orange => "orange",
            Self::Paper => "paper",
        }
    }
}
