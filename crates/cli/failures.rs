//! Charts that could not be coded, and how they are told of.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::io::Write as _;
use std::rc::Rc;

use anstyle::{AnsiColor, Style};

/// Counts failed charts; each is named on standard error as soon as it fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures {
    count: Rc<RefCell<usize>>,
}

impl Failures {
    /// Names a failed chart and its cause.
    pub(crate) fn add(&self, error: &anyhow::Error) {
        *self.count.borrow_mut() += 1;
        report(&format!("{error:#}"));
    }

    /// Counts a failed record of a file, and names it while there are few of them.
    pub(crate) fn add_record(&self, error: &anyhow::Error) {
        const NAMED: usize = 10;
        let count = *self.count.borrow();
        match count.cmp(&NAMED) {
            Ordering::Less => return self.add(error),
            Ordering::Equal => report("more such records are counted, not named"),
            Ordering::Greater => {}
        }
        *self.count.borrow_mut() += 1;
    }

    /// Whether no chart failed.
    pub(crate) fn is_empty(&self) -> bool {
        *self.count.borrow() == 0
    }

    /// Says how many charts failed.
    pub(crate) fn summarise(&self) {
        let count = *self.count.borrow();
        let charts = if count == 1 { "chart" } else { "charts" };
        report(&format!("{count} {charts} failed; all others are done"));
    }
}

/// Prints an error to standard error, in colour where that is a terminal.
pub(crate) fn report(message: &str) {
    say(Style::new().fg_color(Some(AnsiColor::Red.into())).bold(), "error", message);
}

/// Prints a remark to standard error.
pub(crate) fn note(message: &str) {
    say(Style::new().fg_color(Some(AnsiColor::Cyan.into())).bold(), "note", message);
}

fn say(style: Style, kind: &str, message: &str) {
    // Where even standard error is gone there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "{style}{kind}:{style:#} {message}");
}
