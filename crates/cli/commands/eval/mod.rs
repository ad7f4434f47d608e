//! `chartcode eval`: a model against labelled charts.

mod from_engine;
mod from_predictions;
mod journal;
mod outputs;
mod passages;

pub(crate) use outputs::CHARTS;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use chartcode_eval::{
    DataIssue, Evaluator, EvaluatorSetup, Frequencies, GoldSet, KnownCodes, LabelSet, Outcome,
    RunSummary,
};

use crate::commands::gold::{self, Gold};
use crate::eval_args::EvalArgs;
use crate::failures::Failures;
use crate::progress::Progress;

pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<Failures> {
    let failures = Failures::default();
    if let Some(folder) = &args.run.output {
        outputs::prepare(folder, args.run.force)?;
    }
    let gold = gold::read(&args.gold, args.quiet, &failures)?;
    let mut outcome = match &args.predictions {
        Some(file) => from_predictions::evaluate(args, &gold, file, &failures)?,
        None => from_engine::evaluate(args, &gold, &failures)?,
    };
    if args.run.with_text {
        add_text(args, &mut outcome)?;
    }
    outputs::write(args, &outcome)?;
    Ok(failures)
}

/// An evaluator over a model's labels in the systems that are evaluated.
fn evaluator<'g>(
    args: &EvalArgs,
    gold: &'g GoldSet,
    labels: LabelSet,
) -> anyhow::Result<Evaluator<'g>> {
    let mut known = KnownCodes::default();
    for file in &args.code_set {
        known.add_file(file)?;
    }
    let mut ks = args.k.clone();
    ks.sort_unstable();
    ks.dedup();
    let training = args.train.as_deref().map(|path| frequencies(args, path)).transpose()?;
    let bootstrap = args.intervals.bootstrap();
    let setup = EvaluatorSetup { ks, bootstrap, known, training };
    Ok(Evaluator::new(gold, labels, setup))
}

/// The labels that are evaluated: those of `--system`, or of all systems the model has.
fn evaluated(args: &EvalArgs, labels: LabelSet, gold: &GoldSet) -> anyhow::Result<LabelSet> {
    let wanted: BTreeSet<String> =
        args.system.iter().map(|system| system.trim().to_ascii_lowercase()).collect();
    let systems = labels.systems();
    if let Some(absent) = wanted.iter().find(|system| !systems.contains(system)) {
        bail!("the model has no labels of {absent}, only of {}", systems.join(", "));
    }
    let labels = if wanted.is_empty() {
        labels
    } else {
        LabelSet::new(labels.codes().iter().filter(|code| wanted.contains(&code.system)).cloned())?
    };
    let systems = labels.systems();
    let in_gold = gold.systems();
    if !systems.iter().any(|system| in_gold.contains_key(system)) {
        bail!(
            "the gold has codes of {}, the model labels of {}: nothing to compare (where the \
             gold's codes do not name their system, --gold-system does)",
            in_gold.into_keys().collect::<Vec<_>>().join(", "),
            systems.join(", ")
        );
    }
    Ok(labels)
}

fn frequencies(args: &EvalArgs, path: &Path) -> anyhow::Result<Frequencies> {
    let training = gold::read_plain(path, &args.gold.source)
        .with_context(|| format!("cannot count codes in {}", path.display()))?;
    Ok(Frequencies::of(&training))
}

/// Puts the notes of the worst charts beside their errors.
fn add_text(args: &EvalArgs, outcome: &mut Outcome) -> anyhow::Result<()> {
    let worst = &mut outcome.summary.worst_charts;
    for chart in gold::open(&args.gold.gold, &args.gold.source)?.flatten() {
        let place = worst.iter_mut().find(|known| known.id == chart.id && known.text.is_none());
        if let Some(place) = place {
            place.text = chart.text;
        }
    }
    Ok(())
}

/// What every run says of itself.
fn run_summary(args: &EvalArgs, systems: Vec<String>) -> RunSummary {
    RunSummary {
        engine: concat!("chartcode ", env!("CARGO_PKG_VERSION")).to_owned(),
        systems,
        bootstrap: args.intervals.bootstrap,
        seed: args.intervals.seed,
        date: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        ..RunSummary::default()
    }
}

/// Areas under curves and intervals, which take a while where charts are many.
fn sum_up(args: &EvalArgs, evaluator: Evaluator<'_>) -> anyhow::Result<Outcome> {
    let progress = Progress::of_steps(args.quiet);
    progress.step("areas under curves and intervals");
    Ok(evaluator.finish()?)
}

/// Names the gold in the outcome.
fn describe_gold(outcome: &mut Outcome, gold: &Gold) {
    outcome.summary.data.gold.clone_from(&gold.name);
    outcome.summary.data.layout.clone_from(&gold.layout);
    outcome.summary.data.charts += gold.other_splits;
    let issues = &mut outcome.summary.data.issues;
    issues.extend(gold.issues.iter().cloned());
    if gold.other_splits > 0 {
        issues.push(DataIssue {
            kind: "other_split".to_owned(),
            what: "charts of other splits; left out".to_owned(),
            count: gold.other_splits,
            examples: Vec::new(),
        });
    }
}
