//! An exponential that compiles to vector code.

/// e^x for x ≤ 0, within 2e-7 of the exact value's size; 0 or next to it below −87. NaN stays NaN.
///
/// Cody and Waite's range reduction with the polynomial of the Cephes library's `expf`.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding it rounds to a whole number: the mantissa has no room for a fraction.
    const ROUNDING: f32 = 12_582_912.0;
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_5e-2, 1.666_666_5e-1, 0.5];
    // Written as a comparison, which keeps NaN.
    let x = if x < -87.0 { -87.0 } else { x };
    let whole = (x * std::f32::consts::LOG2_E + ROUNDING) - ROUNDING;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    let series = POLYNOMIAL.iter().fold(0.0, |sum, &coefficient| sum * rest + coefficient);
    let mantissa = series * rest * rest + rest + 1.0;
    let exponent = (whole as i32 + 127) << 23;
    mantissa * f32::from_bits(exponent.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_exponential(x in -87.0_f32..=0.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) - exact).abs() <= 2e-7 * exact, "{x}");
        }
    }

    #[test]
    fn the_ends_are_right() {
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
    }
}
