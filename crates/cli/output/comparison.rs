//! A comparison of two runs on the terminal.

use std::io::{self, Write};

use chartcode_eval::Comparison;

use super::evaluation::{figure, interval, new_table, section, shared};

/// Prints a comparison of the runs with these names.
pub(crate) fn print(names: &[&str; 2], found: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "A: {}\nB: {}", names[0], names[1])?;
    shared(found.charts, [found.only_first, found.only_second], ["A", "B"], out)?;
    let mut table = new_table();
    table.set_header([
        "",
        "A",
        "B",
        "B − A",
        "95 % interval",
        "p",
        "Holm",
        "p, randomized",
        "Holm",
    ]);
    for metric in &found.metrics {
        table.add_row([
            metric.metric.clone(),
            figure(metric.first),
            figure(metric.second),
            signed(metric.difference.value),
            interval(metric.difference),
            probability(metric.p_bootstrap),
            probability(metric.p_bootstrap_holm),
            probability(metric.p_randomization),
            probability(metric.p_randomization_holm),
        ]);
    }
    section("Paired by chart; gold codes that are no labels count as missed", table, out)?;
    writeln!(
        out,
        "  B has the higher F1 in {} charts, A in {}, {} are even",
        found.wins, found.losses, found.ties
    )
}

fn signed(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:+.3}"))
}

fn probability(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value < 0.001 => "<0.001".to_owned(),
        Some(value) => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use chartcode_eval::Estimate;

    use super::*;

    #[test]
    fn small_probabilities_are_not_zero() {
        assert_eq!(probability(Some(0.0)), "<0.001");
        assert_eq!(signed(Some(0.0125)), "+0.013");
        assert_eq!(interval(Estimate { value: Some(1.0), low: None, high: None }), "");
    }
}
