//! One evaluation, chart by chart.

use std::collections::{BTreeMap, BTreeSet};

use crate::auc::AucBuilder;
use crate::bootstrap::Bootstrap;
use crate::code::Code;
use crate::code_list::KnownCodes;
use crate::collapse::Collapse;
use crate::error::Result;
use crate::evidence::EvidenceCase;
use crate::gold_set::GoldSet;
use crate::histogram::ScoreHistogram;
use crate::issues::Issues;
use crate::label_set::LabelSet;
use crate::mapping::{Mapping, Targets};
use crate::rank::ranks;
use crate::record::{ChartRecord, Suggestion};
use crate::row::RowScores;
use crate::scored::Scored;
use crate::spool::Spool;
use crate::view::{View, record};

/// How an evaluation is done.
#[derive(Clone, Debug, Default)]
pub struct EvaluatorSetup {
    /// The k of precision@k and recall@k, ascending.
    pub ks: Vec<u32>,
    /// Intervals.
    pub bootstrap: Bootstrap,
    /// Lists of codes of other editions.
    pub known: KnownCodes,
    /// In how many training charts each code occurs.
    pub training: Option<Frequencies>,
}

/// In how many charts each code occurs.
#[derive(Clone, Debug, Default)]
pub struct Frequencies(BTreeMap<Code, usize>);

impl Frequencies {
    /// Counts the charts of a set.
    #[must_use]
    pub fn of(gold: &GoldSet) -> Self {
        let counts = gold.occurrences().into_iter().map(|count| count as usize);
        Self(gold.codes().iter().cloned().zip(counts).collect())
    }

    /// In how many charts a code occurs.
    #[must_use]
    pub fn count(&self, code: &Code) -> usize {
        self.0.get(code).copied().unwrap_or_default()
    }
}

/// Takes charts in, one by one in any order, and sums them up at the end.
///
/// Memory: some hundred bytes a chart and a few numbers a label; scores go to a [`Spool`].
#[derive(Debug)]
pub struct Evaluator<'g> {
    pub(crate) gold: &'g GoldSet,
    pub(crate) space: LabelSet,
    pub(crate) setup: EvaluatorSetup,
    pub(crate) mapping: Mapping,
    pub(crate) present: Vec<bool>,
    pub(crate) titles: Vec<String>,
    pub(crate) collapse: Collapse,
    pub(crate) records: Vec<ChartRecord>,
    /// Each record's gold codes outside the labels.
    pub(crate) outside: Vec<Vec<Code>>,
    pub(crate) category_records: Vec<ChartRecord>,
    pub(crate) outside_categories: BTreeSet<String>,
    pub(crate) views: Vec<View>,
    pub(crate) auc: AucBuilder,
    pub(crate) spool: Spool,
    pub(crate) histogram: ScoreHistogram,
    pub(crate) cases: Vec<(u32, EvidenceCase)>,
    pub(crate) tokens: &'static str,
    pub(crate) issues: Issues,
    /// Whether all suggestions had a probability.
    pub(crate) has_probabilities: bool,
    /// The record of each gold chart, once it is in.
    place: Vec<Option<u32>>,
}

impl<'g> Evaluator<'g> {
    /// An evaluation of these labels against this gold.
    #[must_use]
    pub fn new(gold: &'g GoldSet, space: LabelSet, setup: EvaluatorSetup) -> Self {
        let labels = space.len();
        let systems = space.systems();
        let evaluated: BTreeSet<String> = systems.iter().cloned().collect();
        let mapping = Mapping::new(gold, &space, &evaluated, &setup.known);
        let present = mapping.present(labels);
        let mask = |system: &str| space.codes().iter().map(|code| code.system == system).collect();
        let views = match systems.len() {
            0 | 1 => Vec::new(),
            _ => systems.iter().map(|s| View::new(s.clone(), mask(s), &present)).collect(),
        };
        Self {
            gold,
            collapse: Collapse::new(space.codes()),
            auc: AucBuilder::new(labels),
            spool: Spool::new(labels),
            histogram: ScoreHistogram::new(),
            titles: Vec::new(),
            records: Vec::new(),
            outside: Vec::new(),
            category_records: Vec::new(),
            outside_categories: BTreeSet::new(),
            cases: Vec::new(),
            tokens: "words",
            issues: Issues::default(),
            has_probabilities: true,
            place: vec![None; gold.charts().len()],
            present,
            mapping,
            views,
            space,
            setup,
        }
    }

