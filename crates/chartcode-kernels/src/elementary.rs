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
        [-5.704_988_7e-3, 2.063_908_9e-2, -5.373_971_5e-2, 1.333_144_3e-1, -3.333_327_3e-1];
    let square = s.mul(x, x);
    let mut series = s.splat(NEAR[0]);
    for coefficient in &NEAR[1..] {
        series = s.mul_add(series, square, s.splat(*coefficient));
    }
    let near = s.mul_add(s.mul(series, square), x, x);
    let twice = s.mul(s.splat(2.0), s.max(x, s.splat(-40.0)));
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
