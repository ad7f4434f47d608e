//! Softmax attention within windows packed row after row. The backward pass works the weights out
//! again from the scores' logarithms of sums, so that no matrix of weights is kept.

use rayon::prelude::*;

use super::columns;
use super::math::{exp, sum2};
use super::product::{Left, padded, product};
use super::slices::vectorised;
use crate::dropout::Mask;

/// Shape of attention: `qkv` is `[rows, 3 H]`, query, key and value of all heads side by side.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// Where each window begins, and the number of rows.
    pub(crate) offsets: &'a [usize],
    pub(crate) heads: usize,
    /// Width of a head, d.
    pub(crate) size: usize,
}

/// One head of one window.
#[derive(Clone, Copy)]
struct Task {
    first: usize,
    length: usize,
    head: usize,
}

impl Shape<'_> {
    fn width(&self) -> usize {
        self.heads * self.size
    }

    fn tasks(&self) -> Vec<Task> {
        let windows = self.offsets.windows(2).map(|pair| (pair[0], pair[1] - pair[0]));
        let heads = self.heads;
        windows
            .flat_map(|(first, length)| (0..heads).map(move |head| Task { first, length, head }))
            .collect()
    }

    /// Copies a head's rows of query (0), key (1) or value (2) into `to`, `[length, padded d]`.
    fn gather(&self, qkv: &[f32], task: Task, part: usize, to: &mut Vec<f32>) {
        let (columns, width) = (padded(self.size), 3 * self.width());
        to.clear();
        to.resize(task.length * columns, 0.0);
        let column = part * self.width() + task.head * self.size;
        for (row, to) in to.chunks_exact_mut(columns).enumerate() {
            let from = &qkv[(task.first + row) * width + column..][..self.size];
            to[..self.size].copy_from_slice(from);
        }
    }

    /// As [`Shape::gather`], transposed: `[d, padded length]`.
    fn gather_turned(&self, qkv: &[f32], task: Task, part: usize, to: &mut Vec<f32>) {
        let (columns, width) = (padded(task.length), 3 * self.width());
        to.clear();
        to.resize(self.size * columns, 0.0);
        let column = part * self.width() + task.head * self.size;
        for row in 0..task.length {
            let from = &qkv[(task.first + row) * width + column..][..self.size];
            from.iter().enumerate().for_each(|(d, x)| to[d * columns + row] = *x);
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }
}

/// Memory of a thread.
#[derive(Default)]
struct Scratch {
    query: Vec<f32>,
    key: Vec<f32>,
    turned_key: Vec<f32>,
    value: Vec<f32>,
    gradient: Vec<f32>,
    weights: Vec<f32>,
    slopes: Vec<f32>,
    out: Vec<f32>,
}

/// What attention gives, and what its backward pass needs.
pub(crate) struct Attended {
    /// `[rows, H]`.
    pub(crate) context: Vec<f32>,
    /// The logarithm of each softmax's sum, window by window and head by head, a row a number.
    logs: Vec<f32>,
}

/// `softmax(Q K^T / sqrt(d))`, dropped by `mask`, times `V`.
pub(crate) fn forward(qkv: &[f32], shape: Shape<'_>, mask: Option<Mask>) -> Attended {
    let rows = shape.offsets.last().copied().unwrap_or_default();
    let tasks = shape.tasks();
    let (mut by_head, mut logs) = (vec![0.0; rows * shape.width()], vec![0.0; rows * shape.heads]);
    let parts = split(&mut by_head, &tasks, shape.size).into_par_iter();
    let parts = parts.zip(split(&mut logs, &tasks, 1)).zip(&tasks);
    parts.for_each_init(Scratch::default, |scratch, ((out, logs), &task)| {
        vectorised(|| head_forward(scratch, qkv, shape, (task, mask), (out, logs)));
    });
    Attended { context: merge(&by_head, shape, 1), logs }
}

/// A buffer as one slice a task, of `size` numbers a row.
fn split<'b>(mut buffer: &'b mut [f32], tasks: &[Task], size: usize) -> Vec<&'b mut [f32]> {
    let mut parts = Vec::with_capacity(tasks.len());
    for task in tasks {
        let (part, rest) = buffer.split_at_mut(task.length * size);
        parts.push(part);
        buffer = rest;
    }
    parts
}

