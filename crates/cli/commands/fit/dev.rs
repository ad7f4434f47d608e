//! What a fitted bundle does on charts that nothing was fitted on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chartcode::{Chart, Decision, Engine};
use chartcode_eval::Code;
use chartcode_eval::tune::{Counts, CountsSummary};
use chartcode_train::fit::average_precision;
use serde::Serialize;

use crate::args::FitArgs;
use crate::commands::gold;
use crate::commands::labels;
use crate::failures::Failures;
use crate::progress::Progress;

/// Figures on other charts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DevSummary {
    /// Charts with a code of the system.
    pub(crate) charts: usize,
    /// Codes suggested, right, and assigned; codes that are no labels count as missed.
    pub(crate) counts: CountsSummary,
    /// Mean average precision.
    pub(crate) map: f64,
}

pub(super) fn measure(
    args: &FitArgs,
    path: &Path,
    failures: &Failures,
) -> anyhow::Result<DevSummary> {
    let engine = Engine::load(&args.output, args.engine.options())?;
    let set = labels::set(&engine)?;
    let numbers: BTreeMap<&Code, u32> = set.codes().iter().zip(0..).collect();
    let system = engine.manifest().labels.as_ref().map_or("", |labels| labels.system.as_str());
    let progress = Progress::of_steps(args.quiet);
    progress.step("measuring");
    let (mut counts, mut precision, mut charts) = (Counts::default(), 0.0, 0_usize);
    let mut seen = BTreeSet::new();
    for chart in gold::open(path, &args.source)? {
        let chart = match chart {
            Ok(chart) => chart,
            Err(error) => {
                progress.suspend(|| failures.add_record(&error.into()));
                continue;
            }
        };
        let codes: BTreeSet<&Code> =
            chart.codes.iter().filter(|code| code.system == system).collect();
        if codes.is_empty() || !seen.insert(chart.id.clone()) {
            continue;
        }
        let gold: BTreeSet<u32> =
            codes.iter().filter_map(|code| numbers.get(code).copied()).collect();
        let gold: Vec<u32> = gold.into_iter().collect();
        let outside = (codes.len() - gold.len()) as u32;
        let scored = Chart::new(chart.id, chart.text.unwrap_or_default())
            .and_then(|chart| engine.logits(&chart));
        match scored {
            Ok(logits) => {
                let suggested = (0..).zip(&logits).filter(|&(label, &logit)| {
                    engine.decide(label as usize, logit) != Decision::Drop
                });
                for (label, _) in suggested {
                    counts.suggested += 1;
                    counts.right += u64::from(gold.binary_search(&label).is_ok());
                }
                counts.gold += codes.len() as u64;
                precision += average_precision(&logits, &gold, outside).unwrap_or_default();
                charts += 1;
            }
            Err(error) => progress.suspend(|| failures.add(&error.into())),
        }
    }
    Ok(DevSummary { charts, counts: counts.into(), map: precision / charts.max(1) as f64 })
}
