//! A new label-attention head.

use candle_core::{DType, Tensor, Var};
use rand::RngExt as _;
use rand_pcg::Pcg64;

use super::data::Example;
use crate::encoder::TrainableEncoder;
use crate::error::{Result, Stage as _};
use crate::loss::LaatTensors;
use crate::stream::{Purpose, stream};

/// Spread of the first weights, as LAAT's own code has it.
const SPREAD: f32 = 0.03;

/// LAAT's three maps (Vu et al. 2020) under the keys of PLM-ICD.
#[derive(Debug)]
pub(super) struct LaatHead {
    first: Var,
    second: Var,
    third: Var,
    bias: Var,
}

impl LaatHead {
    /// A head of random weights, with biases that give each label the share of charts it has.
    pub(super) fn new(
        encoder: &TrainableEncoder,
        width: usize,
        charts: &[Example],
        labels: usize,
        seed: u64,
    ) -> Result<Self> {
        let mut random = stream(seed, Purpose::Head, 0);
        let (hidden, device) = (encoder.hidden_size(), encoder.device());
        let mut matrix = |rows: usize, columns: usize| {
            let values: Vec<f32> = (0..rows * columns).map(|_| normal(&mut random)).collect();
            Var::from_vec(values, (rows, columns), device)
        };
        let mut make = || {
            Ok(Self {
                first: matrix(width, hidden)?,
                second: matrix(labels, width)?,
                third: matrix(labels, hidden)?,
                bias: Var::from_vec(priors(charts, labels), labels, device)?,
            })
        };
        make().stage("the head")
    }

    /// The head as a function with gradients.
    pub(super) fn tensors(&self) -> LaatTensors {
        LaatTensors {
            first: self.first.as_tensor().clone(),
            second: self.second.as_tensor().clone(),
            third: self.third.as_tensor().clone(),
            bias: self.bias.as_tensor().clone(),
        }
    }

    pub(super) fn labels(&self) -> usize {
        self.bias.dims()[0]
    }

    pub(super) fn parameters(&self) -> Vec<(String, Var)> {
        let name = |name: &str| name.to_owned();
        vec![
            (name("first_linear.weight"), self.first.clone()),
            (name("second_linear.weight"), self.second.clone()),
            (name("third_linear.weight"), self.third.clone()),
            (name("third_linear.bias"), self.bias.clone()),
        ]
    }

    /// Logits of a chart without gradients, a block of labels at a time: a long chart has as many
    /// scores a label as tokens.
    pub(super) fn logits(&self, states: &Tensor) -> candle_core::Result<Vec<f32>> {
        const BLOCK: usize = 512;
        let all = self.tensors();
        let keys = states.matmul(&all.first.detach().t()?)?.tanh()?.t()?.contiguous()?;
        let labels = all.bias.dim(0)?;
        let mut logits = Vec::with_capacity(labels);
        for start in (0..labels).step_by(BLOCK) {
            let count = BLOCK.min(labels - start);
            let rows = |tensor: &Tensor| tensor.detach().narrow(0, start, count);
            let scores = rows(&all.second)?.matmul(&keys)?;
            let attention = candle_nn::ops::softmax(&scores, 1)?;
            let block =
                ((attention.matmul(states)? * rows(&all.third)?)?.sum(1)? + rows(&all.bias)?)?;
            logits.extend(block.to_dtype(DType::F32)?.to_vec1::<f32>()?);
        }
        Ok(logits)
    }
}

/// The log odds of each label's share of the charts, with half a chart added to either side.
fn priors(charts: &[Example], labels: usize) -> Vec<f32> {
    let mut counts = vec![0.0_f64; labels];
    for &label in charts.iter().flat_map(|chart| &chart.labels) {
        counts[label as usize] += 1.0;
    }
    let all = charts.len() as f64;
    counts.into_iter().map(|n| ((n + 0.5) / (all - n + 0.5)).ln() as f32).collect()
}

/// A normal number of spread [`SPREAD`] (Box and Muller 1958).
fn normal(random: &mut Pcg64) -> f32 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * random.random::<f64>();
    SPREAD * (radius * angle.cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_spread_they_should() {
        let mut random = stream(1, Purpose::Head, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| f64::from(normal(&mut random))).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        // Four standard errors each.
        assert!(mean.abs() < 4.0 * 0.03 / 20_000_f64.sqrt(), "{mean}");
        assert!((variance.sqrt() / 0.03 - 1.0).abs() < 0.02, "{variance}");
    }
}
