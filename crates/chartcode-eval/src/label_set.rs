//! The labels that a model can give, numbered from 0.

use std::collections::HashMap;

use crate::code::Code;
use crate::error::{Error, Result};

/// A label set: the codes a model scores, in the order of its scores.
#[derive(Clone, Debug, Default)]
pub struct LabelSet {
    labels: Vec<Code>,
    index: HashMap<Code, u32>,
}

impl LabelSet {
    /// A set of these labels, in this order.
    ///
    /// # Errors
    /// [`Error::Request`] where a label is there twice.
    pub fn new(labels: impl IntoIterator<Item = Code>) -> Result<Self> {
        let mut space = Self::default();
        for code in labels {
            let column = space.labels.len() as u32;
            if space.index.insert(code.clone(), column).is_some() {
                return Err(Error::Request(format!("label {code} is there twice")));
            }
            space.labels.push(code);
        }
        Ok(space)
    }

    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The label of a code, where it is one.
    #[must_use]
    pub fn label(&self, code: &Code) -> Option<u32> {
        self.index.get(code).copied()
    }

    /// All codes, in the order of the labels.
    #[must_use]
    pub fn codes(&self) -> &[Code] {
        &self.labels
    }

    /// The systems of the labels, each once, in alphabetical order.
    #[must_use]
    pub fn systems(&self) -> Vec<String> {
        let mut systems: Vec<&str> = self.labels.iter().map(|code| code.system.as_str()).collect();
        systems.sort_unstable();
        systems.dedup();
        systems.into_iter().map(str::to_owned).collect()
    }
}
