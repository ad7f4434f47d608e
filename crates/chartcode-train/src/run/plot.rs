//! `train.svg`: the loss and the figures on held-out data by step.

use std::fmt::Write as _;

use super::log::Line;

const WIDTH: f64 = 720.0;
const PANEL: f64 = 240.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// Colours that people who see colours otherwise can tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

type Point = (f64, f64);

/// A curve and its name.
struct Curve {
    name: String,
    points: Vec<Point>,
    is_thin: bool,
}

/// The log as a picture: losses above, held-out figures below.
pub(super) fn draw(lines: &[Line]) -> String {
    let losses: Vec<Point> =
        lines.iter().filter_map(|line| Some((line.step as f64, line.loss?))).collect();
    let smooth = smoothed(&losses);
    let height = 2.0 * PANEL;
    let last = lines.iter().map(|line| line.step).max().unwrap_or_default().max(1) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let loss = [
        Curve { name: "a step".to_owned(), points: losses, is_thin: true },
        Curve { name: "mean of 20".to_owned(), points: smooth, is_thin: false },
    ];
    panel(&mut svg, "Loss", 0.0, last, &loss);
    panel(&mut svg, "Held-out data", PANEL, last, &dev_curves(lines));
    svg.push_str("</svg>\n");
    svg
}

/// Running means of the last 20 losses.
fn smoothed(losses: &[Point]) -> Vec<Point> {
    const SPAN: usize = 20;
    (0..losses.len())
        .map(|at| {
            let run = &losses[(at + 1).saturating_sub(SPAN)..=at];
            (losses[at].0, run.iter().map(|point| point.1).sum::<f64>() / run.len() as f64)
        })
        .collect()
}

/// A curve a figure; counts and losses, which are not between 0 and 1, are left to the log.
fn dev_curves(lines: &[Line]) -> Vec<Curve> {
    let figures = |line: &Line| line.dev.clone().unwrap_or_default();
    let mut names: Vec<String> = lines.iter().flat_map(|line| figures(line).into_keys()).collect();
    names.sort();
    names.dedup();
    let curve = |name: String| {
        let point = |line: &Line| Some((line.step as f64, *figures(line).get(&name)?));
        let points: Vec<Point> = lines.iter().filter_map(point).collect();
        Curve { name, points, is_thin: false }
    };
    let is_share = |curve: &Curve| curve.points.iter().all(|p| (0.0..=1.0).contains(&p.1));
    names.into_iter().map(curve).filter(is_share).take(COLOURS.len()).collect()
}

fn panel(svg: &mut String, title: &str, top: f64, last: f64, curves: &[Curve]) {
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let low = values().fold(0.0, f64::min);
    let high = values().fold(low + 1e-9, f64::max);
    let x = |step: f64| LEFT + (WIDTH - LEFT - RIGHT) * step / last;
    let y =
        |value: f64| top + PANEL - BOTTOM - (PANEL - TOP - BOTTOM) * (value - low) / (high - low);
    // Writing into a string cannot fail.
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>",
        top + 20.0
    );
    for part in 0..=4 {
        let value = low + (high - low) * f64::from(part) / 4.0;
        let (from, to, at) = (LEFT, WIDTH - RIGHT, y(value));
        let _ = writeln!(
            svg,
            "<path d=\"M{from} {at:.1}H{to}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{value:.3}</text>",
            from - 6.0,
            at + 4.0
        );
        let step = last * f64::from(part) / 4.0;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{step:.0}</text>",
            x(step),
            top + PANEL - BOTTOM + 18.0
        );
    }
    for ((curve, colour), place) in curves.iter().zip(COLOURS).zip(0_u8..) {
        let points =
            curve.points.iter().map(|&(step, value)| format!("{:.1},{:.1}", x(step), y(value)));
        let points: Vec<String> = points.collect();
        let (width, opacity) = if curve.is_thin { (1.0, 0.35) } else { (2.0, 1.0) };
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
             opacity=\"{opacity}\" points=\"{}\"/><text x=\"{}\" y=\"{}\" fill=\"{colour}\">{}</text>",
            points.join(" "),
            WIDTH - RIGHT + 10.0,
            top + TOP + 10.0 + 16.0 * f64::from(place),
            curve.name
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_step_is_a_point_between_the_axes() {
        let mut lines: Vec<Line> = (1..=4)
            .map(|step| Line {
                loss: Some(1.0 / step as f64),
                ..Line::of_dev(step, BTreeMap::new())
            })
            .collect();
        lines.push(Line::of_dev(
            4,
            BTreeMap::from([("map".to_owned(), 0.25), ("charts".to_owned(), 8.0)]),
        ));
        let svg = draw(&lines);
        let first = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(first, "187.5,34.0 315.0,117.0 442.5,144.7 570.0,158.5");
        assert!(svg.contains(">map</text>") && !svg.contains(">charts</text>"));
        assert!(draw(&[]).starts_with("<svg"));
    }
}
