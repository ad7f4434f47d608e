//! The metrics of the literature as functions of chart records and a weight a chart.
//!
//! Definitions follow the code of Edin et al. 2023 (medical-coding-reproducibility) and agree with
//! scikit-learn (`zero_division=0`). That code adds 1e-10 to every denominator so that 0 / 0 is 0;
//! here 0 / 0 is 0 outright, and nothing is added elsewhere.

mod chart_rows;

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::label_charts::LabelCharts;
use crate::metric::Metric;
use crate::record::ChartRecord;
use crate::rows::{Rows, share, share_or_zero};

use chart_rows::chart_row;

/// The ranks at which precision and recall are reported unless others are asked for.
pub const RANKS: [u32; 4] = [5, 8, 10, 15];

/// Which labels, charts and gold codes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All labels. Gold codes outside them are ignored, charts without a gold label left out: the
    /// rule of most publications.
    All,
    /// Only labels that are gold in at least one chart; suggestions of others are ignored
    /// (`filter_codes=True` of medical-coding-reproducibility).
    Present,
    /// All labels and all charts. Gold codes outside the labels count as missed, each distinct one
    /// as a further class that is never suggested. Rankings are averaged over charts with gold.
    Honest {
        /// Number of distinct gold codes outside the labels.
        outside_labels: usize,
    },
}

/// The labels that charts are numbered by, and the rule by which they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelSpace {
    /// Number of labels.
    pub labels: usize,
    /// What counts.
    pub rule: Rule,
}

/// Charts made ready: whatever does not depend on the weights is computed once.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// What is computed, in the order of [`Evaluation::values`].
    metrics: Vec<Metric>,
    /// The label space.
    labels: usize,
    /// Labels and outside codes over which macro figures are means.
    columns: usize,
    /// Records given.
    records: usize,
    /// Charts that count.
    counted: usize,
    /// Gold codes that count.
    gold: usize,
    /// The charts of each label.
    by_label: LabelCharts,
    /// What belongs to charts, not labels.
    rows: Rows,
}

impl Evaluation {
    /// Makes charts ready; precision and recall are computed at each of `ranks`.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where a record is not one over this label space: a label too high, gold
    /// out of order, or not as many ranks as gold labels; and where one of `ranks` is 0.
    pub fn new(space: &LabelSpace, records: &[ChartRecord], ranks: &[u32]) -> Result<Self> {
        if ranks.contains(&0) {
            return Err(Error::Request("ranks begin at 1; precision at 0 is nothing".to_owned()));
        }
        for record in records {
            check(record, space)?;
        }
        let honest = matches!(space.rule, Rule::Honest { .. });
        let counts = |chart: usize| honest || !records[chart].gold.is_empty();
        let mut present = vec![space.rule != Rule::Present; space.labels];
        for &label in records.iter().flat_map(|record| &record.gold) {
            present[label as usize] = true;
        }
        let column = |label: u32| present[label as usize];
        let columns = present.iter().filter(|&&present| present).count()
            + if let Rule::Honest { outside_labels } = space.rule { outside_labels } else { 0 };
        let ranks: Vec<u32> = ranks.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut rows = Rows::new(chart_rows::width(ranks.len()), records.len());
        for record in records {
            rows.push(&chart_row(record, space.rule, &ranks, column));
        }
        let kept = || (0..records.len()).filter(|&chart| counts(chart));
        let outside = |record: &ChartRecord| if honest { record.outside as usize } else { 0 };
        Ok(Self {
            metrics: names(&ranks),
            labels: space.labels,
            columns,
            records: records.len(),
            counted: kept().count(),
            gold: kept().map(|c| records[c].gold.len() + outside(&records[c])).sum(),
            by_label: LabelCharts::new(space.labels, records, counts, column),
            rows,
        })
    }

    /// What is computed; the areas under curves are not, as they are no functions of records.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// Records given, whether they count or not: as many weights are needed.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Charts that count.
    #[must_use]
    pub fn charts(&self) -> usize {
        self.counted
    }

    /// Labels that count; with [`Rule::Honest`] distinct outside codes too.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Gold codes that count, summed over charts.
    #[must_use]
    pub fn gold(&self) -> usize {
        self.gold
    }

    /// The metrics where chart c counts `weights[c]` times, one weight a record. Not a number
    /// where a metric is not defined: no chart or no label counts.
    ///
    /// # Panics
    ///
    /// Where there are fewer weights than records.
    #[must_use]
    pub fn values(&self, weights: &[u32]) -> Vec<f64> {
        let sums = self.rows.sums(weights);
        let (totals, means) = sums.split_at(chart_rows::TOTALS);
        let [charts, ranked, outside, exact] = [totals[0], totals[1], totals[2], totals[3]];
        let labels = self.label_sums(charts, weights);
        let mut values = labels.values(&Frame {
            charts,
            outside,
            labels: self.labels as f64,
            columns: self.columns as f64,
        });
        values.extend(means.iter().map(|&sum| share(sum, ranked)));
        values.push(share(exact, charts));
        values
    }

