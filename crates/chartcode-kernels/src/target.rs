//! Where kernels write: columns of rows, from several threads.

use crate::precision::Precision;
use crate::rows::Rows;
use crate::simd::{LANES, Simd};

/// Where results are written.
#[derive(Debug)]
pub enum Target<'a> {
    /// `[rows, columns]`, row-major.
    Values(&'a mut [f32]),
    /// As the next product reads them; f32 or bf16, as [`Rows::reset`] was told.
    Rows(&'a mut Rows),
}

/// A target's memory, of which each task writes columns of its own.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    start: *mut u32,
    /// Words from one row to the next.
    stride: usize,
    precision: Precision,
}

// SAFETY: tasks write disjoint columns, and the target is borrowed as long as they run.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

impl Out {
    /// # Panics
    /// Where the target is not of that size, or of bytes: these need a whole row.
    pub(crate) fn new(target: Target<'_>, rows: usize, columns: usize) -> Self {
        match target {
            Target::Values(values) => {
                assert_eq!(values.len(), rows * columns, "the size of the target");
                let start = values.as_mut_ptr().cast();
                Self { start, stride: columns, precision: Precision::F32 }
            }
            Target::Rows(target) => {
                assert_eq!((target.rows(), target.width()), (rows, columns), "the target");
                assert_ne!(target.precision(), Precision::Int8, "bytes need a whole row");
                let (stride, precision) = (target.stride(), target.precision());
                let used = columns.div_ceil(precision.per_word());
                let words = target.words_mut();
                for row in words.chunks_exact_mut(stride).take(rows) {
                    row[used..].fill(0);
                }
                Self { start: words.as_mut_ptr(), stride, precision }
            }
        }
    }

    /// Writes up to 32 values of a row from `column` on, `columns` of them.
    ///
    /// # Safety
    /// The row and the columns are inside the target, the first column begins a word, and nobody
    /// else writes them.
    #[inline(always)]
    pub(crate) unsafe fn write<S: Simd>(
        self,
        s: S,
        values: [S::F; 2],
        row: usize,
        (column, columns): (usize, usize),
    ) {
        let per_word = self.precision.per_word();
        let at = row * self.stride + column / per_word;
        // SAFETY: the caller says so.
        let out = unsafe {
            std::slice::from_raw_parts_mut(self.start.add(at), columns.div_ceil(per_word))
        };
        if self.precision == Precision::Bf16 {
            let words = s.narrow(values[0], values[1]);
            if let Some(all) = out.first_chunk_mut() {
                return s.store_words(words, all);
            }
            let mut all = [0; LANES];
            s.store_words(words, &mut all);
            return out.copy_from_slice(&all[..out.len()]);
        }
        let lines = out.as_chunks_mut::<LANES>().0;
        if lines.len() == 2 {
            s.store_words(s.bits(values[0]), &mut lines[0]);
            return s.store_words(s.bits(values[1]), &mut lines[1]);
        }
        let mut all = [[0; LANES]; 2];
        s.store_words(s.bits(values[0]), &mut all[0]);
        s.store_words(s.bits(values[1]), &mut all[1]);
        out.copy_from_slice(&all.as_flattened()[..out.len()]);
    }
}
