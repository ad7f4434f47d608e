//! One line of a table as a plot: dots on the scale from 0 to 100 %, each with its interval. The
//! cell behind it draws the grid.

use maud::Markup;

use super::paint::Paint;
use super::panel::Panel;
use super::svg::{Drawn, Root, plot};
use crate::error::Result;
use crate::html::format::{bounds, is_share};
use crate::metric::Estimate;

const WIDTH: i32 = 260;
/// The scale keeps a margin of 5 % of the width on either side; so does the grid of the cell.
const ACROSS: std::ops::Range<i32> = 13..247;

/// A figure and its colour.
#[derive(Clone, Copy, Debug)]
pub(in crate::html) struct Mark {
    /// The figure.
    pub(in crate::html) estimate: Estimate,
    /// Its colour.
    pub(in crate::html) paint: Paint,
}

/// The marks, one below the other where there are two, joined by a thin line.
pub(in crate::html) fn row(marks: &[Mark], label: &str) -> Result<Markup> {
    plot("row", (WIDTH, 24), label, |root| {
        let panel = scale(root);
        let last = marks.len().saturating_sub(1);
        let at = |i: usize| if last == 0 { 0.5 } else { 0.67 - 0.34 * i as f64 / last as f64 };
        let values: Vec<(f64, f64)> =
            marks.iter().enumerate().filter_map(|(i, mark)| Some((value(mark)?, at(i)))).collect();
        panel.line(values, Paint::Axis, 1.0)?;
        for (i, mark) in marks.iter().enumerate() {
            draw(&panel, mark, at(i))?;
        }
        Ok(())
    })
}

fn scale<'a>(root: &Root<'a>) -> Panel<'a> {
    Panel::new(root, (0.0..1.0, 0.0..1.0), (ACROSS, 0..24))
}

/// An interval alone says nothing, and what is no share has no place on the scale.
fn draw(panel: &Panel<'_>, mark: &Mark, y: f64) -> Drawn {
    let Some(value) = value(mark) else {
        return Ok(());
    };
    if let Some((low, high)) = bounds(mark.estimate) {
        panel.line([(unit(low), y), (unit(high), y)], mark.paint, 1.5)?;
    }
    panel.dot((value, y), 2.9, mark.paint)
}

fn value(mark: &Mark) -> Option<f64> {
    mark.estimate.value.filter(|&x| is_share(x))
}

fn unit(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}
