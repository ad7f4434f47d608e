//! Two runs as they were written to disk, compared.

use std::collections::BTreeSet;

use crate::bootstrap::{Bootstrap, Linearised};
use crate::code::Code;
use crate::compare::{Comparing, Comparison, Run as Compared};
use crate::error::Result;
use crate::metric::Metric;
use crate::metrics::{LabelSpace, Rule};
use crate::record::ChartRecord;
use crate::run_file::Run;

/// Compares two runs by the rule `honest`: a gold code that is no label of one of the models counts
/// as missed by it, so that models of different labels are compared on the same codes.
///
/// # Errors
/// [`Error::Request`](crate::Error::Request) where no chart is in both.
pub fn compare_runs(first: &Run, second: &Run, bootstrap: Bootstrap) -> Result<Comparison> {
    let codes: BTreeSet<&Code> = first.codes.iter().chain(&second.codes).collect();
    let codes: Vec<&Code> = codes.into_iter().collect();
    let outside = first.outside_codes.len().max(second.outside_codes.len());
    let space = LabelSpace {
        labels: first.labels.max(second.labels).max(codes.len()),
        rule: Rule::Honest { outside_labels: outside },
    };
    let records = [first, second].map(|run| renumbered(run, &codes));
    let linear = [first, second].map(linearised);
    let [a, b] = [0, 1].map(|run| Compared { records: &records[run], linear: &linear[run] });
    let how = Comparing { bootstrap, permutations: bootstrap.replicates, ..Comparing::new(space) };
    Comparison::new(a, b, &how)
}

/// A run's records with the numbers that both runs share.
fn renumbered(run: &Run, codes: &[&Code]) -> Vec<ChartRecord> {
    let numbers: Vec<u32> =
        run.codes.iter().map(|code| codes.partition_point(|known| *known < code) as u32).collect();
    let records = run.charts.iter().map(|chart| {
        let mut record = chart.record.clone();
        for label in &mut record.gold {
            *label = numbers[*label as usize];
        }
        record.gold.sort_unstable();
        for suggestion in &mut record.suggested {
            suggestion.label = numbers[suggestion.label as usize];
        }
        record
    });
    records.collect()
}

fn linearised(run: &Run) -> Vec<Linearised> {
    let micro = run.micro_auc.map(|value| Linearised {
        metric: Metric::MicroAuc,
        value,
        influence: run.charts.iter().map(|chart| chart.micro_influence).collect(),
    });
    let mean = run.macro_auc.map(|value| Linearised {
        metric: Metric::MacroAuc,
        value,
        influence: run.charts.iter().map(|chart| chart.macro_influence).collect(),
    });
    micro.into_iter().chain(mean).collect()
}
