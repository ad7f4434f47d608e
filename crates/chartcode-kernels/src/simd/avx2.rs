//! AVX2 with FMA: two registers a vector.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_LT_OQ, _MM_HINT_T1, _mm_prefetch, _mm256_add_epi32, _mm256_add_ps,
    _mm256_and_si256, _mm256_blendv_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps,
    _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
    _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi16, _mm256_slli_epi32,
    _mm256_srai_epi16, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
};

use super::{LANES, Simd};

/// A CPU with AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

type F = [__m256; 2];
type I = [__m256i; 2];

impl Avx2 {
    /// # Safety
    /// The CPU has these instructions.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Calls an intrinsic: the CPU has it, see [`Avx2::assume`].
macro_rules! op {
    ($call:expr) => {
        // SAFETY: `self` is the proof that the CPU has the instruction; pointers come from
        // references to arrays of a whole vector.
        unsafe { $call }
    };
}

impl Simd for Avx2 {
    type F = F;
    type I = I;
    const ROWS: usize = 6;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        op!([_mm256_set1_ps(x); 2])
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> F {
        op!([_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))])
    }
    #[inline(always)]
    fn store(self, x: F, to: &mut [f32; LANES]) {
        op!({
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        });
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        op!([_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])])
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        op!([_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])])
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        op!([_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])])
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        op!([_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])])
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        op!([_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])])
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        op!([_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])])
    }
    #[inline(always)]
    fn mul_add(self, a: F, b: F, c: F) -> F {
        op!([_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])])
    }
    #[inline(always)]
    fn splat_word(self, x: u32) -> I {
        op!([_mm256_set1_epi32(x.cast_signed()); 2])
    }
    #[inline(always)]
    fn load_words(self, from: &[u32; LANES]) -> I {
        op!([
            _mm256_loadu_si256(from.as_ptr().cast()),
            _mm256_loadu_si256(from.as_ptr().add(8).cast())
        ])
    }
    #[inline(always)]
    fn store_words(self, x: I, to: &mut [u32; LANES]) {
        op!({
            _mm256_storeu_si256(to.as_mut_ptr().cast(), x[0]);
            _mm256_storeu_si256(to.as_mut_ptr().add(8).cast(), x[1]);
        });
    }
    #[inline(always)]
    fn bits(self, x: F) -> I {
        op!([_mm256_castps_si256(x[0]), _mm256_castps_si256(x[1])])
    }
    #[inline(always)]
    fn from_bits(self, x: I) -> F {
        op!([_mm256_castsi256_ps(x[0]), _mm256_castsi256_ps(x[1])])
    }
    #[inline(always)]
    fn add_words(self, a: I, b: I) -> I {
        op!([_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])])
    }
    #[inline(always)]
    fn mul_words(self, a: I, b: I) -> I {
        op!([_mm256_mullo_epi32(a[0], b[0]), _mm256_mullo_epi32(a[1], b[1])])
    }
    #[inline(always)]
    fn round(self, x: F) -> I {
        op!([_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1])])
    }
    #[inline(always)]
    fn floats(self, x: I) -> F {
        op!([_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])])
    }
    #[inline(always)]
    fn to_exponent(self, x: I) -> I {
        op!([_mm256_slli_epi32::<23>(x[0]), _mm256_slli_epi32::<23>(x[1])])
    }
    #[inline(always)]
    fn dot_bf16(self, acc: F, a: I, b: I) -> F {
        op!({
            let upper = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
            let mut out = acc;
            for half in 0..2 {
                let (a, b) = (a[half], b[half]);
                let second = _mm256_fmadd_ps(
                    _mm256_castsi256_ps(_mm256_and_si256(a, upper)),
                    _mm256_castsi256_ps(_mm256_and_si256(b, upper)),
                    acc[half],
                );
                out[half] = _mm256_fmadd_ps(
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(a)),
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(b)),
                    second,
                );
            }
            out
        })
    }
    #[inline(always)]
    fn dot_bytes(self, acc: I, a: I, b: I) -> I {
        // Products of bytes in 16 bits: the instruction that adds pairs of them would saturate.
        op!({
            let low = _mm256_set1_epi32(0x00ff_00ff);
            let mut out = acc;
            for half in 0..2 {
                let (a, b) = (a[half], b[half]);
                let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b));
                let sum = _mm256_madd_epi16(_mm256_and_si256(a, low), even);
                let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(a), _mm256_srai_epi16::<8>(b));
                out[half] = _mm256_add_epi32(acc[half], _mm256_add_epi32(sum, odd));
            }
            out
        })
    }
    #[inline(always)]
    fn prefetch(self, line: *const u32) {
        op!(_mm_prefetch::<_MM_HINT_T1>(line.cast()));
    }
    #[inline(always)]
    fn pick_below(self, x: F, limit: f32, near: F, far: F) -> F {
        op!({
            let limit = _mm256_set1_ps(limit);
            let mut out = far;
            for half in 0..2 {
                let below = _mm256_cmp_ps::<_CMP_LT_OQ>(x[half], limit);
                out[half] = _mm256_blendv_ps(far[half], near[half], below);
            }
            out
        })
    }
}
