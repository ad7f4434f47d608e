use chartcode_kernels::{Isa, Norm, Precision, Rows};
use proptest::prelude::*;

use crate::{bits, cases, numbers, size};

fn norm(width: usize) -> Norm {
    Norm { scale: numbers(7, width), shift: numbers(8, width), epsilon: 1e-5 }
}

fn run(isa: Isa, norm: &Norm, x: &[f32], added: &[f32], rows: &mut Rows) -> Vec<f32> {
    let mut x = x.to_vec();
    let precision = rows.precision();
    norm.add(isa, &mut x, added, (rows, precision));
    x
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_sum_is_normalised(
        count in 1..size(20, 4),
        width in 2..size(100, 40),
        seed in 0_u64..1000,
        precision in 0_usize..3,
    ) {
        let (norm, precision) = (norm(width), Precision::ALL[precision]);
        let (x, added) = (numbers(seed, count * width), numbers(seed + 1, count * width));
        for isa in Isa::all() {
            let mut rows = Rows::new();
            rows.reset(0, width, precision);
            let ours = run(isa, &norm, &x, &added, &mut rows);
            for row in 0..count {
                let at = row * width..(row + 1) * width;
                let sums: Vec<f64> = x[at.clone()]
                    .iter()
                    .zip(&added[at.clone()])
                    .map(|(a, b)| f64::from(*a) + f64::from(*b))
                    .collect();
                let mean = sums.iter().sum::<f64>() / width as f64;
                let variance =
                    sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / width as f64;
                let deviation = (variance + 1e-5).sqrt();
                let mut greatest = 0.0_f64;
                for (column, sum) in sums.iter().enumerate() {
                    let exact = (sum - mean) / deviation * f64::from(norm.scale[column])
                        + f64::from(norm.shift[column]);
                    let off = (f64::from(ours[at.start + column]) - exact).abs();
                    prop_assert!(off <= 2e-5 * (1.0 + exact.abs() + 1.0 / deviation), "{isa}");
                    greatest = greatest.max(exact.abs());
                }
                // What the next product reads is the same, rounded.
                let step = match precision {
                    Precision::F32 => 0.0,
                    Precision::Bf16 => 1.0 / 256.0,
                    _ => 1.01 / 255.0,
                };
                for (rounded, value) in rows.row(row).iter().zip(&ours[at]) {
                    let bound = step * greatest as f32 * 1.01 + 1e-6;
                    prop_assert!((rounded - value).abs() <= bound, "{isa} {precision}");
                }
            }
        }
    }
}

#[test]
fn fused_instruction_sets_normalise_to_the_same_bits() {
    let (width, count) = (75, 9);
    let (x, added) = (numbers(1, count * width), numbers(2, count * width));
    let fused = Isa::all().into_iter().filter(|isa| isa.is_fused());
    let all: Vec<Vec<u32>> =
        fused.map(|isa| bits(&run(isa, &norm(width), &x, &added, &mut Rows::new()))).collect();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}
