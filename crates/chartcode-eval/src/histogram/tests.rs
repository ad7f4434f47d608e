use std::time::Instant;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    probabilities: Vec<Vec<f32>>,
    gold: Vec<Vec<u32>>,
    counts: Vec<u64>,
    ece: f64,
    brier: f64,
    /// Threshold, precision and recall where they change.
    curve: Vec<(f64, f64, f64)>,
}

#[test]
fn errors_and_curve_are_those_of_scikit_learn() {
    let golden = include_str!("../../tests/golden/histogram.json");
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let mut parts = [ScoreHistogram::new(), ScoreHistogram::new()];
    for (chart, (row, gold)) in golden.probabilities.iter().zip(&golden.gold).enumerate() {
        let listed: Vec<(u32, f32)> = (0..).zip(row.iter().copied()).collect();
        let row = if chart % 3 == 0 { RowScores::Sparse(&listed) } else { RowScores::Dense(row) };
        parts[chart % 2].add(row, gold, f64::from);
    }
    let [mut histogram, other] = parts;
    histogram.merge(&other);
    assert!((histogram.ece() - golden.ece).abs() < 1e-12);
    assert!((histogram.brier() - golden.brier).abs() < 1e-12);
    let counts: Vec<u64> = histogram.bins().iter().map(|bin| bin.count).collect();
    assert_eq!(counts, golden.counts);
    let points = histogram.pr_curve(0);
    assert!((20..=192).contains(&points.len()));
    for point in points {
        // The curve's threshold is the lowest probability that is suggested.
        let (_, precision, recall) =
            golden.curve.iter().find(|step| step.0 > point.threshold).unwrap();
        assert!((point.precision - precision).abs() < 1e-12);
        assert!((point.recall - recall).abs() < 1e-12);
    }
}

#[test]
fn edges_belong_to_the_bin_and_the_cell_below_them() {
    for i in 1..BINS {
        assert_eq!((bin(edge(i)), bin(edge(i).next_up())), (i - 1, i));
    }
    assert_eq!((bin(0.0), bin(1.0), cell(0.0), cell(1.0)), (0, BINS - 1, 0, 2 * SIDE + 1));
    for i in 1..2 * SIDE + 2 {
        assert_eq!((cell(low(i)), cell(low(i).next_up())), (i - 1, i));
        assert!(low(i) > low(i - 1));
        let odds = |p: f64| p / (1.0 - p);
        assert!(i == 1 || odds(low(i)) / odds(low(i - 1)) < 1.016);
    }
}

#[test]
fn gold_outside_the_labels_counts_as_missed_and_nothing_gives_nothing() {
    let mut histogram = ScoreHistogram::new();
    assert!(histogram.pr_curve(3).is_empty());
    assert_eq!((histogram.ece(), histogram.brier(), histogram.pairs()), (0.0, 0.0, 0));
    histogram.add(RowScores::Sparse(&[(1, 0.75), (4, 0.0)]), &[0, 1, 9], f64::from);
    let points = histogram.pr_curve(3);
    assert_eq!((points.len(), points[0].precision, points[0].recall), (1, 1.0, 0.25));
    assert!(points[0].threshold < 0.75 && points[0].threshold > 0.74);
    assert_eq!((histogram.pairs(), histogram.gold()), (2, 1));
}

proptest! {
    #[test]
    fn points_are_exact_at_their_thresholds(
        charts in prop::collection::vec(
            (any::<bool>(), prop::collection::vec((-30.0_f32..30.0, 0_u8..4), 1..40)), 1..12),
        outside in 0_u64..5,
    ) {
        let probability = |score: f32| 1.0 / (1.0 + (-f64::from(score)).exp());
        let mut histogram = ScoreHistogram::new();
        let mut pairs = Vec::new();
        for (dense, cells) in &charts {
            let gold: Vec<u32> =
                (0..cells.len()).filter(|&l| cells[l].1 == 0).map(|l| l as u32).collect();
            let scores: Vec<f32> = cells.iter().map(|cell| cell.0).collect();
            let listed: Vec<(u32, f32)> =
                (0..).zip(scores.iter().copied()).filter(|&(l, _)| cells[l as usize].1 < 3).collect();
            let row = if *dense { RowScores::Dense(&scores) } else { RowScores::Sparse(&listed) };
            histogram.add(row, &gold, probability);
            let kept = cells.iter().filter(|cell| *dense || cell.1 < 3);
            pairs.extend(kept.map(|cell| (probability(cell.0), cell.1 == 0)));
        }
        let positives = pairs.iter().filter(|pair| pair.1).count();
        prop_assert_eq!(histogram.pairs(), pairs.len() as u64);
        prop_assert_eq!(histogram.gold(), positives as u64);
        for point in histogram.pr_curve(outside) {
            let above = pairs.iter().filter(|pair| pair.0 > point.threshold);
            let right = above.clone().filter(|pair| pair.1).count();
            prop_assert_eq!(point.precision, right as f64 / above.count() as f64);
            let all = positives as u64 + outside;
            prop_assert_eq!(point.recall, if all == 0 { 0.0 } else { right as f64 / all as f64 });
        }
        let brier: f64 = pairs.iter().map(|&(p, y)| (p - f64::from(u8::from(y))).powi(2)).sum();
        prop_assert!((histogram.brier() - brier / pairs.len().max(1) as f64).abs() < 1e-12);
        for bin in histogram.bins() {
            let inside = |p: f64| p > bin.low && p <= bin.high || p == 0.0 && bin.low == 0.0;
            let own: Vec<_> = pairs.iter().filter(|pair| inside(pair.0)).collect();
            prop_assert_eq!(bin.count, own.len() as u64);
            let n = own.len().max(1) as f64;
            let mean = own.iter().map(|pair| pair.0).sum::<f64>() / n;
            let share = own.iter().filter(|pair| pair.1).count() as f64 / n;
            prop_assert!((bin.mean_probability - mean).abs() < 1e-12);
            prop_assert!((bin.share_gold - share).abs() < 1e-12);
        }
    }
}

/// `cargo test --release -p chartcode-eval counts_take -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn counts_take_some_time() {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let row: Vec<f32> = (0..75_000).map(|_| random.random::<f32>() * 10.0 - 14.0).collect();
    let gold: Vec<u32> = (0..15).map(|i| i * 5000).collect();
    let mut histogram = ScoreHistogram::new();
    let time = |name: &str, add: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..200).for_each(|_| add());
        println!("{name}: {:.2} ns a pair", start.elapsed().as_secs_f64() * 1e9 / 200.0 / 75_000.0);
    };
    let logistic = |score: f32| 1.0 / (1.0 + (-f64::from(score)).exp());
    time("logits", &mut || histogram.add(RowScores::Dense(&row), &gold, logistic));
    let probabilities: Vec<f32> = row.iter().map(|&score| logistic(score) as f32).collect();
    time("probabilities", &mut || {
        histogram.add(RowScores::Dense(&probabilities), &gold, f64::from);
    });
    println!("{} {}", histogram.ece(), histogram.brier());
}
