//! JSON: one array, or a report a line.

use std::io::Write;

use chartcode::Report;

use super::ReportWriter;

/// An array of reports, indented; it is whole only after `finish`.
pub(super) struct Array {
    out: Box<dyn Write>,
    reports: usize,
}

impl Array {
    pub(super) fn new(out: Box<dyn Write>) -> Self {
        Self { out, reports: 0 }
    }
}

impl ReportWriter for Array {
    fn report(&mut self, report: &Report) -> anyhow::Result<()> {
        self.out.write_all(if self.reports == 0 { b"[\n" } else { b",\n" })?;
        self.reports += 1;
        serde_json::to_writer_pretty(&mut self.out, report)?;
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.out.write_all(if self.reports == 0 { b"[]\n" } else { b"\n]\n" })?;
        Ok(self.out.flush()?)
    }
}

/// A report a line, flushed line by line so that a reader sees each as it is made.
pub(super) struct Lines {
    out: Box<dyn Write>,
}

impl Lines {
    pub(super) fn new(out: Box<dyn Write>) -> Self {
        Self { out }
    }
}

impl ReportWriter for Lines {
    fn report(&mut self, report: &Report) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(report)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        Ok(self.out.flush()?)
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}
