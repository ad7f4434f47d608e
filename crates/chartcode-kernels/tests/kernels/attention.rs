use chartcode_kernels::{
    Attention, BLOCK_TOKENS, Isa, LabelAttention, LabelSums, Matrix, Precision, Rows, Target,
    WindowRows,
};
use proptest::prelude::*;

use crate::{bits, cases, numbers, on_threads, read, rows, size};

/// Attention of one query in f64: weights of the keys.
fn softmax(scores: &[f64]) -> Vec<f64> {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The contexts of all windows, `[rows, H]`.
fn judge(attention: Attention, qkv: &Rows, windows: &[WindowRows]) -> Vec<Vec<f64>> {
    let (rows, d) = (read(qkv), attention.head_size);
    let width = attention.heads * d;
    let mut out = vec![vec![0.0; width]; rows.len()];
    for window in windows {
        for head in 0..attention.heads {
            let part = |row: usize, part: usize| {
                &rows[window.first + row][part * width + head * d..part * width + (head + 1) * d]
            };
            for query in 0..window.length {
                let (keys, weights) = if window.keys == 0 {
                    (window.length, vec![1.0 / window.length as f64; window.length])
                } else {
                    let scores: Vec<f64> =
                        (0..window.keys).map(|key| dot(part(query, 0), part(key, 1))).collect();
                    (window.keys, softmax(&scores))
                };
                for column in 0..d {
                    out[window.first + query][head * d + column] =
                        (0..keys).map(|key| weights[key] * part(key, 2)[column]).sum();
                }
            }
        }
    }
    out
}

fn windows(lengths: &[(usize, usize)]) -> Vec<WindowRows> {
    let mut first = 0;
    lengths
        .iter()
        .map(|&(length, masked)| {
            let window = WindowRows { first, length, keys: length.saturating_sub(masked) };
            first += length;
            window
        })
        .collect()
}

fn run(isa: Isa, attention: Attention, qkv: &Rows, windows: &[WindowRows]) -> Vec<f32> {
    let mut out = vec![0.0; qkv.rows() * attention.heads * attention.head_size];
    attention.run(isa, qkv, windows, Target::Values(&mut out));
    out
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn attention_is_what_plain_loops_give(
        lengths in proptest::collection::vec((1..size(70, 10), 0..size(80, 12)), 1..4),
        heads in 1..size(4, 3),
        half in 1..size(36, 5),
        odd in 0_usize..2,
        is_bf16 in proptest::bool::ANY,
        seed in 0_u64..1000,
    ) {
        let precision = if is_bf16 { Precision::Bf16 } else { Precision::F32 };
        let head_size = 2 * half + if is_bf16 { 0 } else { odd };
        let attention = Attention { heads, head_size };
        let windows = windows(&lengths);
        let rows_of = lengths.iter().map(|(length, _)| length).sum::<usize>();
        let width = 3 * heads * head_size;
        let scale = 1.0 / (head_size as f32).sqrt();
        let values: Vec<f32> = numbers(seed, rows_of * width).iter().map(|x| x * scale).collect();
        for isa in Isa::all() {
            let qkv = rows(isa, &values, width, precision);
            let ours = run(isa, attention, &qkv, &windows);
            let exact: Vec<f64> = judge(attention, &qkv, &windows).concat();
            // Weights are rounded to bf16 before they meet values of at most this size.
            let greatest = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let bound = if is_bf16 { f64::from(greatest) / 200.0 } else { 1e-5 };
            for (ours, exact) in ours.iter().zip(&exact) {
                prop_assert!((f64::from(*ours) - exact).abs() <= bound, "{isa}: {ours} {exact}");
            }
        }
    }

    #[test]
    fn label_attention_is_what_plain_loops_give(
        tokens in 1..size(300, 40),
        labels in 1..size(80, 40),
        width in 1..size(40, 8),
        seed in 0_u64..1000,
        kind in 0_usize..4,
    ) {
        let (of_keys, of_values) = [
            (Precision::F32, Precision::F32),
            (Precision::Bf16, Precision::Bf16),
            (Precision::Int8, Precision::Int8),
            (Precision::Int8, Precision::Bf16),
        ][kind];
        let queries = Matrix::pack(&numbers(seed, labels * width), (labels, width), of_keys).unwrap();
        let weight = numbers(seed + 1, labels * width);
        let weight = Matrix::pack(&weight, (labels, width), of_values).unwrap();
        let head = LabelAttention { queries: &queries, values: &weight };
        let keys: Vec<f32> = numbers(seed + 2, tokens * width).iter().map(|x| x / 3.0).collect();
        let hidden = numbers(seed + 3, tokens * width);
        for isa in Isa::all() {
            let (keys, hidden) = (rows(isa, &keys, width, of_keys), rows(isa, &hidden, width, of_values));
            let mut sums = LabelSums::new(labels);
            head.absorb(isa, &mut sums, &keys, &hidden);
            let (keys, hidden) = (read(&keys), read(&hidden));
            for (label, mean) in sums.means().enumerate() {
                let wide = |row: Vec<f32>| row.into_iter().map(f64::from).collect::<Vec<f64>>();
                let (query, own) = (wide(queries.row(label)), wide(weight.row(label)));
                let scores: Vec<f64> = keys.iter().map(|key| dot(key, &query)).collect();
                let weights = softmax(&scores);
                let exact: f64 =
                    weights.iter().zip(&hidden).map(|(weight, x)| weight * dot(x, &own)).sum();
                let size: f64 = hidden.iter().map(|x| dot(x, &own).abs()).fold(1.0, f64::max);
                prop_assert!((f64::from(mean) - exact).abs() <= 3e-5 * size, "{isa}: {mean} {exact}");
                let share = f64::from(sums.share(label, scores[0] as f32));
                prop_assert!((share - weights[0]).abs() <= 1e-4, "{isa}: {share} {}", weights[0]);
            }
        }
    }
}

#[test]
fn fused_instruction_sets_attend_with_the_same_bits() {
    let attention = Attention { heads: 2, head_size: 17 };
    let values = numbers(1, 61 * 6 * 17);
    let windows = windows(&[(40, 3), (21, 0)]);
    let fused = Isa::all().into_iter().filter(|isa| isa.is_fused());
    let all: Vec<Vec<u32>> = fused
        .map(|isa| {
            let qkv = rows(isa, &values, 6 * 17, Precision::F32);
            bits(&run(isa, attention, &qkv, &windows))
        })
        .collect();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_window_alone_has_the_bits_it_has_among_others() {
    let attention = Attention { heads: 3, head_size: size(32, 4) };
    let own = 3 * attention.head_size;
    let width = 3 * own;
    for precision in [Precision::F32, Precision::Bf16] {
        let part = size(10, 2);
        let values = numbers(9, 10 * part * width);
        let all = windows(&[(3 * part, 0), (5 * part, 7), (2 * part, 0)]);
        let qkv = rows(Isa::best(), &values, width, precision);
        let together = run(Isa::best(), attention, &qkv, &all);
        for threads in [1, 2, 3] {
            let again = on_threads(threads, || run(Isa::best(), attention, &qkv, &all));
            assert_eq!(bits(&together), bits(&again));
        }
        let middle = &values[3 * part * width..8 * part * width];
        let middle = rows(Isa::best(), middle, width, precision);
        let alone = run(Isa::best(), attention, &middle, &windows(&[(5 * part, 7)]));
        assert_eq!(bits(&alone), bits(&together[3 * part * own..8 * part * own]));
    }
}

#[test]
fn label_sums_do_not_depend_on_calls_and_threads() {
    let (labels, width) = (size(333, 40), size(24, 4));
    let tokens = size(5, 2) * BLOCK_TOKENS + 17;
    for precision in Precision::ALL {
        let pack = |seed| {
            Matrix::pack(&numbers(seed, labels * width), (labels, width), precision).unwrap()
        };
        let (queries, values) = (pack(1), pack(2));
        let head = LabelAttention { queries: &queries, values: &values };
        let hidden = numbers(3, tokens * width);
        let sums = |call: usize| {
            let mut sums = LabelSums::new(labels);
            for part in hidden.chunks(call * width) {
                let rows = rows(Isa::best(), part, width, precision);
                head.absorb(Isa::best(), &mut sums, &rows, &rows);
            }
            bits(&sums.means().collect::<Vec<f32>>())
        };
        let whole = on_threads(1, || sums(tokens));
        for threads in [2, 3] {
            assert_eq!(whole, on_threads(threads, || sums(tokens)), "{precision}");
        }
        assert_eq!(whole, sums(size(2, 1) * BLOCK_TOKENS), "{precision}");
    }
}

#[test]
fn no_token_is_no_number() {
    assert!(LabelSums::new(3).means().all(f32::is_nan));
    assert_eq!(LabelSums::new(3).means().count(), 3);
}

#[test]
#[should_panic(expected = "windows that share no row")]
fn windows_that_overlap_are_refused() {
    let attention = Attention { heads: 1, head_size: 4 };
    let qkv = rows(Isa::best(), &numbers(1, 10 * 12), 12, Precision::F32);
    let overlapping = [0, 3].map(|first| WindowRows { first, length: 5, keys: 5 });
    run(Isa::best(), attention, &qkv, &overlapping);
}