    /// The titles of the labels, for people.
    pub fn titles(&mut self, titles: Vec<String>) {
        self.titles = titles;
    }

    /// Says what the tokens are that passages are compared by; `words` where nothing is said.
    pub fn tokens(&mut self, tokens: &'static str) {
        self.tokens = tokens;
    }

    /// Whether a gold chart is in.
    #[must_use]
    pub fn has(&self, chart: usize) -> bool {
        self.place[chart].is_some()
    }

    /// Counts something that could not be used.
    pub fn add_issue(&mut self, kind: &'static str, example: &str) {
        self.issues.add(kind, example);
    }

    /// Takes in a gold chart's scores over the labels and what is suggested, best first;
    /// `probability` gives that of a score and never falls as the score rises; there is none where
    /// scores are only an order.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write) where the scores cannot be set aside.
    pub fn push(
        &mut self,
        chart: usize,
        row: RowScores<'_>,
        suggested: Vec<Suggestion>,
        probability: Option<&dyn Fn(f32) -> f64>,
    ) -> Result<()> {
        let gold = self.gold;
        let chart_gold = &gold.charts()[chart];
        let Targets { labels, outside } = self.mapping.targets(chart_gold);
        let outside: Vec<Code> =
            outside.iter().map(|&code| gold.codes()[code as usize].clone()).collect();
        self.auc.add_positives(row, &labels);
        self.spool.push(row)?;
        self.has_probabilities &= suggested.iter().all(|s| s.probability.is_some());
        if let Some(probability) = probability {
            self.histogram.add(row, &labels, probability);
        }
        let mut whole = record(&chart_gold.id, row, self.space.len(), labels);
        whole.present_ranks = ranks(row, self.space.len(), &whole.gold, Some(&self.present));
        whole.outside = outside.len() as u32;
        whole.suggested = suggested;
        for view in &mut self.views {
            let own = outside.iter().filter(|code| code.system == view.name).count();
            view.push(row, &whole, own as u32);
        }
        self.push_categories(row, &whole, &outside);
        self.place[chart] = Some(self.records.len() as u32);
        self.records.push(whole);
        self.outside.push(outside);
        Ok(())
    }

    /// Takes in how the passages of a chart that is in compare with the gold's.
    pub fn add_evidence(&mut self, chart: usize, cases: &[EvidenceCase]) {
        if let Some(record) = self.place[chart] {
            self.cases.extend(cases.iter().map(|case| (record, *case)));
        }
    }

    /// The same chart over categories. A code that is no label may have a category that is one.
    fn push_categories(&mut self, row: RowScores<'_>, whole: &ChartRecord, outside: &[Code]) {
        let mut gold = self.collapse.labels(&whole.gold);
        let mut strangers = BTreeSet::new();
        for code in outside {
            match self.collapse.category(code) {
                Some(category) => gold.push(category),
                None => {
                    strangers.insert(crate::hierarchy::category(code).to_owned());
                }
            }
        }
        gold.sort_unstable();
        gold.dedup();
        let row = self.collapse.row(row);
        let mut record = record(&whole.id, row.as_row(), self.collapse.len(), gold);
        record.outside = strangers.len() as u32;
        record.suggested = self.collapse.suggestions(&whole.suggested);
        self.outside_categories.extend(strangers);
        self.category_records.push(record);
    }

    /// Charts that never came count as charts without suggestions.
    pub(crate) fn fill_up(&mut self) -> Result<()> {
        for chart in 0..self.gold.charts().len() {
            if !self.has(chart) {
                self.push(chart, Scored::nothing().row(), Vec::new(), None)?;
            }
        }
        Ok(())
    }
}