    /// Sums over labels.
    fn label_sums(&self, charts: f64, weights: &[u32]) -> LabelSums {
        let mut sums = LabelSums::default();
        for label in 0..self.by_label.labels() {
            let counts = self.by_label.counts(label, weights);
            let (suggested, gold) = (counts.found + counts.wrong, counts.found + counts.missed);
            if suggested + gold > 0.0 {
                sums.found += counts.found;
                sums.wrong += counts.wrong;
                sums.missed += counts.missed;
                sums.precision += share_or_zero(counts.found, suggested);
                sums.recall += share_or_zero(counts.found, gold);
                sums.f1 += 2.0 * counts.found / (suggested + gold);
                sums.fpr += share_or_zero(counts.wrong, charts - gold);
            }
        }
        sums
    }
}

/// Sums over labels: of counts, and of each label's own figures.
#[derive(Clone, Copy, Debug, Default)]
struct LabelSums {
    found: f64,
    wrong: f64,
    missed: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    fpr: f64,
}

/// What the sums over labels are divided by.
struct Frame {
    /// Charts that count.
    charts: f64,
    /// Gold codes outside the labels.
    outside: f64,
    /// All labels.
    labels: f64,
    /// Labels that count.
    columns: f64,
}

impl LabelSums {
    /// The figures in the order of [`names`], as far as they are functions of labels' counts.
    fn values(&self, frame: &Frame) -> Vec<f64> {
        if frame.charts == 0.0 || frame.columns == 0.0 {
            return vec![f64::NAN; LABEL_METRICS.len()];
        }
        let gold = self.found + self.missed + frame.outside;
        let suggested = self.found + self.wrong;
        let pairs = frame.columns * frame.charts;
        let mean = |sum: f64| sum / frame.columns;
        let (precision, recall) = (self.precision / frame.labels, self.recall / frame.labels);
        vec![
            share_or_zero(self.found, suggested),
            share_or_zero(self.found, gold),
            share_or_zero(2.0 * self.found, suggested + gold),
            mean(self.precision),
            mean(self.recall),
            mean(self.f1),
            share_or_zero(2.0 * precision * recall, precision + recall),
            share_or_zero(self.wrong, pairs - gold),
            mean(self.fpr),
        ]
    }
}

/// The metrics that come from labels' counts. The definition of Mullenbach et al. always takes all
/// labels: those that do not count under [`Rule::Present`] have no gold and so add nothing.
const LABEL_METRICS: [Metric; 9] = [
    Metric::MicroPrecision,
    Metric::MicroRecall,
    Metric::MicroF1,
    Metric::MacroPrecision,
    Metric::MacroRecall,
    Metric::MacroF1,
    Metric::MacroF1Mullenbach,
    Metric::MicroFpr,
    Metric::MacroFpr,
];

/// All metrics, in the order of their values.
fn names(ranks: &[u32]) -> Vec<Metric> {
    let mut metrics = LABEL_METRICS.to_vec();
    metrics.extend(ranks.iter().map(|&k| Metric::PrecisionAt(k)));
    metrics.extend(ranks.iter().map(|&k| Metric::RecallAt(k)));
    metrics.extend([Metric::RPrecision, Metric::Map, Metric::ExactMatchRatio]);
    metrics
}

/// A record must be one over the label space, or counts would be silently wrong.
fn check(record: &ChartRecord, space: &LabelSpace) -> Result<()> {
    let labels = space.labels;
    let ranks = ranks(record, space.rule);
    let suggested: BTreeSet<u32> = record.suggested.iter().map(|entry| entry.label).collect();
    let highest = record.gold.iter().chain(suggested.last()).max();
    let problem = if highest.is_some_and(|&label| label as usize >= labels) {
        format!("names a label beyond the {labels} there are")
    } else if !ascending(&record.gold) {
        "does not list its gold labels in ascending order without repetition".to_owned()
    } else if suggested.len() < record.suggested.len() {
        "suggests a label twice".to_owned()
    } else if ranks.len() != record.gold.len() || !ascending(ranks) || ranks.first() == Some(&0) {
        "needs one rank a gold label, ascending from 1".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Request(format!("the record of chart {} {problem}", record.id)))
}

/// Whether every number is greater than the one before.
fn ascending(list: &[u32]) -> bool {
    list.windows(2).all(|pair| pair[0] < pair[1])
}

/// The ranking that a rule goes by.
fn ranks(record: &ChartRecord, rule: Rule) -> &[u32] {
    if rule == Rule::Present { &record.present_ranks } else { &record.ranks }
}
