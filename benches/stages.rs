//! Throughput per chart and per token, stage by stage, of the default bundle.
//!
//! Each benchmark runs the route from its start to the end of one stage, so a stage's own cost is
//! the difference to the one before: `tokenise`, then `+encode` (vectors of all windows), then
//! `+head` (all logits), then `+evidence` (the report). Charts of 300, 1,500 and 6,000 tokens are
//! cut from the synthetic notes in `tests/charts`, or from the texts of the JSONL file that
//! `CHARTCODE_BENCH_CHARTS` names. `CHARTCODE_BENCH_THREADS` sets the number of threads.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;

use chartcode::{Chart, Engine, Options};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/icd10cm-minilm");
const CHARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/charts");
const TOKENS: [usize; 3] = [300, 1500, 6000];

fn stages(criterion: &mut Criterion) {
    let threads = std::env::var("CHARTCODE_BENCH_THREADS").ok().and_then(|n| n.parse().ok());
    let options = Options::new().threads(threads.and_then(NonZeroUsize::new));
    let engine = Engine::load(BUNDLE, options).expect("the default bundle loads");
    let text = text();
    let mut group = criterion.benchmark_group("stages");
    group.sample_size(20);
    for tokens in TOKENS {
        let chart = chart(&engine, &text, tokens);
        group.throughput(Throughput::Elements(tokens as u64));
        let mut stage = |name: &str, run: &dyn Fn(&Chart)| {
            group.bench_with_input(BenchmarkId::new(name, tokens), &chart, |bencher, chart| {
                bencher.iter(|| run(black_box(chart)));
            });
        };
        stage("1 tokenise", &|chart| {
            black_box(engine.tokens(chart).expect("the chart has tokens"));
        });
        stage("2 +encode", &|chart| {
            black_box(engine.embed(chart).expect("the chart is encoded"));
        });
        stage("3 +head", &|chart| {
            black_box(engine.logits(chart).expect("the chart is scored"));
        });
        stage("4 +evidence", &|chart| {
            black_box(engine.code(chart).expect("the chart is coded"));
        });
    }
    group.finish();
}

/// Loading a bundle: checksums, tokenizer, weights.
fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    group.bench_function("default bundle", |bencher| {
        bencher.iter(|| Engine::load(black_box(BUNDLE), Options::new()).expect("it loads"));
    });
    group.finish();
}

/// Clinical prose, long enough for the longest chart.
fn text() -> String {
    let text = match std::env::var("CHARTCODE_BENCH_CHARTS") {
        Ok(path) => jsonl_texts(Path::new(&path)),
        Err(_) => ["discharge.txt", "clinic.txt", "radiology.txt"]
            .map(|name| std::fs::read_to_string(format!("{CHARTS}/{name}")).expect("it is there"))
            .join("\n"),
    };
    let copies = 60_000 / text.len() + 1;
    vec![text; copies].join("\n")
}

fn jsonl_texts(path: &Path) -> String {
    let lines = std::fs::read_to_string(path).expect("CHARTCODE_BENCH_CHARTS can be read");
    lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("it is JSONL"))
        .filter_map(|row| row["text"].as_str().map(str::to_owned))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A chart of exactly that many tokens.
fn chart(engine: &Engine, text: &str, tokens: usize) -> Chart {
    let whole = Chart::new("whole", text).expect("it is not blank");
    let spans = engine.tokens(&whole).expect("it has tokens").spans;
    Chart::new("bench", &text[..spans[tokens - 1].end()]).expect("it is not blank")
}

criterion_group!(benches, load, stages);
criterion_main!(benches);
