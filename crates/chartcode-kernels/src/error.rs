//! What can be wrong with what a kernel is given.

/// Shapes that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {found} values, but {expected} are needed")]
pub struct ShapeError {
    /// What was given.
    pub what: &'static str,
    /// How many values it should have.
    pub expected: usize,
    /// How many it has.
    pub found: usize,
}

impl ShapeError {
    pub(crate) fn check(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self { what, expected, found }) }
    }
}
