//! Label attention whose value is a number a label (LAAT, CAML), streamed over tokens and labels.

use rayon::prelude::*;

use crate::elementary::exp;
use crate::isa::{Isa, Kernel};
use crate::matrix::{Matrix, PANEL};
use crate::precision::Precision;
use crate::rows::Rows;
use crate::simd::{LANES, Simd};
use crate::tile::{Bytes, Dot, Floats, Halves, MOST_ROWS, NO_SUMS, Panel, Tile, tile};

/// Tokens that are scored before the running softmax takes them in. Fixed: a chart's sums depend
/// on its tokens only.
pub const BLOCK_TOKENS: usize = 128;

/// Panels that a task goes through with each block of tokens, which meanwhile stays in the
/// second-level cache.
const TASK_PANELS: usize = 32;

/// `α = softmax over all tokens of key · query_l`, and of the tokens' values `x · w_l` the mean
/// weighted by α (Vu et al. 2020).
#[derive(Clone, Copy, Debug)]
pub struct LabelAttention<'a> {
    /// `[labels, width of a key]`.
    pub queries: &'a Matrix,
    /// `[labels, width of a hidden state]`.
    pub values: &'a Matrix,
}

/// The running softmax of every label: three numbers each.
#[derive(Clone, Debug)]
pub struct LabelSums {
    panels: Vec<PanelSums>,
    /// Σ e^(score − highest) · value², where it is wanted.
    squares: Vec<[f32; PANEL]>,
    labels: usize,
}

#[derive(Clone, Debug)]
struct PanelSums {
    /// The highest score so far.
    highest: [f32; PANEL],
    /// Σ e^(score − highest).
    sum: [f32; PANEL],
    /// Σ e^(score − highest) · value.
    weighted: [f32; PANEL],
}

impl LabelSums {
    /// Before the first token.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        let start = PanelSums {
            highest: [f32::NEG_INFINITY; PANEL],
            sum: [0.0; PANEL],
            weighted: [0.0; PANEL],
        };
        Self { panels: vec![start; labels.div_ceil(PANEL)], squares: Vec::new(), labels }
    }

    /// As [`LabelSums::new`], with the sums of squares that [`LabelSums::deviations`] takes.
    pub(crate) fn with_squares(labels: usize) -> Self {
        let squares = vec![[0.0; PANEL]; labels.div_ceil(PANEL)];
        Self { squares, ..Self::new(labels) }
    }

    /// The weighted standard deviation of each label's values, and the root of their weighted mean
    /// square.
    pub(crate) fn deviations(&self) -> impl Iterator<Item = (f32, f32)> {
        let of_panel = |(panel, squares): (&PanelSums, &[f32; PANEL])| {
            let (panel, squares) = (panel.clone(), *squares);
            (0..PANEL).map(move |at| {
                let mean = panel.weighted[at] / panel.sum[at];
                let square = squares[at] / panel.sum[at];
                ((square - mean * mean).max(0.0).sqrt(), square.sqrt())
            })
        };
        self.panels.iter().zip(&self.squares).flat_map(of_panel).take(self.labels)
    }

    /// The weighted mean of each label's values; NaN before the first token.
    pub fn means(&self) -> impl Iterator<Item = f32> {
        let of_panel = |panel: &PanelSums| {
            let (weighted, sum) = (panel.weighted, panel.sum);
            (0..PANEL).map(move |at| weighted[at] / sum[at])
        };
        self.panels.iter().flat_map(of_panel).take(self.labels)
    }

    /// The share of attention that a token with this score has among all that were taken in.
    #[must_use]
    pub fn share(&self, label: usize, score: f32) -> f32 {
        let (panel, at) = (&self.panels[label / PANEL], label % PANEL);
        (score - panel.highest[at]).exp() / panel.sum[at]
    }
}

impl LabelAttention<'_> {
    /// Takes in tokens: their keys `[tokens, width]` and hidden states `[tokens, width]`, each in the
    /// precision of its matrix. Calls
    /// must divide a chart's tokens at multiples of [`BLOCK_TOKENS`] for the sums to have the same
    /// bits.
    ///
    /// # Panics
    /// Where the sizes do not fit together.
    pub fn absorb(&self, isa: Isa, sums: &mut LabelSums, keys: &Rows, hidden: &Rows) {
        assert_eq!(keys.rows(), hidden.rows(), "a key for every hidden state");
        for (rows, matrix) in [(keys, self.queries), (hidden, self.values)] {
            assert_eq!(rows.width(), matrix.inputs(), "the width of the rows");
            assert_eq!(rows.precision(), matrix.precision(), "the precision of the rows");
            assert_eq!(matrix.outputs(), sums.labels, "the labels");
        }
        let share = sums.panels.len().div_ceil(rayon::current_num_threads()).max(1);
        let task = share.div_ceil(share.div_ceil(TASK_PANELS));
        let run = |number: usize, panels, squares| {
            isa.run(Task { head: *self, keys, hidden, first: number * task, panels, squares });
        };
        let panels = sums.panels.par_chunks_mut(task).enumerate();
        if sums.squares.is_empty() {
            panels.for_each(|(number, panels)| run(number, panels, &mut []));
        } else {
            let squares = sums.squares.par_chunks_mut(task);
            panels
                .zip(squares)
                .for_each(|((number, panels), squares)| run(number, panels, squares));
        }
    }
}

