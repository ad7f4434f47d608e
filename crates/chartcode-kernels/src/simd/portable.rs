//! Plain Rust: for CPUs without vector instructions that we know, and as the judge of the others.

use super::{LANES, Simd};

/// Arrays, which the compiler vectorises with what the target has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

type F = [f32; LANES];
type I = [u32; LANES];

/// The nearest bf16, ties to even; NaN stays NaN.
#[inline(always)]
pub(crate) fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    // What is too small for a normal float is zero, as the CPU's own conversion has it.
    let bits = if bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits };
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

#[inline(always)]
fn zip<T: Copy>(a: [T; LANES], b: [T; LANES], f: impl Fn(T, T) -> T) -> [T; LANES] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

/// The two bf16 of a word, widened: the second first.
#[inline(always)]
fn pair(word: u32) -> (f32, f32) {
    (f32::from_bits(word & 0xffff_0000), f32::from_bits(word << 16))
}

impl Simd for Portable {
    type F = F;
    type I = I;
    const ROWS: usize = 4;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> F {
        *from
    }
    #[inline(always)]
    fn store(self, x: F, to: &mut [f32; LANES]) {
        *to = x;
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn mul_add(self, a: F, b: F, c: F) -> F {
        // Rounded twice: without the instruction a fused one is a slow call.
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }
    #[inline(always)]
    fn splat_word(self, x: u32) -> I {
        [x; LANES]
    }
    #[inline(always)]
    fn load_words(self, from: &[u32; LANES]) -> I {
        *from
    }
    #[inline(always)]
    fn store_words(self, x: I, to: &mut [u32; LANES]) {
        *to = x;
    }
    #[inline(always)]
    fn bits(self, x: F) -> I {
        x.map(f32::to_bits)
    }
    #[inline(always)]
    fn from_bits(self, x: I) -> F {
        x.map(f32::from_bits)
    }
    #[inline(always)]
    fn add_words(self, a: I, b: I) -> I {
        zip(a, b, u32::wrapping_add)
    }
    #[inline(always)]
    fn mul_words(self, a: I, b: I) -> I {
        zip(a, b, u32::wrapping_mul)
    }
    #[inline(always)]
    fn round(self, x: F) -> I {
        x.map(|x| (x.round_ties_even() as i32).cast_unsigned())
    }
    #[inline(always)]
    fn floats(self, x: I) -> F {
        x.map(|x| x.cast_signed() as f32)
    }
    #[inline(always)]
    fn to_exponent(self, x: I) -> I {
        x.map(|x| x << 23)
    }
    #[inline(always)]
    fn dot_bf16(self, acc: F, a: I, b: I) -> F {
        std::array::from_fn(|lane| {
            let ((a1, a0), (b1, b0)) = (pair(a[lane]), pair(b[lane]));
            acc[lane] + a1 * b1 + a0 * b0
        })
    }
    #[inline(always)]
    fn dot_bytes(self, acc: I, a: I, b: I) -> I {
        std::array::from_fn(|lane| {
            let (a, b) = (a[lane].to_le_bytes(), b[lane].to_le_bytes());
            let term = |at: usize| i32::from(a[at]) * i32::from(b[at].cast_signed());
            let sum = term(0) + term(1) + term(2) + term(3);
            acc[lane].wrapping_add(sum.cast_unsigned())
        })
    }
    #[inline(always)]
    fn pick_below(self, x: F, limit: f32, near: F, far: F) -> F {
        std::array::from_fn(|lane| if x[lane] < limit { near[lane] } else { far[lane] })
    }
}
