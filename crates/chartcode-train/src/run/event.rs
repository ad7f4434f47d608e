//! What a training tells of while it runs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::error::{Error, Result};

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Something that should be known: what could not be used, what was left out.
    Note(String),
    /// Work of another kind began: what it is, and of how many parts if that is known.
    Stage(&'static str, Option<usize>),
    /// A part of the stage's work was done.
    Part,
    /// A step was made.
    Step(StepEvent),
    /// Held-out data were looked at: the step, the figures, and whether they are the best so far.
    Judged(u64, BTreeMap<String, f64>, bool),
}

/// One step of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepEvent {
    /// Its number, from 1.
    pub step: u64,
    /// How many there are at most.
    pub steps: u64,
    /// The loss, the mean over the step's charts or pairs.
    pub loss: f64,
    /// The learning rate of the encoder.
    pub learning_rate: f64,
    /// The Euclidean norm of all gradients, before clipping.
    pub gradient_norm: f64,
    /// Tokens that the encoder read forwards and backwards, special ones included.
    pub tokens: usize,
    /// The same a second.
    pub tokens_per_second: f64,
}

/// Whoever watches a training; `Break` stops it with [`Error::Stopped`](crate::Error::Stopped).
pub type OnEvent<'a> = &'a mut (dyn FnMut(Event) -> ControlFlow<()> + Send);

/// Tells something that should be known.
pub(crate) fn note(on_event: OnEvent<'_>, text: String) -> Result<()> {
    tell(on_event, Event::Note(text), 0)
}

/// Tells of an event, and stops where that is wanted.
pub(crate) fn tell(on_event: OnEvent<'_>, event: Event, step: u64) -> Result<()> {
    match on_event(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped { step }),
    }
}
