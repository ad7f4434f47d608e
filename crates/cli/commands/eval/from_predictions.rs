//! Scores from any system's output.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use anyhow::bail;
use chartcode_eval::{
    Code, Evaluator, GoldSet, LabelSet, Outcome, PredictedChart, PredictionOptions, Scale, Scorer,
    Scores, Shown, Suggestion, USUAL_THRESHOLD, open_predictions, read_labels, resolve,
};

use super::passages::{self, ShownLabels};
use super::{describe_gold, evaluated, evaluator, run_summary, sum_up};
use crate::commands::gold::{self, Gold, file_name};
use crate::eval_args::{EvalArgs, ScaleArg};
use crate::failures::Failures;
use crate::progress::Progress;

pub(super) fn evaluate(
    args: &EvalArgs,
    gold: &Gold,
    file: &Path,
    failures: &Failures,
) -> anyhow::Result<Outcome> {
    if args.threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
        bail!("--threshold is a probability, between 0 and 1");
    }
    let options = PredictionOptions {
        scale: args.scale.map(|scale| match scale {
            ScaleArg::Probability => Scale::Probability,
            ScaleArg::Logit => Scale::Logit,
        }),
        system: default_system(args, &gold.set),
        ..PredictionOptions::default()
    };
    let space = evaluated(args, labels(args, gold, file, &options)?, &gold.set)?;
    let mut evaluator = evaluator(args, &gold.set, space.clone())?;
    let progress = Progress::of_charts(gold.set.charts().len(), args.quiet);
    let mut reader = open_predictions(file, &options)?;
    let scale = reader.scale();
    let mut answers = Answers {
        gold: &gold.set,
        scorer: Scorer::new(&space, scale, args.threshold),
        scale,
        decided: false,
        space: &space,
        shown: HashMap::new(),
    };
    for (count, chart) in reader.by_ref().enumerate() {
        match chart {
            Ok(chart) => answers.take(&chart, &mut evaluator)?,
            Err(error) => progress.suspend(|| failures.add_record(&error.into())),
        }
        progress.set(count + 1, count as u64 + 1);
    }
    if !(0..gold.set.charts().len()).any(|place| evaluator.has(place)) {
        bail!(
            "{} has no prediction for any chart of the gold: are the ids the same?",
            file.display()
        );
    }
    answers.compare_passages(args, &mut evaluator)?;
    let rule = rule(args, scale, answers.decided);
    for (place, chart) in gold.set.charts().iter().enumerate() {
        if !evaluator.has(place) {
            evaluator.add_issue("missing_prediction", &chart.id);
        }
    }
    drop(progress);
    let mut outcome = sum_up(args, evaluator)?;
    describe_gold(&mut outcome, gold);
    let mut run = run_summary(args, space.systems());
    run.model = file_name(file);
    run.threshold = rule;
    outcome.set_run(run);
    Ok(outcome)
}

/// Answers on their way into an evaluation.
struct Answers<'a> {
    gold: &'a GoldSet,
    scorer: Scorer<'a>,
    scale: Scale,
    /// Whether the system itself said what it suggests.
    decided: bool,
    space: &'a LabelSet,
    /// The passages it shows, of charts whose gold has passages.
    shown: HashMap<usize, ShownLabels>,
}

