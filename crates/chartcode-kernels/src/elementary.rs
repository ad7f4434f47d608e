//! Functions of sixteen numbers at a time.

use crate::simd::Simd;

/// e^x for x ≤ 88, within 2e-7 of the exact value's size; next to 0 below −87. NaN stays NaN.
///
/// Cody and Waite's range reduction with the polynomial of the Cephes library's `expf`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_5e-2, 1.666_666_5e-1, 0.5];
    // The second operand wins where one is NaN.
    let x = s.max(s.splat(-87.0), x);
    let whole = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let float = s.floats(whole);
    let rest = s.mul_add(float, s.splat(-LN_2_HIGH), x);
    let rest = s.mul_add(float, s.splat(-LN_2_LOW), rest);
    let mut series = s.splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        series = s.mul_add(series, rest, s.splat(*coefficient));
    }
    let mantissa = s.mul_add(s.mul(series, rest), rest, s.add(rest, s.splat(1.0)));
    let exponent = s.to_exponent(s.add_words(whole, s.splat_word(127)));
    s.mul(mantissa, s.from_bits(exponent))
}

/// tanh, within 3e-7, by way of e^−2|x|.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    // Where the exponential cancels, an odd polynomial takes over: Cephes' `tanhf` below 0.625.
    const NEAR: [f32; 5] =
        [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_5e-2, 1.333_144_3e-1, -3.333_327_3e-1];
    let square = s.mul(x, x);
    let mut series = s.splat(NEAR[0]);
    for coefficient in &NEAR[1..] {
        series = s.mul_add(series, square, s.splat(*coefficient));
    }
    let near = s.mul_add(s.mul(series, square), x, x);
    let twice = s.mul(s.splat(2.0), s.max(s.splat(-40.0), x));
    let power = exp(s, s.min(s.splat(80.0), twice));
    let far = s.div(s.sub(power, s.splat(1.0)), s.add(power, s.splat(1.0)));
    s.pick_below(square, 0.625 * 0.625, near, far)
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let power = exp(s, s.min(s.splat(80.0), s.sub(s.splat(0.0), x)));
    s.div(s.splat(1.0), s.add(s.splat(1.0), power))
}

/// The error function as a rational polynomial (the one Eigen and XLA use for f32), within 3e-7.
#[inline(always)]
fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    const NUMERATOR: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const DENOMINATOR: [f32; 5] =
        [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
    let x = s.max(s.splat(-4.0), s.min(s.splat(4.0), x));
    let square = s.mul(x, x);
    let mut above = s.splat(NUMERATOR[0]);
    for coefficient in &NUMERATOR[1..] {
        above = s.mul_add(above, square, s.splat(*coefficient));
    }
    let mut below = s.splat(DENOMINATOR[0]);
    for coefficient in &DENOMINATOR[1..] {
        below = s.mul_add(below, square, s.splat(*coefficient));
    }
    s.div(s.mul(x, above), below)
}

/// x Φ(x), within 3e-7 of max(1, |x|).
#[inline(always)]
pub(crate) fn gelu<S: Simd>(s: S, x: S::F) -> S::F {
    let erf = erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2)));
    let half = s.mul(s.splat(0.5), x);
    s.mul_add(half, erf, half)
}

/// x Φ(x), within 2e-5: for numbers that will be rounded to bf16 or to bytes. Φ's polynomial is a
/// weighted least-squares fit whose weights were raised where the error of x Φ(x) was highest.
#[inline(always)]
pub(crate) fn gelu_coarse<S: Simd>(s: S, x: S::F) -> S::F {
    const END: f32 = 4.5;
    const POLYNOMIAL: [f32; 10] = [
        -9.616_378e-4,
        4.240_75e-3,
        -7.762_464e-3,
        1.080_248_9e-2,
        -1.753_345_1e-2,
        2.830_390_6e-2,
        -4.042_568e-2,
        5.471_930_3e-2,
        -7.717_638_5e-2,
        1.569_042_7e-1,
    ];
    let near = s.max(s.splat(-END), s.min(s.splat(END), x));
    let scaled = s.mul(near, s.splat(2.0 / (END * END)));
    let t = s.mul_add(near, scaled, s.splat(-1.0));
    let mut series = s.splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        series = s.mul_add(series, t, s.splat(*coefficient));
    }
    s.mul(x, s.mul_add(near, series, s.splat(0.5)))
}

