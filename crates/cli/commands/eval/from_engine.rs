//! Scores from a bundle.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::bail;
use chartcode::{Chart, Decision, Engine, EvidenceKind};
use chartcode_eval::{
    Evaluator, GoldEvidence, LabelSet, LabelledChart, Outcome, RowScores, Scale, ScoresWriter,
    Suggestion,
};

use super::journal::{About, Entry, Header, Journal};
use super::{describe_gold, evaluated, evaluator, outputs, passages, run_summary};
use crate::commands::gold::{self, Gold};
use crate::commands::{labels, load};
use crate::eval_args::EvalArgs;
use crate::failures::{self, Failures};
use crate::progress::Progress;

/// Passages of charts on their way through the engine, by chart.
type Marked = RefCell<HashMap<String, Vec<GoldEvidence>>>;

/// Charts that cannot be coded, with the cause where they have a text.
type Refused = RefCell<Vec<(String, Option<chartcode::Error>)>>;

pub(super) fn evaluate(
    args: &EvalArgs,
    gold: &Gold,
    failures: &Failures,
) -> anyhow::Result<Outcome> {
    if !gold.set.charts().iter().any(|chart| chart.has_text) {
        bail!("the gold holds no text to code: name a system's answers with --predictions");
    }
    let kind = if args.no_evidence { EvidenceKind::None } else { EvidenceKind::Contribution };
    let options = args.engine.options().threshold(args.threshold).evidence(kind);
    let engine = load(&args.engine, options)?;
    engine.require_head()?;
    let all = labels::set(&engine)?;
    let space = evaluated(args, all.clone(), &gold.set)?;
    let mut run = Run::new(args, gold, &engine, &all, space)?;
    let mut journal = run.take_up(args)?;
    run.compute(args, journal.as_mut(), failures)?;
    run.finish(args)
}

/// An evaluation that is being computed.
struct Run<'r> {
    gold: &'r Gold,
    engine: &'r Engine,
    evaluator: Evaluator<'r>,
    space: LabelSet,
    /// The bundle's labels that are evaluated, in the order of the space.
    columns: Vec<usize>,
    writer: Option<ScoresWriter>,
    done: HashSet<String>,
    computed: usize,
    busy: Duration,
}

impl<'r> Run<'r> {
    fn new(
        args: &EvalArgs,
        gold: &'r Gold,
        engine: &'r Engine,
        all: &LabelSet,
        space: LabelSet,
    ) -> anyhow::Result<Self> {
        let columns = space.codes().iter().filter_map(|code| all.label(code)).map(|l| l as usize);
        let writer = args
            .save_scores
            .as_deref()
            .map(|path| ScoresWriter::create(path, space.codes(), Scale::Logit))
            .transpose()?;
        let mut evaluator = evaluator(args, &gold.set, space.clone())?;
        evaluator.titles(labels::titles(engine, all, &space));
        evaluator.tokens("tokens of the bundle");
        Ok(Self {
            gold,
            engine,
            evaluator,
            columns: columns.collect(),
            space,
            writer,
            done: HashSet::new(),
            computed: 0,
            busy: Duration::ZERO,
        })
    }

    /// Opens the journal, where there is to be one, and takes in what is in it.
    fn take_up(&mut self, args: &EvalArgs) -> anyhow::Result<Option<Journal>> {
        let Some(folder) = &args.run.output else {
            return Ok(None);
        };
        let stamp = self.engine.stamp();
        let header = Header {
            engine: stamp.engine.clone(),
            bundle_digest: stamp.bundle_digest.clone(),
            profile: stamp.profile.clone(),
            gold: args.gold.gold.display().to_string(),
            labels: self.engine.labels().len(),
            evidence: !args.no_evidence,
            precision: stamp.precision,
        };
        let path = outputs::journal_path(folder);
        let journal = Journal::open(&path, &header, |entry| self.take(&entry))?;
        if !self.done.is_empty() {
            failures::note(&format!("going on after {} charts that are done", self.done.len()));
        }
        Ok(Some(journal))
    }

