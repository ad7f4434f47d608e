//! Every kernel on every instruction set of this CPU against plain loops in f64.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

/// Attention and label attention.
mod attention;
/// LayerNorm.
mod norm;
/// Products: values, bits, threads, rows alone and together.
mod product;
/// Rounding of activations and weights.
mod rounding;

use chartcode_kernels::{Isa, Precision, Rows};
use proptest::prelude::ProptestConfig;

/// A size, or a smaller one under Miri, which is some thousand times slower.
pub(crate) const fn size(own: usize, under_miri: usize) -> usize {
    if cfg!(miri) { under_miri } else { own }
}

/// So many cases of a property test, or one under Miri.
pub(crate) fn cases(own: u32) -> ProptestConfig {
    ProptestConfig::with_cases(if cfg!(miri) { 1 } else { own })
}

/// Numbers of about normal size, the same for the same seed.
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| 4.0 * (next() + next() + next())).collect()
}

pub(crate) fn rows(isa: Isa, values: &[f32], width: usize, precision: Precision) -> Rows {
    let mut rows = Rows::new();
    rows.fill(isa, values, width, precision);
    rows
}

/// All rows as they are multiplied.
pub(crate) fn read(rows: &Rows) -> Vec<Vec<f64>> {
    (0..rows.rows()).map(|row| rows.row(row).into_iter().map(f64::from).collect()).collect()
}

/// Runs something on a pool of so many threads.
pub(crate) fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
