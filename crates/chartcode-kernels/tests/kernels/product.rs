use chartcode_kernels::{Activation, Isa, Matrix, Precision, Product, Rows, Target};
use proptest::prelude::*;

use crate::{bits, cases, numbers, on_threads, read, rows, size};

const ACTIVATIONS: [Option<Activation>; 6] = [
    None,
    Some(Activation::Gelu),
    Some(Activation::GeluTanh),
    Some(Activation::Relu),
    Some(Activation::Silu),
    Some(Activation::Tanh),
];

/// The error function in f64: its series near 0, a continued fraction far from it.
fn erf(x: f64) -> f64 {
    if x.abs() < 3.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    let mut fraction = 0.0;
    for n in (1..60).rev() {
        fraction = f64::from(n) / 2.0 / (x.abs() + fraction);
    }
    let tail = (-x * x).exp() / std::f64::consts::PI.sqrt() / (x.abs() + fraction);
    x.signum() * (1.0 - tail)
}

fn activate(activation: Option<Activation>, x: f64) -> f64 {
    match activation {
        Some(Activation::Gelu) => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Some(Activation::GeluTanh) => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Some(Activation::Relu) => x.max(0.0),
        Some(Activation::Silu) => x / (1.0 + (-x).exp()),
        Some(Activation::Tanh) => x.tanh(),
        _ => x,
    }
}

struct Case {
    rows: usize,
    inputs: usize,
    outputs: usize,
    seed: u64,
    precision: Precision,
    activation: Option<Activation>,
}

impl Case {
    fn matrix(&self) -> Matrix {
        let weight = numbers(self.seed + 1, self.outputs * self.inputs);
        Matrix::pack(&weight, (self.outputs, self.inputs), self.precision).unwrap()
    }

    fn bias(&self) -> Vec<f32> {
        numbers(self.seed + 2, self.outputs)
    }

    fn input(&self, isa: Isa) -> Rows {
        rows(isa, &numbers(self.seed, self.rows * self.inputs), self.inputs, self.precision)
    }

    fn run(&self, isa: Isa) -> Vec<f32> {
        let mut out = vec![f32::NAN; self.rows * self.outputs];
        let (matrix, bias) = (self.matrix(), self.bias());
        let product = Product { matrix: &matrix, bias: Some(&bias), activation: self.activation };
        product.run(isa, &self.input(isa), Target::Values(&mut out));
        out
    }

