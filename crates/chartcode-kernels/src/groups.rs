//! Upper bounds of the labels' weighted means, from groups of similar tokens.

use rayon::prelude::*;

use crate::isa::Isa;
use crate::matrix::Matrix;
use crate::precision::Precision;
use crate::product::Product;
use crate::rows::Rows;
use crate::screen::{LENGTHS, greater, length, longest, rounding};
use crate::target::Target;

/// Rounds of k-means. Any grouping gives true bounds; a better one gives closer bounds.
const ROUNDS: usize = 3;

/// Labels whose bounds a task computes.
const TASK: usize = 4096;

/// The tokens of a chart in groups, each with its centre and radius.
///
/// A token's value for a label is `w · h`. With `h = c + e`, `c` the centre of its group and `e`
/// no longer than the group's radius, it is at most `w · c + |w| radius`; and a mean of values,
/// however weighted, is no more than the greatest. So a few products a label bound what as many
/// products as there are tokens would give.
#[derive(Debug)]
pub struct TokenGroups {
    /// `[groups, width]`, in the precision of the hidden states.
    centres: Rows,
    radii: Vec<f32>,
    /// The length of the longest hidden state.
    longest: f32,
    tokens: usize,
}

impl TokenGroups {
    /// Puts hidden states `[tokens, width]` into at most `groups` groups.
    ///
    /// # Panics
    /// Where there are no tokens, or no groups.
    #[must_use]
    pub fn new(isa: Isa, hidden: &Rows, groups: usize) -> Self {
        let (tokens, width) = (hidden.rows(), hidden.width());
        assert!(tokens > 0 && groups > 0, "tokens and groups");
        let groups = groups.min(tokens);
        let values = hidden.values();
        let mut exact = Rows::new();
        exact.fill(isa, &values, width, Precision::F32);
        let row = |token: usize| &values[token * width..(token + 1) * width];
        let mut centres: Vec<f32> =
            (0..groups).flat_map(|group| row(group * tokens / groups)).copied().collect();
        let mut nearest = assign(isa, &exact, &centres);
        for _ in 0..ROUNDS {
            centres = means(&values, &nearest, &centres);
            nearest = assign(isa, &exact, &centres);
        }
        let mut rounded = Rows::new();
        rounded.fill(isa, &centres, width, hidden.precision());
        let centres: Vec<Vec<f32>> = (0..groups).map(|group| rounded.row(group)).collect();
        let mut radii = vec![0.0_f32; groups];
        let distances: Vec<f32> = (0..tokens)
            .into_par_iter()
            .map(|token| {
                let pairs = row(token).iter().zip(&centres[nearest[token]]);
                length(pairs.map(|(x, centre)| x - centre))
            })
            .collect();
        for (&group, distance) in nearest.iter().zip(distances) {
            radii[group] = greater(radii[group], distance);
        }
        Self { centres: rounded, radii, longest: longest(&values, width), tokens }
    }

    /// For each output `w` of `values`, whose lengths are `lengths`: what no weighted mean of `w · h`
    /// over the tokens exceeds, computed in the matrix's precision, rounding included. NaN where a
    /// number is not finite.
    ///
    /// # Panics
    /// Where sizes or precisions do not fit together.
    #[must_use]
    pub fn most(&self, isa: Isa, values: &Matrix, lengths: &[f32]) -> Vec<f32> {
        assert_eq!(lengths.len(), values.outputs(), "a length for every output");
        let labels = values.outputs();
        let mut products = vec![0.0; self.radii.len() * labels];
        let product = Product { matrix: values, bias: None, activation: None };
        product.run(isa, &self.centres, Target::Values(&mut products));
        let slack = rounding(values.inputs(), self.tokens) * self.longest;
        let mut most = vec![f32::NEG_INFINITY; labels];
        most.par_chunks_mut(TASK).enumerate().for_each(|(task, most)| {
            let labels_of = task * TASK..task * TASK + most.len();
            let lengths = &lengths[labels_of.clone()];
            for (products, radius) in products.chunks_exact(labels).zip(&self.radii) {
                let reach = LENGTHS * (radius + slack);
                for ((most, product), length) in
                    most.iter_mut().zip(&products[labels_of.clone()]).zip(lengths)
                {
                    *most = greater(*most, product + length * reach);
                }
            }
        });
        most
    }
}

/// The nearest centre of each row.
fn assign(isa: Isa, rows: &Rows, centres: &[f32]) -> Vec<usize> {
    let width = rows.width();
    let groups = centres.len() / width;
    let Ok(matrix) = Matrix::pack(centres, (groups, width), Precision::F32) else {
        unreachable!("whole centres")
    };
    let bias: Vec<f32> = centres
        .chunks_exact(width)
        .map(|centre| -0.5 * centre.iter().map(|x| x * x).sum::<f32>())
        .collect();
    let mut near = vec![0.0; rows.rows() * groups];
    let product = Product { matrix: &matrix, bias: Some(&bias), activation: None };
    product.run(isa, rows, Target::Values(&mut near));
    let best = |row: &[f32]| {
        let best = row.iter().enumerate().reduce(|a, b| if *b.1 > *a.1 { b } else { a });
        best.map_or(0, |(group, _)| group)
    };
    near.par_chunks(groups).map(best).collect()
}

/// The mean of each group; a group without members keeps its centre.
fn means(values: &[f32], nearest: &[usize], centres: &[f32]) -> Vec<f32> {
    let width = values.len() / nearest.len();
    let mut sums = vec![0.0_f32; centres.len()];
    let mut counts = vec![0_usize; centres.len() / width];
    for (row, &group) in values.chunks_exact(width).zip(nearest) {
        counts[group] += 1;
        sums[group * width..(group + 1) * width].iter_mut().zip(row).for_each(|(s, x)| *s += x);
    }
    for (group, &count) in counts.iter().enumerate() {
        let place = group * width..(group + 1) * width;
        if count == 0 {
            sums[place.clone()].copy_from_slice(&centres[place]);
        } else {
            sums[place].iter_mut().for_each(|sum| *sum /= count as f32);
        }
    }
    sums
}
