//! One step of a coder.

use candle_core::{Tensor, Var};
use rand::seq::SliceRandom as _;

use super::CodesOptions;
use super::data::Example;
use super::head::LaatHead;
use crate::dropout::Dropout;
use crate::encoder::TrainableEncoder;
use crate::error::{Result, Stage as _};
use crate::gradients::Gradients;
use crate::loss::{binary_cross_entropy, r_drop};
use crate::optimizer::AdamW;
use crate::run::{Dev, OnEvent, StepLoss, Task};
use crate::stream::{Purpose, key, stream};

/// Tokens that are encoded at a time without gradients.
const BATCH_TOKENS: usize = 2048;

/// An encoder with a head and the charts it learns from.
#[derive(Debug)]
pub(super) struct Coder {
    pub(super) encoder: TrainableEncoder,
    pub(super) head: LaatHead,
    pub(super) charts: Vec<Example>,
    pub(super) dev: Vec<Example>,
    pub(super) options: CodesOptions,
}

impl Coder {
    /// The charts of a step: each epoch goes through all of them in an order of its own.
    fn charts_of(&self, step: u64) -> Vec<usize> {
        let (count, batch) = (self.charts.len() as u64, self.options.batch as u64);
        let places = step * batch..(step + 1) * batch;
        let mut order: (Option<u64>, Vec<usize>) = (None, Vec::new());
        places
            .map(|place| {
                let epoch = place / count;
                if order.0 != Some(epoch) {
                    let mut all: Vec<usize> = (0..self.charts.len()).collect();
                    let seed = self.options.training.seed;
                    all.shuffle(&mut stream(seed, Purpose::Order, epoch));
                    order = (Some(epoch), all);
                }
                order.1[(place % count) as usize]
            })
            .collect()
    }

    /// A chart's loss, and its tokens read forwards.
    fn loss(&self, chart: &Example, dropout: &mut Dropout) -> Result<(Tensor, usize)> {
        let windows: Vec<&[u32]> = chart.windows.iter().map(Vec::as_slice).collect();
        let tokens: usize = windows.iter().map(|window| window.len()).sum();
        let head = self.head.tensors();
        let mut read = || -> Result<Tensor> {
            let packed = self.encoder.forward(&windows, Some(&mut *dropout))?;
            head.logits(&packed.states).stage("the head")
        };
        let smoothing = self.options.label_smoothing;
        let first = read()?;
        let targets = targets(chart, &first).stage("the loss")?;
        let loss = |logits: &Tensor| binary_cross_entropy(logits, &targets, smoothing);
        if self.options.r_drop == 0.0 {
            return Ok((loss(&first).stage("the loss")?, tokens));
        }
        let second = read()?;
        let both = || {
            let mean = ((loss(&first)? + loss(&second)?)? * 0.5)?;
            mean + (r_drop(&first, &second)? * self.options.r_drop)?
        };
        Ok((both().stage("the loss")?, 2 * tokens))
    }

    /// Logits of a chart without gradients and dropout, all of its windows read.
    pub(super) fn logits(&self, chart: &Example) -> Result<Vec<f32>> {
        let mut states = Vec::new();
        let mut rest = chart.windows.as_slice();
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = |window: &&Vec<u32>| {
                tokens += window.len();
                tokens <= BATCH_TOKENS
            };
            let (own, behind) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            rest = behind;
            let windows: Vec<&[u32]> = own.iter().map(Vec::as_slice).collect();
            states.push(self.encoder.forward(&windows, None)?.states.detach());
        }
        let states = Tensor::cat(&states, 0).stage("the head")?;
        self.head.logits(&states).stage("the head")
    }
}

impl Task for Coder {
    fn groups(&self) -> Vec<(Vec<(String, Var)>, f64)> {
        vec![(self.encoder.parameters(), 1.0), (self.head.parameters(), self.options.head_rate)]
    }

    fn step(&self, step: u64, optimizer: &mut AdamW) -> Result<StepLoss> {
        let seed = key(self.options.training.seed, Purpose::Dropout, step);
        let mut dropout = Dropout::new(seed);
        let mut sum = StepLoss { loss: 0.0, tokens: 0 };
        let charts = self.charts_of(step);
        let share = 1.0 / charts.len() as f64;
        for chart in charts {
            let (loss, tokens) = self.loss(&self.charts[chart], &mut dropout)?;
            let value = loss.to_scalar::<f32>().stage("the loss")?;
            sum.loss += share * f64::from(value);
            sum.tokens += tokens;
            if !value.is_finite() {
                break;
            }
            optimizer.accumulate(Gradients::of(&(loss * share).stage("the loss")?)?)?;
        }
        Ok(sum)
    }

    fn judge(&self, on_event: OnEvent<'_>) -> Result<Dev> {
        super::judge::judge(self, on_event)
    }
}

/// 1 for each gold label, 0 for the others, in the form of the logits.
fn targets(chart: &Example, logits: &Tensor) -> candle_core::Result<Tensor> {
    let mut targets = vec![0.0_f32; logits.dim(0)?];
    for &label in &chart.labels {
        targets[label as usize] = 1.0;
    }
    Tensor::from_vec(targets, logits.dims(), logits.device())
}
