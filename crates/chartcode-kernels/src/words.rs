//! Memory for packed numbers.

use std::ops::{Deref, DerefMut};

/// A cache line, and a vector of every instruction set.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u32; 16]);

/// Words that begin at a cache line.
#[derive(Clone, Default)]
pub(crate) struct Words(Vec<Line>);

impl Words {
    /// Zeros.
    pub(crate) fn zeros(words: usize) -> Self {
        Self(vec![Line([0; 16]); words.div_ceil(16)])
    }

    /// Makes room for as many; what they hold is not said.
    pub(crate) fn resize(&mut self, words: usize) {
        self.0.resize(words.div_ceil(16), Line([0; 16]));
    }
}

impl Deref for Words {
    type Target = [u32];
    fn deref(&self) -> &[u32] {
        // SAFETY: a line is 16 words without padding, and lines lie one behind the other.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u32] {
        // SAFETY: as in `deref`; every pattern of bits is a line.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.len())
    }
}
