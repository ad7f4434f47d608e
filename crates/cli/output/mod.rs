//! Reports as a table, JSON, JSON lines or CSV.

pub(crate) mod agreement;
pub(crate) mod comparison;
mod csv;
pub(crate) mod evaluation;
pub(crate) mod fitting;
mod json;
mod table;
pub(crate) mod tuning;

use std::io::{IsTerminal as _, Write};

use chartcode::Report;

use crate::args::Format;

/// Prints reports one after the other.
pub(crate) trait ReportWriter {
    /// Prints a report.
    fn report(&mut self, report: &Report) -> anyhow::Result<()>;

    /// Prints what comes after the last report, and flushes.
    fn finish(&mut self) -> anyhow::Result<()>;
}

/// What reports are printed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paper {
    /// Columns.
    pub(crate) width: usize,
    /// Whether colour codes are understood.
    pub(crate) colour: bool,
}

impl Paper {
    /// A file or pipe: no colour, and lines of 100 columns.
    pub(crate) fn plain() -> Self {
        Self { width: 100, colour: false }
    }

    /// Standard output: coloured on a terminal unless `NO_COLOR` and its like forbid it.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let colour = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        match terminal_size::terminal_size() {
            Some((width, _)) if stdout.is_terminal() => {
                Self { width: usize::from(width.0).clamp(60, 140), colour }
            }
            _ => Self { colour, ..Self::plain() },
        }
    }
}

/// The writer for a format.
pub(crate) fn writer(format: Format, out: Box<dyn Write>, paper: Paper) -> Box<dyn ReportWriter> {
    match format {
        Format::Table => Box::new(table::Table::new(out, paper)),
        Format::Json => Box::new(json::Array::new(out)),
        Format::Jsonl => Box::new(json::Lines::new(out)),
        Format::Csv => Box::new(csv::Rows::new(out)),
    }
}
