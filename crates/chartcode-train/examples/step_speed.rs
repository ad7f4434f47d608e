//! Times a training step of an encoder: forward, backward, clipping and AdamW. The counterpart of
//! `scripts/training/step_speed.py`.
//!
//!     cargo run --release -p chartcode-train --example step_speed -- models/icd10cm-minilm 5
//!
//! The number of threads is that of `RAYON_NUM_THREADS`.

use std::error::Error;
use std::ops::Range;
use std::time::Instant;

use chartcode::Bundle;
use chartcode_train::ops::{normalise_rows, segment_mean};
use chartcode_train::{AdamW, AdamWOptions, Dropout, EncoderOptions, Gradients, TrainableEncoder};

const SHAPES: [(&str, usize, usize); 3] =
    [("128 x 12", 128, 12), ("32 x 30", 32, 30), ("8 x 128", 8, 128)];

/// From three quarters to five quarters of the middle, in turn.
fn windows(count: usize, middle: usize) -> Vec<Vec<u32>> {
    let spread = (middle / 4).max(1);
    let length = |row| middle - spread + (row * 7) % (2 * spread + 1);
    let id = |row, place| (1000 + (row * 131 + place * 37) % 20_000) as u32;
    (0..count).map(|row| (0..length(row)).map(|place| id(row, place)).collect()).collect()
}

/// Seconds of forward, of backward, and of clipping and AdamW.
fn step(
    encoder: &TrainableEncoder,
    optimizer: &mut AdamW,
    windows: &[&[u32]],
    dropout: &mut Dropout,
) -> Result<[f64; 3], Box<dyn Error>> {
    let start = Instant::now();
    let packed = encoder.forward(windows, Some(dropout))?;
    let ranges: Vec<Range<usize>> = packed.offsets.windows(2).map(|o| o[0]..o[1]).collect();
    let pooled = normalise_rows(&segment_mean(&packed.states, &ranges)?)?;
    let loss = pooled.sin()?.sum_all()?;
    let forward = start.elapsed().as_secs_f64();
    let gradients = Gradients::of(&loss)?;
    let backward = start.elapsed().as_secs_f64() - forward;
    optimizer.accumulate(gradients)?;
    optimizer.step(1e-5)?;
    Ok([forward, backward, start.elapsed().as_secs_f64() - forward - backward])
}

#[expect(clippy::print_stdout, reason = "figures are what this example is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("which model?")?;
    let rounds: usize = arguments.next().unwrap_or_else(|| "5".to_owned()).parse()?;
    let encoder = TrainableEncoder::from_bundle(&Bundle::open(model)?, &EncoderOptions::default())?;
    let mut optimizer = AdamW::new(AdamWOptions::default())?;
    optimizer.add(encoder.parameters(), 1.0)?;
    let mut dropout = Dropout::new(0);
    for (name, count, middle) in SHAPES {
        let owned = windows(count, middle);
        let windows: Vec<&[u32]> = owned.iter().map(Vec::as_slice).collect();
        let tokens: usize = windows.iter().map(|window| window.len()).sum();
        step(&encoder, &mut optimizer, &windows, &mut dropout)?;
        let mut best = [f64::INFINITY; 3];
        for _ in 0..rounds {
            let times = step(&encoder, &mut optimizer, &windows, &mut dropout)?;
            if times.iter().sum::<f64>() < best.iter().sum() {
                best = times;
            }
        }
        let total: f64 = best.iter().sum();
        let [forward, backward, update] = best.map(|seconds| seconds * 1e3);
        println!(
            "{name:9} {tokens:5} tokens {:8.1} ms {:9.0} tokens/s (forward {forward:.1}, \
             backward {backward:.1}, AdamW {update:.1})",
            total * 1e3,
            tokens as f64 / total
        );
    }
    Ok(())
}
