//! A progress bar on standard error, for work on more than one chart.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::args::ChartArgs;
use crate::input;

/// Progress over the bytes of the input; hidden where standard error is no terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over many charts, a counter where their size is not known, a spinner for a long
    /// chart, nothing for a short one.
    pub(crate) fn over(args: &ChartArgs) -> Self {
        const LONG: u64 = 64 * 1024;
        let bytes = input::total_bytes(args);
        if input::may_be_many(args) {
            return Self::new(bytes, args.quiet);
        }
        Self::new(None, args.quiet || bytes.is_some_and(|bytes| bytes < LONG))
    }

    /// A bar over a known number of charts.
    pub(crate) fn of_charts(charts: usize, quiet: bool) -> Self {
        Self::new(Some(charts as u64), quiet)
    }

    /// A spinner that says what is being done.
    pub(crate) fn of_steps(quiet: bool) -> Self {
        Self::new(None, quiet)
    }

    /// A bar over a number of equal pieces of work.
    pub(crate) fn of_work(pieces: usize, quiet: bool) -> Self {
        Self::new(Some(pieces as u64), quiet)
    }

    /// One more piece of work is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Says what is being done now.
    pub(crate) fn step(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn new(bytes: Option<u64>, quiet: bool) -> Self {
        if quiet {
            return Self { bar: ProgressBar::hidden() };
        }
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{bar:32.cyan/dim} {percent:>3}%  {msg}, {elapsed} elapsed, {eta} left",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}, {elapsed} elapsed"),
        };
        // The templates are constants; an unknown field would only be shown as it stands.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar }
    }

    /// Says that `charts` charts are done and `bytes` bytes of input were read.
    pub(crate) fn set(&self, charts: usize, bytes: u64) {
        self.bar.set_position(bytes);
        let seconds = self.bar.elapsed().as_secs_f64();
        let rate = charts as f64 / seconds.max(1e-3);
        self.bar.set_message(format!("{charts} charts ({rate:.1}/s)"));
    }

    /// Prints something without tearing the bar.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
