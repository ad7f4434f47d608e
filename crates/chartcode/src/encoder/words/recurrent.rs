//! LAAT's encoder (Vu et al. 2020): an LSTM in both directions, with PyTorch's weights.

use candle_core::{Device, Result, Tensor};

use super::{BLOCK, flat};
use crate::bundle::weights::Weights;
use crate::encoder::Linear;
use crate::error::Stage as _;

/// Gates that are summed side by side: few enough for their sums to stay in registers.
const LANES: usize = 32;

/// Layers of an LSTM that reads forwards and one that reads backwards, side by side.
#[derive(Debug)]
pub(super) struct BiLstm {
    layers: Vec<[Direction; 2]>,
    /// Units of one direction.
    size: usize,
}

/// With the gates i, f, g, o in that order,
/// `(i, f, o) = σ(W x + U h + b)`, `g = tanh(W x + U h + b)`, `c = f c + i g`, `h = o tanh(c)`.
#[derive(Debug)]
struct Direction {
    /// `W` and both of PyTorch's biases, from the input to the four gates of each unit.
    input: Linear,
    inputs: usize,
    /// `U` in panels of [`LANES`] gates, for each panel the weights of one unit after the other.
    panels: Vec<[f32; LANES]>,
    size: usize,
    device: Device,
}

/// Hidden state and cell, a number a unit.
struct State {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl BiLstm {
    /// From `rnn.weight_ih_l{i}` and so on, with `_reverse` for the way back.
    pub(super) fn load(
        weights: &Weights,
        (embedding, hidden): (usize, usize),
        layers: usize,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let size = hidden / 2;
        let layer = |layer| {
            let inputs = if layer == 0 { embedding } else { hidden };
            let direction = |suffix: &str| {
                let suffix = format!("l{layer}{suffix}");
                Direction::load(weights, &suffix, (inputs, size), device)
            };
            Ok([direction("")?, direction("_reverse")?])
        };
        let layers = (0..layers).map(layer).collect::<crate::error::Result<_>>()?;
        Ok(Self { layers, size })
    }

    /// From `words`, `[N, E]`, to `[rows, H]`, zeros behind the last word.
    pub(super) fn forward(&self, words: &[f32], rows: usize) -> Result<Vec<f32>> {
        let mut states: Option<Vec<f32>> = None;
        for directions in &self.layers {
            let mut out = vec![0.0; rows * 2 * self.size];
            self.layer(directions, states.as_deref().unwrap_or(words), &mut out)?;
            states = Some(out);
        }
        Ok(states.unwrap_or_default())
    }

    fn layer(&self, [forth, back]: &[Direction; 2], rows: &[f32], out: &mut [f32]) -> Result<()> {
        let places = out.chunks_exact_mut(2 * self.size).map(|row| row.split_at_mut(self.size));
        let (left, right): (Vec<&mut [f32]>, Vec<&mut [f32]>) = places.unzip();
        let inputs = || rows.chunks_exact(forth.inputs);
        let mut forwards: Vec<Step<'_>> = inputs().zip(left).collect();
        let mut backwards: Vec<Step<'_>> = inputs().zip(right).collect();
        backwards.reverse();
        let (forwards, backwards) =
            rayon::join(|| forth.run(&mut forwards), || back.run(&mut backwards));
        forwards.and(backwards)
    }
}

/// A word's input and the place for its hidden state.
type Step<'s> = (&'s [f32], &'s mut [f32]);

impl Direction {
    fn load(
        weights: &Weights,
        suffix: &str,
        (inputs, size): (usize, usize),
        device: &Device,
    ) -> crate::error::Result<Self> {
        let gates = 4 * size;
        let key = |name: &str| format!("rnn.{name}_{suffix}");
        let input = weights.tensor(&key("weight_ih"), &[gates, inputs], device)?;
        let recurrent = weights.vector(&key("weight_hh"), &[gates, size])?;
        let bias = |name: &str| weights.tensor(&key(name), &[gates], device);
        let (first, second) = (bias("bias_ih")?, bias("bias_hh")?);
        let bias = weights.derive(&[gates], device, || first + second)?;
        let input = Linear::new(&input, Some(bias)).stage("loading weights")?;
        let panels = panels(&recurrent, size);
        Ok(Self { input, inputs, panels, size, device: device.clone() })
    }

    /// Goes through the words in the order given.
    fn run(&self, steps: &mut [Step<'_>]) -> Result<()> {
        let mut state = State { hidden: vec![0.0; self.size], cell: vec![0.0; self.size] };
        for steps in steps.chunks_mut(BLOCK) {
            let mut gates = self.of_inputs(steps)?;
            for ((_, out), gates) in steps.iter_mut().zip(gates.chunks_exact_mut(4 * self.size)) {
                self.add_recurrent(&state.hidden, gates);
                state.advance(gates);
                out.copy_from_slice(&state.hidden);
            }
        }
        Ok(())
    }

    /// `W x + b` for the words of a block.
    fn of_inputs(&self, steps: &[Step<'_>]) -> Result<Vec<f32>> {
        let mut rows = Vec::with_capacity(BLOCK * self.inputs);
        for (row, _) in steps {
            rows.extend_from_slice(row);
        }
        rows.resize(BLOCK * self.inputs, 0.0);
        let rows = Tensor::from_vec(rows, (BLOCK, self.inputs), &self.device)?;
        flat(&self.input.forward(&rows)?)
    }

    /// Adds `U h`.
    fn add_recurrent(&self, hidden: &[f32], gates: &mut [f32]) {
        for (panel, gates) in self.panels.chunks_exact(self.size).zip(gates.chunks_mut(LANES)) {
            let mut sums = [0.0_f32; LANES];
            for (weights, &x) in panel.iter().zip(hidden) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight * x);
            }
            gates.iter_mut().zip(sums).for_each(|(gate, sum)| *gate += sum);
        }
    }
}

impl State {
    /// One step, given the four gates of each unit.
    fn advance(&mut self, gates: &[f32]) {
        let size = self.cell.len();
        let (first, second) = gates.split_at(2 * size);
        let (input, forget) = first.split_at(size);
        let (candidate, output) = second.split_at(size);
        let units = self.hidden.iter_mut().zip(&mut self.cell);
        let gates = input.iter().zip(forget).zip(candidate.iter().zip(output));
        for ((hidden, cell), ((input, forget), (candidate, output))) in units.zip(gates) {
            *cell = sigmoid(*forget) * *cell + sigmoid(*input) * candidate.tanh();
            *hidden = sigmoid(*output) * cell.tanh();
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `[gates, size]` in panels; the last one is filled up with zeros.
fn panels(recurrent: &[f32], size: usize) -> Vec<[f32; LANES]> {
    let rows: Vec<&[f32]> = recurrent.chunks_exact(size).collect();
    rows.chunks(LANES)
        .flat_map(|rows| {
            (0..size).map(move |unit| {
                let mut lanes = [0.0; LANES];
                lanes.iter_mut().zip(rows).for_each(|(lane, row)| *lane = row[unit]);
                lanes
            })
        })
        .collect()
}
