//! A rectangle with two axes, and marks in its coordinates.

use std::ops::Range;

use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, ShapeStyle, TextStyle};

use super::paint::Paint;
use super::svg::{DETAIL, Drawn, Root};

/// A point in the coordinates of the data.
pub(super) type Point = (f64, f64);

/// Where a text stands as seen from its point, in pixels, and by which of its ends it hangs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Pixels to the right.
    pub(super) dx: i32,
    /// Pixels down.
    pub(super) dy: i32,
    /// End.
    pub(super) anchor: HPos,
}

impl Place {
    pub(super) fn right(dx: i32, dy: i32) -> Self {
        Self { dx, dy, anchor: HPos::Left }
    }

    pub(super) fn left(dx: i32, dy: i32) -> Self {
        Self { dx: -dx, dy, anchor: HPos::Right }
    }

    pub(super) fn middle(dy: i32) -> Self {
        Self { dx: 0, dy, anchor: HPos::Center }
    }
}

/// A rectangle with axes.
pub(super) struct Panel<'a> {
    root: Root<'a>,
    grid:
        DrawingArea<plotters::backend::SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    x: Range<f64>,
    y: Range<f64>,
}

impl<'a> Panel<'a> {
    /// The data `x` x `y` on the pixels `across` x `down` of the plot.
    pub(super) fn new(
        root: &Root<'a>,
        (x, y): (Range<f64>, Range<f64>),
        (across, down): (Range<i32>, Range<i32>),
    ) -> Self {
        let pixels =
            (across.start * DETAIL..across.end * DETAIL, down.end * DETAIL..down.start * DETAIL);
        let grid = root.apply_coord_spec(Cartesian2d::new(x.clone(), y.clone(), pixels));
        Self { root: root.clone(), grid, x, y }
    }

    /// Thin lines across at the values, each named on the left.
    pub(super) fn rows(&self, ticks: &[(f64, String)]) -> Drawn {
        for (at, name) in ticks {
            self.line([(self.x.start, *at), (self.x.end, *at)], Paint::Grid, 1.0)?;
            self.text((self.x.start, *at), Place::left(7, 0), name, Paint::Muted)?;
        }
        Ok(())
    }

    /// Thin lines up at the values, each named below.
    pub(super) fn columns(&self, ticks: &[(f64, String)]) -> Drawn {
        for (at, name) in ticks {
            self.line([(*at, self.y.start), (*at, self.y.end)], Paint::Grid, 1.0)?;
            self.text((*at, self.y.start), Place::middle(14), name, Paint::Muted)?;
        }
        Ok(())
    }

    /// A line through points; `width` in pixels. Points that are no numbers are left out.
    pub(super) fn line(
        &self,
        points: impl IntoIterator<Item = Point>,
        paint: Paint,
        width: f64,
    ) -> Drawn {
        let points: Vec<Point> = points.into_iter().filter(is_finite).collect();
        if points.len() < 2 {
            return Ok(());
        }
        let style = ShapeStyle {
            color: paint.placeholder().to_rgba(),
            filled: false,
            stroke_width: units(width).unsigned_abs(),
        };
        self.grid.draw(&PathElement::new(points, style))
    }

    /// A filled disc, set off from the line under it by a margin; `radius` in pixels.
    pub(super) fn knob(&self, at: Point, radius: f64, paint: Paint) -> Drawn {
        self.dot(at, radius + 1.5, Paint::Paper)?;
        self.dot(at, radius, paint)
    }

    /// A filled disc; `radius` in pixels.
    pub(super) fn dot(&self, at: Point, radius: f64, paint: Paint) -> Drawn {
        if !is_finite(&at) {
            return Ok(());
        }
        self.grid.draw(&Circle::new(at, units(radius), filled(paint)))
    }

    /// A filled rectangle between two corners.
    pub(super) fn bar(&self, corners: [Point; 2], paint: Paint) -> Drawn {
        if !corners.iter().all(is_finite) {
            return Ok(());
        }
        self.grid.draw(&Rectangle::new(corners, filled(paint)))
    }

    /// A text beside a point.
    pub(super) fn text(&self, at: Point, place: Place, text: &str, paint: Paint) -> Drawn {
        self.write(at, place, text, style(paint, place))
    }

    /// A text in bold beside a point.
    pub(super) fn bold(&self, at: Point, place: Place, text: &str, paint: Paint) -> Drawn {
        let mut style = style(paint, place);
        style.font = style.font.style(FontStyle::Bold);
        self.write(at, place, text, style)
    }

    fn write(&self, at: Point, place: Place, text: &str, style: TextStyle<'_>) -> Drawn {
        if !is_finite(&at) {
            return Ok(());
        }
        let (x, y) = self.grid.map_coordinate(&at);
        let at = (x + place.dx * DETAIL, y + place.dy * DETAIL);
        self.root.draw(&Text::new(text, at, style))
    }
}

/// Pixels in the units of the plot.
fn units(pixels: f64) -> i32 {
    (pixels * f64::from(DETAIL)).round() as i32
}

fn filled(paint: Paint) -> ShapeStyle {
    paint.placeholder().filled()
}

fn style(paint: Paint, place: Place) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", 12 * DETAIL));
    style.color = paint.placeholder().to_rgba().to_backend_color();
    style.pos = Pos::new(place.anchor, VPos::Center);
    style
}

fn is_finite(&(x, y): &Point) -> bool {
    x.is_finite() && y.is_finite()
}

/// Ticks at shares, named in percent.
pub(super) fn percents(shares: &[f64]) -> Vec<(f64, String)> {
    shares.iter().map(|&x| (x, format!("{:.0}\u{202f}%", 100.0 * x))).collect()
}
