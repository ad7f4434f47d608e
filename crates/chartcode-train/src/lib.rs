//! Training for chartcode: adapts encoders and heads to code sets and labelled charts, on the
//! user's own machine.

mod codes;
mod contrastive;
mod dropout;
mod encoder;
mod error;
pub mod fit;
mod gradients;
pub mod loss;
pub mod ops;
mod optimizer;
mod pairs;
mod run;
mod stream;
mod write;

pub use codes::{ChartsFile, CodesFiles, CodesOptions, CodesSummary, train_codes};
pub use contrastive::{
    ContrastiveFiles, ContrastiveOptions, ContrastiveSummary, train_contrastive,
};
pub use dropout::Dropout;
pub use encoder::{EncoderOptions, Packed, TrainableEncoder};
pub use error::{Error, Result};
pub use gradients::Gradients;
pub use optimizer::{AdamW, AdamWOptions, Decay, Schedule, StepReport};
pub use pairs::PairFile;
pub use run::{Event, LoopOptions, OnEvent, StepEvent};
