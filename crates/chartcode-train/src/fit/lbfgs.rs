//! The lowest point of a smooth convex function, by L-BFGS (Liu and Nocedal 1989).

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that L-BFGS remembers.
const MEMORY: usize = 10;

/// Most steps of one search.
const STEPS: usize = 1000;

/// Share of the expected descent that a step must bring (Armijo).
const DESCENT: f64 = 1e-4;

/// A point of a search.
pub(super) type Point = Vec<f64>;

/// Descends from `at` until no part of the gradient is above `enough`. `value` gives the function's
/// value at a point and writes its gradient.
pub(super) fn minimise(
    mut at: Point,
    enough: f64,
    mut value: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Point {
    let mut gradient = vec![0.0; at.len()];
    let mut now = value(&at, &mut gradient);
    let mut memory = Memory::default();
    let mut next_gradient = vec![0.0; at.len()];
    for _ in 0..STEPS {
        if gradient.iter().all(|slope| slope.abs() <= enough) {
            break;
        }
        let mut direction = memory.direction(&gradient);
        let mut descent = dot(&direction, &gradient);
        if descent >= 0.0 {
            memory = Memory::default();
            direction = gradient.iter().map(|slope| -slope).collect();
            descent = dot(&direction, &gradient);
        }
        let mut step = if memory.pairs.is_empty() { 1.0 / norm(&gradient).max(1.0) } else { 1.0 };
        let next = loop {
            let to: Point = at.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            let then = value(&to, &mut next_gradient);
            if then <= now + DESCENT * step * descent {
                break Some((to, then));
            }
            step *= 0.5;
            if step < 1e-12 {
                break None;
            }
        };
        // No descent within rounding: this is the minimum.
        let Some((to, then)) = next else {
            break;
        };
        memory.remember(&at, &to, &gradient, &next_gradient);
        at = to;
        now = then;
        std::mem::swap(&mut gradient, &mut next_gradient);
    }
    at
}

/// What L-BFGS knows of the curvature.
#[derive(Debug, Default)]
struct Memory {
    /// Step, change of the gradient, and one over their product; oldest first.
    pairs: VecDeque<(Point, Point, f64)>,
}

impl Memory {
    fn remember(&mut self, from: &[f64], to: &[f64], before: &[f64], after: &[f64]) {
        let minus =
            |a: &[f64], b: &[f64]| -> Point { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        let (step, change) = (minus(to, from), minus(after, before));
        let product = dot(&step, &change);
        if product <= 1e-12 * dot(&change, &change) {
            return;
        }
        if self.pairs.len() == MEMORY {
            self.pairs.pop_front();
        }
        self.pairs.push_back((step, change, 1.0 / product));
    }

    /// The two-loop recursion: minus the inverse curvature times the gradient.
    fn direction(&self, gradient: &[f64]) -> Point {
        let mut direction: Point = gradient.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for (step, change, inverse) in self.pairs.iter().rev() {
            let share = inverse * dot(step, &direction);
            add(&mut direction, -share, change);
            shares.push(share);
        }
        if let Some((_, change, inverse)) = self.pairs.back() {
            let size = 1.0 / (inverse * dot(change, change));
            for x in &mut direction {
                *x *= size;
            }
        }
        for ((step, change, inverse), share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let back = inverse * dot(change, &direction);
            add(&mut direction, share - back, step);
        }
        direction
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(sum: &mut [f64], factor: f64, other: &[f64]) {
    sum.iter_mut().zip(other).for_each(|(sum, x)| *sum += factor * x);
}
