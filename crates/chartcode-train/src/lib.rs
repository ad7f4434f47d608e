//! Training for chartcode: adapts encoders and heads to code sets and labelled charts, on the
//! user's own machine.

pub mod fit;