/// GELU with tanh in place of the error function.
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(s: S, x: S::F) -> S::F {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let cube = s.mul(s.mul(x, x), s.mul(x, s.splat(0.044_715)));
    let inner = tanh(s, s.mul(s.splat(SQRT_2_OVER_PI), s.add(x, cube)));
    let half = s.mul(s.splat(0.5), x);
    s.mul_add(half, inner, half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Kernel};
    use crate::simd::LANES;

    #[derive(Clone, Copy, Debug)]
    enum Function {
        Exp,
        Tanh,
        Sigmoid,
        Gelu,
        GeluCoarse,
        GeluTanh,
    }

    struct Apply<'a>(Function, &'a mut [f32; LANES]);

    impl Kernel for Apply<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let x = s.load(self.1);
            let y = match self.0 {
                Function::Exp => exp(s, x),
                Function::Tanh => tanh(s, x),
                Function::Sigmoid => sigmoid(s, x),
                Function::Gelu => gelu(s, x),
                Function::GeluCoarse => gelu_coarse(s, x),
                Function::GeluTanh => gelu_tanh(s, x),
            };
            s.store(y, self.1);
        }
    }

    /// Φ by the trapezoidal rule, whose error vanishes for a function that does so at both ends.
    fn normal(x: f64) -> f64 {
        let (steps, low) = (4000, -12.0);
        let width = (x - low) / f64::from(steps);
        let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let inner: f64 = (1..steps).map(|i| density(low + f64::from(i) * width)).sum();
        let ends = f64::midpoint(density(low), density(x));
        // Euler and Maclaurin's first correction.
        (inner + ends) * width + width * width / 12.0 * x * density(x)
    }

    fn exact(function: Function, x: f64) -> f64 {
        match function {
            Function::Exp => x.exp(),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Function::Gelu | Function::GeluCoarse => x * normal(x),
            Function::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
                0.5 * x * (1.0 + inner.tanh())
            }
        }
    }

    #[test]
    fn functions_are_as_near_as_they_say() {
        for isa in Isa::all() {
            for (function, bound) in [
                (Function::Exp, 3e-7),
                (Function::Tanh, 3e-7),
                (Function::Sigmoid, 3e-7),
                (Function::Gelu, 4e-7),
                (Function::GeluCoarse, 2e-5),
                (Function::GeluTanh, 4e-7),
            ] {
                let grid: Vec<f32> = (-960..960).map(|i| i as f32 / 80.0).collect();
                for part in grid.as_chunks::<LANES>().0 {
                    let mut ours = *part;
                    isa.run(Apply(function, &mut ours));
                    for (&x, ours) in part.iter().zip(ours) {
                        let x = f64::from(x);
                        let exact = exact(function, x);
                        let size = match function {
                            Function::Exp => exact,
                            _ => x.abs().max(1.0),
                        };
                        let off = (f64::from(ours) - exact).abs() / size;
                        assert!(off <= bound, "{isa} {function:?}({x}): {ours}, off by {off:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_ends_are_right() {
        let ends = [f32::NAN, f32::NEG_INFINITY, -1e30, 1e30, 100.0, -100.0, 0.0];
        for isa in Isa::all() {
            for (function, expected) in [
                (Function::Tanh, [f32::NAN, -1.0, -1.0, 1.0, 1.0, -1.0, 0.0]),
                (Function::Sigmoid, [f32::NAN, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5]),
            ] {
                let mut ours = [0.0; LANES];
                ours[..ends.len()].copy_from_slice(&ends);
                isa.run(Apply(function, &mut ours));
                for ((ours, expected), x) in ours.iter().zip(expected).zip(ends) {
                    let near = (ours - expected).abs() <= 1e-6;
                    let same = near || ours.is_nan() && expected.is_nan();
                    assert!(same, "{isa} {function:?}({x}): {ours}, not {expected}");
                }
            }
            let mut powers = [f32::NEG_INFINITY; LANES];
            isa.run(Apply(Function::Exp, &mut powers));
            assert!(powers.iter().all(|power| *power >= 0.0 && *power < 1e-37), "{isa}");
        }
    }
}
