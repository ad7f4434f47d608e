//! AdamW, gradient accumulation and clipping.

mod schedule;
mod slot;

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Stage as _};
use crate::gradients::Gradients;
pub use schedule::{Decay, Schedule};
use slot::{Slot, Step};

/// The constants of AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamWOptions {
    /// Decay rates of the two moments.
    pub betas: (f64, f64),
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// What the weights lose at each step, times the learning rate. Vectors, that is biases and
    /// LayerNorm, lose nothing.
    pub weight_decay: f64,
    /// Gradients are scaled down where the norm over all of them is above this.
    pub max_norm: Option<f64>,
}

impl Default for AdamWOptions {
    /// PyTorch's own, with gradients clipped at 1.
    fn default() -> Self {
        Self { betas: (0.9, 0.999), epsilon: 1e-8, weight_decay: 0.01, max_norm: Some(1.0) }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// The Euclidean norm over all gradients, before clipping.
    pub gradient_norm: f64,
    /// What the gradients were multiplied by; 1 where they were not clipped.
    pub clipped: f64,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch computes it.
///
/// Gradients of several micro-batches are added up by [`AdamW::accumulate`] and used by
/// [`AdamW::step`]. A parameter without a gradient is left as it is, moments included.
pub struct AdamW {
    options: AdamWOptions,
    slots: Vec<Slot>,
    steps: u64,
}

impl std::fmt::Debug for AdamW {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdamW")
            .field("options", &self.options)
            .field("parameters", &self.slots.len())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl AdamW {
    /// An optimizer without parameters; [`AdamW::add`] gives it some.
    ///
    /// # Errors
    /// [`Error::Option`] for a constant outside its range.
    pub fn new(options: AdamWOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, slots: Vec::new(), steps: 0 })
    }

    /// Adds named parameters, for which the learning rate is multiplied by `rate`.
    ///
    /// # Errors
    /// [`Error::State`] for a name that is there already, [`Error::Tensor`].
    pub fn add(&mut self, parameters: Vec<(String, Var)>, rate: f64) -> Result<()> {
        for (name, var) in parameters {
            if self.slots.iter().any(|slot| slot.name == name) {
                return Err(Error::State { problem: format!("parameter {name} is there twice") });
            }
            self.slots.push(Slot::new(name, var, rate).stage("the optimizer")?);
        }
        Ok(())
    }

    /// Adds the gradients of a micro-batch to those since the last step.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub fn accumulate(&mut self, mut gradients: Gradients) -> Result<()> {
        for slot in &mut self.slots {
            if let Some(gradient) = gradients.take(&slot.var) {
                slot.accumulate(gradient).stage("the optimizer")?;
            }
        }
        Ok(())
    }

    /// Changes the parameters along the sum of the accumulated gradients, and forgets those.
    ///
    /// # Errors
    /// [`Error::NotFiniteGradient`], before anything was changed; [`Error::Tensor`].
    pub fn step(&mut self, learning_rate: f64) -> Result<StepReport> {
        let gradient_norm = self.gradient_norm()?;
        // PyTorch's clip_grad_norm_ adds 1e-6.
        let factor = |most: f64| (most / (gradient_norm + 1e-6)).min(1.0);
        let clipped = self.options.max_norm.map_or(1.0, factor);
        for slot in &mut self.slots {
            let step = Step { options: self.options, learning_rate, clipped };
            slot.step(step).stage("the optimizer")?;
        }
        self.steps += 1;
        Ok(StepReport { gradient_norm, clipped })
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The learnt state between two steps, for a checkpoint: moments and counts, by parameter.
    ///
    /// # Errors
    /// [`Error::State`] where gradients were accumulated and not used, [`Error::Tensor`].
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        if let Some(slot) = self.slots.iter().find(|slot| slot.has_gradient()) {
            let problem = format!("the gradient of {} was not used by a step yet", slot.name);
            return Err(Error::State { problem });
        }
        let mut state = Vec::with_capacity(3 * self.slots.len() + 1);
        for slot in &self.slots {
            state.extend(slot.state().stage("the optimizer")?);
        }
        let steps = Tensor::from_vec(vec![self.steps.cast_signed()], 1, &candle_core::Device::Cpu);
        state.push((STEPS.to_owned(), steps.stage("the optimizer")?));
        Ok(state)
    }

    /// Takes up a state that [`AdamW::state`] gave for the same parameters. Tensors of other names
    /// are ignored.
    ///
    /// # Errors
    /// [`Error::State`] where one is missing or has another shape.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let steps = slot::count(state, STEPS)?;
        let restored = self.slots.iter().map(|slot| slot.restored(state));
        self.slots = restored.collect::<Result<_>>()?;
        self.steps = steps;
        Ok(())
    }

    fn gradient_norm(&self) -> Result<f64> {
        let mut sum = 0.0;
        for slot in &self.slots {
            let square = slot.square().stage("the optimizer")?;
            if !square.is_finite() {
                return Err(Error::NotFiniteGradient { name: slot.name.clone() });
            }
            sum += square;
        }
        Ok(sum.sqrt())
    }
}

const STEPS: &str = "adamw.steps";

impl AdamWOptions {
    fn check(&self) -> Result<()> {
        let option = |option, value, range| Err(Error::Option { option, value, range });
        for beta in [self.betas.0, self.betas.1] {
            if !(0.0..1.0).contains(&beta) {
                return option("a beta of AdamW", beta, "0 to 1, 1 excluded");
            }
        }
        for (name, value) in [("epsilon", self.epsilon), ("weight_decay", self.weight_decay)] {
            if !(value >= 0.0 && value.is_finite()) {
                return option(name, value, "0 and the numbers above");
            }
        }
        match self.max_norm {
            Some(most) if most.is_nan() || most <= 0.0 => {
                option("max_norm", most, "the numbers above 0")
            }
            _ => Ok(()),
        }
    }
}
