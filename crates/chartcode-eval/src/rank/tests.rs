use std::time::Instant;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;

use super::*;

/// The same from a stable sort of all labels; those not listed have no score.
fn naive(scores: &[Option<f32>], gold: &[u32], among: Option<&[bool]>) -> Vec<u32> {
    let counts = |label: &usize| among.is_none_or(|mask| mask[*label]);
    let mut order: Vec<usize> = (0..scores.len()).filter(counts).collect();
    order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).unwrap());
    let place = |label| order.iter().position(|&other| other == label as usize);
    let mut ranks: Vec<u32> =
        gold.iter().filter_map(|&label| place(label)).map(|at| at as u32 + 1).collect();
    ranks.sort_unstable();
    ranks
}

#[test]
fn ranks_give_the_published_average_precision() {
    // medical-coding-reproducibility, tests/test_metrics.py: mean average precision 0.96.
    let first = ranks(RowScores::Dense(&[0.5, 0.6, 0.8, 0.4]), 4, &[1, 2, 3], None);
    let second = ranks(RowScores::Dense(&[0.1, 0.56, 0.9, 0.3]), 4, &[1, 2], None);
    assert_eq!((first.as_slice(), second.as_slice()), (&[1, 2, 4][..], &[1, 2][..]));
}

#[test]
fn equal_scores_rank_in_label_order_whatever_the_sign_of_zero() {
    let row = RowScores::Dense(&[0.0, -0.0, 0.0, -0.0]);
    assert_eq!(ranks(row, 4, &[1, 3], None), [2, 4]);
    assert_eq!(ranks(row, 4, &[1, 3], Some(&[false, true, true, true])), [1, 3]);
    assert_eq!(ranks(row, 4, &[1, 3], Some(&[true, true, true, false])), [2]);
}

#[test]
fn labels_that_are_not_listed_rank_behind_in_label_order() {
    let row = RowScores::Sparse(&[(2, -9.0), (5, 1.0)]);
    assert_eq!(ranks(row, 8, &[2, 3, 7], None), [2, 5, 8]);
    let among = [true, false, true, true, true, false, true, true];
    assert_eq!(ranks(row, 8, &[2, 3, 7], Some(&among)), [1, 3, 6]);
}

proptest! {
    #[test]
    fn ranks_are_those_of_a_stable_sort(
        cells in prop::collection::vec((-3_i8..3, 0_u8..10, any::<bool>(), any::<bool>()), 1..300)
    ) {
        let labels = cells.len();
        let gold: Vec<u32> =
            (0..labels).filter(|&l| cells[l].1 == 0).map(|l| l as u32).collect();
        let mask: Vec<bool> = cells.iter().map(|cell| cell.2).collect();
        let dense: Vec<f32> = cells.iter().map(|cell| f32::from(cell.0) / 2.0).collect();
        let all: Vec<Option<f32>> = dense.iter().copied().map(Some).collect();
        let some: Vec<Option<f32>> =
            all.iter().zip(&cells).map(|(s, cell)| s.filter(|_| cell.3)).collect();
        let listed: Vec<(u32, f32)> =
            some.iter().enumerate().filter_map(|(l, s)| Some((l as u32, (*s)?))).collect();
        for among in [None, Some(&mask[..])] {
            prop_assert_eq!(
                ranks(RowScores::Dense(&dense), labels, &gold, among),
                naive(&all, &gold, among)
            );
            prop_assert_eq!(
                ranks(RowScores::Sparse(&listed), labels, &gold, among),
                naive(&some, &gold, among)
            );
        }
    }
}

/// `cargo test --release -p chartcode-eval ranks_take -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn ranks_take_some_time() {
    let mut random = Pcg64Mcg::seed_from_u64(7);
    for labels in [8_000_u32, 75_000] {
        let mut row: Vec<f32> = (0..labels).map(|_| random.random::<f32>() * 4.0 - 10.0).collect();
        let gold: Vec<u32> = (0..15).map(|i| i * (labels / 15)).collect();
        for good in [true, false] {
            for &label in &gold {
                row[label as usize] = random.random::<f32>() * 10.0 - if good { 7.0 } else { 10.0 };
            }
            let mask = vec![true; labels as usize];
            for among in [None, Some(&mask[..])] {
                let start = Instant::now();
                let mut sum = 0;
                for _ in 0..1000 {
                    let row = RowScores::Dense(std::hint::black_box(&row));
                    sum += ranks(row, labels as usize, &gold, among).iter().sum::<u32>();
                }
                println!(
                    "{labels} labels, good {good}, masked {}: {:?} a row ({})",
                    among.is_some(),
                    start.elapsed() / 1000,
                    sum / 1000
                );
            }
        }
    }
}
