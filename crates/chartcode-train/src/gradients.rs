//! Gradients of a loss: candle's, and those that fused operations work out for their own
//! parameters.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{Result as CandleResult, Tensor, TensorId, Var, bail};

use crate::error::{Result, Stage as _};

thread_local! {
    /// Where fused operations put the gradients of their parameters. candle runs a backward pass
    /// on the thread that asked for it.
    static COLLECTED: RefCell<Option<Collected>> = const { RefCell::new(None) };
}

type Collected = HashMap<TensorId, Gradient>;

/// The gradient of one parameter.
#[derive(Clone)]
pub(crate) enum Gradient {
    /// Of the parameter's shape.
    Dense(Tensor),
    /// Of some rows of a table, in ascending order; the others have none.
    Rows { rows: Vec<u32>, values: Vec<f32> },
}

/// The gradients of a loss with respect to the trained parameters it depends on.
pub struct Gradients {
    candle: GradStore,
    collected: Collected,
}

impl std::fmt::Debug for Gradients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gradients")
            .field("collected", &self.collected.len())
            .finish_non_exhaustive()
    }
}

impl Gradients {
    /// Runs the backward pass of a scalar loss. This takes the place of `loss.backward()`, which
    /// fails where the loss depends on an encoder: candle would add up gradients of the size of
    /// the model, in one thread and several times over.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor).
    pub fn of(loss: &Tensor) -> Result<Self> {
        // Dropped in every case, so that a failed pass leaves nothing behind.
        let _scope = Scope::open();
        let candle = loss.backward().stage("the backward pass")?;
        Ok(Self { candle, collected: COLLECTED.take().unwrap_or_default() })
    }

    /// The gradient of a parameter, of its shape; none where the loss does not depend on it.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor).
    pub fn get(&self, parameter: &Var) -> Result<Option<Tensor>> {
        match self.collected.get(&parameter.id()) {
            Some(Gradient::Dense(tensor)) => Ok(Some(tensor.clone())),
            Some(Gradient::Rows { rows, values }) => {
                widen(parameter, rows, values).stage("the backward pass").map(Some)
            }
            None => Ok(self.candle.get(parameter).cloned()),
        }
    }

    pub(crate) fn take(&mut self, parameter: &Var) -> Option<Gradient> {
        let collected = self.collected.remove(&parameter.id());
        collected.or_else(|| self.candle.remove(parameter).map(Gradient::Dense))
    }
}

fn widen(parameter: &Tensor, rows: &[u32], values: &[f32]) -> CandleResult<Tensor> {
    let (count, width) = parameter.dims2()?;
    let mut dense = vec![0.0; count * width];
    for (&row, values) in rows.iter().zip(values.chunks_exact(width)) {
        dense[row as usize * width..][..width].copy_from_slice(values);
    }
    Tensor::from_vec(dense, (count, width), parameter.device())
}

/// Adds a gradient of a fused operation's parameter, if that is a trained one.
pub(crate) fn collect(parameter: &Tensor, gradient: Gradient) -> CandleResult<()> {
    if !parameter.is_variable() {
        return Ok(());
    }
    COLLECTED.with_borrow_mut(|collected| {
        let Some(collected) = collected else {
            bail!("an encoder's gradients are collected by Gradients::of(&loss), not backward()");
        };
        let id = parameter.id();
        let sum = match collected.remove(&id) {
            None => gradient,
            Some(other) => other.plus(gradient)?,
        };
        collected.insert(id, sum);
        Ok(())
    })
}

impl Gradient {
    /// The sum of two gradients of one parameter.
    pub(crate) fn plus(self, other: Self) -> CandleResult<Self> {
        match (self, other) {
            (Self::Dense(a), Self::Dense(b)) => Ok(Self::Dense((a + b)?.detach())),
            (Self::Rows { rows: a, values: x }, Self::Rows { rows: b, values: y }) => {
                Ok(merge((&a, &x), (&b, &y)))
            }
            (Self::Dense(dense), Self::Rows { rows, values })
            | (Self::Rows { rows, values }, Self::Dense(dense)) => {
                let width = dense.dim(1)?;
                let count = rows.len();
                let rows = Tensor::from_vec(rows, count, dense.device())?;
                let values = Tensor::from_vec(values, (count, width), dense.device())?;
                Ok(Self::Dense(dense.index_add(&rows, &values, 0)?.detach()))
            }
        }
    }
}

type Rows<'a> = (&'a [u32], &'a [f32]);

/// Two ascending lists of rows as one; rows that both have are added.
fn merge((a, x): Rows<'_>, (b, y): Rows<'_>) -> Gradient {
    let width = if a.is_empty() { y.len() / b.len().max(1) } else { x.len() / a.len() };
    let (mut rows, mut values) = (Vec::new(), Vec::with_capacity(x.len() + y.len()));
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let row = a.get(i).into_iter().chain(b.get(j)).copied().min().unwrap_or_default();
        let start = values.len();
        rows.push(row);
        values.resize(start + width, 0.0);
        for (list, all, at) in [(a, x, &mut i), (b, y, &mut j)] {
            if list.get(*at) == Some(&row) {
                let own = &all[*at * width..][..width];
                values[start..].iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
                *at += 1;
            }
        }
    }
    Gradient::Rows { rows, values }
}

/// The time in which gradients are collected on this thread.
struct Scope;

impl Scope {
    fn open() -> Self {
        COLLECTED.set(Some(Collected::new()));
        Self
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        COLLECTED.set(None);
    }
}