    /// Scores the charts that are not done.
    fn compute(
        &mut self,
        args: &EvalArgs,
        mut journal: Option<&mut Journal>,
        failures: &Failures,
    ) -> anyhow::Result<()> {
        let progress = Progress::of_charts(self.gold.set.charts().len(), args.quiet);
        let marked = Marked::default();
        let refused = Refused::default();
        let done = std::mem::take(&mut self.done);
        let mut seen = done.clone();
        let charts = gold::open(&args.gold.gold, &args.gold.source)?
            .filter_map(Result::ok)
            .filter(|chart| seen.insert(chart.id.clone()))
            .filter_map(|chart| to_code(chart, &marked, &refused));
        let engine = self.engine;
        let mut scored = engine.logits_batch(charts);
        let mut count = done.len();
        loop {
            let start = Instant::now();
            let Some((chart, logits)) = scored.next() else {
                break;
            };
            self.busy += start.elapsed();
            count += 1;
            match logits.map(|logits| self.entry(&chart, logits, &marked)) {
                Ok(Ok(entry)) => {
                    if let Some(journal) = journal.as_deref_mut() {
                        journal.append(&entry)?;
                    }
                    self.computed += 1;
                    self.take(&entry)?;
                }
                Ok(Err(error)) | Err(error) => {
                    self.evaluator.add_issue("failed_chart", chart.id());
                    progress.suspend(|| failures.add(&error.into()));
                }
            }
            progress.set(count, count as u64);
        }
        drop(scored);
        for (id, error) in refused.into_inner() {
            match error {
                None => self.evaluator.add_issue("no_text", &id),
                Some(error) => {
                    self.evaluator.add_issue("failed_chart", &id);
                    progress.suspend(|| failures.add(&error.into()));
                }
            }
        }
        Ok(())
    }

    /// A chart's scores, and how its passages compare with the gold's.
    fn entry(&self, chart: &Chart, logits: Vec<f32>, marked: &Marked) -> chartcode::Result<Entry> {
        let evidence = match marked.borrow_mut().remove(chart.id()) {
            Some(gold) => passages::cases(self.engine, chart, &gold, |code| {
                let label = self.space.label(code)?;
                Some(self.columns[label as usize])
            })?,
            None => Vec::new(),
        };
        Ok(Entry { about: About { id: chart.id().to_owned(), evidence }, logits })
    }

    /// Hands a chart's scores to the evaluation.
    fn take(&mut self, entry: &Entry) -> anyhow::Result<()> {
        let Some(chart) = self.gold.set.find(&entry.about.id) else {
            return Ok(());
        };
        self.done.insert(entry.about.id.clone());
        let scores: Vec<f32> = self.columns.iter().map(|&column| entry.logits[column]).collect();
        let mut suggested = Vec::new();
        for (label, (&column, &logit)) in self.columns.iter().zip(&scores).enumerate() {
            let decision = self.engine.decide(column, logit);
            if decision != Decision::Drop {
                let probability = Some(self.engine.probability(logit) as f32);
                let accepted = decision == Decision::Accept;
                let label = label as u32;
                suggested.push((logit, Suggestion { label, probability, accepted }));
            }
        }
        suggested.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.label.cmp(&b.1.label)));
        let suggested = suggested.into_iter().map(|(_, suggestion)| suggestion).collect();
        if let Some(writer) = &mut self.writer {
            writer.push(&entry.about.id, &scores)?;
        }
        let engine = self.engine;
        let probability = |score: f32| engine.probability(score);
        self.evaluator.push(chart, RowScores::Dense(&scores), suggested, Some(&probability))?;
        self.evaluator.add_evidence(chart, &entry.about.evidence);
        Ok(())
    }

    fn finish(self, args: &EvalArgs) -> anyhow::Result<Outcome> {
        if let Some(writer) = self.writer {
            writer.finish()?;
        }
        let stamp = self.engine.stamp();
        let mut outcome = super::sum_up(args, self.evaluator)?;
        describe_gold(&mut outcome, self.gold);
        let mut run = run_summary(args, self.space.systems());
        run.model = format!("{} {}", stamp.bundle, stamp.bundle_version).trim_end().into();
        run.bundle_digest = Some(stamp.bundle_digest.clone());
        run.code_set = Some(stamp.code_set.clone()).filter(|name| !name.is_empty());
        let review = shown(stamp.thresholds.review);
        run.threshold = if stamp.label_thresholds {
            format!("probability > the code's own threshold, else {review}")
        } else {
            format!("probability > {review}")
        };
        run.seconds_per_chart =
            (self.computed > 0).then(|| self.busy.as_secs_f64() / self.computed as f64);
        run.threads = Some(self.engine.threads());
        outcome.set_run(run);
        Ok(outcome)
    }
}

/// A chart that can be coded; its passages are set aside.
fn to_code(chart: LabelledChart, marked: &Marked, refused: &Refused) -> Option<Chart> {
    let refuse = |error| refused.borrow_mut().push((chart.id.clone(), error));
    let Some(text) = chart.text else {
        refuse(None);
        return None;
    };
    let to_code = match Chart::new(chart.id.as_str(), text) {
        Ok(to_code) => to_code,
        Err(error) => {
            // Blank texts were counted when the gold was read.
            if !matches!(error, chartcode::Error::EmptyChart { .. }) {
                refuse(Some(error));
            }
            return None;
        }
    };
    if !chart.evidence.is_empty() {
        marked.borrow_mut().insert(chart.id, chart.evidence);
    }
    Some(to_code)
}

/// A threshold with four decimals at most.
fn shown(threshold: f64) -> String {
    let shown = format!("{threshold:.4}");
    shown.trim_end_matches('0').trim_end_matches('.').into()
}
