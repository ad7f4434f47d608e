//! The charts that a head is fitted on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use chartcode::{Chart, Engine, TextRule};
use chartcode_eval::{Code, GoldSet};
use chartcode_train::fit::{ChartFeatures, Example, FitError, Inputs, VectorCache};
use serde::Serialize;

use crate::args::FitArgs;
use crate::commands::gold;
use crate::failures::Failures;
use crate::progress::Progress;

/// What was read.
pub(super) struct Charts {
    pub(super) labels: Vec<Code>,
    pub(super) examples: Vec<Example>,
    pub(super) rule: TextRule,
    pub(super) summary: ChartsSummary,
    /// Vectors of this run, kept until it is complete.
    pub(super) cache: Option<VectorCache>,
}

/// What was read, in figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChartsSummary {
    /// The source's name.
    pub(crate) source: String,
    /// Charts that were fitted on.
    pub(crate) charts: usize,
    /// Charts without a code of the system, which may not have been coded at all.
    pub(crate) without_codes: usize,
    /// Codes of these charts.
    pub(crate) codes: usize,
    /// The codes' system.
    pub(crate) system: String,
    /// Labels of the head.
    pub(crate) labels: usize,
    /// Codes that too few charts have, with how many.
    pub(crate) left_out: BTreeMap<String, u32>,
}

pub(super) fn read(
    args: &FitArgs,
    engine: &Engine,
    inputs: &[Inputs],
    failures: &Failures,
) -> anyhow::Result<Charts> {
    let gold = gold::read_from(&args.charts, &args.source, args.quiet, failures)?;
    let system = system(args, &gold.set)?;
    let (labels, left_out) = labels(&gold.set, &system, args.min_charts)?;
    let encodes = inputs.iter().any(|inputs| inputs.has_vector());
    let cache = encodes.then(|| open_cache(&args.output, engine)).transpose()?;
    let mut taker = Taker {
        engine,
        system: system.clone(),
        numbers: labels.iter().cloned().zip(0..).collect(),
        rule: TextRule::default(),
        cache,
    };
    let progress = Progress::of_charts(gold.set.charts().len(), args.quiet);
    let mut seen = BTreeSet::new();
    let mut examples = Vec::new();
    let mut without_codes = 0;
    for (count, chart) in gold::open(&args.charts, &args.source)?.enumerate() {
        progress.set(count, count as u64);
        // A bad record was told of when the codes were read, a repeated id is told of there.
        let Ok(chart) = chart else { continue };
        if !seen.insert(chart.id.clone()) {
            let error = anyhow!("chart {:?} is there twice: the first one counts", chart.id);
            progress.suspend(|| failures.add_record(&error));
            continue;
        }
        match taker.take(chart) {
            Ok(Some(example)) => examples.push(example),
            Ok(None) => without_codes += 1,
            Err(error @ FitError::Cache { .. }) => return Err(error.into()),
            Err(error) => progress.suspend(|| failures.add(&error.into())),
        }
    }
    let codes = examples.iter().map(|example| example.gold.len() + example.outside as usize).sum();
    let summary = ChartsSummary {
        source: gold.name,
        charts: examples.len(),
        without_codes,
        codes,
        system,
        labels: labels.len(),
        left_out,
    };
    Ok(Charts { labels, examples, rule: taker.rule, summary, cache: taker.cache })
}

/// The one system of the charts' codes, or the one that was asked for.
fn system(args: &FitArgs, gold: &GoldSet) -> anyhow::Result<String> {
    let systems: Vec<String> = gold.systems().into_keys().collect();
    match (&args.system, systems.as_slice()) {
        (_, []) => bail!("no chart of {} has a code", args.charts.display()),
        (Some(named), _) if systems.contains(named) => Ok(named.clone()),
        (Some(named), _) => bail!("no chart has a code of {named}, but of {}", systems.join(", ")),
        (None, [one]) => Ok(one.clone()),
        (None, _) => bail!(
            "the charts have codes of {}: name the one to learn with --system (a head has codes of \
             one system)",
            systems.join(" and ")
        ),
    }
}

/// The codes that enough charts have, in order, and the others.
fn labels(
    gold: &GoldSet,
    system: &str,
    least: u32,
) -> anyhow::Result<(Vec<Code>, BTreeMap<String, u32>)> {
    let counted = gold.codes().iter().zip(gold.occurrences());
    let (labels, rare): (Vec<_>, Vec<_>) =
        counted.filter(|(code, _)| code.system == system).partition(|&(_, count)| count >= least);
    if labels.is_empty() {
        return Err(FitError::NoLabels { codes: rare.len(), least: least as usize }.into());
    }
    let mut labels: Vec<Code> = labels.into_iter().map(|(code, _)| code.clone()).collect();
    labels.sort_by(|a, b| a.code.cmp(&b.code));
    Ok((labels, rare.into_iter().map(|(code, count)| (code.code.clone(), count)).collect()))
}

fn open_cache(out: &Path, engine: &Engine) -> anyhow::Result<VectorCache> {
    let mut path = out.as_os_str().to_owned();
    path.push(".vectors.part");
    let width = engine.encoder().config().hidden_size;
    Ok(VectorCache::open(&PathBuf::from(path), &engine.stamp().bundle_digest, width)?)
}

struct Taker<'a> {
    engine: &'a Engine,
    system: String,
    numbers: BTreeMap<Code, u32>,
    rule: TextRule,
    cache: Option<VectorCache>,
}

impl Taker<'_> {
    /// The example that a chart is; none where it has no code of the system.
    fn take(&mut self, chart: chartcode_eval::LabelledChart) -> Result<Option<Example>, FitError> {
        let codes: BTreeSet<&Code> =
            chart.codes.iter().filter(|code| code.system == self.system).collect();
        if codes.is_empty() {
            return Ok(None);
        }
        let gold: BTreeSet<u32> =
            codes.iter().filter_map(|code| self.numbers.get(code).copied()).collect();
        let outside = (codes.len() - gold.len()) as u32;
        let chart = Chart::new(chart.id, chart.text.unwrap_or_default())?;
        let mut features = ChartFeatures::of_text(self.engine, &self.rule, &chart)?;
        if let Some(cache) = &mut self.cache {
            let compute = || ChartFeatures::vector_of(self.engine, &chart);
            features.vector = cache.get(chart.text(), compute)?;
        }
        Ok(Some(Example { features, gold: gold.into_iter().collect(), outside }))
    }
}
