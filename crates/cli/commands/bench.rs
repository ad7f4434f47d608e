//! `chartcode bench`: how long coding takes on this machine.

use std::io::Write as _;
use std::time::Instant;

use anyhow::bail;
use chartcode::{Chart, Engine, EvidenceKind, Isa, Precision, PrunedLabels, StageSeconds};
use serde::Serialize;

use crate::args::{BenchArgs, InspectFormat};
use crate::commands::load;
use crate::failures::Failures;
use crate::input::Charts;
use crate::progress::Progress;

/// Seconds of whole rounds, and where they went in a round of their own.
#[derive(Serialize)]
struct Timings {
    engine: &'static str,
    precision: Precision,
    /// The instructions that products are computed with.
    cpu: &'static str,
    threads: usize,
    charts: usize,
    tokens: usize,
    windows: usize,
    load_seconds: f64,
    /// From text to all logits, a round each.
    seconds: Vec<f64>,
    stages: Stages,
    /// Of all rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pruned: Option<PrunedLabels>,
    /// What coding holds above the memory at rest, weights loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    working_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_mib: Option<f64>,
}

/// Seconds of charts one by one.
#[derive(Serialize)]
struct Stages {
    prepare: f64,
    encode: f64,
    head: f64,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<Failures> {
    let charts = Charts::new(&args.charts).collect::<Result<Vec<Chart>, _>>()?;
    if charts.is_empty() {
        bail!("there is no chart to time: name a text file or a JSONL file");
    }
    let clock = Instant::now();
    let options = args.engine.options();
    let options = if args.prune {
        let top = args.top.map(|top| top as usize);
        options.prune(true).top(top).evidence(EvidenceKind::None)
    } else {
        options
    };
    let engine = load(&args.engine, options)?;
    let load_seconds = clock.elapsed().as_secs_f64();
    engine.require_head()?;
    let load_peak = memory("VmHWM:");
    let at_rest = forget_peak().and_then(|()| memory("VmRSS:"));
    let progress = Progress::of_work(args.warmup + args.rounds.get() + 1, args.charts.quiet);
    for _ in 0..args.warmup {
        round(&engine, &charts, args.prune)?;
        progress.advance();
    }
    let mut seconds = Vec::with_capacity(args.rounds.get());
    for _ in 0..args.rounds.get() {
        let clock = Instant::now();
        round(&engine, &charts, args.prune)?;
        seconds.push(clock.elapsed().as_secs_f64());
        progress.advance();
    }
    let stages = stages(&engine, &charts)?;
    progress.clear();
    let peak = memory("VmHWM:");
    let timings = Timings {
        engine: concat!("chartcode ", env!("CARGO_PKG_VERSION")),
        precision: engine.precision(),
        cpu: Isa::best().name(),
        threads: engine.threads(),
        charts: charts.len(),
        tokens: stages.tokens,
        windows: stages.windows,
        load_seconds,
        seconds,
        stages: Stages { prepare: stages.prepare, encode: stages.encode, head: stages.head },
        pruned: engine.pruned(),
        working_mib: at_rest.zip(peak).map(|(at_rest, peak)| (peak - at_rest).max(0.0)),
        peak_rss_mib: peak.zip(load_peak).map(|(peak, load)| peak.max(load)),
    };
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&timings)?)?,
        InspectFormat::Text => print(args, &timings, &mut out)?,
    }
    Ok(Failures::default())
}

/// All logits of all charts; or their reports, which are about few labels.
fn round(engine: &Engine, charts: &[Chart], prune: bool) -> anyhow::Result<()> {
    if prune {
        for (_, report) in engine.code_batch(charts.iter().cloned()) {
            report?;
        }
        return Ok(());
    }
    for (_, logits) in engine.logits_batch(charts.iter().cloned()) {
        logits?;
    }
    Ok(())
}

fn stages(engine: &Engine, charts: &[Chart]) -> anyhow::Result<StageSeconds> {
    let mut sum = StageSeconds::default();
    for chart in charts {
        let own = engine.time_stages(chart)?;
        sum.tokens += own.tokens;
        sum.windows += own.windows;
        sum.prepare += own.prepare;
        sum.encode += own.encode;
        sum.head += own.head;
    }
    Ok(sum)
}

/// A line of what the system says of this process's memory, in MiB, where it does.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Has the system count the most memory from now on, where it can.
fn forget_peak() -> Option<()> {
    std::fs::write("/proc/self/clear_refs", "5").ok()
}

fn print(
    args: &BenchArgs,
    timings: &Timings,
    out: &mut impl std::io::Write,
) -> std::io::Result<()> {
    let mut sorted = timings.seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let Timings { charts, tokens, windows, threads, precision, cpu, .. } = timings;
    writeln!(
        out,
        "{charts} charts, {tokens} tokens in {windows} windows; {precision} on {cpu}, {threads} threads"
    )?;
    writeln!(
        out,
        "a round      {:.1} ms median of {} ({:.1} to {:.1})",
        1e3 * median,
        sorted.len(),
        1e3 * sorted[0],
        1e3 * sorted[sorted.len() - 1]
    )?;
    writeln!(out, "tokens/s     {:.0}", *tokens as f64 / median)?;
    writeln!(out, "charts/s     {:.2}", *charts as f64 / median)?;
    let Stages { prepare, encode, head } = timings.stages;
    writeln!(
        out,
        "one by one   tokenising {:.1} ms, encoder {:.1} ms, head {:.1} ms",
        1e3 * prepare,
        1e3 * encode,
        1e3 * head
    )?;
    writeln!(out, "loading      {:.0} ms", 1e3 * timings.load_seconds)?;
    if let Some(pruned) = timings.pruned {
        let share = |count: u64| 100.0 * count as f64 / pruned.labels.max(1) as f64;
        writeln!(
            out,
            "labels       {:.2} % skipped; {:.2} % screened in bf16, {:.2} % computed",
            100.0 * pruned.skipped(),
            share(pruned.screened),
            share(pruned.computed)
        )?;
    } else if args.prune {
        writeln!(out, "labels       none skipped: this bundle's head has no bounds")?;
    }
    match (timings.peak_rss_mib, timings.working_mib) {
        (Some(peak), Some(working)) => {
            writeln!(out, "peak memory  {peak:.0} MiB, {working:.0} above what is loaded")?;
        }
        (Some(peak), None) => writeln!(out, "peak memory  {peak:.0} MiB")?,
        _ => {}
    }
    Ok(())
}
