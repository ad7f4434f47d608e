//! Labelled charts as windows with labels.

use std::collections::HashSet;
use std::path::PathBuf;

use chartcode::{Chart, ChartCutter};
use chartcode_eval::{
    DataIssue, Error as EvalError, GoldSet, Issues, KnownCodes, LabelSet, LabelledChart, Mapping,
};
use rayon::prelude::*;

use super::ChartsFile;
use crate::error::Result;

/// Charts that are tokenised together.
const CHUNK: usize = 64;

/// All charts of a source; their texts are not kept.
#[derive(Debug)]
pub(super) struct Charts {
    pub(super) path: PathBuf,
    pub(super) set: GoldSet,
    /// The windows of each chart of the set; none of those that cannot be read.
    windows: Vec<Option<Vec<Vec<u32>>>>,
    issues: Issues,
    reader: Vec<DataIssue>,
}

/// A chart with its labels.
pub(super) struct Example {
    pub(super) id: String,
    pub(super) windows: Vec<Vec<u32>>,
    /// Gold labels, ascending.
    pub(super) labels: Vec<u32>,
    /// Gold codes of the labels' system that are no labels.
    pub(super) outside: u32,
}

impl std::fmt::Debug for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Example")
            .field("id", &self.id)
            .field("windows", &self.windows.len())
            .field("labels", &self.labels.len())
            .finish_non_exhaustive()
    }
}

impl Charts {
    /// Reads and tokenises charts. A record that cannot be read is counted and left out.
    pub(super) fn read(source: &ChartsFile, cutter: &ChartCutter<'_>) -> Result<Self> {
        let mut reader = source.open()?;
        let mut charts = Self {
            path: source.path.clone(),
            set: GoldSet::new(),
            windows: Vec::new(),
            issues: Issues::default(),
            reader: Vec::new(),
        };
        let mut chunk = Vec::with_capacity(CHUNK);
        for chart in reader.by_ref() {
            match chart {
                Ok(chart) if charts.set.add(&chart) => chunk.push(chart),
                Ok(_) => {}
                Err(error @ EvalError::Record { .. }) => charts.set.add_error(&error),
                Err(error) => return Err(error.into()),
            }
            if chunk.len() == CHUNK {
                charts.cut(std::mem::take(&mut chunk), cutter);
            }
        }
        charts.cut(chunk, cutter);
        charts.reader = reader.issues();
        Ok(charts)
    }

    fn cut(&mut self, chunk: Vec<LabelledChart>, cutter: &ChartCutter<'_>) {
        let cut = |labelled: LabelledChart| {
            let chart = Chart::new(labelled.id, labelled.text?).ok()?;
            cutter.cut(&chart).ok()
        };
        let cut: Vec<_> = chunk.into_par_iter().map(cut).collect();
        for windows in cut {
            let chart = &self.set.charts()[self.windows.len()];
            match &windows {
                None if chart.has_text => self.issues.add("failed_chart", &chart.id),
                None => self.issues.add("no_text", &chart.id),
                Some(windows) if windows.unread > 0 => {
                    self.issues.add("beyond_limit", &chart.id);
                }
                Some(_) => {}
            }
            self.windows.push(windows.map(|windows| windows.windows));
        }
    }

    /// The charts that have text and a code of the labels' system.
    pub(super) fn examples(&self, labels: &LabelSet) -> Vec<Example> {
        let systems = labels.systems().into_iter().collect();
        let mapping = Mapping::new(&self.set, labels, &systems, &KnownCodes::default());
        let charts = self.set.charts().iter().zip(&self.windows);
        charts
            .filter_map(|(chart, windows)| {
                let targets = mapping.targets(chart);
                // A chart without a code may not have been coded in this system at all.
                let is_coded = !targets.labels.is_empty() || !targets.outside.is_empty();
                Some(Example {
                    id: chart.id.clone(),
                    windows: windows.clone().filter(|_| is_coded)?,
                    labels: targets.labels,
                    outside: targets.outside.len() as u32,
                })
            })
            .collect()
    }

    /// What could not be used as it stands.
    pub(super) fn issues(&self) -> Vec<DataIssue> {
        let mut issues = self.set.issues().list();
        issues.extend(self.issues.list().into_iter().map(explained));
        issues.extend(self.reader.iter().cloned());
        issues
    }
}

/// Issues in the words of training.
fn explained(mut issue: DataIssue) -> DataIssue {
    let what = match issue.kind.as_str() {
        "failed_chart" => "charts without a token the tokenizer knows; left out",
        "no_text" => "charts without text; left out",
        "beyond_limit" => "charts longer than the bundle's reading limit; read up to it",
        _ => return issue,
    };
    what.clone_into(&mut issue.what);
    issue
}

/// How many of the held-out charts have the id of a training chart.
pub(super) fn shared(charts: &[Example], dev: &[Example]) -> usize {
    let ids: HashSet<&str> = charts.iter().map(|chart| chart.id.as_str()).collect();
    dev.iter().filter(|chart| ids.contains(chart.id.as_str())).count()
}

/// Keeps of each chart the windows within so many tokens, at least one; gives how many charts lost
/// some, and how many tokens.
pub(super) fn limit(charts: &mut [Example], most_tokens: usize) -> (usize, usize) {
    let (mut cut_charts, mut cut_tokens) = (0, 0);
    for chart in charts {
        let mut sum = 0;
        let fits = |window: &&Vec<u32>| {
            sum += window.len();
            sum <= most_tokens
        };
        let kept = chart.windows.iter().take_while(fits).count().max(1);
        let rest = chart.windows.split_off(kept.min(chart.windows.len()));
        if !rest.is_empty() {
            cut_charts += 1;
            cut_tokens += rest.iter().map(Vec::len).sum::<usize>();
        }
    }
    (cut_charts, cut_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_limit_leaves_out_is_counted() {
        let chart = |lengths: &[usize]| Example {
            id: String::new(),
            windows: lengths.iter().map(|&length| vec![0; length]).collect(),
            labels: Vec::new(),
            outside: 0,
        };
        let mut charts = [chart(&[4, 4, 2]), chart(&[4]), chart(&[12, 1])];
        assert_eq!(limit(&mut charts, 8), (2, 3));
        assert_eq!(charts.map(|chart| chart.windows.len()), [2, 1, 1]);
    }
}
