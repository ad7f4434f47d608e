//! Arithmetic on the CPU that uses all cores and vector instructions, forward and backward. Each
//! operation is judged by the composition of candle's own that takes its place on other devices.

pub(crate) mod slices;
