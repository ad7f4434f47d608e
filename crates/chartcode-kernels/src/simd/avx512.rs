//! AVX-512, with or without its bf16 and byte products.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _CMP_LT_OQ, _MM_HINT_T1, _mm_prefetch, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_cvtne2ps_pbh, _mm512_cvtps_epi32, _mm512_cvtss_f32, _mm512_div_ps,
    _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_madd_epi16, _mm512_mask_blend_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_mullo_epi32, _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permute_ps,
    _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32,
    _mm512_shuffle_f32x4, _mm512_shuffle_i32x4, _mm512_slli_epi16, _mm512_slli_epi32,
    _mm512_srai_epi16, _mm512_srli_epi16, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_ps,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::transmute;

use super::{LANES, Simd};

/// A CPU with AVX-512 F, BW, DQ and VL; `BF16` and `VNNI` where it has the products of bf16 and of
/// bytes, which are put together from others where not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512<const BF16: bool, const VNNI: bool>(());

impl<const BF16: bool, const VNNI: bool> Avx512<BF16, VNNI> {
    /// # Safety
    /// The CPU has these instructions.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Calls an intrinsic: the CPU has it, see [`Avx512::assume`].
macro_rules! op {
    ($call:expr) => {
        // SAFETY: `self` is the proof that the CPU has the instruction; pointers come from
        // references to arrays of a whole vector.
        unsafe { $call }
    };
}

impl<const BF16: bool, const VNNI: bool> Simd for Avx512<BF16, VNNI> {
    type F = __m512;
    type I = __m512i;
    const ROWS: usize = 12;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        op!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m512 {
        op!(_mm512_loadu_ps(from.as_ptr()))
    }
    #[inline(always)]
    fn store(self, x: __m512, to: &mut [f32; LANES]) {
        op!(_mm512_storeu_ps(to.as_mut_ptr(), x));
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        op!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn splat_word(self, x: u32) -> __m512i {
        op!(_mm512_set1_epi32(x.cast_signed()))
    }
    #[inline(always)]
    fn load_words(self, from: &[u32; LANES]) -> __m512i {
        op!(_mm512_loadu_si512(from.as_ptr().cast()))
    }
    #[inline(always)]
    fn store_words(self, x: __m512i, to: &mut [u32; LANES]) {
        op!(_mm512_storeu_si512(to.as_mut_ptr().cast(), x));
    }
    #[inline(always)]
    fn bits(self, x: __m512) -> __m512i {
        op!(_mm512_castps_si512(x))
    }
    #[inline(always)]
    fn from_bits(self, x: __m512i) -> __m512 {
        op!(_mm512_castsi512_ps(x))
    }
    #[inline(always)]
    fn add_words(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn mul_words(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_mullo_epi32(a, b))
    }
    #[inline(always)]
    fn round(self, x: __m512) -> __m512i {
        op!(_mm512_cvtps_epi32(x))
    }
    #[inline(always)]
    fn floats(self, x: __m512i) -> __m512 {
        op!(_mm512_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn to_exponent(self, x: __m512i) -> __m512i {
        op!(_mm512_slli_epi32::<23>(x))
    }
    #[inline(always)]
    fn dot_bf16(self, acc: __m512, a: __m512i, b: __m512i) -> __m512 {
        if BF16 {
            return op!(_mm512_dpbf16_ps(
                acc,
                transmute::<__m512i, __m512bh>(a),
                transmute::<__m512i, __m512bh>(b)
            ));
        }
        let upper = op!(_mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
        let second = |x| self.from_bits(op!(_mm512_and_si512(x, upper)));
        let first = |x| self.from_bits(op!(_mm512_slli_epi32::<16>(x)));
        let acc = self.mul_add(second(a), second(b), acc);
        self.mul_add(first(a), first(b), acc)
    }
    #[inline(always)]
    fn dot_bytes(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if VNNI {
            return op!(_mm512_dpbusd_epi32(acc, a, b));
        }
        op!({
            let low = _mm512_set1_epi32(0x00ff_00ff);
            let even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(b));
            let sum = _mm512_madd_epi16(_mm512_and_si512(a, low), even);
            let odd = _mm512_madd_epi16(_mm512_srli_epi16::<8>(a), _mm512_srai_epi16::<8>(b));
            _mm512_add_epi32(acc, _mm512_add_epi32(sum, odd))
        })
    }
    #[inline(always)]
    fn narrow(self, low: __m512, high: __m512) -> __m512i {
        if BF16 {
            return op!(transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)));
        }
        super::narrow_one_by_one(self, low, high)
    }
    #[inline(always)]
    fn bytes(self, parts: [__m512i; 4]) -> __m512i {
        op!({
            // Packing goes quarter by quarter of a register; the words are put in order behind it.
            let low = _mm512_packs_epi32(parts[0], parts[1]);
            let high = _mm512_packs_epi32(parts[2], parts[3]);
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high))
        })
    }
    #[inline(always)]
    fn transpose(self, rows: [__m512i; LANES]) -> [__m512i; LANES] {
        op!({
            let mut x = rows;
            let mut y = rows;
            for i in 0..8 {
                y[2 * i] = _mm512_unpacklo_epi32(x[2 * i], x[2 * i + 1]);
                y[2 * i + 1] = _mm512_unpackhi_epi32(x[2 * i], x[2 * i + 1]);
            }
            for i in 0..4 {
                x[4 * i] = _mm512_unpacklo_epi64(y[4 * i], y[4 * i + 2]);
                x[4 * i + 1] = _mm512_unpackhi_epi64(y[4 * i], y[4 * i + 2]);
                x[4 * i + 2] = _mm512_unpacklo_epi64(y[4 * i + 1], y[4 * i + 3]);
                x[4 * i + 3] = _mm512_unpackhi_epi64(y[4 * i + 1], y[4 * i + 3]);
            }
            for half in 0..2 {
                for i in 0..4 {
                    let (a, b) = (x[8 * half + i], x[8 * half + 4 + i]);
                    y[8 * half + i] = _mm512_shuffle_i32x4::<0x88>(a, b);
                    y[8 * half + 4 + i] = _mm512_shuffle_i32x4::<0xdd>(a, b);
                }
            }
            for i in 0..4 {
                x[i] = _mm512_shuffle_i32x4::<0x88>(y[i], y[8 + i]);
                x[8 + i] = _mm512_shuffle_i32x4::<0xdd>(y[i], y[8 + i]);
                x[4 + i] = _mm512_shuffle_i32x4::<0x88>(y[4 + i], y[12 + i]);
                x[12 + i] = _mm512_shuffle_i32x4::<0xdd>(y[4 + i], y[12 + i]);
            }
            x
        })
    }
    #[inline(always)]
    fn prefetch(self, line: *const u32) {
        op!(_mm_prefetch::<_MM_HINT_T1>(line.cast()));
    }
    #[inline(always)]
    fn pick_below(self, x: __m512, limit: f32, near: __m512, far: __m512) -> __m512 {
        op!({
            let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_set1_ps(limit));
            _mm512_mask_blend_ps(below, far, near)
        })
    }
    #[inline(always)]
    fn sum(self, x: __m512) -> f32 {
        op!({
            // By halves, as everywhere.
            let x = _mm512_add_ps(x, _mm512_shuffle_f32x4::<0x4e>(x, x));
            let x = _mm512_add_ps(x, _mm512_shuffle_f32x4::<0xb1>(x, x));
            let x = _mm512_add_ps(x, _mm512_permute_ps::<0x4e>(x));
            let x = _mm512_add_ps(x, _mm512_permute_ps::<0xb1>(x));
            _mm512_cvtss_f32(x)
        })
    }
    #[inline(always)]
    fn highest(self, x: __m512) -> f32 {
        op!({
            let x = _mm512_max_ps(x, _mm512_shuffle_f32x4::<0x4e>(x, x));
            let x = _mm512_max_ps(x, _mm512_shuffle_f32x4::<0xb1>(x, x));
            let x = _mm512_max_ps(x, _mm512_permute_ps::<0x4e>(x));
            let x = _mm512_max_ps(x, _mm512_permute_ps::<0xb1>(x));
            _mm512_cvtss_f32(x)
        })
    }
}
