use chartcode_kernels::{Isa, Matrix, Precision, Product, Target};
use proptest::prelude::*;

use crate::{cases, numbers, rows, size};

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn activations_are_rounded_to_the_nearest(
        width in 1..size(150, 40),
        seed in 0_u64..1000,
        shift in -3.0_f32..3.0,
        factor in prop_oneof![Just(1.0_f32), Just(1e-20), Just(1e20)],
    ) {
        let values: Vec<f32> = numbers(seed, width).iter().map(|x| (x + shift) * factor).collect();
        for isa in Isa::all() {
            prop_assert_eq!(rows(isa, &values, width, Precision::F32).row(0), values.clone());
            let halves = rows(isa, &values, width, Precision::Bf16).row(0);
            for (rounded, value) in halves.iter().zip(&values) {
                prop_assert!((rounded - value).abs() <= value.abs() / 256.0, "{isa}");
            }
            let low = values.iter().fold(0.0_f32, |a, &b| a.min(b));
            let high = values.iter().fold(0.0_f32, |a, &b| a.max(b));
            let step = (high - low) / 255.0;
            let bytes = rows(isa, &values, width, Precision::Int8).row(0);
            for (rounded, value) in bytes.iter().zip(&values) {
                // Half a step, and half of one more where the zero was moved to a byte.
                prop_assert!((rounded - value).abs() <= 1.01 * step, "{isa}: {rounded} {value}");
                prop_assert!(*value != 0.0 || *rounded == 0.0, "zero is exact");
            }
        }
    }

    #[test]
    fn weights_are_rounded_to_the_nearest(
        outputs in 1..size(70, 40),
        inputs in 1..size(70, 12),
        seed in 0_u64..1000,
    ) {
        let weight = numbers(seed, outputs * inputs);
        for precision in Precision::ALL {
            let matrix = Matrix::pack(&weight, (outputs, inputs), precision).unwrap();
            for (output, row) in weight.chunks_exact(inputs).enumerate() {
                let most = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                for (rounded, value) in matrix.row(output).iter().zip(row) {
                    let bound = match precision {
                        Precision::F32 => 0.0,
                        Precision::Bf16 => value.abs() / 256.0,
                        _ => 0.51 * most / 127.0,
                    };
                    prop_assert!((rounded - value).abs() <= bound, "{precision}");
                }
            }
        }
    }
}

/// Weights packed again are what they were: evidence is computed from them so.
#[test]
fn rounding_twice_changes_nothing() {
    let weight = numbers(11, 40 * 30);
    for precision in Precision::ALL {
        let once = Matrix::pack(&weight, (40, 30), precision).unwrap();
        let rows: Vec<f32> = (0..40).flat_map(|row| once.row(row)).collect();
        let twice = Matrix::pack(&rows, (40, 30), precision).unwrap();
        for row in 0..40 {
            for (a, b) in once.row(row).iter().zip(twice.row(row)) {
                assert!((a - b).abs() <= 1e-6 * a.abs(), "{precision}");
            }
        }
    }
}

#[test]
fn zeros_and_constants_are_exact() {
    for isa in Isa::all() {
        for value in [0.0_f32, 1.0, -2.5, 1e-30] {
            let row = rows(isa, &[value; 37], 37, Precision::Int8).row(0);
            assert!(row.iter().all(|x| (x - value).abs() <= 1e-6 * value.abs()), "{isa} {value}");
        }
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    let weight = numbers(2, 33 * 40);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = numbers(1, 2 * 40);
        values[7] = bad;
        for isa in Isa::all() {
            for precision in Precision::ALL {
                let matrix = Matrix::pack(&weight, (33, 40), precision).unwrap();
                let mut out = vec![0.0; 2 * 33];
                let product = Product { matrix: &matrix, bias: None, activation: None };
                let input = rows(isa, &values, 40, precision);
                product.run(isa, &input, Target::Values(&mut out));
                let (spoilt, sound) = out.split_at(33);
                assert!(spoilt.iter().all(|x| !x.is_finite()), "{isa} {precision} {bad}");
                assert!(sound.iter().all(|x| x.is_finite()), "{isa} {precision} {bad}");
            }
        }
    }
}
