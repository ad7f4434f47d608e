//! Plots, drawn by plotters as SVG and coloured by the page's style sheet.

mod automation;
mod interval;
mod paint;
mod panel;
mod pr;
mod reliability;
mod svg;

pub(super) use automation::automation;
pub(super) use interval::{Mark, row};
pub(super) use paint::Paint;
pub(super) use pr::{Operating, precision_recall};
pub(super) use reliability::reliability;
