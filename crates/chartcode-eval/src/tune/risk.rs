//! Risk-controlled acceptance: the lowest threshold whose codes are known to be right.

use serde::Serialize;

use super::accept::{AcceptRule, ChartShare, shares};
use super::bound::{ErrorBound, charts_needed};
use super::calibration::CalibrationFit;
use super::ranking::Ranking;
use super::refusal::Refusal;
use super::set::{Candidate, TuningSet};
use crate::error::{Error, Result};

/// Thresholds tested at most.
const STEPS: u32 = 40;
/// Errors that the first test can bear at most, where charts are many.
const BEARABLE: usize = 4;

/// What acceptance has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RiskOptions {
    /// The share of wrong codes among the accepted that is allowed, over future charts.
    pub alpha: f64,
    /// The confidence with which it is to be kept, between 0.5 and 1.
    pub confidence: f64,
    /// Replicates of the bootstrap that gives the shares their intervals.
    pub replicates: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for RiskOptions {
    fn default() -> Self {
        Self { alpha: 0.05, confidence: 0.95, replicates: 1000, seed: 0 }
    }
}

/// Finds the lowest threshold above which, with the confidence asked for, at most `alpha` of the
/// accepted codes are wrong in expectation over charts like these; or says why there is none.
///
/// Learn-then-Test (Angelopoulos et al. 2021) with fixed-sequence testing: thresholds are tested
/// from the strictest down, each at the full level, and testing ends at the first failure, so that
/// the chance of any false pass is that of one test. The sequence is fixed by counts alone: it
/// begins where so many charts have an accepted code that the test could pass, and goes on in
/// forty even ratios of accepted codes to all suggested ones. Where charts are many it begins
/// lower, where the test bears up to four errors, as long as that takes no more than a quarter of
/// the charts: one unlucky error at the top does not end it. The test is an [`ErrorBound`].
///
/// `suggests` tells which candidates are suggested; only those can be accepted. With one threshold
/// for all labels the guarantee holds as it is; thresholds per label that were fitted on the same
/// charts make it somewhat optimistic, since they removed errors they had seen.
///
/// # Errors
///
/// `alpha` is not between 0 and 1, or `confidence` not between 0.5 and 1.
pub fn fit_accept(
    set: &TuningSet,
    calibration: &CalibrationFit,
    suggests: impl Fn(&Candidate) -> bool,
    options: RiskOptions,
) -> Result<std::result::Result<AcceptRule, Refusal>> {
    let RiskOptions { alpha, confidence, .. } = options;
    if !(alpha > 0.0 && alpha < 1.0 && confidence > 0.5 && confidence < 1.0) {
        return Err(Error::Request(format!(
            "acceptance: the allowed share of wrong codes, {alpha}, must lie between 0 and 1, the \
             confidence, {confidence}, between 0.5 and 1"
        )));
    }
    let queue = Queue::new(set, calibration, suggests);
    let needed = charts_needed(0, alpha, confidence);
    let have = queue.charts_from_top.last().copied().unwrap_or(0);
    if have < needed {
        return Ok(Err(Refusal::TooFewCharts { needed, have, alpha, confidence }));
    }
    let start = first_charts(have, needed, alpha, confidence);
    let tests: Vec<(usize, ErrorBound)> = queue
        .sequence(start)
        .into_iter()
        .map(|group| (group, ErrorBound::new(&queue.chart_errors(group), confidence)))
        .collect();
    let passed = tests.iter().take_while(|(_, bound)| bound.upper <= alpha).last();
    Ok(match (passed, tests.first()) {
        (Some(&(group, bound)), _) => Ok(queue.rule(group, bound, options)),
        (None, Some(&(_, first))) => {
            let best = tests.iter().map(|&(_, bound)| bound);
            let best = best.min_by(|a, b| a.upper.total_cmp(&b.upper)).unwrap_or(first);
            let set = set.charts();
            Err(Refusal::NoThreshold { set, needed, alpha, confidence, first, best })
        }
        (None, None) => Err(Refusal::TooFewCharts { needed, have, alpha, confidence }),
    })
}

