//! How far two sets of gold codes of the same charts agree, e.g. those of two coders.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::bootstrap::{Bootstrap, Interval};
use crate::chart::LabelledChart;
use crate::chart_counts::ChartCounts;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::hierarchy::category;
use crate::label_charts::{LabelCharts, LabelCounts};
use crate::metric::Estimate;
use crate::record::{ChartRecord, Suggestion};
use crate::rows::{Rows, f1, share};

/// Agreement of two sets of gold codes over the charts that both have.
#[derive(Clone, Debug, Serialize)]
pub struct AgreementSummary {
    /// Charts in both sets.
    pub charts: usize,
    /// Charts in the first set only; they do not count.
    pub only_first: usize,
    /// Charts in the second set only; they do not count.
    pub only_second: usize,
    /// Whole codes compared.
    pub codes: AgreementLevel,
    /// Categories compared, e.g. `E11`.
    pub categories: AgreementLevel,
}

/// Agreement of whole codes, or of categories; repetitions within a chart count once.
#[derive(Clone, Debug, Serialize)]
pub struct AgreementLevel {
    /// Distinct codes that either assigned.
    pub distinct: usize,
    /// Codes the first assigned, summed over charts.
    pub first: usize,
    /// Codes the second assigned.
    pub second: usize,
    /// Codes both assigned.
    pub both: usize,
    /// Cohen's κ over all decisions, one for each chart and each code that either assigned to any
    /// chart (Cohen 1960).
    pub kappa: Estimate,
    /// Mean over codes of κ over charts, weighted by how often either assigned the code. Codes
    /// that both assigned to every chart have none and are left out.
    pub mean_kappa: Estimate,
    /// 2 · both / (first + second).
    pub micro_f1: Estimate,
    /// Share of charts with exactly the same codes.
    pub exact: Estimate,
    /// Mean over charts of both / either; 1 where neither assigned a code.
    pub jaccard: Estimate,
}

impl AgreementSummary {
    /// Compares two sets.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where a set has a chart twice, or none is in both.
    pub fn new(
        first: &[LabelledChart],
        second: &[LabelledChart],
        bootstrap: Bootstrap,
    ) -> Result<Self> {
        let others = by_id(second, "second")?;
        let shared: Vec<[&LabelledChart; 2]> = by_id(first, "first")?
            .into_iter()
            .filter_map(|(id, chart)| Some([chart, *others.get(id)?]))
            .collect();
        if shared.is_empty() {
            let problem = "no chart is in both sets; their ids must be the same";
            return Err(Error::Request(problem.to_owned()));
        }
        let by_category =
            |code: &Code| Code { system: code.system.clone(), code: category(code).to_owned() };
        Ok(Self {
            charts: shared.len(),
            only_first: first.len() - shared.len(),
            only_second: second.len() - shared.len(),
            codes: AgreementLevel::new(&shared, bootstrap, Code::clone),
            categories: AgreementLevel::new(&shared, bootstrap, by_category),
        })
    }
}

/// Charts by id.
fn by_id<'a>(
    charts: &'a [LabelledChart],
    name: &str,
) -> Result<BTreeMap<&'a str, &'a LabelledChart>> {
    let mut map = BTreeMap::new();
    for chart in charts {
        if map.insert(chart.id.as_str(), chart).is_some() {
            let problem = format!("chart {} is twice in the {name} set; leave one out", chart.id);
            return Err(Error::Request(problem));
        }
    }
    Ok(map)
}

impl AgreementLevel {
    fn new(
        charts: &[[&LabelledChart; 2]],
        bootstrap: Bootstrap,
        level: impl Fn(&Code) -> Code,
    ) -> Self {
        let sets: Vec<[BTreeSet<Code>; 2]> =
            charts.iter().map(|pair| pair.map(|c| c.codes.iter().map(&level).collect())).collect();
        let codes: BTreeSet<&Code> = sets.iter().flatten().flatten().collect();
        let labels: BTreeMap<&Code, u32> = codes.into_iter().zip(0..).collect();
        let records: Vec<ChartRecord> = sets.iter().map(|pair| record(pair, &labels)).collect();
        let decisions = Decisions::new(&records, labels.len());
        let kinds = [Interval::Percentile; 5];
        let estimates = bootstrap.intervals(records.len(), &kinds, |w| decisions.figures(w));
        let counts: Vec<ChartCounts> = records.iter().map(ChartCounts::of).collect();
        let sum = |count: fn(&ChartCounts) -> usize| counts.iter().map(count).sum();
        Self {
            distinct: labels.len(),
            first: sum(|chart| chart.gold),
            second: sum(|chart| chart.suggested),
            both: sum(|chart| chart.correct),
            kappa: estimates[0],
            mean_kappa: estimates[1],
            micro_f1: estimates[2],
            exact: estimates[3],
            jaccard: estimates[4],
        }
    }
}

/// A chart's codes, the first set's as gold, the second's as suggestions.
fn record(sets: &[BTreeSet<Code>; 2], labels: &BTreeMap<&Code, u32>) -> ChartRecord {
    let [first, second] =
        [0, 1].map(|set| sets[set].iter().filter_map(|code| labels.get(code).copied()));
    let suggestion = |label| Suggestion { label, probability: None, accepted: false };
    ChartRecord {
        gold: first.collect(),
        suggested: second.map(suggestion).collect(),
        ..ChartRecord::default()
    }
}