impl Answers<'_> {
    fn take(
        &mut self,
        chart: &PredictedChart,
        evaluator: &mut Evaluator<'_>,
    ) -> anyhow::Result<()> {
        if let Scores::Listed(listed) = &chart.scores {
            self.decided |= listed.iter().any(|listed| listed.suggested.is_some());
        }
        match self.gold.find(&chart.id) {
            None => evaluator.add_issue("extra_prediction", &chart.id),
            Some(place) if evaluator.has(place) => {
                evaluator.add_issue("duplicate_prediction", &chart.id);
            }
            Some(place) => {
                let scored = self.scorer.score(chart);
                if scored.strangers > 0 {
                    evaluator.add_issue("stranger", &chart.id);
                }
                self.set_aside(place, chart, &scored.suggested);
                let probability = Scorer::probabilities(self.scale);
                let probability = probability.as_ref().map(|p| p as &dyn Fn(f32) -> f64);
                evaluator.push(place, scored.row(), scored.suggested.clone(), probability)?;
            }
        }
        Ok(())
    }

    /// Keeps the passages of a chart until the gold's are read.
    fn set_aside(&mut self, place: usize, chart: &PredictedChart, suggested: &[Suggestion]) {
        let Scores::Listed(listed) = &chart.scores else {
            return;
        };
        if !self.gold.charts()[place].has_evidence {
            return;
        }
        let with_passages = listed.iter().filter(|listed| !listed.evidence.is_empty());
        let shown: HashMap<u32, Vec<Shown>> = with_passages
            .filter_map(|l| Some((self.space.label(&resolve(&l.code))?, l.evidence.clone())))
            .collect();
        if !shown.is_empty() {
            let suggested = suggested.iter().map(|suggestion| suggestion.label).collect();
            self.shown.insert(place, ShownLabels { shown, suggested });
        }
    }

    /// Compares the passages with the gold's, chart by chart.
    fn compare_passages(
        &self,
        args: &EvalArgs,
        evaluator: &mut Evaluator<'_>,
    ) -> anyhow::Result<()> {
        if self.shown.is_empty() || args.no_evidence {
            return Ok(());
        }
        let mut seen = HashSet::new();
        let nothing = ShownLabels::default();
        for chart in gold::open(&args.gold.gold, &args.gold.source)?.flatten() {
            let (Some(place), Some(text)) = (self.gold.find(&chart.id), &chart.text) else {
                continue;
            };
            if seen.insert(place) {
                let answer = self.shown.get(&place).unwrap_or(&nothing);
                let cases = passages::cases_of_words(text, &chart.evidence, self.space, answer);
                evaluator.add_evidence(place, &cases);
            }
        }
        Ok(())
    }
}

/// The system of predicted codes that do not name one, where there is no doubt.
fn default_system(args: &EvalArgs, gold: &GoldSet) -> Option<String> {
    let systems = gold.systems();
    match (&args.system[..], systems.len()) {
        ([system], _) => Some(system.clone()),
        ([], 1) => systems.into_keys().next(),
        _ => None,
    }
}

/// All labels of the system that made the predictions: those of `--labels`, those that its dense
/// scores are of, or else all codes that it or the gold names.
fn labels(
    args: &EvalArgs,
    gold: &Gold,
    file: &Path,
    options: &PredictionOptions,
) -> anyhow::Result<LabelSet> {
    if let Some(path) = &args.labels {
        let labels = read_labels(path, options.system.as_deref())?;
        return Ok(LabelSet::new(labels.iter().map(resolve))?);
    }
    let progress = Progress::of_steps(args.quiet);
    progress.step("looking which codes are predicted");
    let mut codes: BTreeSet<Code> = BTreeSet::new();
    for chart in open_predictions(file, options)?.flatten() {
        match chart.scores {
            Scores::Dense { labels, .. } => {
                return Ok(LabelSet::new(labels.iter().map(resolve))?);
            }
            Scores::Listed(listed) => {
                codes.extend(listed.iter().map(|listed| resolve(&listed.code)));
            }
        }
    }
    let systems: BTreeSet<String> = codes.iter().map(|code| code.system.clone()).collect();
    let gold = gold.set.codes().iter();
    codes.extend(gold.filter(|c| systems.is_empty() || systems.contains(&c.system)).cloned());
    Ok(LabelSet::new(codes)?)
}

/// How suggestions were made, for people.
fn rule(args: &EvalArgs, scale: Scale, decided: bool) -> String {
    match (args.threshold, scale) {
        (Some(threshold), Scale::Probability | Scale::Logit) => {
            format!("probability > {threshold}")
        }
        (None, _) if decided => "as the predictions say".to_owned(),
        (None, Scale::Probability | Scale::Logit) => {
            format!("probability > {USUAL_THRESHOLD}, as nothing else is said")
        }
        (_, Scale::Order) => "all predicted codes".to_owned(),
    }
}