struct Task<'a> {
    head: LabelAttention<'a>,
    keys: &'a Rows,
    hidden: &'a Rows,
    /// The first panel.
    first: usize,
    panels: &'a mut [PanelSums],
    /// As many, or none.
    squares: &'a mut [[f32; PANEL]],
}

/// Scores or values of a block of tokens and a panel of labels.
type Block = [[f32; PANEL]; BLOCK_TOKENS];

impl Kernel for Task<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.keys.precision() {
            Precision::F32 => self.stream::<S, Floats>(s),
            Precision::Bf16 => self.stream::<S, Halves>(s),
            Precision::Int8 => self.stream::<S, Bytes>(s),
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn stream<S: Simd, K: Dot>(self, s: S) {
        match self.hidden.precision() {
            Precision::F32 => self.stream_values::<S, K, Floats>(s),
            Precision::Bf16 => self.stream_values::<S, K, Halves>(s),
            Precision::Int8 => self.stream_values::<S, K, Bytes>(s),
        }
    }

    /// Scores in one precision, values in another.
    #[inline(always)]
    fn stream_values<S: Simd, K: Dot, V: Dot>(self, s: S) {
        let (mut scores, mut values): (Block, Block) =
            ([[0.0; PANEL]; BLOCK_TOKENS], [[0.0; PANEL]; BLOCK_TOKENS]);
        let mut first = 0;
        while first < self.keys.rows() {
            let count = BLOCK_TOKENS.min(self.keys.rows() - first);
            for (at, sums) in self.panels.iter_mut().enumerate() {
                let panel = self.first + at;
                multiply::<S, K>(
                    s,
                    (self.keys, self.head.queries),
                    panel,
                    first,
                    &mut scores[..count],
                );
                multiply::<S, V>(
                    s,
                    (self.hidden, self.head.values),
                    panel,
                    first,
                    &mut values[..count],
                );
                let (scores, values) = (&scores[..count], &values[..count]);
                match self.squares.get_mut(at) {
                    Some(squares) => update::<S, true>(s, (sums, squares), scores, values),
                    None => update::<S, false>(s, (sums, &mut [0.0; PANEL]), scores, values),
                }
            }
            first += count;
        }
    }
}

/// `rows · panelᵀ` for rows from `first` on, as many as there is room for.
#[inline(always)]
fn multiply<S: Simd, D: Dot>(
    s: S,
    (rows, matrix): (&Rows, &Matrix),
    panel: usize,
    first: usize,
    out: &mut [[f32; PANEL]],
) {
    let bytes = matrix.panel_bytes(panel);
    let sums = bytes.map_or(&NO_SUMS, |(_, sums)| sums);
    let words = matrix.panel(panel);
    let mut next = matrix.panel((panel + 1).min(matrix.panels() - 1)).as_ptr();
    let mut results: Tile = [[0.0; PANEL]; MOST_ROWS];
    let mut row = 0;
    while row < out.len() {
        let count = S::ROWS.min(out.len() - row);
        let words = Panel { words, sums, next };
        tile::<S, D>(s, rows.as_words(), (first + row, count), words, &mut results);
        next = next.wrapping_add(matrix.depth().div_ceil(4) * 16);
        for r in 0..count {
            let to = out[row + r].as_chunks_mut::<LANES>().0;
            let from = results[r].as_chunks::<LANES>().0;
            for v in 0..2 {
                let mut x = s.load(&from[v]);
                if let Some((scales, _)) = bytes {
                    let own = s.splat(rows.scales()[first + row + r]);
                    x = s.mul(x, s.mul(own, s.load(&scales.as_chunks::<LANES>().0[v])));
                }
                s.store(x, &mut to[v]);
            }
        }
        row += count;
    }
}

/// Takes a block into the running softmax, and into the sums of squares.
#[inline(always)]
fn update<S: Simd, const SQUARES: bool>(
    s: S,
    (sums, squares): (&mut PanelSums, &mut [f32; PANEL]),
    scores: &[[f32; PANEL]],
    values: &[[f32; PANEL]],
) {
    for v in 0..2 {
        let highest = &mut sums.highest.as_chunks_mut::<LANES>().0[v];
        let before = s.load(highest);
        let mut now = before;
        for row in scores {
            now = s.max(s.load(&row.as_chunks::<LANES>().0[v]), now);
        }
        s.store(now, highest);
        let shrink = exp(s, s.sub(before, now));
        let (sum, weighted, squares) = (
            &mut sums.sum.as_chunks_mut::<LANES>().0[v],
            &mut sums.weighted.as_chunks_mut::<LANES>().0[v],
            &mut squares.as_chunks_mut::<LANES>().0[v],
        );
        let (mut total, mut mean) = (s.mul(s.load(sum), shrink), s.mul(s.load(weighted), shrink));
        let mut square = s.mul(s.load(squares), shrink);
        for (row, value) in scores.iter().zip(values) {
            let weight = exp(s, s.sub(s.load(&row.as_chunks::<LANES>().0[v]), now));
            let value = s.load(&value.as_chunks::<LANES>().0[v]);
            total = s.add(total, weight);
            mean = s.mul_add(weight, value, mean);
            if SQUARES {
                square = s.mul_add(s.mul(weight, value), value, square);
            }
        }
        s.store(total, sum);
        s.store(mean, weighted);
        if SQUARES {
            s.store(square, squares);
        }
    }
}
