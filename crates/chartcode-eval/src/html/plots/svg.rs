//! From what plotters writes to what the page holds: no fixed size, no fonts, no colours.

use std::io;

use maud::{Markup, PreEscaped, html};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};

use super::paint::Paint;
use crate::error::{Error, Result};

/// Plotters places marks on whole units; a plot has this many of them a pixel, for smooth curves.
/// The style sheet's text sizes in plots are in these units as well.
pub(super) const DETAIL: i32 = 4;

/// What plotters draws on.
pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Result of drawing.
pub(super) type Drawn = std::result::Result<(), DrawingAreaErrorKind<io::Error>>;

/// A plot of `width` x `height` pixels at its natural size, for which `label` stands where it
/// cannot be seen.
pub(super) fn plot(
    class: &str,
    (width, height): (i32, i32),
    label: &str,
    draw: impl FnOnce(&Root<'_>) -> Drawn,
) -> Result<Markup> {
    let (width, height) = (width * DETAIL, height * DETAIL);
    let mut svg = String::new();
    {
        let size = (width.unsigned_abs(), height.unsigned_abs());
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&root)
            .and_then(|()| root.present())
            .map_err(|error| Error::Request(format!("cannot draw the plot {label:?}: {error}")))?;
    }
    let view_box = format!("0 0 {width} {height}");
    Ok(html! {
        svg class=(class) role="img" aria-label=(label) viewBox=(view_box) {
            (PreEscaped(restyle(body(&svg))))
        }
    })
}

/// What stands between `<svg ...>` and `</svg>`.
fn body(svg: &str) -> &str {
    let start = svg.find('>').map_or(0, |at| at + 1);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    &svg[start..end]
}

/// Classes for colours; what the style sheet says better, and line breaks, go away.
fn restyle(body: &str) -> String {
    let mut out = body.replace('\n', "").replace(r#" opacity="1""#, "");
    out = out.replace(r#" stroke="none""#, "").replace(r#" fill="none""#, "");
    for name in ["font-family", "font-size"] {
        out = without_attribute(&out, name);
    }
    for paint in Paint::ALL {
        let color = paint.placeholder();
        let hex = format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2);
        for (attribute, prefix) in [("fill", 'f'), ("stroke", 's')] {
            let class = format!(r#"class="{prefix}-{}""#, paint.class());
            out = out.replace(&format!(r#"{attribute}="{hex}""#), &class);
        }
    }
    out
}

fn without_attribute(text: &str, name: &str) -> String {
    let start = format!(" {name}=\"");
    let mut parts = text.split(&start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_and_colours_become_classes() {
        let text = "<text x=\"1\" font-family=\"sans-serif\" font-size=\"9.67\" opacity=\"1\" \
                    fill=\"#C0DE01\">\n12 %\n</text>\n";
        assert_eq!(restyle(text), r#"<text x="1" class="f-muted">12 %</text>"#);
        let line = r##"<polyline fill="none" opacity="1" stroke="#C0DE07" points="1,2 "/>"##;
        assert_eq!(restyle(line), r#"<polyline class="s-blue" points="1,2 "/>"#);
    }

    #[test]
    fn placeholders_are_apart() {
        for (i, paint) in Paint::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(paint.placeholder().2), i);
        }
    }
}
