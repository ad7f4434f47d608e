//! Arithmetic on the CPU that uses all cores and vector instructions, forward and backward. Each
//! operation is judged by the composition of candle's own that takes its place on other devices.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod columns;
pub(crate) mod embedding;
pub(crate) mod math;
pub(crate) mod norm;
mod pooling;
mod product;
pub(crate) mod slices;

pub use pooling::{normalise_rows, segment_mean};
