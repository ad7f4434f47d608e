//! `chartcode bench`: how long coding takes on this machine.

use std::io::Write as _;
use std::time::Instant;

use anyhow::bail;
use chartcode::{Chart, Engine, Isa, Precision, StageSeconds};
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
    let engine = load(&args.engine, args.engine.options())?;
    let load_seconds = clock.elapsed().as_secs_f64();
    engine.require_head()?;
    let progress = Progress::of_work(args.warmup + args.rounds.get() + 1, args.charts.quiet);
    for _ in 0..args.warmup {
        round(&engine, &charts)?;
        progress.advance();
    }
    let mut seconds = Vec::with_capacity(args.rounds.get());
    for _ in 0..args.rounds.get() {
        let clock = Instant::now();
        round(&engine, &charts)?;
        seconds.push(clock.elapsed().as_secs_f64());
        progress.advance();
    }
    let stages = stages(&engine, &charts)?;
    progress.clear();
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
        peak_rss_mib: peak_rss_mib(),
    };
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&timings)?)?,
        InspectFormat::Text => print(&timings, &mut out)?,
    }
    Ok(Failures::default())
}

/// All logits of all charts.
fn round(engine: &Engine, charts: &[Chart]) -> anyhow::Result<()> {
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

/// The most memory that the process ever held, where the system tells.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

fn print(timings: &Timings, out: &mut impl std::io::Write) -> std::io::Result<()> {
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
    if let Some(peak) = timings.peak_rss_mib {
        writeln!(out, "peak memory  {peak:.0} MiB")?;
    }
    Ok(())
}
