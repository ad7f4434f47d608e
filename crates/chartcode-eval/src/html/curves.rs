//! What the probabilities can do: precision against recall, calibration, automation.

use maud::{Markup, html};

use super::format::{count, finite, interval, is_share, percent, probability, share};
use super::page::{self, Section};
use super::plots::{self, Operating};
use crate::error::Result;
use crate::metric::Metric;
use crate::summary::{
    AutomationCurve, AutomationTarget, CalibrationSummary, PrPoint, ReliabilityBin, Summary,
};

/// Rows of the table of thresholds.
const THRESHOLDS: usize = 10;
/// A calibration error up to which probabilities can be taken at their word.
const CALIBRATED: f64 = 0.03;

/// The precision-recall curve.
pub(super) fn precision_recall(summary: &Summary) -> Result<Section> {
    let topic = "Precision and recall";
    let points: Vec<PrPoint> = summary.precision_recall.iter().copied().filter(sound).collect();
    let operating = operating(summary);
    if points.is_empty() {
        let body = html! { p { "The system gives no scores, so that there is no curve." } };
        return Ok(page::section("precision-recall", topic, &at_threshold(operating), &body));
    }
    let best = points.iter().copied().max_by(|a, b| f1(*a).total_cmp(&f1(*b)));
    let finding = at_threshold(operating);
    let plot = plots::precision_recall(&points, operating, best, &format!("{topic}. {finding}."))?;
    let body = html! {
        div.pair {
            figure { (plot) }
            div {
                @if let Some(best) = best {
                    p {
                        "The highest F1 on the curve is " strong { (share(Some(f1(best)))) }
                        ", at a threshold of " (probability(Some(best.threshold)))
                        ". Dashed lines join points of equal F1. Gold codes that the model cannot \
                         suggest count as missed."
                    }
                }
                (thresholds(&points))
            }
        }
    };
    Ok(page::section("precision-recall", topic, &finding, &body))
}

fn sound(point: &PrPoint) -> bool {
    point.threshold.is_finite() && is_share(point.precision) && is_share(point.recall)
}

fn f1(point: PrPoint) -> f64 {
    let sum = point.precision + point.recall;
    if sum > 0.0 { 2.0 * point.precision * point.recall / sum } else { 0.0 }
}

/// Where suggestions were made. The curve counts gold outside the labels as missed, as `honest`
/// does.
fn operating(summary: &Summary) -> Option<Operating> {
    let honest = summary.variants.iter().find(|variant| variant.name == "honest");
    let metrics = honest.map_or(&summary.metrics, |variant| &variant.metrics);
    Some(Operating {
        precision: finite(metrics.get(Metric::MicroPrecision)?.value)?,
        recall: finite(metrics.get(Metric::MicroRecall)?.value)?,
    })
}

fn at_threshold(operating: Option<Operating>) -> String {
    operating.map_or_else(
        || "Precision and recall are not defined on these charts".to_owned(),
        |point| {
            format!(
                "{} of suggested codes are right; {} of gold codes are found",
                share(Some(point.precision)),
                share(Some(point.recall))
            )
        },
    )
}

/// Points of the curve at even steps of recall, to choose a threshold from.
fn thresholds(points: &[PrPoint]) -> Markup {
    let top = points.iter().map(|point| point.recall).fold(0.0, f64::max);
    let mut chosen: Vec<PrPoint> = Vec::new();
    for i in 1..=THRESHOLDS {
        let goal = top * i as f64 / THRESHOLDS as f64;
        let nearest = points
            .iter()
            .min_by(|a, b| (a.recall - goal).abs().total_cmp(&(b.recall - goal).abs()));
        chosen.extend(nearest.filter(|point| chosen.last() != Some(point)));
    }
    html! {
        table.small {
            caption { "Thresholds to choose from, in percent" }
            thead {
                tr {
                    th scope="col" { "Probability above" }
                    th.num scope="col" { "Precision" }
                    th.num scope="col" { "Recall" }
                    th.num scope="col" { "F1" }
                }
            }
            tbody {
                @for &point in &chosen {
                    tr {
                        th scope="row" { (format!("{:.3}", point.threshold)) }
                        td.num { (percent(Some(point.precision))) }
                        td.num { (percent(Some(point.recall))) }
                        td.num { (percent(Some(f1(point)))) }
                    }
                }
            }
        }
    }
}

