//! How long the bootstrap takes. `cargo test --release -p chartcode-eval speed -- --ignored`

use std::time::Instant;

use chartcode_eval::{
    Bootstrap, ChartRecord, Evaluation, LabelSpace, Metric, RANKS, Rule, Suggestion,
};

/// Charts with 15 gold and 15 suggested codes of 20,000, low numbers far more often.
fn charts(count: u64) -> Vec<ChartRecord> {
    let mut state = 1_u64;
    let mut label = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let uniform = state >> 32;
        let square = (uniform * uniform) >> 32;
        let fourth = (square * square) >> 32;
        ((20_000 * fourth) >> 32) as u32
    };
    let mut distinct = move || {
        let mut labels: Vec<u32> = (0..15).map(|_| label()).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    };
    let mut chart = |id: u64| {
        let gold = distinct();
        let ranks: Vec<u32> = (0..gold.len() as u32).map(|i| 1 + i * i / 2 + i).collect();
        let suggestion = |label| Suggestion { label, probability: Some(0.5), accepted: false };
        ChartRecord {
            id: id.to_string(),
            outside: 0,
            suggested: distinct().into_iter().map(suggestion).collect(),
            present_ranks: ranks.clone(),
            ranks,
            gold,
        }
    };
    (0..count).map(&mut chart).collect()
}

#[test]
#[ignore = "takes seconds; a measurement, with a generous limit"]
fn a_hundred_thousand_charts_a_thousand_times() {
    let records = charts(100_000);
    let space = LabelSpace { labels: 20_000, rule: Rule::All };
    let start = Instant::now();
    let evaluation = Evaluation::new(&space, &records, &RANKS).unwrap();
    let ready = start.elapsed();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let table = pool.install(|| Bootstrap::default().table(&evaluation, &[]));
    println!("ready in {ready:?}, all in {:?}", start.elapsed());
    let micro = table.get(Metric::MicroF1).unwrap();
    assert!(micro.low < micro.value && micro.value < micro.high);
    assert!(start.elapsed().as_secs() < 60);
}
