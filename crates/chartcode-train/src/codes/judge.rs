//! Figures of a coder on held-out charts.

use std::collections::BTreeMap;

use chartcode_eval::tune::{CalibrationFit, Objective, TuningSet, fit_threshold};
use chartcode_eval::{ChartRecord, Evaluation, LabelSpace, Metric, RANKS, RowScores, Rule, ranks};

use super::data::Example;
use super::task::Coder;
use crate::error::Result;
use crate::run::{Dev, Event, OnEvent, tell};

/// Labels kept of each chart: no threshold worth having suggests more.
pub(super) const KEPT: usize = 400;

/// MAP by the rule `all`: gold codes that are no labels are ignored, charts without a gold label
/// left out. Micro-F1 is that of the best threshold, gold codes that are no labels counted as missed.
pub(super) fn judge(coder: &Coder, on_event: OnEvent<'_>) -> Result<Dev> {
    tell(&mut *on_event, Event::Stage("held-out charts", Some(coder.dev.len())), 0)?;
    let mut records = Vec::with_capacity(coder.dev.len());
    let mut set = TuningSet::new(KEPT);
    let mut loss = 0.0;
    for chart in &coder.dev {
        let logits = coder.logits(chart)?;
        loss += cross_entropy(&logits, &chart.labels) / coder.dev.len() as f64;
        set.add(&logits, &chart.labels, chart.outside)?;
        records.push(record(chart, &logits));
        tell(&mut *on_event, Event::Part, 0)?;
    }
    let labels = coder.dev.first().map_or(0, |_| coder.head.labels());
    let space = LabelSpace { labels, rule: Rule::All };
    let evaluation = Evaluation::new(&space, &records, &RANKS)?;
    let values = evaluation.values(&vec![1; records.len()]);
    let mut figures = BTreeMap::from([("loss".to_owned(), loss)]);
    for (metric, value) in evaluation.metrics().iter().zip(values) {
        let is_ranking = matches!(
            metric,
            Metric::Map | Metric::RPrecision | Metric::PrecisionAt(8) | Metric::RecallAt(15)
        );
        if is_ranking {
            figures.insert(metric.to_string(), value);
        }
    }
    let fit = fit_threshold(&set, &CalibrationFit::None, Objective::MicroF1)?;
    figures.insert("micro_f1".to_owned(), fit.counts.f1().unwrap_or_default());
    Ok(Dev { score: figures["map"], figures })
}

fn record(chart: &Example, logits: &[f32]) -> ChartRecord {
    let places = ranks(RowScores::Dense(logits), logits.len(), &chart.labels, None);
    ChartRecord {
        id: chart.id.clone(),
        gold: chart.labels.clone(),
        outside: chart.outside,
        suggested: Vec::new(),
        present_ranks: places.clone(),
        ranks: places,
    }
}

/// The mean over labels, in f64.
fn cross_entropy(logits: &[f32], labels: &[u32]) -> f64 {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let all: f64 = logits.iter().map(|&logit| softplus(f64::from(logit))).sum();
    let gold: f64 = labels.iter().map(|&label| f64::from(logits[label as usize])).sum();
    (all - gold) / logits.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_of_three_labels() {
        // −ln σ(2), −ln (1 − σ(−1)), −ln (1 − σ(0)).
        let expected = (0.126_928_011 + 0.313_261_688 + std::f64::consts::LN_2) / 3.0;
        assert!((cross_entropy(&[2.0, -1.0, 0.0], &[0]) - expected).abs() < 1e-9);
    }
}
