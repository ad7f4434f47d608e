use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::*;

fn random_label(random: &mut Pcg64Mcg, labels: usize) -> u32 {
    (0..3).fold(labels as u32, |below, _| random.random_range(0..below.max(1)))
}

/// `cargo test --release -p chartcode-eval areas_take -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn areas_take_some_time() {
    let size = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (charts, labels) = (size("CHARTS", 20_000), size("LABELS", 8_000));
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let (mut builder, mut spool) = (AucBuilder::new(labels), Spool::new(labels));
    // Labels differ in frequency; a sum of uniform numbers is near enough to a normal one.
    let bias: Vec<f32> = (0..labels).map(|_| random.random::<f32>() * 4.0 - 10.0).collect();
    let mut noise = || (0..4).map(|_| random.random::<f32>() - 0.5).sum::<f32>() * 3.0;
    let start = Instant::now();
    let mut labels_drawn = Pcg64Mcg::seed_from_u64(2);
    for _ in 0..charts {
        let mut row: Vec<f32> = bias.iter().map(|bias| bias + noise()).collect();
        // The first labels are gold most often.
        let mut draw = || random_label(&mut labels_drawn, labels);
        let mut gold: Vec<u32> = (0..15).map(|_| draw()).collect();
        gold.sort_unstable();
        gold.dedup();
        for &label in &gold {
            row[label as usize] += 5.0;
        }
        builder.add_positives(RowScores::Dense(&row), &gold);
        spool.push(RowScores::Dense(&row)).unwrap();
    }
    println!("made in {:?}", start.elapsed());
    let start = Instant::now();
    let numbers: usize = spool.blocks().unwrap().map(|block| block.unwrap().numbers()).sum();
    println!("read in {:?}", start.elapsed());
    let start = Instant::now();
    let areas = builder.finish(&mut spool, AucScope::default()).unwrap();
    let taken = start.elapsed();
    println!("areas in {taken:?}: {:?} {:?}", areas.micro, areas.macro_mean);
    println!("{:.2} ns a pair", taken.as_secs_f64() * 1e9 / numbers as f64);
    let pairs = (&builder.gold[..], &builder.scores[..]);
    let positives = Positives::new(labels, &builder.offsets, pairs, AucScope::default());
    let start = Instant::now();
    let (mut overall, mut by_label) = (Overall::new(&positives), ByLabel::new(&positives));
    println!("prepared in {:?}", start.elapsed());
    let (mut first, mut second) = (Duration::ZERO, Duration::ZERO);
    for block in spool.blocks().unwrap() {
        let (block, start) = (block.unwrap(), Instant::now());
        overall.add(&block);
        let middle = Instant::now();
        by_label.add(&block);
        first += middle - start;
        second += middle.elapsed();
    }
    println!("of it counting overall {first:?}, by label {second:?}");
    let start = Instant::now();
    overall.finish();
    let middle = Instant::now();
    by_label.finish();
    println!("finishing overall {:?}, by label {:?}", middle - start, middle.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{:?}", status.lines().find(|line| line.starts_with("VmHWM")));
}
