//! The scores that a bundle is tuned on.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;
use chartcode::{Chart, Decision, Engine};
use chartcode_eval::tune::TuningSet;
use chartcode_eval::{
    KnownCodes, LabelSet, Mapping, PredictionOptions, Scores, Targets, open_predictions,
};

use crate::commands::gold::{self, Gold};
use crate::commands::{labels, load};
use crate::eval_args::TuneArgs;
use crate::failures::Failures;
use crate::progress::Progress;

/// Labels kept of each chart: no threshold worth having suggests more.
const KEPT: usize = 400;

/// The scores of all charts, and what made them.
pub(super) struct Collected {
    pub(super) set: TuningSet,
    pub(super) engine: Engine,
}

impl Collected {
    /// Whether the bundle as it is suggests a label with this logit.
    pub(super) fn suggests(&self, label: u32, logit: f32) -> bool {
        self.engine.decide(label as usize, logit) != Decision::Drop
    }
}

/// Scores every chart, or takes the scores from a file.
pub(super) fn collect(
    args: &TuneArgs,
    gold: &Gold,
    failures: &Failures,
) -> anyhow::Result<Collected> {
    let engine = load(&args.engine, args.engine.options())?;
    engine.require_head()?;
    let labels = labels::set(&engine)?;
    let systems: BTreeSet<String> = labels.systems().into_iter().collect();
    let mapping = Mapping::new(&gold.set, &labels, &systems, &KnownCodes::default());
    let mut taker = Taker { gold, mapping, set: TuningSet::new(KEPT), seen: BTreeSet::new() };
    let progress = Progress::of_charts(gold.set.charts().len(), args.quiet);
    match &args.scores {
        Some(path) => taker.read(path, &labels, &progress, failures)?,
        None => taker.compute(args, &engine, &progress, failures)?,
    }
    if taker.set.charts() == 0 {
        bail!(
            "no chart of the gold could be scored and has a code of {}",
            labels.systems().join(", ")
        );
    }
    Ok(Collected { set: taker.set, engine })
}

struct Taker<'g> {
    gold: &'g Gold,
    mapping: Mapping,
    set: TuningSet,
    seen: BTreeSet<usize>,
}

impl Taker<'_> {
    fn compute(
        &mut self,
        args: &TuneArgs,
        engine: &Engine,
        progress: &Progress,
        failures: &Failures,
    ) -> anyhow::Result<()> {
        let mut seen = BTreeSet::new();
        let charts = gold::open(&args.gold.gold, &args.gold.source)?
            .filter_map(Result::ok)
            .filter(|chart| seen.insert(chart.id.clone()))
            .filter_map(|chart| match Chart::new(chart.id, chart.text?) {
                Ok(chart) => Some(chart),
                Err(error) => {
                    progress.suspend(|| failures.add(&error.into()));
                    None
                }
            });
        for (count, (chart, logits)) in engine.logits_batch(charts).enumerate() {
            match logits {
                Ok(logits) => self.take(chart.id(), &logits)?,
                Err(error) => progress.suspend(|| failures.add(&error.into())),
            }
            progress.set(count + 1, count as u64 + 1);
        }
        Ok(())
    }

    fn read(
        &mut self,
        path: &Path,
        labels: &LabelSet,
        progress: &Progress,
        failures: &Failures,
    ) -> anyhow::Result<()> {
        let reader = open_predictions(path, &PredictionOptions::default())?;
        for (count, chart) in reader.enumerate() {
            match chart {
                Ok(chart) => match &chart.scores {
                    Scores::Dense { labels: own, scores } if **own == *labels.codes() => {
                        self.take(&chart.id, scores)?;
                    }
                    _ => bail!(
                        "{} does not hold the logits of this bundle's labels: chartcode eval \
                         --save-scores writes them",
                        path.display()
                    ),
                },
                Err(error) => progress.suspend(|| failures.add(&error.into())),
            }
            progress.set(count + 1, count as u64 + 1);
        }
        Ok(())
    }

    fn take(&mut self, id: &str, logits: &[f32]) -> anyhow::Result<()> {
        let Some(chart) = self.gold.set.find(id) else {
            return Ok(());
        };
        let Targets { labels, outside } = self.mapping.targets(&self.gold.set.charts()[chart]);
        // A chart without a code may not have been coded in these systems at all.
        let is_coded = !labels.is_empty() || !outside.is_empty();
        if is_coded && self.seen.insert(chart) {
            self.set.add(logits, &labels, outside.len() as u32)?;
        }
        Ok(())
    }
}
