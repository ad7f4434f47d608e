//! Scaled dot-product attention of whole windows, a head at a time in cache.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use crate::elementary::exp;
use crate::isa::{Isa, Kernel};
use crate::matrix::PANEL;
use crate::precision::Precision;
use crate::rows::{Rows, narrow};
use crate::simd::{LANES, Simd};
use crate::target::{Out, Target};
use crate::tile::{Dot, Floats, Halves, MOST_ROWS, NO_SUMS, Panel, RowWords, Tile, tile};
use crate::words::Words;

/// Full self-attention (Vaswani et al. 2017). The factor 1/√d is in the queries' weights.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Heads.
    pub heads: usize,
    /// Width of a head, d; even where activations are bf16.
    pub head_size: usize,
}

/// A window's rows, and how many of its first tokens are attended to. With none the window attends
/// to all its tokens alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRows {
    /// Its first row.
    pub first: usize,
    /// Its tokens.
    pub length: usize,
    /// Tokens that are not masked padding.
    pub keys: usize,
}

/// Memory that a thread keeps.
#[derive(Default)]
struct Scratch {
    keys: Words,
    values: Words,
    /// `[MOST_ROWS, keys]`.
    scores: Vec<f32>,
    weights: Words,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Attention {
    /// From `[rows, 3 H]`, a row's query, key and value side by side with the heads in order, to
    /// `[rows, H]`. Rows outside the windows are left as they are.
    ///
    /// # Panics
    /// Where the sizes do not fit together, or activations are bytes.
    pub fn run(&self, isa: Isa, qkv: &Rows, windows: &[WindowRows], target: Target<'_>) {
        let width = self.heads * self.head_size;
        let precision = qkv.precision();
        assert_eq!(qkv.width(), 3 * width, "queries, keys and values");
        assert!(
            precision == Precision::F32
                || precision == Precision::Bf16 && self.head_size.is_multiple_of(2),
            "bf16 heads of even size, or f32"
        );
        let inside = |w: &WindowRows| w.first + w.length <= qkv.rows() && w.keys <= w.length;
        assert!(windows.iter().all(inside), "windows inside the rows");
        assert!(apart(windows), "windows that share no row");
        let out = Out::new(target, qkv.rows(), width);
        (0..windows.len() * self.heads).into_par_iter().for_each(|number| {
            let window = windows[number / self.heads];
            let number = number % self.heads;
            SCRATCH.with_borrow_mut(|scratch| {
                isa.run(Head { size: self.head_size, number, width, qkv, window, out, scratch });
            });
        });
    }
}

/// Whether windows come one behind the other.
fn apart(windows: &[WindowRows]) -> bool {
    windows.windows(2).all(|pair| pair[0].first + pair[0].length <= pair[1].first)
}

struct Head<'a> {
    size: usize,
    number: usize,
    width: usize,
    qkv: &'a Rows,
    window: WindowRows,
    out: Out,
    scratch: &'a mut Scratch,
}

impl Kernel for Head<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.qkv.precision() {
            Precision::F32 => self.attend::<S, Floats>(s),
            _ => self.attend::<S, Halves>(s),
        }
    }
}