/// All decisions of both sets.
struct Decisions {
    by_code: LabelCharts,
    /// By chart: 1, whether the sets are the same, both / either.
    charts: Rows,
}

impl Decisions {
    fn new(records: &[ChartRecord], labels: usize) -> Self {
        let mut charts = Rows::new(3, records.len());
        for record in records {
            let counts = ChartCounts::of(record);
            let either = counts.gold + counts.suggested - counts.correct;
            let jaccard = if either == 0 { 1.0 } else { counts.correct as f64 / either as f64 };
            charts.push(&[1.0, f64::from(u8::from(counts.errors() == 0)), jaccard]);
        }
        Self { by_code: LabelCharts::new(labels, records, |_| true, |_| true), charts }
    }

    /// Counts over all codes, and Σ use · κ over codes with Σ use.
    fn total(&self, weights: &[u32]) -> (LabelCounts, [f64; 2]) {
        let charts = self.charts.sums(weights)[0];
        let (mut total, mut kappas) = (LabelCounts::default(), [0.0; 2]);
        for label in 0..self.by_code.labels() {
            let counts = self.by_code.counts(label, weights);
            total.found += counts.found;
            total.wrong += counts.wrong;
            total.missed += counts.missed;
            let kappa = kappa(&counts, charts);
            if !kappa.is_nan() {
                let uses = 2.0 * counts.found + counts.wrong + counts.missed;
                kappas[0] += uses * kappa;
                kappas[1] += uses;
            }
        }
        (total, kappas)
    }

    /// The figures in the order of the fields of [`AgreementLevel`].
    fn figures(&self, weights: &[u32]) -> Vec<f64> {
        let sums = self.charts.sums(weights);
        let (total, kappas) = self.total(weights);
        let (first, second) = (total.found + total.missed, total.found + total.wrong);
        vec![
            kappa(&total, sums[0] * self.by_code.labels() as f64),
            share(kappas[0], kappas[1]),
            f1(total.found, second, first),
            share(sums[1], sums[0]),
            share(sums[2], sums[0]),
        ]
    }
}

/// Cohen's κ of `decisions` yes-or-no decisions of two people; not a number where chance alone
/// agrees always.
fn kappa(counts: &LabelCounts, decisions: f64) -> f64 {
    let (first, second) = (counts.found + counts.missed, counts.found + counts.wrong);
    // Times the square of the number of decisions, so that the sums are whole numbers.
    let chance = first * second + (decisions - first) * (decisions - second);
    let observed = (decisions - counts.wrong - counts.missed) * decisions;
    share(observed - chance, decisions * decisions - chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(id: &str, codes: &[&str]) -> LabelledChart {
        LabelledChart {
            id: id.to_owned(),
            text: None,
            codes: codes.iter().map(|code| Code::new("icd10cm", code)).collect(),
            evidence: Vec::new(),
            split: None,
        }
    }

    #[test]
    fn charts_are_matched_by_id_and_repetitions_count_once() {
        let first = [chart("a", &["E11.9", "I10", "I10"]), chart("b", &[]), chart("x", &["I10"])];
        let second = [chart("b", &[]), chart("y", &[]), chart("a", &["I10", "E11.65"])];
        let summary = AgreementSummary::new(&first, &second, Bootstrap::default()).unwrap();
        assert_eq!((summary.charts, summary.only_first, summary.only_second), (2, 1, 1));
        let codes = &summary.codes;
        assert_eq!((codes.distinct, codes.first, codes.second, codes.both), (3, 2, 2, 1));
        assert_eq!(codes.micro_f1.value, Some(0.5));
        assert_eq!(codes.exact.value, Some(0.5));
        assert_eq!(codes.jaccard.value, Some(2.0 / 3.0));
        // Two charts, three codes: both yes 1, one of them 1 + 1, neither 3.
        assert!((codes.kappa.value.unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(summary.categories.both, 2);
        assert_eq!(summary.categories.kappa.value, Some(1.0));
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        let run = |first: &[LabelledChart], second: &[LabelledChart]| {
            AgreementSummary::new(first, second, Bootstrap::default()).unwrap_err().to_string()
        };
        let one = [chart("a", &["I10"])];
        assert!(run(&one, &[chart("b", &[])]).contains("no chart is in both"));
        assert!(run(&one, &[chart("b", &[]), chart("b", &[])]).contains("chart b is twice"));
    }

    #[test]
    fn a_code_on_every_chart_has_no_kappa() {
        let charts = [chart("a", &["I10", "E11.9"]), chart("b", &["I10"])];
        let summary = AgreementSummary::new(&charts, &charts, Bootstrap::default()).unwrap();
        assert_eq!(summary.codes.mean_kappa.value, Some(1.0));
        let same = [chart("a", &["I10"]), chart("b", &["I10"])];
        let summary = AgreementSummary::new(&same, &same, Bootstrap::default()).unwrap();
        assert_eq!(summary.codes.kappa.value, None);
        assert_eq!(summary.codes.micro_f1.value, Some(1.0));
    }
}
