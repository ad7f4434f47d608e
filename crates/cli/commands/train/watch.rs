//! Shows how a training goes on.

use std::ops::ControlFlow;
use std::time::Duration;

use chartcode_train::Event;
use indicatif::{ProgressBar, ProgressStyle};

use super::figures;
use crate::failures;

/// A bar over the steps, with the loss, the speed and the last look at held-out data.
pub(super) struct Watch {
    bar: ProgressBar,
    judged: String,
    steps: (u64, u64),
}

impl Watch {
    pub(super) fn new(quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, judged: String::new(), steps: (0, 0) }
    }

    pub(super) fn on(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Note(text) => self.bar.suspend(|| failures::note(&text)),
            Event::Stage(what, parts) => self.stage(what, parts),
            Event::Part => self.bar.inc(1),
            Event::Step(step) => {
                if self.steps.1 != step.steps || self.bar.position() != step.step - 1 {
                    self.steps = (step.step, step.steps);
                    self.style(BAR);
                    self.bar.set_length(step.steps);
                }
                self.bar.set_position(step.step);
                let speed = step.tokens_per_second;
                let judged = &self.judged;
                self.bar.set_message(format!("loss {:.4}, {speed:.0} tokens/s{judged}", step.loss));
            }
            Event::Judged(step, dev, is_best) => {
                let best = if is_best { ", the best so far" } else { "" };
                let line = format!("step {step}: {}{best}", figures(&dev));
                self.judged = format!("; {line}");
                if !self.bar.is_hidden() {
                    self.bar.suspend(|| failures::note(&line));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn stage(&mut self, what: &'static str, parts: Option<usize>) {
        self.steps = (0, 0);
        match parts {
            Some(parts) => {
                self.style(BAR);
                self.bar.set_length(parts as u64);
            }
            None => self.style(SPINNER),
        }
        self.bar.set_position(0);
        self.bar.reset_eta();
        self.bar.set_message(what);
    }

    fn style(&self, template: &str) {
        // The templates are constants; an unknown field would only be shown as it stands.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

const BAR: &str = "{bar:32.cyan/dim} {pos}/{len}  {msg}, {elapsed} elapsed, {eta} left";
const SPINNER: &str = "{spinner} {msg}, {elapsed} elapsed";