/// `[window][head][part][length, d]` → `[rows, parts · H]`.
fn merge(by_head: &[f32], shape: Shape<'_>, parts: usize) -> Vec<f32> {
    let (width, size) = (parts * shape.width(), shape.size);
    let mut out = vec![0.0; by_head.len()];
    let windows: Vec<Task> = shape.tasks().into_iter().filter(|task| task.head == 0).collect();
    let slices = split(&mut out, &windows, width).into_par_iter().zip(&windows);
    slices.for_each(|(out, window)| {
        let from = &by_head[window.first * width..][..window.length * width];
        for (index, from) in from.chunks_exact(window.length * size).enumerate() {
            let (head, part) = (index / parts, index % parts);
            let column = part * shape.width() + head * size;
            for (row, from) in out.chunks_exact_mut(width).zip(from.chunks_exact(size)) {
                row[column..][..size].copy_from_slice(from);
            }
        }
    });
    out
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
fn head_forward(
    scratch: &mut Scratch,
    qkv: &[f32],
    shape: Shape<'_>,
    (task, mask): (Task, Option<Mask>),
    (out, logs): (&mut [f32], &mut [f32]),
) {
    let (keys, columns) = (padded(task.length), padded(shape.size));
    shape.gather(qkv, task, 0, &mut scratch.query);
    shape.gather_turned(qkv, task, 1, &mut scratch.turned_key);
    shape.gather(qkv, task, 2, &mut scratch.value);
    let query = Left::new(&scratch.query, (task.length, shape.size), columns);
    scratch.weights.resize(task.length * keys, 0.0);
    product(&mut scratch.weights, query, &scratch.turned_key, keys);
    for (row, (weights, log)) in scratch.weights.chunks_exact_mut(keys).zip(logs).enumerate() {
        *log = softmax(&mut weights[..task.length], shape.scale());
        if let Some(mask) = mask {
            let key = mask.row((task.first + row) * shape.heads + task.head);
            let each = weights[..task.length].iter_mut().enumerate();
            each.for_each(|(column, weight)| *weight *= mask.factor(key, column));
        }
    }
    scratch.out.resize(task.length * columns, 0.0);
    let weights = Left::new(&scratch.weights, (task.length, task.length), keys);
    product(&mut scratch.out, weights, &scratch.value, columns);
    copy_rows(out, &scratch.out, (shape.size, columns), 1.0);
}

/// Copies rows without their padding, times `factor`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
fn copy_rows(out: &mut [f32], rows: &[f32], (size, columns): (usize, usize), factor: f32) {
    for (out, row) in out.chunks_exact_mut(size).zip(rows.chunks_exact(columns)) {
        out.iter_mut().zip(row).for_each(|(out, x)| *out = x * factor);
    }
}

/// Softmax of scores times `scale`, in place; returns the logarithm of the sum.
#[inline(always)]
#[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
fn softmax(scores: &mut [f32], scale: f32) -> f32 {
    let highest = scores.iter().fold(f32::NEG_INFINITY, |highest, &x| highest.max(x)) * scale;
    for x in scores.iter_mut() {
        *x = exp(*x * scale - highest);
    }
    let sum = sum2(scores, scores, |x, _| x);
    let factor = 1.0 / sum;
    for x in scores.iter_mut() {
        *x *= factor;
    }
    highest + sum.ln()
}

/// The gradient of `qkv`, `[rows, 3 H]`, from that of the context, and its sum over rows.
pub(crate) fn backward(
    qkv: &[f32],
    attended: &Attended,
    gradient: &[f32],
    shape: Shape<'_>,
    mask: Option<Mask>,
) -> (Vec<f32>, Vec<f32>) {
    let tasks = shape.tasks();
    let mut by_head = vec![0.0; qkv.len()];
    let parts = split(&mut by_head, &tasks, 3 * shape.size);
    let mut at = 0;
    let logs: Vec<&[f32]> = tasks
        .iter()
        .map(|task| {
            at += task.length;
            &attended.logs[at - task.length..at]
        })
        .collect();
    let parts = parts.into_par_iter().zip(logs).zip(&tasks);
    parts.for_each_init(Scratch::default, |scratch, ((out, logs), &task)| {
        let head = Head { qkv, shape, task, mask, logs };
        vectorised(|| head.backward(scratch, (&attended.context, gradient), out));
    });
    let out = merge(&by_head, shape, 3);
    let bias = columns::sums(&out, 3 * shape.width());
    (out, bias)
}

/// One head of one window in the backward pass.
struct Head<'a> {
    qkv: &'a [f32],
    shape: Shape<'a>,
    task: Task,
    mask: Option<Mask>,
    logs: &'a [f32],
}

