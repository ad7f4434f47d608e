//! NEON: four registers a vector.

use std::arch::aarch64::{
    float32x4_t, uint32x4_t, vaddq_f32, vaddq_u32, vandq_u32, vbslq_f32, vcgtq_f32, vcltq_f32,
    vcvtnq_s32_f32, vcvtq_f32_s32, vdivq_f32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vld1q_f32,
    vld1q_u32, vmlaq_s32, vmulq_f32, vmulq_u32, vreinterpretq_f32_u32, vreinterpretq_s32_u32,
    vreinterpretq_u32_f32, vreinterpretq_u32_s32, vshlq_n_u32, vshrq_n_s32, vshrq_n_u32, vst1q_f32,
    vst1q_u32, vsubq_f32,
};

use super::{LANES, Simd};

/// A CPU with NEON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

type F = [float32x4_t; 4];
type I = [uint32x4_t; 4];

impl Neon {
    /// # Safety
    /// The CPU has these instructions.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Calls an intrinsic for each quarter of a vector: the CPU has it, see [`Neon::assume`].
macro_rules! each {
    ($at:ident => $call:expr) => {{
        macro_rules! quarter {
            ($number:literal) => {{
                let $at: usize = $number;
                // SAFETY: `self` is the proof that the CPU has the instruction; pointers come from
                // references to arrays of a whole vector.
                unsafe { $call }
            }};
        }
        [quarter!(0), quarter!(1), quarter!(2), quarter!(3)]
    }};
}

impl Simd for Neon {
    type F = F;
    type I = I;
    const ROWS: usize = 5;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        each!(_q => vdupq_n_f32(x))
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> F {
        each!(q => vld1q_f32(from.as_ptr().add(4 * q)))
    }
    #[inline(always)]
    fn store(self, x: F, to: &mut [f32; LANES]) {
        each!(q => vst1q_f32(to.as_mut_ptr().add(4 * q), x[q]));
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        each!(q => vaddq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        each!(q => vsubq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        each!(q => vmulq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        each!(q => vdivq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        // Not the instruction of that name, which keeps NaN of either side.
        each!(q => vbslq_f32(vcgtq_f32(a[q], b[q]), a[q], b[q]))
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        each!(q => vbslq_f32(vcltq_f32(a[q], b[q]), a[q], b[q]))
    }
    #[inline(always)]
    fn mul_add(self, a: F, b: F, c: F) -> F {
        each!(q => vfmaq_f32(c[q], a[q], b[q]))
    }
    #[inline(always)]
    fn splat_word(self, x: u32) -> I {
        each!(_q => vdupq_n_u32(x))
    }
    #[inline(always)]
    fn load_words(self, from: &[u32; LANES]) -> I {
        each!(q => vld1q_u32(from.as_ptr().add(4 * q)))
    }
    #[inline(always)]
    fn store_words(self, x: I, to: &mut [u32; LANES]) {
        each!(q => vst1q_u32(to.as_mut_ptr().add(4 * q), x[q]));
    }
    #[inline(always)]
    fn bits(self, x: F) -> I {
        each!(q => vreinterpretq_u32_f32(x[q]))
    }
    #[inline(always)]
    fn from_bits(self, x: I) -> F {
        each!(q => vreinterpretq_f32_u32(x[q]))
    }
    #[inline(always)]
    fn add_words(self, a: I, b: I) -> I {
        each!(q => vaddq_u32(a[q], b[q]))
    }
    #[inline(always)]
    fn mul_words(self, a: I, b: I) -> I {
        each!(q => vmulq_u32(a[q], b[q]))
    }
    #[inline(always)]
    fn round(self, x: F) -> I {
        each!(q => vreinterpretq_u32_s32(vcvtnq_s32_f32(x[q])))
    }
    #[inline(always)]
    fn floats(self, x: I) -> F {
        each!(q => vcvtq_f32_s32(vreinterpretq_s32_u32(x[q])))
    }
    #[inline(always)]
    fn to_exponent(self, x: I) -> I {
        each!(q => vshlq_n_u32::<23>(x[q]))
    }
    #[inline(always)]
    fn dot_bf16(self, acc: F, a: I, b: I) -> F {
        let upper = self.splat_word(0xffff_0000);
        each!(q => {
            let second = vfmaq_f32(
                acc[q],
                vreinterpretq_f32_u32(vandq_u32(a[q], upper[q])),
                vreinterpretq_f32_u32(vandq_u32(b[q], upper[q])),
            );
            vfmaq_f32(
                second,
                vreinterpretq_f32_u32(vshlq_n_u32::<16>(a[q])),
                vreinterpretq_f32_u32(vshlq_n_u32::<16>(b[q])),
            )
        })
    }
    #[inline(always)]
    fn dot_bytes(self, acc: I, a: I, b: I) -> I {
        let low = self.splat_word(255);
        each!(q => {
            let (a, b) = (a[q], b[q]);
            let signed = |x| vreinterpretq_s32_u32(x);
            let unsigned = |x| signed(vandq_u32(x, low[q]));
            let sum = signed(acc[q]);
            let sum = vmlaq_s32(sum, unsigned(a), vshrq_n_s32::<24>(signed(vshlq_n_u32::<24>(b))));
            let own = vshrq_n_s32::<24>(signed(vshlq_n_u32::<16>(b)));
            let sum = vmlaq_s32(sum, unsigned(vshrq_n_u32::<8>(a)), own);
            let own = vshrq_n_s32::<24>(signed(vshlq_n_u32::<8>(b)));
            let sum = vmlaq_s32(sum, unsigned(vshrq_n_u32::<16>(a)), own);
            let sum = vmlaq_s32(sum, signed(vshrq_n_u32::<24>(a)), vshrq_n_s32::<24>(signed(b)));
            vreinterpretq_u32_s32(sum)
        })
    }
    #[inline(always)]
    fn pick_below(self, x: F, limit: f32, near: F, far: F) -> F {
        each!(q => vbslq_f32(vcltq_f32(x[q], vdupq_n_f32(limit)), near[q], far[q]))
    }
}
