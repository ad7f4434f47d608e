//! The table that people read.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use chartcode::{CodeReport, Decision, NOT_STATED, Report};
use textwrap::Options;

use super::{Paper, ReportWriter};

/// Columns before the title: code, probability, decision.
const INDENT: usize = 27;

/// Passages shown a code.
const PASSAGES: usize = 2;

/// A block a chart: a line on the chart, then each code with its passages.
pub(super) struct Table {
    out: Box<dyn Write>,
    paper: Paper,
    reports: usize,
}

impl Table {
    pub(super) fn new(out: Box<dyn Write>, paper: Paper) -> Self {
        Self { out, paper, reports: 0 }
    }

    fn heading(&mut self, report: &Report) -> std::io::Result<()> {
        let (bold, plain) = self.styled(Style::new().bold());
        let counted = |count: usize, noun: &str| {
            format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
        };
        let codes = counted(report.codes.len(), "code");
        let tokens = counted(report.read.tokens, "token");
        let windows = counted(report.read.windows, "window");
        let unread = match report.read.unread_tokens {
            0 => String::new(),
            count => format!(", {} not read", counted(count, "token")),
        };
        let made_by = &report.made_by;
        let code_set = match made_by.code_set.as_str() {
            "" | NOT_STATED => String::new(),
            code_set => format!(" of {code_set}"),
        };
        let profile = match &made_by.profile {
            Some(profile) => format!(", profile {profile}"),
            None => String::new(),
        };
        writeln!(
            self.out,
            "{bold}{}{plain}: {codes}{code_set}, {tokens} read in {windows}{unread}, bundle {} {}{profile}",
            report.id, made_by.bundle, made_by.bundle_version,
        )
    }

    fn code(&mut self, code: &CodeReport) -> std::io::Result<()> {
        let (bold, plain) = self.styled(Style::new().bold());
        let (colour, end) = self.styled(style_of(code.decision));
        let mark = if code.billable == Some(false) { " [not billable]" } else { "" };
        let title = self.wrap(&format!("{}{mark}", code.title), INDENT);
        let first = title.first().map_or("", String::as_str);
        writeln!(
            self.out,
            "{bold}{:<9}{plain} {:>5.3}  {colour}{:<7}{end}  {first}",
            code.code,
            code.probability,
            name_of(code.decision),
        )?;
        for line in title.iter().skip(1) {
            writeln!(self.out, "{:INDENT$}{line}", "")?;
        }
        for passage in passages(code) {
            self.passage(&passage)?;
        }
        Ok(())
    }

    fn passage(&mut self, text: &str) -> std::io::Result<()> {
        let (mark, end) = self.styled(AnsiColor::Yellow.on_default().underline());
        for (index, line) in self.wrap(text, INDENT + 4).iter().enumerate() {
            let bullet = if index == 0 { "»" } else { " " };
            writeln!(self.out, "{:INDENT$}  {bullet} {mark}{line}{end}", "")?;
        }
        Ok(())
    }

    fn nothing(&mut self, report: &Report) -> std::io::Result<()> {
        let made_by = &report.made_by;
        let threshold = if made_by.label_thresholds {
            "its threshold".to_owned()
        } else {
            made_by.thresholds.review.to_string()
        };
        writeln!(self.out, "no code is above {threshold}; --top 5 shows the most probable ones")
    }

    fn wrap(&self, text: &str, indent: usize) -> Vec<String> {
        let width = self.paper.width.saturating_sub(indent).max(20);
        textwrap::wrap(text, Options::new(width)).into_iter().map(Into::into).collect()
    }

    /// The codes that switch a style on and off, or nothing where there is no colour.
    fn styled(&self, style: Style) -> (String, String) {
        if self.paper.colour {
            (style.render().to_string(), style.render_reset().to_string())
        } else {
            (String::new(), String::new())
        }
    }
}

impl ReportWriter for Table {
    fn report(&mut self, report: &Report) -> anyhow::Result<()> {
        if self.reports > 0 {
            writeln!(self.out)?;
        }
        self.reports += 1;
        self.heading(report)?;
        if report.codes.is_empty() {
            self.nothing(report)?;
        }
        for code in &report.codes {
            self.code(code)?;
        }
        Ok(self.out.flush()?)
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}

/// The strongest passages in one line each; of those that read the same only the first.
fn passages(code: &CodeReport) -> Vec<String> {
    let mut passages: Vec<String> = Vec::new();
    for evidence in &code.evidence {
        let text = evidence.text.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
        if !passages.iter().any(|passage| passage.to_lowercase() == text.to_lowercase()) {
            passages.push(text);
        }
    }
    passages.truncate(PASSAGES);
    passages
}

fn name_of(decision: Decision) -> &'static str {
    match decision {
        Decision::Accept => "accept",
        Decision::Review => "review",
        _ => "drop",
    }
}

fn style_of(decision: Decision) -> Style {
    match decision {
        Decision::Accept => AnsiColor::Green.on_default(),
        Decision::Review => AnsiColor::Yellow.on_default(),
        _ => Style::new().dimmed(),
    }
}