impl Head<'_> {
    #[inline(always)]
    fn attend<S: Simd, D: Dot>(mut self, s: S) {
        let per_word = self.qkv.precision().per_word();
        let depth = self.size / per_word;
        let keys = if self.window.keys == 0 { self.window.length } else { self.window.keys };
        let padded = keys.next_multiple_of(PANEL);
        self.scratch.scores.resize(MOST_ROWS * padded, 0.0);
        let stride = padded / per_word;
        self.scratch.weights.resize(MOST_ROWS * stride);
        self.pack_keys(s, keys, depth);
        self.pack_values(keys, per_word);
        let mut first = 0;
        while first < self.window.length {
            let count = S::ROWS.min(self.window.length - first);
            let mut sums = [0.0; MOST_ROWS];
            if self.window.keys == 0 {
                self.scratch.scores.fill(0.0);
            } else {
                self.score::<S, D>(s, (first, count), (depth, padded));
            }
            for r in 0..count {
                let scores = &mut self.scratch.scores[r * padded..(r + 1) * padded];
                scores[keys..].fill(f32::NEG_INFINITY);
                sums[r] = softmax(s, scores);
                let weights = &mut self.scratch.weights[r * stride..(r + 1) * stride];
                if per_word == 2 {
                    narrow(s, scores, weights);
                } else {
                    for (weight, score) in weights.iter_mut().zip(scores.iter()) {
                        *weight = score.to_bits();
                    }
                }
            }
            self.mix::<S, D>(s, (first, count), stride, &sums);
            first += count;
        }
    }

    /// The words of the query (part 0), key (1) or value (2) of a window's rows.
    fn words(&self, part: usize) -> RowWords<'_> {
        let rows = self.qkv.as_words();
        let column =
            (part * self.width + self.number * self.size) / self.qkv.precision().per_word();
        RowWords { words: &rows.words[self.window.first * rows.stride + column..], ..rows }
    }

    /// Queries times keys, `[count, keys]`.
    #[inline(always)]
    fn score<S: Simd, D: Dot>(
        &mut self,
        s: S,
        rows: (usize, usize),
        (depth, padded): (usize, usize),
    ) {
        let mut results: Tile = [[0.0; PANEL]; MOST_ROWS];
        for panel in 0..padded / PANEL {
            let words = &self.scratch.keys[panel * depth * PANEL..(panel + 1) * depth * PANEL];
            let words = Panel { words, sums: &NO_SUMS, next: words.as_ptr() };
            tile::<S, D>(s, self.words(0), rows, words, &mut results);
            for r in 0..rows.1 {
                let at = r * padded + panel * PANEL;
                self.scratch.scores[at..at + PANEL].copy_from_slice(&results[r]);
            }
        }
    }

    /// Attention times values, each row divided by the sum of its weights.
    #[inline(always)]
    fn mix<S: Simd, D: Dot>(
        &self,
        s: S,
        (first, count): (usize, usize),
        stride: usize,
        sums: &[f32; MOST_ROWS],
    ) {
        let weights = RowWords { words: &self.scratch.weights, stride, offsets: &[] };
        let mut results: Tile = [[0.0; PANEL]; MOST_ROWS];
        for panel in 0..self.size.div_ceil(PANEL) {
            let words = &self.scratch.values[panel * stride * PANEL..(panel + 1) * stride * PANEL];
            let words = Panel { words, sums: &NO_SUMS, next: words.as_ptr() };
            tile::<S, D>(s, weights, (0, count), words, &mut results);
            let columns = PANEL.min(self.size - panel * PANEL);
            for r in 0..count {
                let row = results[r].as_chunks::<LANES>().0;
                let factor = s.splat(1.0 / sums[r]);
                let values = [s.mul(s.load(&row[0]), factor), s.mul(s.load(&row[1]), factor)];
                let column = self.number * self.size + panel * PANEL;
                let row = self.window.first + first + r;
                // SAFETY: the head's columns of the window's rows are this task's; windows share
                // no row and lie inside the target.
                unsafe { self.out.write(s, values, row, (column, columns)) };
            }
        }
    }

    /// Keys as panels `[depth, 32 keys]`, zeros behind the last.
    #[inline(always)]
    fn pack_keys<S: Simd>(&mut self, s: S, keys: usize, depth: usize) {
        let padded = keys.next_multiple_of(PANEL);
        let mut packed = std::mem::take(&mut self.scratch.keys);
        packed.resize(padded * depth);
        let rows = self.words(1);
        let mut key = 0;
        while key < padded {
            let mut at = 0;
            while at < depth {
                let width = LANES.min(depth - at);
                let mut block = [s.splat_word(0); LANES];
                for (r, vector) in block.iter_mut().enumerate() {
                    if key + r < keys {
                        *vector = some(s, &rows.words[(key + r) * rows.stride + at..], width);
                    }
                }
                let block = s.transpose(block);
                let start = key / PANEL * depth * PANEL + key % PANEL;
                for w in 0..width {
                    let to = start + (at + w) * PANEL;
                    if let Some(to) = packed[to..].first_chunk_mut() {
                        s.store_words(block[w], to);
                    }
                }
                at += LANES;
            }
            key += LANES;
        }
        self.scratch.keys = packed;
    }

    /// Values as panels `[keys, 32 columns]`, two keys a word where they are bf16, zeros behind the
    /// last key.
    #[inline(always)]
    fn pack_values(&mut self, keys: usize, per_word: usize) {
        let depth = keys.next_multiple_of(PANEL) / per_word;
        let mut packed = std::mem::take(&mut self.scratch.values);
        packed.resize(self.size.div_ceil(PANEL) * depth * PANEL);
        let rows = self.words(2);
        let row = |key: usize, columns: &Range<usize>| -> &[u32] {
            let start = key * rows.stride;
            if key < keys { &rows.words[start + columns.start..start + columns.end] } else { &[] }
        };
        for (panel, words) in packed.chunks_exact_mut(depth * PANEL).enumerate() {
            let end = ((panel + 1) * PANEL).min(self.size);
            let columns = panel * PANEL / per_word..end / per_word;
            for (at, line) in words.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
                if per_word == 1 {
                    spread(row(at, &columns), line);
                } else {
                    pair(row(2 * at, &columns), row(2 * at + 1, &columns), line);
                }
            }
        }
        self.scratch.values = packed;
    }
}

/// Up to sixteen words, zeros behind them.
#[inline(always)]
fn some<S: Simd>(s: S, words: &[u32], count: usize) -> S::I {
    if let (LANES, Some(all)) = (count, words.first_chunk()) {
        return s.load_words(all);
    }
    let mut all = [0; LANES];
    all[..count].copy_from_slice(&words[..count]);
    s.load_words(&all)
}

#[inline(always)]
fn spread(row: &[u32], line: &mut [u32; PANEL]) {
    line[..row.len()].copy_from_slice(row);
    line[row.len()..].fill(0);
}

/// Two rows of bf16, two a word, to words of one of each.
#[inline(always)]
fn pair(first: &[u32], second: &[u32], line: &mut [u32; PANEL]) {
    let mut rows = [[0; LANES]; 2];
    rows[0][..first.len()].copy_from_slice(first);
    rows[1][..second.len()].copy_from_slice(second);
    for (at, two) in line.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (a, b) = (rows[0][at], rows[1][at]);
        *two = [a & 0xffff | b << 16, a >> 16 | b & 0xffff_0000];
    }
}

/// Turns scores into e^(score − highest) and returns their sum.
#[inline(always)]
fn softmax<S: Simd>(s: S, scores: &mut [f32]) -> f32 {
    let vectors = scores.as_chunks_mut::<LANES>().0;
    let mut highest = s.splat(f32::NEG_INFINITY);
    for vector in vectors.iter() {
        highest = s.max(s.load(vector), highest);
    }
    let highest = s.splat(s.highest(highest));
    let mut sum = s.splat(0.0);
    for vector in vectors.iter_mut() {
        let power = exp(s, s.sub(s.load(vector), highest));
        sum = s.add(sum, power);
        s.store(power, vector);
    }
    s.sum(sum)
}
