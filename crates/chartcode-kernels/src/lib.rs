//! Kernels of transformer encoders for CPUs: products of packed weights in f32, bf16 and int8,
//! attention, LayerNorm and label attention, each written once over vectors of sixteen lanes and
//! compiled for AVX-512, AVX2, NEON and plain Rust. What the CPU has is found out at run time.
//!
//! Sums are taken in an order that depends on the row alone: a row's results have the same bits
//! whatever it is computed with, on any number of threads, and on every CPU that has a fused
//! multiply-add.

mod attention;
mod elementary;
mod error;
mod groups;
mod isa;
mod label;
mod matrix;
mod norm;
mod precision;
mod product;
mod rows;
mod screen;
mod simd;
mod target;
mod tile;
mod words;

pub use attention::{Attention, WindowRows};
pub use error::ShapeError;
pub use groups::TokenGroups;
pub use isa::Isa;
pub use label::{BLOCK_TOKENS, LabelAttention, LabelSums};
pub use matrix::Matrix;
pub use norm::Norm;
pub use precision::Precision;
pub use product::{Activation, Product};
pub use rows::Rows;
pub use screen::{Bounds, Screen};
pub use target::Target;
