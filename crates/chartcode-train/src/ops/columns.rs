//! Passes over rows, some of which also add up the columns.

use rayon::prelude::*;

use super::slices::{PIECE, vectorised};

/// Rows that a thread takes at a time. Fixed, so that sums over pieces do not depend on the number
/// of threads.
pub(crate) fn rows_a_piece(width: usize) -> usize {
    (PIECE / width.max(1)).max(1)
}

/// Adds up what pieces gave, in their order, for each of `N` sums over columns.
pub(crate) fn total<const N: usize>(pieces: Vec<[Vec<f32>; N]>, width: usize) -> [Vec<f32>; N] {
    let mut sums = [(); N].map(|()| vec![0.0; width]);
    for piece in pieces {
        for (sum, piece) in sums.iter_mut().zip(piece) {
            sum.iter_mut().zip(piece).for_each(|(sum, x)| *sum += x);
        }
    }
    sums
}

/// Adds a bias to every row.
pub(crate) fn add_bias(rows: &mut [f32], bias: &[f32]) {
    let width = bias.len();
    rows.par_chunks_mut(rows_a_piece(width) * width).for_each(|piece| {
        vectorised(|| {
            for row in piece.chunks_exact_mut(width) {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
        });
    });
}

/// `x += y`.
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    x.par_chunks_mut(PIECE).zip(y.par_chunks(PIECE)).for_each(|(x, y)| {
        vectorised(|| x.iter_mut().zip(y).for_each(|(x, y)| *x += y));
    });
}

/// The sum of each column.
pub(crate) fn sums(rows: &[f32], width: usize) -> Vec<f32> {
    let sums = rows.par_chunks(rows_a_piece(width) * width).map(|rows| {
        let mut sum = vec![0.0; width];
        vectorised(|| {
            for row in rows.chunks_exact(width) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        });
        [sum]
    });
    let [sum] = total(sums.collect(), width);
    sum
}
