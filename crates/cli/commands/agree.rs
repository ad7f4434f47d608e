//! `chartcode agree`: how far two coders agree.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use chartcode_eval::{AgreementSummary, LabelledChart};

use crate::commands::gold;
use crate::eval_args::{AgreeArgs, EvalFormat};
use crate::failures::{self, Failures};
use crate::output::agreement;

pub(crate) fn run(args: &AgreeArgs) -> anyhow::Result<Failures> {
    let failures = Failures::default();
    let (first, second) = (read(&args.a, args, &failures)?, read(&args.b, args, &failures)?);
    let found = AgreementSummary::new(&first, &second, args.intervals.bootstrap())?;
    let mut out = std::io::stdout().lock();
    match args.format {
        EvalFormat::Table => agreement::print(&found, &mut out)?,
        EvalFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &found)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(failures)
}

/// The charts of a gold set with the codes that are compared; their text is not kept.
fn read(path: &Path, args: &AgreeArgs, failures: &Failures) -> anyhow::Result<Vec<LabelledChart>> {
    let systems: BTreeSet<String> =
        args.system.iter().map(|system| system.trim().to_ascii_lowercase()).collect();
    let mut charts = Vec::new();
    let mut ids = BTreeSet::new();
    let mut repeated = 0;
    for chart in gold::open(path, &args.source)? {
        match chart {
            Ok(chart) if !ids.insert(chart.id.clone()) => repeated += 1,
            Ok(mut chart) => {
                chart.text = None;
                chart.codes.retain(|code| systems.is_empty() || systems.contains(&code.system));
                charts.push(chart);
            }
            Err(error) => failures.add_record(&error.into()),
        }
    }
    if charts.is_empty() {
        bail!("no labelled chart in {}", path.display());
    }
    if repeated > 0 {
        let name = path.display();
        failures::note(&format!(
            "{name}: {repeated} charts with the id of an earlier one left out"
        ));
    }
    Ok(charts)
}