    /// What each result is, and how far one may be off: rounding of f32 sums, and of activations
    /// as their documentation says.
    fn judge(&self, isa: Isa) -> Vec<(f64, f64)> {
        let (input, matrix, bias) = (read(&self.input(isa)), self.matrix(), self.bias());
        let mut results = Vec::new();
        for row in &input {
            for (output, bias) in bias.iter().enumerate() {
                let weights = matrix.row(output);
                let terms = row.iter().zip(&weights).map(|(a, b)| a * f64::from(*b));
                let size: f64 = terms.clone().map(f64::abs).sum::<f64>() + 1.0;
                let sum = terms.sum::<f64>() + f64::from(*bias);
                let coarse = if self.precision == Precision::F32 { 1e-6 } else { 2e-5 };
                let bound = 2e-6 * size + coarse * sum.abs().max(1.0);
                results.push((activate(self.activation, sum), 1.2 * bound));
            }
        }
        results
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_product_is_what_plain_loops_give(
        rows in 1..size(40, 9),
        inputs in 1..size(100, 12),
        outputs in 1..size(100, 40),
        seed in 0_u64..1000,
        precision in 0_usize..3,
        activation in 0_usize..6,
    ) {
        let (precision, activation) = (Precision::ALL[precision], ACTIVATIONS[activation]);
        let case = Case { rows, inputs, outputs, seed, precision, activation };
        for isa in Isa::all() {
            for (at, (ours, (exact, bound))) in case.run(isa).iter().zip(case.judge(isa)).enumerate() {
                let off = (f64::from(*ours) - exact).abs();
                prop_assert!(off <= bound, "{isa} {precision} at {at}: {ours}, not {exact}");
            }
        }
    }

    #[test]
    fn fused_instruction_sets_give_the_same_bits(
        rows in 1..size(30, 9),
        inputs in 1..size(80, 12),
        outputs in 1..size(80, 40),
        seed in 0_u64..1000,
        precision in 0_usize..3,
    ) {
        // In bf16 too: the CPU's own product is two fused multiply-adds, the second pair first.
        let precision = Precision::ALL[precision];
        let case = Case { rows, inputs, outputs, seed, precision, activation: Some(Activation::Gelu) };
        let fused: Vec<Isa> = Isa::all().into_iter().filter(|isa| isa.is_fused()).collect();
        let all: Vec<Vec<u32>> = fused.iter().map(|&isa| bits(&case.run(isa))).collect();
        for (isa, other) in fused.iter().zip(&all) {
            prop_assert!(other == &all[0], "{isa} differs from {}", fused[0]);
        }
    }
}

#[test]
fn bits_depend_on_neither_threads_nor_other_rows() {
    for precision in Precision::ALL {
        let (inputs, outputs) = (size(96, 6), size(700, 70));
        let values = numbers(3, size(50, 9) * inputs);
        let weight = numbers(4, outputs * inputs);
        let matrix = Matrix::pack(&weight, (outputs, inputs), precision).unwrap();
        let product = Product { matrix: &matrix, bias: None, activation: None };
        let run = |values: &[f32]| {
            let input = rows(Isa::best(), values, inputs, precision);
            let mut out = vec![0.0; input.rows() * outputs];
            product.run(Isa::best(), &input, Target::Values(&mut out));
            out
        };
        let together = on_threads(1, || run(&values));
        for threads in [2, 3] {
            assert_eq!(bits(&together), bits(&on_threads(threads, || run(&values))));
        }
        for (row, values) in values.chunks_exact(inputs).enumerate() {
            let expected = &together[row * outputs..(row + 1) * outputs];
            assert_eq!(bits(expected), bits(&run(values)), "{precision}, row {row} alone");
        }
    }
}

#[test]
fn a_product_is_written_as_the_next_one_reads_it() {
    for isa in Isa::all() {
        let mut target = Rows::new();
        // The same memory for wider and narrower rows, whose ends must be zeros each time.
        for (outputs, precision) in [
            (150, Precision::F32),
            (70, Precision::Bf16),
            (33, Precision::F32),
            (7, Precision::Bf16),
        ] {
            let case = Case { rows: 14, inputs: 20, outputs, seed: 5, precision, activation: None };
            let (matrix, bias) = (case.matrix(), case.bias());
            target.reset(case.rows, outputs, precision);
            let product = Product { matrix: &matrix, bias: Some(&bias), activation: None };
            product.run(isa, &case.input(isa), Target::Rows(&mut target));
            let values = case.run(isa);
            let step = if precision == Precision::F32 { 0.0 } else { 1.0 / 256.0 };
            for (row, expected) in values.chunks_exact(outputs).enumerate() {
                for (ours, value) in target.row(row).iter().zip(expected) {
                    assert!((ours - value).abs() <= step * value.abs(), "{isa} {precision}");
                }
            }
            // A further product reads the whole words of a row.
            let next = Matrix::pack(&vec![1.0; 40 * outputs], (40, outputs), precision).unwrap();
            let mut sums = vec![0.0; case.rows * 40];
            let product = Product { matrix: &next, bias: None, activation: None };
            product.run(isa, &target, Target::Values(&mut sums));
            for (row, sums) in sums.chunks_exact(40).enumerate() {
                let expected: f32 = target.row(row).iter().sum();
                assert!((sums[39] - expected).abs() <= 1e-3 * expected.abs().max(1.0));
            }
        }
    }
}

#[test]
fn nothing_times_something_is_nothing() {
    let matrix = Matrix::pack(&numbers(1, 12), (3, 4), Precision::F32).unwrap();
    let empty = rows(Isa::best(), &[], 4, Precision::F32);
    let product = Product { matrix: &matrix, bias: None, activation: None };
    product.run(Isa::best(), &empty, Target::Values(&mut []));
    let none = Matrix::pack(&[], (0, 4), Precision::Int8).unwrap();
    assert_eq!((none.outputs(), none.inputs()), (0, 4));
    let product = Product { matrix: &none, bias: None, activation: None };
    let input = rows(Isa::best(), &numbers(1, 8), 4, Precision::Int8);
    product.run(Isa::best(), &input, Target::Values(&mut []));
}

#[test]
fn a_wrong_number_of_weights_is_told() {
    let error = Matrix::pack(&[0.0; 5], (2, 3), Precision::F32).unwrap_err();
    assert_eq!(error.to_string(), "a weight matrix has 5 values, but 6 are needed");
}

#[test]
#[should_panic(expected = "the width of the rows")]
fn rows_of_another_width_are_refused() {
    let matrix = Matrix::pack(&[0.0; 6], (2, 3), Precision::F32).unwrap();
    let input = rows(Isa::best(), &[0.0; 4], 4, Precision::F32);
    let product = Product { matrix: &matrix, bias: None, activation: None };
    product.run(Isa::best(), &input, Target::Values(&mut [0.0; 2]));
}

#[test]
#[should_panic(expected = "the precision of the rows")]
fn rows_of_another_precision_are_refused() {
    let matrix = Matrix::pack(&[0.0; 6], (2, 3), Precision::F32).unwrap();
    let input = rows(Isa::best(), &[0.0; 3], 3, Precision::Int8);
    let product = Product { matrix: &matrix, bias: None, activation: None };
    product.run(Isa::best(), &input, Target::Values(&mut [0.0; 2]));
}