/// Charts with an accepted code at the first test.
fn first_charts(have: usize, needed: usize, alpha: f64, confidence: f64) -> usize {
    let bearing = |errors| charts_needed(errors, alpha, confidence);
    (1..=BEARABLE).rev().map(bearing).find(|&charts| charts <= have / 4).unwrap_or(needed)
}

/// Suggested codes in falling order of probability.
struct Queue<'a> {
    set: &'a TuningSet,
    codes: Vec<Candidate>,
    ranking: Ranking,
    /// Charts with a code among the groups up to each.
    charts_from_top: Vec<usize>,
}

impl<'a> Queue<'a> {
    fn new(
        set: &'a TuningSet,
        calibration: &CalibrationFit,
        suggests: impl Fn(&Candidate) -> bool,
    ) -> Self {
        let mut codes: Vec<Candidate> =
            set.candidates().iter().filter(|candidate| suggests(candidate)).copied().collect();
        codes.sort_by(|a, b| b.logit.total_cmp(&a.logit));
        let place = (set.floor(), calibration);
        let ranking = Ranking::new(codes.iter(), set.gold(), 0, place);
        let mut seen = vec![false; set.charts()];
        let (mut charts, mut at) = (0, 0);
        let mut charts_from_top = Vec::with_capacity(ranking.groups.len());
        for group in &ranking.groups {
            let end = group.counts.suggested as usize;
            for code in &codes[at..end] {
                charts += usize::from(!std::mem::replace(&mut seen[code.chart as usize], true));
            }
            at = end;
            charts_from_top.push(charts);
        }
        Self { set, codes, ranking, charts_from_top }
    }

    /// The groups to test down to, from the first that has codes in `start` charts. Looks at
    /// counts alone, never at errors.
    fn sequence(&self, start: usize) -> Vec<usize> {
        let groups = &self.ranking.groups;
        let first = self.charts_from_top.partition_point(|&charts| charts < start);
        let Some(last) = groups.len().checked_sub(1).filter(|&last| first <= last) else {
            return Vec::new();
        };
        let codes = |group: usize| groups[group].counts.suggested as f64;
        let ratio = codes(last) / codes(first);
        let mut sequence: Vec<usize> = (0..STEPS)
            .map(|step| codes(first) * ratio.powf(f64::from(step) / f64::from(STEPS - 1)))
            .map(|target| {
                let group = groups.partition_point(|g| (g.counts.suggested as f64) < target);
                group.clamp(first, last)
            })
            .collect();
        sequence.push(last);
        sequence.dedup();
        sequence
    }

    fn accepted(&self, group: usize) -> &[Candidate] {
        &self.codes[..self.ranking.groups[group].counts.suggested as usize]
    }

    /// Codes and wrong codes of each chart, down to a group.
    fn chart_errors(&self, group: usize) -> Vec<(u32, u32)> {
        let mut charts = vec![(0, 0); self.set.charts()];
        for code in self.accepted(group) {
            let chart = &mut charts[code.chart as usize];
            *chart = (chart.0 + 1, chart.1 + u32::from(!code.gold));
        }
        charts
    }

    fn rule(&self, group: usize, bound: ErrorBound, options: RiskOptions) -> AcceptRule {
        let mut charts: Vec<ChartShare> = self
            .chart_errors(group)
            .into_iter()
            .zip(self.set.chart_gold())
            .map(|((accepted, wrong), &gold)| ChartShare { suggested: 0, accepted, wrong, gold })
            .collect();
        for code in &self.codes {
            charts[code.chart as usize].suggested += 1;
        }
        let [share_of_suggested, share_of_gold, charts_fully_accepted] =
            shares(&charts, options.replicates, options.seed);
        AcceptRule {
            cut: self.ranking.cut(group),
            alpha: options.alpha,
            confidence: options.confidence,
            bound,
            share_of_suggested,
            share_of_gold,
            charts_fully_accepted,
        }
    }
}
