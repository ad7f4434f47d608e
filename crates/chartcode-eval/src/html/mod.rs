//! The report: a [`Summary`] as one HTML file that a browser shows, a printer prints and a mail
//! carries.
//!
//! The file loads nothing and runs nothing: its content security policy forbids scripts, fonts,
//! pictures and connections. It is well-formed XML as well as HTML, and the same summary gives the
//! same bytes.

mod curves;
mod data;
mod evidence;
mod format;
mod glossary;
mod groups;
mod header;
mod lists;
mod metrics;
mod operations;
mod page;
mod plots;
mod rows;
mod words;

#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::summary::Summary;

/// The report of an evaluation as HTML.
///
/// Figures that are not defined are shown as –; sections without data are left out, or say why
/// they are empty. The ids of charts are in it, and their text where the summary has it.
///
/// # Errors
///
/// [`crate::Error::Request`] if a plot cannot be drawn.
pub fn render(summary: &Summary) -> Result<String> {
    Ok(page::page(summary)?.into_string())
}
