//! `activation(x Wᵀ + b)` for packed rows and weights.

use rayon::prelude::*;

use crate::elementary;
use crate::isa::{Isa, Kernel};
use crate::matrix::{Matrix, PANEL};
use crate::precision::Precision;
use crate::rows::Rows;
use crate::simd::{LANES, Simd};
use crate::target::{Out, Target};
use crate::tile::{Bytes, Dot, Floats, Halves, MOST_ROWS, NO_SUMS, Panel, Tile, tile};

/// Panels are multiplied in groups of about this many bytes, which stay in the second-level cache
/// while all rows go by.
const GROUP_BYTES: usize = 256 * 1024;

/// Products of fewer multiplications of vectors than this take less time than another thread needs
/// to be woken.
const WORTH_A_THREAD: usize = 1 << 20;

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// x Φ(x).
    Gelu,
    /// GELU with tanh in place of the error function.
    GeluTanh,
    /// The greater of x and 0.
    Relu,
    /// x / (1 + e^−x).
    Silu,
    /// tanh.
    Tanh,
}

/// A product and what is done to its results while they are at hand.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// `[outputs, inputs]`.
    pub matrix: &'a Matrix,
    /// `[outputs]`.
    pub bias: Option<&'a [f32]>,
    /// Applied behind the bias.
    pub activation: Option<Activation>,
}

impl Product<'_> {
    /// Multiplies, on all threads of the pool that this runs in. The bits of a row's results do not
    /// depend on the other rows, nor on the threads.
    ///
    /// # Panics
    /// Where widths, precisions or the sizes of bias and target do not fit together.
    pub fn run(&self, isa: Isa, rows: &Rows, target: Target<'_>) {
        let matrix = self.matrix;
        assert_eq!(rows.width(), matrix.inputs(), "the width of the rows");
        assert_eq!(rows.precision(), matrix.precision(), "the precision of the rows");
        assert!(self.bias.is_none_or(|bias| bias.len() == matrix.outputs()), "the bias");
        let out = Out::new(target, rows.rows(), matrix.outputs());
        if rows.rows() == 0 || matrix.outputs() == 0 {
            return;
        }
        let panel_bytes = (4 * matrix.depth() * PANEL).max(1);
        // As many groups as give every thread the same number of them.
        let (panels, threads) = (matrix.panels(), rayon::current_num_threads());
        let rounds = panels.div_ceil((GROUP_BYTES / panel_bytes).max(1) * threads);
        let group = panels.div_ceil(rounds * threads).max(1);
        let groups = panels.div_ceil(group);
        let each = |number: usize| {
            let panels = number * group..((number + 1) * group).min(panels);
            isa.run(GroupOfPanels { product: *self, rows, panels, out });
        };
        let work = 2 * rows.rows() * panels * matrix.depth();
        if groups == 1 || threads == 1 || work < WORTH_A_THREAD {
            (0..groups).for_each(each);
        } else {
            (0..groups).into_par_iter().for_each(each);
        }
    }
}

struct GroupOfPanels<'a> {
    product: Product<'a>,
    rows: &'a Rows,
    panels: std::ops::Range<usize>,
    out: Out,
}

impl Kernel for GroupOfPanels<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.product.matrix.precision() {
            Precision::F32 => self.multiply::<S, Floats>(s),
            Precision::Bf16 => self.multiply::<S, Halves>(s),
            Precision::Int8 => self.multiply::<S, Bytes>(s),
        }
    }
}

impl GroupOfPanels<'_> {
    #[inline(always)]
    fn multiply<S: Simd, D: Dot>(&self, s: S) {
        let (matrix, rows) = (self.product.matrix, self.rows.rows());
        let mut results: Tile = [[0.0; PANEL]; MOST_ROWS];
        let mut next = self.next_group();
        let mut first = 0;
        while first < rows {
            let count = S::ROWS.min(rows - first);
            for panel in self.panels.clone() {
                let sums = matrix.panel_bytes(panel).map_or(&NO_SUMS, |(_, sums)| sums);
                let words = Panel { words: matrix.panel(panel), sums, next: next.start };
                tile::<S, D>(s, self.rows.as_words(), (first, count), words, &mut results);
                self.finish(s, &results, (first, count), panel);
                // A line in every four steps, as `tile` fetches them.
                next.start = next.start.wrapping_add(matrix.depth().div_ceil(4) * 16);
                if next.start >= next.end {
                    next.start = next.end;
                }
            }
            first += count;
        }
    }

    /// The words that the group behind this one will read.
    fn next_group(&self) -> std::ops::Range<*const u32> {
        let matrix = self.product.matrix;
        let end = (self.panels.end + self.panels.len()).min(matrix.panels());
        let size = matrix.depth() * PANEL;
        let start = if self.panels.end < matrix.panels() {
            matrix.panel(self.panels.end).as_ptr()
        } else {
            matrix.panel(self.panels.start).as_ptr()
        };
        start..start.wrapping_add(end.saturating_sub(self.panels.end) * size)
    }

    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, results: &Tile, (first, count): (usize, usize), panel: usize) {
        let (matrix, start) = (self.product.matrix, panel * PANEL);
        let columns = PANEL.min(matrix.outputs() - start);
        let mut bias = [0.0; PANEL];
        if let Some(given) = self.product.bias {
            bias[..columns].copy_from_slice(&given[start..start + columns]);
        }
        let bias = bias.as_chunks::<LANES>().0;
        let scales = matrix.panel_bytes(panel).map(|(scales, _)| scales.as_chunks::<LANES>().0);
        for r in 0..count {
            let row = results[r].as_chunks::<LANES>().0;
            let mut values = [s.splat(0.0); 2];
            for v in 0..2 {
                let x = s.load(&row[v]);
                values[v] = match scales {
                    None => s.add(x, s.load(&bias[v])),
                    Some(scales) => {
                        let scale =
                            s.mul(s.splat(self.rows.scales()[first + r]), s.load(&scales[v]));
                        s.mul_add(x, scale, s.load(&bias[v]))
                    }
                };
            }
            let values = self.activate(s, values);
            // SAFETY: the panel's columns are this task's, the row is inside the target.
            unsafe { self.out.write(s, values, first + r, (start, columns)) };
        }
    }

    #[inline(always)]
    fn activate<S: Simd>(&self, s: S, x: [S::F; 2]) -> [S::F; 2] {
        use elementary::{gelu, gelu_coarse, gelu_tanh, sigmoid, tanh};
        let exact = self.product.matrix.precision() == Precision::F32;
        match self.product.activation {
            None => x,
            Some(Activation::Gelu) if exact => [gelu(s, x[0]), gelu(s, x[1])],
            Some(Activation::Gelu) => [gelu_coarse(s, x[0]), gelu_coarse(s, x[1])],
            Some(Activation::GeluTanh) => [gelu_tanh(s, x[0]), gelu_tanh(s, x[1])],
            Some(Activation::Relu) => {
                // The second operand wins where one is NaN.
                [s.max(s.splat(0.0), x[0]), s.max(s.splat(0.0), x[1])]
            }
            Some(Activation::Silu) => {
                [s.mul(x[0], sigmoid(s, x[0])), s.mul(x[1], sigmoid(s, x[1]))]
            }
            Some(Activation::Tanh) => [tanh(s, x[0]), tanh(s, x[1])],
        }
    }
}
