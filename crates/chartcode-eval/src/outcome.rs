//! What an evaluation found.

use crate::auc::{AreaUnderCurve, AucScope};
use crate::bootstrap::{Interval, Linearised};
use crate::calibration::ece_suggested;
use crate::code::Code;
use crate::confusion::{Confusions, worst_charts};
use crate::error::Result;
use crate::evaluator::Evaluator;
use crate::evidence::{EvidenceCase, figures};
use crate::groups::Groups;
use crate::metric::{Metric, MetricTable};
use crate::metrics::{Evaluation, LabelSpace, Rule};
use crate::record::ChartRecord;
use crate::run_file::{Run, RunChart};
use crate::summary::{
    AutomationSummary, CalibrationSummary, DataSummary, EvidenceScores, EvidenceSummary,
    Operations, RunSummary, SUMMARY_FORMAT, Summary, Variant,
};

/// Confusions and charts with errors that are kept.
const MOST_LISTED: usize = 50;

/// The result of an evaluation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The figures.
    pub summary: Summary,
    /// The charts, to compare with another run.
    pub run: Run,
}

impl Outcome {
    /// Says what was run.
    pub fn set_run(&mut self, run: RunSummary) {
        self.run.model.clone_from(&run.model);
        self.summary.run = run;
    }
}

