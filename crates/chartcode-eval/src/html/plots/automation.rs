//! How much can be accepted without a look, and how right that is.

use maud::Markup;

use super::paint::Paint;
use super::panel::{Panel, Place, percents};
use super::svg::{Drawn, plot};
use crate::error::Result;
use crate::html::format::{is_share, share};
use crate::summary::{AutomationCurve, AutomationTarget};

const SIZE: (i32, i32) = (460, 320);
const ACROSS: std::ops::Range<i32> = 46..424;
const DOWN: std::ops::Range<i32> = 30..278;

/// The curve of `unit` (`codes` or `charts`) with its targets.
pub(in crate::html) fn automation(
    curve: &AutomationCurve,
    unit: &str,
    label: &str,
) -> Result<Markup> {
    let floor = floor(curve);
    plot("plot", SIZE, label, |root| {
        let panel = Panel::new(root, (0.0..1.0, floor..1.0), (ACROSS, DOWN));
        let step = if floor < 0.5 { 2 } else { 1 };
        let ticks: Vec<f64> = (0..=10)
            .rev()
            .step_by(step)
            .map(|i| f64::from(i) / 10.0)
            .filter(|&y| y >= floor - 1e-9)
            .collect();
        panel.rows(&percents(&ticks))?;
        panel.columns(&percents(&[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))?;
        panel.text((0.0, 1.0), Place::right(-40, -20), "Right among the accepted", Paint::Ink)?;
        let x_title = format!("Share of {unit} accepted");
        panel.text((1.0, floor), Place::left(0, 32), &x_title, Paint::Ink)?;
        goals(&panel, curve, floor)?;
        let points = curve.points.iter().map(|point| (point.share, point.precision));
        let points = points.filter(|&(x, y)| is_share(x) && is_share(y));
        panel.line(points, Paint::Blue, 2.0)?;
        for (row, target) in (0..).zip(&curve.targets) {
            mark(&panel, target, (row, floor), unit)?;
        }
        Ok(())
    })
}

/// The lowest tick below all points, so that the curve fills the plot.
fn floor(curve: &AutomationCurve) -> f64 {
    let precisions = curve.points.iter().map(|point| point.precision);
    let lowest = precisions.filter(|&p| is_share(p)).fold(0.8, f64::min);
    ((lowest.max(0.0) * 10.0 + 1e-9).floor() / 10.0).min(0.8)
}

/// The targets as lines across, each named on the right; names of near targets step aside.
fn goals(panel: &Panel<'_>, curve: &AutomationCurve, floor: f64) -> Drawn {
    for (i, target) in curve.targets.iter().enumerate() {
        let y = target.precision.clamp(floor, 1.0);
        panel.line([(0.0, y), (1.0, y)], Paint::Dash, 1.0)?;
        let aside = if i == 0 { 4 } else { -4 };
        panel.text((1.0, y), Place::right(6, aside), &share(Some(y)), Paint::Muted)?;
    }
    Ok(())
}

/// From where the curve meets the target down to the axis, with the share in words.
fn mark(
    panel: &Panel<'_>,
    target: &AutomationTarget,
    (row, floor): (i32, f64),
    unit: &str,
) -> Drawn {
    let goal = share(Some(target.precision));
    let dy = -10 - 17 * row;
    let reached = target.threshold.and(target.share.value).filter(|&x| is_share(x));
    let Some(x) = reached else {
        let text = format!("{goal} right: out of reach");
        return panel.text((0.0, floor), Place::right(8, dy), &text, Paint::Muted);
    };
    let y = target.precision.clamp(floor, 1.0);
    panel.line([(x, floor), (x, y)], Paint::Ink, 1.0)?;
    panel.knob((x, y), 4.0, Paint::Ink)?;
    let text = format!("{goal} right: {} of {unit}", share(Some(x)));
    let place = if x < 0.55 { Place::right(7, dy) } else { Place::left(7, dy) };
    panel.text((x, floor), place, &text, Paint::Ink)
}
