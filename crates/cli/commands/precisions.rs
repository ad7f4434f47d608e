//! `chartcode precisions`: what bf16 and int8 change in a bundle's answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use anyhow::bail;
use chartcode::{
    Bundle, BundleChanges, Chart, Decision, Engine, Isa, MeasuredPrecision, Options, Precision,
    Precisions,
};
use chartcode_eval::tune::{Counts, CountsSummary};
use chartcode_train::fit::average_precision;

use crate::args::{InspectFormat, PrecisionsArgs};
use crate::commands::{bundle, gold, labels};
use crate::failures::Failures;
use crate::output::evaluation::{new_table, section};
use crate::progress::Progress;

/// A chart and its codes by label; codes that are no labels are counted only.
struct Labelled {
    chart: Chart,
    gold: Vec<u32>,
    outside: u32,
}

/// What one precision answers: the labels that it suggests to each chart, with their logits.
struct Answers {
    suggested: Vec<BTreeMap<u32, f32>>,
    counts: Counts,
    map: f64,
}

pub(crate) fn run(args: &PrecisionsArgs) -> anyhow::Result<Failures> {
    if !(0.0..=1.0).contains(&args.keep) {
        bail!("--keep is a share between 0 and 1, not {}", args.keep);
    }
    let path = bundle(args.bundle.as_deref())?;
    let failures = Failures::default();
    let (mut charts, mut answers) = (Vec::new(), Vec::new());
    let mut progress = None;
    for precision in Precision::ALL {
        let options = Options::new().threads(args.threads).precision(precision);
        let engine = Engine::load(&path, options)?;
        engine.require_head()?;
        if charts.is_empty() {
            charts = read(args, &engine, &failures)?;
        }
        let all = charts.len() * Precision::ALL.len();
        let progress = progress.get_or_insert_with(|| Progress::of_work(all, args.quiet));
        answers.push((precision, answer(&engine, &charts, progress)?));
    }
    if let Some(progress) = progress {
        progress.clear();
    }
    let precisions = Precisions {
        charts: charts.len(),
        gold: gold::file_name(&args.gold.gold),
        keep: args.keep,
        measured: answers.iter().map(|(p, own)| measured(*p, own, &answers[0].1)).collect(),
    };
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&precisions)?)?,
        InspectFormat::Text => print(&precisions, &mut out)?,
    }
    if let (Some(folder), Some(version)) = (&args.out, &args.version) {
        let mut changes = BundleChanges::new(version);
        changes.card = Some(card(&precisions));
        changes.precisions = Some(precisions);
        Bundle::open(&path)?.write_version(folder, changes)?;
        writeln!(out, "wrote {}", folder.display())?;
    }
    Ok(failures)
}

/// The charts that have a text and a code.
fn read(
    args: &PrecisionsArgs,
    engine: &Engine,
    failures: &Failures,
) -> anyhow::Result<Vec<Labelled>> {
    let set = labels::set(engine)?;
    let numbers: BTreeMap<_, u32> = set.codes().iter().zip(0..).collect();
    let systems = set.systems();
    let (mut charts, mut seen) = (Vec::new(), BTreeSet::new());
    for chart in gold::open(&args.gold.gold, &args.gold.source)? {
        let chart = match chart {
            Ok(chart) => chart,
            Err(error) => {
                failures.add_record(&error.into());
                continue;
            }
        };
        let codes: BTreeSet<_> =
            chart.codes.iter().filter(|code| systems.contains(&code.system)).collect();
        if codes.is_empty() || !seen.insert(chart.id.clone()) {
            continue;
        }
        let gold: BTreeSet<u32> =
            codes.iter().filter_map(|code| numbers.get(code).copied()).collect();
        let outside = (codes.len() - gold.len()) as u32;
        match Chart::new(chart.id, chart.text.unwrap_or_default()) {
            Ok(chart) => {
                charts.push(Labelled { chart, gold: gold.into_iter().collect(), outside });
            }
            Err(error) => failures.add(&error.into()),
        }
    }
    if charts.is_empty() {
        bail!("no chart with a text and a code in {}", args.gold.gold.display());
    }
    Ok(charts)
}

