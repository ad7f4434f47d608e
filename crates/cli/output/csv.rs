//! CSV: a row a code; a chart without codes has one row with an empty code.

use std::io::Write;

use chartcode::{CodeReport, Report};

use super::ReportWriter;

const HEADER: [&str; 10] = [
    "id",
    "system",
    "code",
    "title",
    "probability",
    "logit",
    "decision",
    "evidence_start",
    "evidence_end",
    "evidence",
];

/// Rows of the strongest passage of each code; offsets are Unicode code points.
pub(super) struct Rows {
    out: ::csv::Writer<Box<dyn Write>>,
    header_written: bool,
}

impl Rows {
    pub(super) fn new(out: Box<dyn Write>) -> Self {
        Self { out: ::csv::Writer::from_writer(out), header_written: false }
    }

    fn header(&mut self) -> anyhow::Result<()> {
        if !self.header_written {
            self.out.write_record(HEADER)?;
            self.header_written = true;
        }
        Ok(())
    }
}

impl ReportWriter for Rows {
    fn report(&mut self, report: &Report) -> anyhow::Result<()> {
        self.header()?;
        for code in &report.codes {
            self.out.write_record(row(&report.id, code)?)?;
        }
        if report.codes.is_empty() {
            let mut row = vec![String::new(); HEADER.len()];
            row[0].clone_from(&report.id);
            self.out.write_record(row)?;
        }
        Ok(self.out.flush()?)
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.header()?;
        Ok(self.out.flush()?)
    }
}

fn row(id: &str, code: &CodeReport) -> anyhow::Result<[String; 10]> {
    let decision = serde_json::to_value(code.decision)?;
    let best = code.evidence.first();
    let place = |at: fn(chartcode::Span) -> usize| {
        best.map_or_else(String::new, |evidence| at(evidence.characters).to_string())
    };
    Ok([
        id.to_owned(),
        code.system.clone(),
        code.code.clone(),
        code.title.clone(),
        format!("{:.6}", code.probability),
        format!("{:.6}", code.logit),
        decision.as_str().unwrap_or_default().to_owned(),
        place(chartcode::Span::start),
        place(chartcode::Span::end),
        best.map_or_else(String::new, |evidence| evidence.text.as_str().to_owned()),
    ])
}
