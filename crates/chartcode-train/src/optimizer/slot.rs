//! One parameter with its moments.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor, Var};
use rayon::prelude::*;

use super::AdamWOptions;
use crate::error::{Error, Stage as _};
use crate::gradients::Gradient;
use crate::ops::slices::{PIECE, read, update, vectorised};

/// A parameter, its moments and the gradient that waits for a step.
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) var: Var,
    rate: f64,
    first: Tensor,
    second: Tensor,
    steps: u64,
    gradient: Option<Gradient>,
}

/// What all parameters of a step share.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) options: AdamWOptions,
    pub(super) learning_rate: f64,
    /// What gradients are multiplied by.
    pub(super) clipped: f64,
}

/// The numbers of one parameter's update.
#[derive(Clone, Copy)]
struct Update {
    second_beta: f32,
    /// What the betas lack to 1.
    rests: (f32, f32),
    /// What the weight is multiplied by.
    shrink: f32,
    step_size: f32,
    /// The root of the second moment's bias correction.
    root: f32,
    epsilon: f32,
    clipped: f32,
}

impl Slot {
    pub(super) fn new(name: String, var: Var, rate: f64) -> Result<Self> {
        let (first, second) = (var.zeros_like()?.detach(), var.zeros_like()?.detach());
        Ok(Self { name, var, rate, first, second, steps: 0, gradient: None })
    }

    pub(super) fn has_gradient(&self) -> bool {
        self.gradient.is_some()
    }

    pub(super) fn accumulate(&mut self, gradient: Gradient) -> Result<()> {
        self.gradient = Some(match self.gradient.take() {
            None => gradient,
            Some(sum) => sum.plus(gradient)?,
        });
        Ok(())
    }

    /// The sum of the gradient's squares.
    pub(super) fn square(&self) -> Result<f64> {
        match &self.gradient {
            None => Ok(0.0),
            Some(Gradient::Rows { values, .. }) => Ok(square(values)),
            Some(Gradient::Dense(tensor)) if tensor.device().is_cpu() => {
                read(&tensor.contiguous()?, |values| Ok(square(values)))
            }
            Some(Gradient::Dense(tensor)) => {
                Ok(f64::from(tensor.sqr()?.sum_all()?.to_scalar::<f32>()?))
            }
        }
    }

    pub(super) fn step(&mut self, step: Step) -> Result<()> {
        let Some(gradient) = self.gradient.take() else {
            return Ok(());
        };
        self.steps += 1;
        let update = self.update(step);
        if self.var.device().is_cpu() {
            return self.on_cpu(&gradient, update);
        }
        let gradient = match gradient {
            Gradient::Dense(tensor) => tensor,
            Gradient::Rows { .. } => candle_core::bail!("gradients of rows are the CPU's alone"),
        };
        self.composed(&gradient, update)
    }

    fn update(&self, step: Step) -> Update {
        let Step { options, learning_rate, clipped } = step;
        let rate = learning_rate * self.rate;
        let decay = if self.var.rank() >= 2 { options.weight_decay } else { 0.0 };
        let (first, second) = options.betas;
        let correction = |beta: f64| 1.0 - beta.powi(self.steps as i32);
        Update {
            second_beta: second as f32,
            rests: ((1.0 - first) as f32, (1.0 - second) as f32),
            shrink: (1.0 - rate * decay) as f32,
            step_size: (rate / correction(first)) as f32,
            root: correction(second).sqrt() as f32,
            epsilon: options.epsilon as f32,
            clipped: clipped as f32,
        }
    }

    fn on_cpu(&self, gradient: &Gradient, by: Update) -> Result<()> {
        update(&self.var, |weights| {
            update(&self.first, |first| {
                update(&self.second, |second| match gradient {
                    Gradient::Dense(tensor) => read(&tensor.contiguous()?, |gradient| {
                        dense(weights, gradient, (first, second), by);
                        Ok(())
                    }),
                    Gradient::Rows { rows, values } => {
                        let width = self.var.dim(1)?;
                        sparse((weights, width), (rows, values), (first, second), by);
                        Ok(())
                    }
                })
            })
        })
    }

    fn composed(&mut self, gradient: &Tensor, by: Update) -> Result<()> {
        let (first, second) = (f64::from(by.rests.0), f64::from(by.rests.1));
        let gradient = (gradient * f64::from(by.clipped))?;
        self.first = (&self.first + ((&gradient - &self.first)? * first)?)?.detach();
        let kept = (&self.second * f64::from(by.second_beta))?;
        self.second = (kept + (gradient.sqr()? * second)?)?.detach();
        let root = ((self.second.sqrt()? / f64::from(by.root))? + f64::from(by.epsilon))?;
        let moved = ((&self.first / root)? * f64::from(by.step_size))?;
        self.var.set(&((self.var.detach() * f64::from(by.shrink))? - moved)?)
    }