/// The reliability diagram.
pub(super) fn reliability(summary: &Summary) -> Result<Section> {
    let topic = "Calibration";
    let Some(calibration) = &summary.calibration else {
        let finding = "The system gives no probabilities, so that there are none to check";
        return Ok(page::section("calibration", topic, finding, &html! {}));
    };
    let finding = calibration_finding(calibration);
    let plot = plots::reliability(&calibration.bins, &format!("Reliability diagram. {finding}."))?;
    let error = calibration.ece_suggested;
    let body = html! {
        div.pair {
            figure { (plot) }
            div {
                dl.figures {
                    div {
                        dt { "Calibration error of suggested codes" }
                        dd {
                            (percent(error.value)) " "
                            @if let Some(range) = interval(error) { span.range { (range) } }
                        }
                    }
                    div {
                        dt { "Calibration error of all pairs" }
                        dd { (percent(Some(calibration.ece_all))) }
                    }
                    div { dt { "Brier score, in percent" } dd { (percent(Some(calibration.brier))) } }
                }
                p {
                    "Each dot is a bin of pairs of chart and code. On the diagonal, the share of gold \
                     is the probability that the model states; the stem is the distance from there."
                }
                (bins(&calibration.bins))
            }
        }
    };
    Ok(page::section("calibration", topic, &finding, &body))
}

fn calibration_finding(calibration: &CalibrationSummary) -> String {
    let Some(error) = finite(calibration.ece_suggested.value) else {
        return "The calibration error of suggested codes is not defined".to_owned();
    };
    let points = percent(Some(error));
    if error <= CALIBRATED {
        return format!(
            "Probabilities of suggested codes can be taken at their word, within {points} points on \
             average"
        );
    }
    let likely = calibration.bins.iter().filter(|bin| bin.low >= 0.2 && bin.count > 0);
    let (mut stated, mut right) = (0.0, 0.0);
    for bin in likely {
        stated += bin.mean_probability * bin.count as f64;
        right += bin.share_gold * bin.count as f64;
    }
    let direction = if stated > right { "too high" } else { "too low" };
    format!(
        "Probabilities of suggested codes are {points} points off on average, mostly {direction}"
    )
}

fn bins(bins: &[ReliabilityBin]) -> Markup {
    html! {
        table.small {
            caption { "The bins, shares in percent" }
            thead {
                tr {
                    th scope="col" { "Bin" }
                    th.num scope="col" { "Pairs" }
                    th.num scope="col" { "Stated" }
                    th.num scope="col" { "Gold" }
                }
            }
            tbody {
                @for bin in bins {
                    @let some = (bin.count > 0).then_some(bin);
                    tr {
                        th scope="row" { (percent(Some(bin.low))) "–" (percent(Some(bin.high))) }
                        td.num { (count(bin.count)) }
                        td.num { (percent(some.map(|bin| bin.mean_probability))) }
                        td.num { (percent(some.map(|bin| bin.share_gold))) }
                    }
                }
            }
        }
    }
}

/// The automation curves.
pub(super) fn automation(summary: &Summary) -> Result<Section> {
    let topic = "Automation";
    let Some(automation) = &summary.automation else {
        let finding = "Without probabilities there is no saying what could pass without a look";
        return Ok(page::section("automation", topic, finding, &html! {}));
    };
    let mut figures = Vec::new();
    for (curve, unit) in [(&automation.codes, "codes"), (&automation.charts, "charts")] {
        let statements: Vec<String> =
            curve.targets.iter().map(|target| statement(target, unit)).collect();
        let label = format!("Automation of {unit}. {}", statements.join(" "));
        let plot = (!curve.points.is_empty())
            .then(|| plots::automation(curve, unit, &label))
            .transpose()?;
        figures.push(html! {
            figure {
                figcaption { strong { (if unit == "codes" { "Codes" } else { "Charts" }) } }
                @if let Some(plot) = &plot { (plot) }
                @else { p { "There is nothing to accept." } }
                ul.plainlist { @for text in &statements { li { (text) } } }
            }
        });
    }
    let body = html! {
        p {
            "What could be accepted without a look if all above a probability were. A chart counts \
             by its least probable suggestion, and is right without any error. The threshold is \
             chosen on these very charts, which flatters it a little."
        }
        div.pair { @for figure in &figures { (figure) } }
    };
    Ok(page::section("automation", topic, &automation_finding(&automation.codes), &body))
}

fn automation_finding(codes: &AutomationCurve) -> String {
    let Some(target) = codes.targets.first() else {
        return "No target of precision was set".to_owned();
    };
    let goal = share(Some(target.precision));
    match reached(target).map(|(_, x)| x) {
        Some(x) => format!("Precision {goal} can be had for {} of suggested codes", share(Some(x))),
        None => format!("Precision {goal} cannot be had at any threshold"),
    }
}

/// The threshold of a target and the share above it, where a threshold keeps the precision.
fn reached(target: &AutomationTarget) -> Option<(f64, f64)> {
    target.threshold.zip(target.share.value.filter(|&x| is_share(x)))
}

fn statement(target: &AutomationTarget, unit: &str) -> String {
    let goal = share(Some(target.precision));
    let Some((threshold, x)) = reached(target) else {
        return format!("No threshold keeps {goal} right.");
    };
    let range = interval(target.share).map(|range| format!(" (95\u{202f}% interval {range})"));
    format!(
        "{goal} right: {} of {unit}{}, above a probability of {}.",
        share(Some(x)),
        range.unwrap_or_default(),
        probability(Some(threshold))
    )
}
