//! The innermost product: a few rows times one panel, the sums in registers from first to last
//! term. An output's terms are therefore added in the order of the inputs, whatever else is
//! computed beside it.

use crate::matrix::PANEL;
use crate::simd::{LANES, Simd};

/// The most rows of any tile.
pub(crate) const MOST_ROWS: usize = 12;

/// A tile's results, of which the first rows are valid.
pub(crate) type Tile = [[f32; PANEL]; MOST_ROWS];

/// How words are multiplied and summed.
pub(crate) trait Dot: Copy + Send + Sync {
    type Sum<S: Simd>: Copy;
    /// What a sum begins with: of bytes, minus the activations' offset times the weights' sum.
    fn start<S: Simd>(s: S, offset: i32, sums: &[i32; LANES]) -> Self::Sum<S>;
    fn step<S: Simd>(s: S, sum: Self::Sum<S>, a: S::I, b: S::I) -> Self::Sum<S>;
    fn finish<S: Simd>(s: S, sum: Self::Sum<S>) -> S::F;
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Floats;
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halves;
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes;

impl Dot for Floats {
    type Sum<S: Simd> = S::F;
    #[inline(always)]
    fn start<S: Simd>(s: S, _offset: i32, _sums: &[i32; LANES]) -> S::F {
        s.splat(0.0)
    }
    #[inline(always)]
    fn step<S: Simd>(s: S, sum: S::F, a: S::I, b: S::I) -> S::F {
        s.mul_add(s.from_bits(a), s.from_bits(b), sum)
    }
    #[inline(always)]
    fn finish<S: Simd>(_: S, sum: S::F) -> S::F {
        sum
    }
}

impl Dot for Halves {
    type Sum<S: Simd> = S::F;
    #[inline(always)]
    fn start<S: Simd>(s: S, _offset: i32, _sums: &[i32; LANES]) -> S::F {
        s.splat(0.0)
    }
    #[inline(always)]
    fn step<S: Simd>(s: S, sum: S::F, a: S::I, b: S::I) -> S::F {
        s.dot_bf16(sum, a, b)
    }
    #[inline(always)]
    fn finish<S: Simd>(_: S, sum: S::F) -> S::F {
        sum
    }
}

impl Dot for Bytes {
    type Sum<S: Simd> = S::I;
    #[inline(always)]
    fn start<S: Simd>(s: S, offset: i32, sums: &[i32; LANES]) -> S::I {
        let sums = s.load_words(&sums.map(i32::cast_unsigned));
        s.mul_words(s.splat_word((-offset).cast_unsigned()), sums)
    }
    #[inline(always)]
    fn step<S: Simd>(s: S, sum: S::I, a: S::I, b: S::I) -> S::I {
        s.dot_bytes(sum, a, b)
    }
    #[inline(always)]
    fn finish<S: Simd>(s: S, sum: S::I) -> S::F {
        s.floats(sum)
    }
}

/// Rows of words.
#[derive(Clone, Copy)]
pub(crate) struct RowWords<'a> {
    pub(crate) words: &'a [u32],
    /// Words from one row to the next.
    pub(crate) stride: usize,
    /// Each row's offset; empty for floats.
    pub(crate) offsets: &'a [i32],
}

/// One panel.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// `[depth, 32]`.
    pub(crate) words: &'a [u32],
    pub(crate) sums: &'a [i32; PANEL],
    /// What to fetch meanwhile, a cache line every few steps.
    pub(crate) next: *const u32,
}

/// Sums of no bytes, for floats.
pub(crate) const NO_SUMS: [i32; PANEL] = [0; PANEL];

/// Computes `tile[r][c] = Σ_w rows[first + r][w] · panel[w][c]` for `count` rows.
///
/// # Panics
/// Where the rows or the panel are not all there.
#[inline(always)]
pub(crate) fn tile<S: Simd, D: Dot>(
    s: S,
    rows: RowWords<'_>,
    (first, count): (usize, usize),
    panel: Panel<'_>,
    out: &mut Tile,
) {
    let depth = panel.words.len() / PANEL;
    assert!(count > 0 && (first + count - 1) * rows.stride + depth <= rows.words.len());
    let rows = Rows { words: rows.words[first * rows.stride..].as_ptr(), ..Rows::of(rows, first) };
    macro_rules! sized {
        ($($size:literal)*) => {
            match count {
                // SAFETY: just asserted.
                $($size if $size <= S::ROWS => unsafe { sized::<S, D, $size>(s, rows, panel, out) },)*
                _ => unreachable!("a tile has at most {} rows", S::ROWS),
            }
        };
    }
    sized!(1 2 3 4 5 6 7 8 9 10 11 12);
}

#[derive(Clone, Copy)]
struct Rows<'a> {
    words: *const u32,
    stride: usize,
    offsets: &'a [i32],
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn of(rows: RowWords<'a>, first: usize) -> Self {
        let offsets = rows.offsets.get(first..).unwrap_or_default();
        Self { words: rows.words.as_ptr(), stride: rows.stride, offsets }
    }
}

/// # Safety
/// `R` rows of as many words as the panel has can be read.
#[inline(always)]
unsafe fn sized<S: Simd, D: Dot, const R: usize>(
    s: S,
    rows: Rows<'_>,
    panel: Panel<'_>,
    out: &mut Tile,
) {
    let depth = panel.words.len() / PANEL;
    let columns = panel.words.as_ptr().cast::<[u32; LANES]>();
    let mut half = 0;
    while half < 2 {
        let mut sums = [[D::start(s, 0, &[0; LANES]); 2]; R];
        if !rows.offsets.is_empty() {
            for r in 0..R {
                for v in 0..S::VECTORS {
                    let own = panel.sums.as_chunks::<LANES>().0;
                    sums[r][v] = D::start(s, rows.offsets[r], &own[half + v]);
                }
            }
        }
        let mut fetch = panel.next;
        for at in 0..depth {
            let mut b = [s.splat_word(0); 2];
            for v in 0..S::VECTORS {
                // SAFETY: the panel has `depth` times two vectors.
                b[v] = s.load_words(unsafe { &*columns.add(at * 2 + half + v) });
            }
            for r in 0..R {
                // SAFETY: the caller says so.
                let a = s.splat_word(unsafe { *rows.words.add(r * rows.stride + at) });
                for v in 0..S::VECTORS {
                    sums[r][v] = D::step(s, sums[r][v], a, b[v]);
                }
            }
            if at % 4 == 0 {
                s.prefetch(fetch);
                fetch = fetch.wrapping_add(16);
            }
        }
        for r in 0..R {
            for v in 0..S::VECTORS {
                let place = &mut out[r].as_chunks_mut::<LANES>().0[half + v];
                s.store(D::finish(s, sums[r][v]), place);
            }
        }
        half += S::VECTORS;
    }
}