    pub(super) fn state(&self) -> Result<[(String, Tensor); 3]> {
        let steps = Tensor::from_vec(vec![self.steps.cast_signed()], 1, &candle_core::Device::Cpu)?;
        // Copies, since the moments are changed in place.
        let [first, second, count] = self.keys();
        Ok([(first, self.first.copy()?), (second, self.second.copy()?), (count, steps)])
    }

    pub(super) fn restored(&self, state: &BTreeMap<String, Tensor>) -> crate::error::Result<Self> {
        let [first, second, count_key] = self.keys();
        let moment = |key: &str| {
            let tensor = find(state, key)?;
            if tensor.dims() != self.var.dims() || tensor.dtype() != DType::F32 {
                return Err(Error::State { problem: format!("{key} has another shape or type") });
            }
            let tensor = tensor.to_device(self.var.device()).and_then(|tensor| tensor.copy());
            tensor.stage("the optimizer")
        };
        Ok(Self {
            name: self.name.clone(),
            var: self.var.clone(),
            rate: self.rate,
            first: moment(&first)?,
            second: moment(&second)?,
            steps: count(state, &count_key)?,
            gradient: None,
        })
    }

    fn keys(&self) -> [String; 3] {
        ["first", "second", "steps"].map(|part| format!("adamw.{part}.{}", self.name))
    }
}

fn find<'s>(state: &'s BTreeMap<String, Tensor>, key: &str) -> crate::error::Result<&'s Tensor> {
    state.get(key).ok_or_else(|| Error::State { problem: format!("{key} is missing") })
}

/// A count that was saved as a tensor of one number.
pub(super) fn count(state: &BTreeMap<String, Tensor>, key: &str) -> crate::error::Result<u64> {
    let count = find(state, key)?.to_vec1::<i64>().ok().and_then(|counts| match counts[..] {
        [count] => u64::try_from(count).ok(),
        _ => None,
    });
    count.ok_or_else(|| Error::State { problem: format!("{key} is not a count") })
}

/// The sum of squares, in f64 and in an order that does not depend on the number of threads.
fn square(values: &[f32]) -> f64 {
    let piece = |values: &[f32]| values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    let sums: Vec<f64> = values.par_chunks(PIECE).map(piece).collect();
    sums.iter().sum()
}

fn dense(
    weights: &mut [f32],
    gradient: &[f32],
    (first, second): (&mut [f32], &mut [f32]),
    by: Update,
) {
    let moments = first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE));
    let gradient = gradient.par_chunks(PIECE);
    weights.par_chunks_mut(PIECE).zip(gradient).zip(moments).for_each(|((w, g), (m, v))| {
        vectorised(|| by.apply(w, g, m, v));
    });
}

/// As [`dense`] where only some rows have a gradient; the moments of the others fade all the same.
fn sparse(
    (weights, width): (&mut [f32], usize),
    (rows, values): (&[u32], &[f32]),
    (means, squares): (&mut [f32], &mut [f32]),
    by: Update,
) {
    let piece = (PIECE / width).max(1) * width;
    let moments = means.par_chunks_mut(piece).zip(squares.par_chunks_mut(piece));
    let pieces = weights.par_chunks_mut(piece).zip(moments).enumerate();
    pieces.for_each(|(index, (w, (m, v)))| {
        let first = index * piece / width;
        let none = vec![0.0; width];
        let mut at = rows.partition_point(|&row| (row as usize) < first);
        let moments = m.chunks_exact_mut(width).zip(v.chunks_exact_mut(width));
        for (row, (w, (m, v))) in w.chunks_exact_mut(width).zip(moments).enumerate() {
            let has = rows.get(at) == Some(&((first + row) as u32));
            let gradient = if has { &values[at * width..][..width] } else { &none };
            at += usize::from(has);
            vectorised(|| by.apply(w, gradient, m, v));
        }
    });
}

impl Update {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only then is it compiled to vector code")]
    fn apply(self, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let moments = first.iter_mut().zip(second);
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            let g = g * self.clipped;
            *m += (g - *m) * self.rests.0;
            *v = *v * self.second_beta + g * g * self.rests.1;
            *w = *w * self.shrink - self.step_size * (*m / (v.sqrt() / self.root + self.epsilon));
        }
    }
}