impl Evaluator<'_> {
    /// Sums up; gold charts that never came count as charts without suggestions.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read) where the scores that were set aside cannot be read.
    pub fn finish(mut self) -> Result<Outcome> {
        self.fill_up()?;
        let aucs = self.areas()?;
        let systems = self.systems()?;
        let bootstrap = self.setup.bootstrap;
        let variants = self.variants(&aucs)?;
        let metrics = variants.first().map(|v| v.metrics.clone()).unwrap_or_default();
        let codes = self.space.codes();
        let chapters = Groups::by_chapter(codes, &self.outside);
        let frequency = self.setup.training.as_ref().map(|training| {
            let groups = Groups::by_frequency(codes, &self.outside, |code| training.count(code));
            groups.evaluate(&self.records, bootstrap)
        });
        let outside_gold: usize = self.outside.iter().map(Vec::len).sum();
        let summary = Summary {
            format: SUMMARY_FORMAT,
            metrics,
            variants,
            systems,
            chapters: chapters.evaluate(&self.records, bootstrap),
            frequency: frequency.unwrap_or_default(),
            operations: Operations::new(&self.records, bootstrap),
            calibration: self.calibration(),
            automation: self
                .has_probabilities
                .then(|| AutomationSummary::new(&self.records, bootstrap))
                .flatten(),
            precision_recall: self.histogram.pr_curve(outside_gold as u64),
            confusions: self.confusions(),
            evidence: self.evidence(),
            worst_charts: worst_charts(&self.records, codes, &self.outside, MOST_LISTED),
            data: self.data(),
            run: RunSummary::default(),
        };
        Ok(Outcome { run: self.run(&aucs), summary })
    }

    /// Over all labels, and over those that are gold somewhere; charts without a gold label are
    /// left out, as published.
    fn areas(&mut self) -> Result<[AreaUnderCurve; 2]> {
        let charts: Vec<bool> = self.records.iter().map(|r| !r.gold.is_empty()).collect();
        let all = AucScope { charts: Some(&charts), labels: None };
        let present = AucScope { charts: Some(&charts), labels: Some(&self.present) };
        Ok([self.auc.finish(&mut self.spool, all)?, self.auc.finish(&mut self.spool, present)?])
    }

    fn variants(&self, [all, present]: &[AreaUnderCurve; 2]) -> Result<Vec<Variant>> {
        let mut outside: Vec<&Code> = self.outside.iter().flatten().collect();
        outside.sort_unstable();
        outside.dedup();
        let labels = self.space.len();
        let honest = Rule::Honest { outside_labels: outside.len() };
        let categories = Rule::Honest { outside_labels: self.outside_categories.len() };
        let scope = |labels, rule| LabelSpace { labels, rule };
        Ok(vec![
            self.variant("all", ALL, scope(labels, Rule::All), &self.records, Some(all))?,
            self.variant(
                "present",
                PRESENT,
                scope(labels, Rule::Present),
                &self.records,
                Some(present),
            )?,
            self.variant("honest", HONEST, scope(labels, honest), &self.records, None)?,
            self.variant(
                "category",
                CATEGORY,
                scope(self.collapse.len(), categories),
                &self.category_records,
                None,
            )?,
        ])
    }

    /// Each system apart, where there are several.
    fn systems(&mut self) -> Result<Vec<Variant>> {
        let mut systems = Vec::with_capacity(self.views.len());
        for view in &self.views {
            let charts: Vec<bool> = view.records.iter().map(|r| !r.gold.is_empty()).collect();
            let only = AucScope { charts: Some(&charts), labels: Some(&view.mask) };
            let auc = self.auc.finish(&mut self.spool, only)?;
            let scope = LabelSpace { labels: view.labels, rule: Rule::All };
            systems.push(self.variant(&view.name, ALL, scope, &view.records, Some(&auc))?);
        }
        Ok(systems)
    }

    fn variant(
        &self,
        name: &str,
        rule: &str,
        scope: LabelSpace,
        records: &[ChartRecord],
        auc: Option<&AreaUnderCurve>,
    ) -> Result<Variant> {
        let evaluation = Evaluation::new(&scope, records, &self.setup.ks)?;
        let linear = auc.map_or_else(Vec::new, linearised);
        let metrics: MetricTable = self.setup.bootstrap.table(&evaluation, &linear);
        Ok(Variant {
            name: name.to_owned(),
            rule: rule.to_owned(),
            charts: evaluation.charts(),
            labels: evaluation.columns(),
            gold: evaluation.gold(),
            metrics,
        })
    }

    fn calibration(&self) -> Option<CalibrationSummary> {
        Some(CalibrationSummary {
            ece_suggested: ece_suggested(&self.records, self.setup.bootstrap)?,
            ece_all: self.histogram.ece(),
            brier: self.histogram.brier(),
            bins: self.histogram.bins(),
        })
    }

    fn confusions(&self) -> Vec<crate::summary::Confusion> {
        let mut confusions = Confusions::new(self.space.codes());
        for (record, outside) in self.records.iter().zip(&self.outside) {
            confusions.add(record, outside);
        }
        confusions.most_frequent(MOST_LISTED, |code| {
            let label = self.space.label(code).map(|label| label as usize);
            label.and_then(|label| self.titles.get(label)).cloned().unwrap_or_default()
        })
    }

    fn evidence(&self) -> Option<EvidenceSummary> {
        let suggested: Vec<(u32, EvidenceCase)> =
            self.cases.iter().filter(|(_, case)| case.suggested).copied().collect();
        (!self.cases.is_empty()).then(|| EvidenceSummary {
            tokens: self.tokens.to_owned(),
            all: self.evidence_scores(&self.cases),
            suggested: self.evidence_scores(&suggested),
        })
    }

    fn evidence_scores(&self, cases: &[(u32, EvidenceCase)]) -> EvidenceScores {
        let mut charts: Vec<u32> = cases.iter().map(|(chart, _)| *chart).collect();
        charts.sort_unstable();
        charts.dedup();
        // Only charts with cases are resampled.
        let numbered: Vec<(u32, EvidenceCase)> = cases
            .iter()
            .map(|(chart, case)| (charts.partition_point(|known| known < chart) as u32, *case))
            .collect();
        let kinds = [Interval::Percentile; 7];
        let estimates = self
            .setup
            .bootstrap
            .intervals(charts.len(), &kinds, |weights| figures(&numbered, weights).to_vec());
        let figure = |index: usize| estimates[index];
        EvidenceScores {
            codes: cases.len(),
            spans: cases.iter().map(|(_, case)| case.spans as usize).sum(),
            charts: charts.len(),
            token_precision: figure(0),
            token_recall: figure(1),
            token_f1: figure(2),
            iou: figure(3),
            iou_at_gold_size: figure(4),
            span_recall: figure(5),
            empty: figure(6),
        }
    }

    fn data(&self) -> DataSummary {
        let mut issues = self.gold.issues().list();
        issues.extend(self.mapping.issues().list());
        issues.extend(self.issues.list());
        DataSummary {
            charts: self.gold.read(),
            evaluated: self.records.len(),
            codes: self.records.iter().map(|r| r.gold.len() + r.outside as usize).sum(),
            issues,
            ..DataSummary::default()
        }
    }

    /// The charts with the codes that occur numbered anew.
    fn run(&self, [auc, _]: &[AreaUnderCurve; 2]) -> Run {
        let mut outside_codes: Vec<Code> = self.outside.iter().flatten().cloned().collect();
        outside_codes.sort_unstable();
        outside_codes.dedup();
        let number = |code: &Code| outside_codes.partition_point(|known| known < code) as u32;
        let influence = |values: &[f64], chart| values.get(chart).copied().unwrap_or_default();
        let chart = |(place, record): (usize, &ChartRecord)| RunChart {
            outside: self.outside[place].iter().map(number).collect(),
            micro_influence: influence(&auc.micro_influence, place),
            macro_influence: influence(&auc.macro_influence, place),
            record: record.clone(),
        };
        Run {
            model: String::new(),
            labels: self.space.len(),
            ks: self.setup.ks.clone(),
            micro_auc: auc.micro,
            macro_auc: auc.macro_mean,
            charts: self.records.iter().enumerate().map(chart).collect(),
            codes: self.space.codes().to_vec(),
            outside_codes,
        }
    }
}

const ALL: &str = "all labels; gold codes that are no labels are ignored, charts without a gold \
                   label left out";
const PRESENT: &str = "only labels that are gold in some chart, as medical-coding-reproducibility \
                       (Edin et al. 2023) reports; suggestions of others do not count";
const HONEST: &str = "all labels and charts; gold codes that are no labels count as missed";
const CATEGORY: &str = "categories (three characters) instead of codes, by the rule of honest";

fn linearised(auc: &AreaUnderCurve) -> Vec<Linearised> {
    let one = |metric, value: Option<f64>, influence: &[f64]| {
        let influence = influence.to_vec();
        value.map(|value| Linearised { metric, value, influence })
    };
    let micro = one(Metric::MicroAuc, auc.micro, &auc.micro_influence);
    let mean = one(Metric::MacroAuc, auc.macro_mean, &auc.macro_influence);
    micro.into_iter().chain(mean).collect()
}
