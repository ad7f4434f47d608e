//! Precision against recall.

use maud::Markup;

use super::paint::Paint;
use super::panel::{Panel, Place, percents};
use super::svg::{Drawn, plot};
use crate::error::Result;
use crate::html::format::share;
use crate::summary::PrPoint;

const SIZE: (i32, i32) = (460, 370);
const TICKS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
const LEVELS: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// A point that the plot names.
#[derive(Clone, Copy, Debug)]
pub(in crate::html) struct Operating {
    /// Precision there.
    pub(in crate::html) precision: f64,
    /// Recall there.
    pub(in crate::html) recall: f64,
}

/// The curve with the point at which suggestions were made and the point of best F1.
pub(in crate::html) fn precision_recall(
    points: &[PrPoint],
    operating: Option<Operating>,
    best: Option<PrPoint>,
    label: &str,
) -> Result<Markup> {
    plot("plot", SIZE, label, |root| {
        let panel = Panel::new(root, (0.0..1.0, 0.0..1.0), (46..424, 26..326));
        panel.rows(&percents(&TICKS))?;
        panel.columns(&percents(&TICKS))?;
        levels(&panel)?;
        panel.text((0.0, 1.0), Place::right(-40, -17), "Precision", Paint::Ink)?;
        panel.text((1.0, 0.0), Place::left(0, 32), "Recall", Paint::Ink)?;
        let curve = points.iter().map(|point| clamp(point.recall, point.precision));
        panel.line(curve, Paint::Blue, 2.0)?;
        if let Some(best) = best {
            mark_best(&panel, best, operating)?;
        }
        operating.map_or(Ok(()), |point| mark_operating(&panel, point))
    })
}

fn clamp(x: f64, y: f64) -> (f64, f64) {
    (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0))
}

/// Where F1 is the same: p = f r / (2 r - f).
fn levels(panel: &Panel<'_>) -> Drawn {
    for f1 in LEVELS {
        let start = f1 / (2.0 - f1);
        let steps = (0..=60).map(|i| start + (1.0 - start) * f64::from(i) / 60.0);
        panel.line(steps.map(|r| (r, f1 * r / (2.0 * r - f1))), Paint::Dash, 1.0)?;
        let name = format!("{:.0}", 100.0 * f1);
        panel.text((1.0, start), Place::right(6, 0), &name, Paint::Muted)?;
    }
    panel.text((1.0, 1.0), Place::right(6, 0), "F1", Paint::Muted)
}

/// The best F1 is only worth a mark where suggestions were made elsewhere.
fn mark_best(panel: &Panel<'_>, best: PrPoint, operating: Option<Operating>) -> Drawn {
    let at = clamp(best.recall, best.precision);
    let near = |o: Operating| (o.recall - at.0).abs() < 0.06 && (o.precision - at.1).abs() < 0.06;
    if operating.is_some_and(near) {
        return Ok(());
    }
    panel.knob(at, 3.5, Paint::Blue)?;
    panel.text(at, Place::right(9, -9), "highest F1", Paint::Muted)
}

/// The label stands where the curve, which falls to the right, does not.
fn mark_operating(panel: &Panel<'_>, point: Operating) -> Drawn {
    let at = clamp(point.recall, point.precision);
    panel.knob(at, 5.0, Paint::Ink)?;
    let (first, second) = if at.0 + at.1 < 1.0 && at.0 < 0.6 {
        (Place::right(10, -24), Place::right(10, -9))
    } else {
        (Place::left(10, 10), Place::left(10, 25))
    };
    panel.bold(at, first, "as suggested", Paint::Ink)?;
    let figures = format!("{} right, {} found", share(Some(at.1)), share(Some(at.0)));
    panel.text(at, second, &figures, Paint::Ink)
}
