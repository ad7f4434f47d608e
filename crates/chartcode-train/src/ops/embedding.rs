//! Gradients of embedding tables: only of the rows that were looked up.

use rayon::prelude::*;

use super::slices::{PIECE, vectorised};
use crate::gradients::Gradient;

/// Adds up the gradients `[n, width]` of the rows of a table that `numbers`, `[n]`, looked up.
pub(crate) fn backward(numbers: &[u32], gradient: &[f32], width: usize) -> Gradient {
    let mut order: Vec<(u32, u32)> = numbers.iter().copied().zip(0..).collect();
    order.par_sort_unstable();
    let groups: Vec<&[(u32, u32)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
    let mut values = vec![0.0; groups.len() * width];
    let piece = (PIECE / width).max(1);
    values.par_chunks_mut(piece * width).zip(groups.par_chunks(piece)).for_each(
        |(sums, groups)| {
            vectorised(|| {
                for (sum, group) in sums.chunks_exact_mut(width).zip(groups) {
                    for &(_, at) in *group {
                        let row = &gradient[at as usize * width..][..width];
                        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                    }
                }
            });
        },
    );
    Gradient::Rows { rows: groups.iter().map(|group| group[0].0).collect(), values }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_dense_gradient(numbers in proptest::collection::vec(0_u32..9, 0..40)) {
            let gradient: Vec<f32> = (0..numbers.len() * 3).map(|i| (i * i % 17) as f32).collect();
            let mut dense = [0.0; 27];
            for (number, row) in numbers.iter().zip(gradient.chunks(3)) {
                for (column, x) in row.iter().enumerate() {
                    dense[*number as usize * 3 + column] += x;
                }
            }
            let Gradient::Rows { rows, values } = backward(&numbers, &gradient, 3) else {
                panic!("rows were expected");
            };
            prop_assert!(rows.is_sorted_by(|a, b| a < b));
            let mut widened = [0.0; 27];
            for (row, values) in rows.iter().zip(values.chunks(3)) {
                widened[*row as usize * 3..][..3].copy_from_slice(values);
            }
            prop_assert_eq!(dense, widened);
        }
    }
}
