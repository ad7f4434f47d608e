//! Tables whose lines are plots: a name, dots on the scale from 0 to 100 %, figures.

use maud::{Markup, html};

use super::plots::{self, Mark};
use crate::error::Result;

/// A column of figures.
pub(super) struct Column {
    /// Its head.
    pub(super) head: Markup,
    /// Left out on narrow pages: the plot says as much.
    pub(super) wide: bool,
}

/// A line.
pub(super) struct Row {
    /// What it is about.
    pub(super) name: Markup,
    /// Its dots.
    pub(super) marks: Vec<Mark>,
    /// What the plot shows, where it cannot be seen.
    pub(super) label: String,
    /// Its figures, one a column.
    pub(super) figures: Vec<Markup>,
}

/// The table. Narrow pages set its lines in two rows, for which browsers forget that it is a
/// table; hence the roles.
pub(super) fn table(
    caption: &Markup,
    head: &str,
    columns: &[Column],
    rows: &[Row],
) -> Result<Markup> {
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        lines.push(line(columns, row)?);
    }
    Ok(html! {
        table.rows role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { (head) }
                    th.scale role="columnheader" scope="col" { (axis()) }
                    @for column in columns {
                        th.num.wide[column.wide] role="columnheader" scope="col" { (column.head) }
                    }
                }
            }
            tbody role="rowgroup" { @for line in &lines { (line) } }
        }
    })
}

fn axis() -> Markup {
    html! {
        div.axis {
            @for name in ["0\u{202f}%", "50\u{202f}%", "100\u{202f}%"] { span { (name) } }
        }
    }
}

fn line(columns: &[Column], row: &Row) -> Result<Markup> {
    let plot = plots::row(&row.marks, &row.label)?;
    Ok(html! {
        tr role="row" {
            th role="rowheader" scope="row" { (row.name) }
            td.scale role="cell" { (plot) }
            @for (column, figure) in columns.iter().zip(&row.figures) {
                td.num.wide[column.wide] role="cell" { (figure) }
            }
        }
    })
}
