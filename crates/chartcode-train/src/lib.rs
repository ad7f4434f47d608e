//! Training for chartcode: adapts encoders and heads to code sets and labelled charts, on the
//! user's own machine.

mod dropout;
mod encoder;
mod error;
mod gradients;
pub mod ops;
mod optimizer;

pub use dropout::Dropout;
pub use encoder::{EncoderOptions, Packed, TrainableEncoder};
pub use error::{Error, Result};
pub use gradients::Gradients;
pub use optimizer::{AdamW, AdamWOptions, Decay, Schedule, StepReport};
