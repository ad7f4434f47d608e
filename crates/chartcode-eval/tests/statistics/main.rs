//! Metrics, intervals and tests against scikit-learn, scipy, published vectors and a naive judge.

#![expect(clippy::unwrap_used, reason = "a failed test says where")]

mod charts;
mod golden;
mod judge;
mod published;
mod speed;
