//! The agreement of two coders on the terminal.

use std::io::{self, Write};

use chartcode_eval::{AgreementLevel, AgreementSummary, Estimate};

use super::evaluation::{Row, figure, interval, new_table, section, shared, thousands};

/// Prints an agreement.
pub(crate) fn print(found: &AgreementSummary, out: &mut dyn Write) -> io::Result<()> {
    let only = [found.only_first, found.only_second];
    shared(found.charts, only, ["the first", "the second"], out)?;
    let mut table = new_table();
    table.set_header(["", "codes", "95 % interval", "categories", "95 % interval"]);
    let levels = [&found.codes, &found.categories];
    let rows: [Row<AgreementLevel, Estimate>; 5] = [
        ("Cohen's κ, all decisions", |level| level.kappa),
        ("Cohen's κ, mean over codes", |level| level.mean_kappa),
        ("F1", |level| level.micro_f1),
        ("charts with the same codes", |level| level.exact),
        ("Jaccard, mean over charts", |level| level.jaccard),
    ];
    for (name, value) in rows {
        let mut row = vec![name.to_owned()];
        for level in levels {
            row.extend([figure(value(level).value), interval(value(level))]);
        }
        table.add_row(row);
    }
    let counts: [Row<AgreementLevel, usize>; 4] = [
        ("distinct", |level| level.distinct),
        ("assigned by the first", |level| level.first),
        ("by the second", |level| level.second),
        ("by both", |level| level.both),
    ];
    for (name, count) in counts {
        let [codes, categories] = levels.map(|level| thousands(count(level)));
        table.add_row([name.to_owned(), codes, String::new(), categories, String::new()]);
    }
    section("Agreement", table, out)
}
