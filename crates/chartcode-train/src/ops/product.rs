//! Products of matrices too small for the matrix library to pay.
#![expect(clippy::inline_always, reason = "loops become vector code only where they are inlined")]

/// Columns are padded to a multiple of this many.
pub(super) const LANES: usize = 8;

/// `n` rounded up to whole lanes.
pub(super) fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

/// The left factor of a product, `[rows, depth]`, with the steps from a row and from a column to
/// the next.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) row_step: usize,
    pub(super) column_step: usize,
}

impl<'a> Left<'a> {
    /// A matrix whose rows are `step` apart.
    pub(super) fn new(values: &'a [f32], (rows, depth): (usize, usize), step: usize) -> Self {
        Self { values, rows, depth, row_step: step, column_step: 1 }
    }

    /// Its transpose.
    pub(super) fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.depth,
            depth: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }
}

/// `out = left · right`, where `right` is `[depth, columns]` and `out` `[rows, columns]`, row-major,
/// with columns padded to [`LANES`].
#[inline(always)]
pub(super) fn product(out: &mut [f32], left: Left<'_>, right: &[f32], columns: usize) {
    let mut row = 0;
    while row + 4 <= left.rows {
        strip::<4>(&mut out[row * columns..][..4 * columns], left, right, row);
        row += 4;
    }
    while row < left.rows {
        strip::<1>(&mut out[row * columns..][..columns], left, right, row);
        row += 1;
    }
}

/// `R` rows of the product.
#[inline(always)]
fn strip<const R: usize>(out: &mut [f32], left: Left<'_>, right: &[f32], row: usize) {
    let columns = out.len() / R;
    let mut column = 0;
    while column + 16 <= columns {
        tile::<R, 16>(out, left, right, (row, column));
        column += 16;
    }
    while column + LANES <= columns {
        tile::<R, LANES>(out, left, right, (row, column));
        column += LANES;
    }
}

/// `R` rows and `N` columns of the product, which stay in registers.
#[inline(always)]
fn tile<const R: usize, const N: usize>(
    out: &mut [f32],
    left: Left<'_>,
    right: &[f32],
    (row, column): (usize, usize),
) {
    let columns = out.len() / R;
    let mut sums = [[0.0_f32; N]; R];
    let lefts = &left.values[row * left.row_step..];
    for (depth, right) in right.chunks_exact(columns).take(left.depth).enumerate() {
        let Some(right) = right[column..].first_chunk::<N>() else {
            return;
        };
        for (r, sums) in sums.iter_mut().enumerate() {
            let factor = lefts[r * left.row_step + depth * left.column_step];
            sums.iter_mut().zip(right).for_each(|(sum, right)| *sum += factor * right);
        }
    }
    for (out, sums) in out.chunks_exact_mut(columns).zip(&sums) {
        out[column..][..N].copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_product(
            (rows, depth, columns) in (1_usize..14, 1_usize..40, 1_usize..5),
            seed in 0_u32..1000,
        ) {
            let columns = columns * LANES;
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 20) as f32 / 2048.0 - 1.0;
            let a: Vec<f32> = (0..rows * depth).map(number).collect();
            let b: Vec<f32> = (0..depth * columns).map(|i| number(i + 77)).collect();
            let plain = Left::new(&a, (rows, depth), depth);
            let turned: Vec<f32> = (0..rows * depth)
                .map(|i| a[(i % rows) * depth + i / rows])
                .collect();
            let turned = Left::new(&turned, (depth, rows), rows).transposed();
            for left in [plain, turned] {
                let mut out = vec![0.0; rows * columns];
                product(&mut out, left, &b, columns);
                for (i, &ours) in out.iter().enumerate() {
                    let (row, column) = (i / columns, i % columns);
                    let exact: f64 = (0..depth)
                        .map(|k| f64::from(a[row * depth + k]) * f64::from(b[k * columns + column]))
                        .sum();
                    prop_assert!((f64::from(ours) - exact).abs() < 1e-5);
                }
            }
        }
    }
}