impl Head<'_> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
    fn backward(
        &self,
        scratch: &mut Scratch,
        (context, gradient): (&[f32], &[f32]),
        out: &mut [f32],
    ) {
        let (shape, task) = (self.shape, self.task);
        let (length, size) = (task.length, shape.size);
        let (keys, columns) = (padded(length), padded(size));
        shape.gather(self.qkv, task, 0, &mut scratch.query);
        shape.gather(self.qkv, task, 1, &mut scratch.key);
        shape.gather_turned(self.qkv, task, 1, &mut scratch.turned_key);
        self.gather_gradient(gradient, &mut scratch.gradient);
        scratch.weights.resize(length * keys, 0.0);
        scratch.slopes.resize(length * keys, 0.0);
        scratch.out.resize(length * columns, 0.0);
        let query = Left::new(&scratch.query, (length, size), columns);
        product(&mut scratch.weights, query, &scratch.turned_key, keys);
        // The transposed values take the place of the keys.
        shape.gather_turned(self.qkv, task, 2, &mut scratch.turned_key);
        let gradients = Left::new(&scratch.gradient, (length, size), columns);
        product(&mut scratch.slopes, gradients, &scratch.turned_key, keys);
        self.softmax_backward(scratch, (context, gradient), keys);

        let (queries, rest) = out.split_at_mut(length * size);
        let (key, value) = rest.split_at_mut(length * size);
        let weights = Left::new(&scratch.weights, (length, length), keys).transposed();
        product(&mut scratch.out, weights, &scratch.gradient, columns);
        copy_rows(value, &scratch.out, (size, columns), 1.0);
        let slopes = Left::new(&scratch.slopes, (length, length), keys);
        product(&mut scratch.out, slopes, &scratch.key, columns);
        copy_rows(queries, &scratch.out, (size, columns), shape.scale());
        product(&mut scratch.out, slopes.transposed(), &scratch.query, columns);
        copy_rows(key, &scratch.out, (size, columns), shape.scale());
    }

    fn gather_gradient(&self, gradient: &[f32], to: &mut Vec<f32>) {
        let (size, columns) = (self.shape.size, padded(self.shape.size));
        to.clear();
        to.resize(self.task.length * columns, 0.0);
        for (row, to) in to.chunks_exact_mut(columns).enumerate() {
            to[..size].copy_from_slice(self.row(gradient, row));
        }
    }

    /// This head's part of a row of `[rows, H]`.
    fn row<'r>(&self, rows: &'r [f32], row: usize) -> &'r [f32] {
        let start = (self.task.first + row) * self.shape.width() + self.task.head * self.shape.size;
        &rows[start..][..self.shape.size]
    }

    /// Turns scores into dropped weights, and the weights' gradients into those of the scores.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
    fn softmax_backward(
        &self,
        scratch: &mut Scratch,
        (context, gradient): (&[f32], &[f32]),
        keys: usize,
    ) {
        let (length, scale) = (self.task.length, self.shape.scale());
        let slopes = scratch.slopes.chunks_exact_mut(keys);
        let rows = scratch.weights.chunks_exact_mut(keys).zip(slopes).zip(self.logs);
        for (row, ((weights, slopes), log)) in rows.enumerate() {
            // Σ w_j ∂w_j, which is the gradient along the context.
            let (context, gradient) = (self.row(context, row), self.row(gradient, row));
            let along = sum2(context, gradient, |x, y| x * y);
            let each = weights[..length].iter_mut().zip(&mut slopes[..length]);
            match self.mask {
                None => each.for_each(|(weight, slope)| {
                    *weight = exp(*weight * scale - log);
                    *slope = *weight * (*slope - along);
                }),
                Some(mask) => {
                    let token = self.task.first + row;
                    let key = mask.row(token * self.shape.heads + self.task.head);
                    each.enumerate().for_each(|(column, (weight, slope))| {
                        let factor = mask.factor(key, column);
                        let plain = exp(*weight * scale - log);
                        *slope = plain * (*slope * factor - along);
                        *weight = plain * factor;
                    });
                }
            }
        }
    }
}
