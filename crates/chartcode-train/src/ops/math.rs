//! Sums that become vector code, and the functions of one number that do.
#![expect(clippy::inline_always, reason = "loops become vector code only where they are inlined")]

pub(crate) use chartcode::math::{erf, exp};

/// The sum of `f` over pairs, in eight running sums.
#[inline(always)]
pub(crate) fn sum2(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (x, x_rest) = x.as_chunks::<8>();
    let (y, y_rest) = y.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (x, y) in x.iter().zip(y) {
        sums.iter_mut().zip(x).zip(y).for_each(|((sum, &x), &y)| *sum += f(x, y));
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(&x, &y)| f(x, y)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sum2_is_the_sum(x in proptest::collection::vec(-1.0_f32..1.0, 0..70)) {
            let exact: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            prop_assert!((f64::from(sum2(&x, &x, |x, y| x * y)) - exact).abs() < 1e-5);
        }
    }
}
