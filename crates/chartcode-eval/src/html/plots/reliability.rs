//! Stated probability against the observed share of gold.

use maud::Markup;
use plotters::style::text_anchor::HPos;

use super::paint::Paint;
use super::panel::{Panel, Place, percents};
use super::svg::{Drawn, Root, plot};
use crate::error::Result;
use crate::html::format::{compact, is_share};
use crate::summary::ReliabilityBin;

const SIZE: (i32, i32) = (460, 436);
const ACROSS: std::ops::Range<i32> = 46..448;
const TICKS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// The diagram above, how many pairs each bin has below.
pub(in crate::html) fn reliability(bins: &[ReliabilityBin], label: &str) -> Result<Markup> {
    let bins: Vec<ReliabilityBin> = bins.iter().copied().filter(is_sound).collect();
    plot("plot", SIZE, label, |root| {
        diagram(root, &bins)?;
        sizes(root, &bins)
    })
}

/// Empty bins have no point.
fn is_sound(bin: &ReliabilityBin) -> bool {
    let values = [bin.low, bin.high, bin.mean_probability, bin.share_gold];
    bin.count > 0 && values.into_iter().all(is_share)
}

fn diagram(root: &Root<'_>, bins: &[ReliabilityBin]) -> Drawn {
    let panel = Panel::new(root, (0.0..1.0, 0.0..1.0), (ACROSS, 26..306));
    panel.rows(&percents(&TICKS))?;
    panel.columns(&TICKS.map(|x| (x, String::new())))?;
    panel.line([(0.0, 0.0), (1.0, 1.0)], Paint::Axis, 1.0)?;
    panel.text((0.0, 1.0), Place::right(-40, -17), "Share that is gold", Paint::Ink)?;
    panel.text((0.02, 0.95), Place::right(0, 0), "right more often than stated", Paint::Muted)?;
    panel.text((0.98, 0.05), Place::left(0, 0), "right less often than stated", Paint::Muted)?;
    let points = || bins.iter().map(|bin| (bin.mean_probability, bin.share_gold));
    for (x, y) in points() {
        panel.line([(x, x), (x, y)], if y < x { Paint::Orange } else { Paint::Blue }, 1.5)?;
    }
    for at in points() {
        panel.knob(at, 4.0, Paint::Ink)?;
    }
    Ok(())
}

/// Bars on a scale of logarithms: nearly all pairs have a probability near 0.
fn sizes(root: &Root<'_>, bins: &[ReliabilityBin]) -> Drawn {
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1);
    let height = |n: u64| (n as f64 + 1.0).log10();
    let panel = Panel::new(root, (0.0..1.0, 0.0..height(most).max(1.0)), (ACROSS, 338..392));
    panel.columns(&percents(&TICKS))?;
    for bin in bins {
        let gap = 0.12 * (bin.high - bin.low);
        let top = height(bin.count);
        panel.bar([(bin.low + gap, 0.0), (bin.high - gap, top)], Paint::Wash)?;
        let middle = Place { dx: 0, dy: -7, anchor: HPos::Center };
        let at = (f64::midpoint(bin.low, bin.high), top);
        panel.text(at, middle, &compact(bin.count), Paint::Small)?;
    }
    panel.line([(0.0, 0.0), (1.0, 0.0)], Paint::Axis, 1.0)?;
    panel.text((1.0, 0.0), Place::left(0, 32), "Stated probability", Paint::Ink)?;
    panel.text((0.0, 0.0), Place::right(0, 32), "bars: pairs of chart and code", Paint::Muted)
}