fn answer(engine: &Engine, charts: &[Labelled], progress: &Progress) -> anyhow::Result<Answers> {
    let mut answers = Answers {
        suggested: Vec::with_capacity(charts.len()),
        counts: Counts::default(),
        map: 0.0,
    };
    let scored = engine.logits_batch(charts.iter().map(|labelled| labelled.chart.clone()));
    for (own, (_, logits)) in charts.iter().zip(scored) {
        let logits = logits?;
        let suggested: BTreeMap<u32, f32> = (0..)
            .zip(logits.iter().copied())
            .filter(|&(label, logit)| engine.decide(label as usize, logit) != Decision::Drop)
            .collect();
        answers.counts.suggested += suggested.len() as u64;
        answers.counts.gold += own.gold.len() as u64 + u64::from(own.outside);
        answers.counts.right +=
            own.gold.iter().filter(|label| suggested.contains_key(label)).count() as u64;
        answers.map += average_precision(&logits, &own.gold, own.outside).unwrap_or_default();
        answers.suggested.push(suggested);
        progress.advance();
    }
    answers.map /= charts.len() as f64;
    Ok(answers)
}

/// Compares with f32.
fn measured(precision: Precision, own: &Answers, exact: &Answers) -> MeasuredPrecision {
    let (mut same_charts, mut changed_codes, mut logit_difference) = (0, 0, 0.0_f32);
    for (ours, theirs) in own.suggested.iter().zip(&exact.suggested) {
        let common = ours.iter().filter_map(|(label, logit)| Some((logit, theirs.get(label)?)));
        let mut both = 0;
        for (ours, theirs) in common {
            both += 1;
            logit_difference = logit_difference.max((ours - theirs).abs());
        }
        let changed = (ours.len() + theirs.len() - 2 * both) as u64;
        changed_codes += changed;
        same_charts += usize::from(changed == 0);
    }
    MeasuredPrecision {
        precision,
        same_charts,
        codes: exact.counts.suggested,
        changed_codes,
        logit_difference,
        micro_f1: CountsSummary::from(own.counts).f1.unwrap_or_default(),
        map: own.map,
    }
}

const HEADER: [&str; 6] = [
    "",
    "charts with the same codes",
    "codes changed",
    "largest change of a logit",
    "micro F1",
    "MAP",
];

fn cells(precisions: &Precisions, own: &MeasuredPrecision) -> [String; 6] {
    [
        own.precision.to_string(),
        format!("{} of {}", own.same_charts, precisions.charts),
        format!("{} of {}", own.changed_codes, own.codes),
        format!("{:.4}", own.logit_difference),
        format!("{:.4}", own.micro_f1),
        format!("{:.4}", own.map),
    ]
}

fn print(precisions: &Precisions, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mut table = new_table();
    table.set_header(HEADER);
    for own in &precisions.measured {
        table.add_row(cells(precisions, own));
    }
    section(&format!("Against f32, on {} charts", precisions.charts), table, out)?;
    let isa = Isa::best();
    let auto = precisions.fastest(isa);
    let share = 100.0 * precisions.keep;
    writeln!(out, "--precision auto on this CPU ({isa}), to keep {share:.4} % of codes: {auto}")
}

/// The section of the bundle's card.
fn card(precisions: &Precisions) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = format!(
        "## Precisions\n\nMeasured on {} charts ({}) against f32. `--precision auto` takes the \
         fastest on the CPU that keeps {} % of the suggested codes.\n\n",
        precisions.charts,
        precisions.gold,
        100.0 * precisions.keep
    );
    text += &line(&HEADER.map(str::to_owned));
    text += "|---|---|---|---|---|---|\n";
    for own in &precisions.measured {
        text += &line(&cells(precisions, own));
    }
    text
}
