//! Sixteen lanes, whatever the CPU's registers hold.
//!
//! Every kernel is written once over [`Simd`]. A vector has 16 lanes everywhere (one AVX-512
//! register, two of AVX2, four of NEON), so that sums have the same order, and with a fused
//! multiply-add the same bits, on every CPU.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

/// One CPU's vectors of 16 floats or 16 words.
///
/// A value of an implementing type is a proof that the CPU has the instructions. All methods must
/// be inlined into a function compiled for them, see [`Isa::run`](crate::isa::Isa::run).
pub(crate) trait Simd: Copy + Send + Sync {
    /// Sixteen `f32`.
    type F: Copy;
    /// Sixteen words of 32 bits: an `i32`, two bf16 or four bytes each.
    type I: Copy;

    /// Rows of a product's tile.
    const ROWS: usize;
    /// Vectors of a tile's row. Rows times vectors accumulators must fit the registers.
    const VECTORS: usize;

    fn splat(self, x: f32) -> Self::F;
    fn load(self, from: &[f32; LANES]) -> Self::F;
    fn store(self, x: Self::F, to: &mut [f32; LANES]);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// The greater of each pair; `b` where one is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The lesser of each pair; `b` where one is NaN.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once where the CPU can.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;

    fn splat_word(self, x: u32) -> Self::I;
    fn load_words(self, from: &[u32; LANES]) -> Self::I;
    fn store_words(self, x: Self::I, to: &mut [u32; LANES]);
    fn bits(self, x: Self::F) -> Self::I;
    fn from_bits(self, x: Self::I) -> Self::F;
    /// Lane by lane, wrapping.
    fn add_words(self, a: Self::I, b: Self::I) -> Self::I;
    /// Lane by lane, the low half.
    fn mul_words(self, a: Self::I, b: Self::I) -> Self::I;
    /// To the nearest integer, ties to even; for |x| < 2³¹.
    fn round(self, x: Self::F) -> Self::I;
    /// From `i32`.
    fn floats(self, x: Self::I) -> Self::F;
    /// `x << 23` of each word.
    fn to_exponent(self, x: Self::I) -> Self::I;

    /// `acc + a₁ b₁ + a₀ b₀` for words of two bf16; numbers too small for a normal float are zero.
    fn dot_bf16(self, acc: Self::F, a: Self::I, b: Self::I) -> Self::F;
    /// `acc + Σ a b` for words of four bytes, unsigned in `a`, signed in `b`.
    fn dot_bytes(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// 32 floats, rounded to the nearest bf16, in their order.
    #[inline(always)]
    fn narrow(self, low: Self::F, high: Self::F) -> Self::I {
        narrow_one_by_one(self, low, high)
    }
    /// The lowest byte of each of 64 words, in their order.
    #[inline(always)]
    fn bytes(self, parts: [Self::I; 4]) -> Self::I {
        let (mut words, mut lanes) = ([0; LANES], [[0; LANES]; 4]);
        for (part, lanes) in parts.into_iter().zip(&mut lanes) {
            self.store_words(part, lanes);
        }
        for (word, four) in words.iter_mut().zip(lanes.as_flattened().as_chunks::<4>().0) {
            *word = four[0] & 255 | (four[1] & 255) << 8 | (four[2] & 255) << 16 | four[3] << 24;
        }
        self.load_words(&words)
    }
    /// Rows to columns.
    #[inline(always)]
    fn transpose(self, rows: [Self::I; LANES]) -> [Self::I; LANES] {
        let mut from = [[0; LANES]; LANES];
        for (row, to) in rows.into_iter().zip(&mut from) {
            self.store_words(row, to);
        }
        let mut columns = rows;
        for (lane, column) in columns.iter_mut().enumerate() {
            *column = self.load_words(&std::array::from_fn(|row| from[row][lane]));
        }
        columns
    }
    /// Asks for a cache line that will be read from the second-level cache.
    #[inline(always)]
    fn prefetch(self, _line: *const u32) {}

    /// `near` where `x < limit`, else `far`.
    fn pick_below(self, x: Self::F, limit: f32, near: Self::F, far: Self::F) -> Self::F;

    /// The sum of the lanes, by halves.
    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(x, &mut lanes);
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
            half /= 2;
        }
        lanes[0]
    }
    /// The greatest of the lanes.
    #[inline(always)]
    fn highest(self, x: Self::F) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(x, &mut lanes);
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

#[inline(always)]
fn narrow_one_by_one<S: Simd>(s: S, low: S::F, high: S::F) -> S::I {
    let (mut words, mut floats) = ([0; LANES], [[0.0; LANES]; 2]);
    s.store(low, &mut floats[0]);
    s.store(high, &mut floats[1]);
    let pairs = floats.as_flattened().as_chunks::<2>().0;
    for (word, pair) in words.iter_mut().zip(pairs) {
        *word = u32::from(portable::bf16(pair[0])) | u32::from(portable::bf16(pair[1])) << 16;
    }
    s.load_words(&words)
}
