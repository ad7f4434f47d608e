//! MultiResCNN (Li and Yu 2020), under the keys of medical-coding-reproducibility.

use candle_core::{Device, Result, Tensor};

use super::convolution::{Convolution, ConvolutionSizes};
use crate::bundle::weights::Weights;

/// PyTorch's default for `BatchNorm1d`.
const EPSILON: f64 = 1e-5;

/// Channels side by side, each a convolution and a residual block of one kernel size.
#[derive(Debug)]
pub(super) struct MultiResCnn {
    channels: Vec<Channel>,
    filters: usize,
    attention_tanh: bool,
}

/// `x = tanh(conv(e))`, `tanh(norm(conv(tanh(norm(conv(x))))) + norm(conv₁(x)))`.
#[derive(Debug)]
struct Channel {
    base: Convolution,
    left: [Convolution; 2],
    shortcut: Convolution,
}

impl MultiResCnn {
    /// From `convs.{i}`, in which 0 is the first convolution and 2 the residual block.
    pub(super) fn load(
        weights: &Weights,
        (embedding, hidden): (usize, usize),
        kernels: &[usize],
        device: &Device,
    ) -> crate::error::Result<Self> {
        let filters = hidden / kernels.len();
        let channel = |(number, &kernel): (usize, &usize)| {
            let key = |name: &str| format!("convs.{number}.{name}");
            let shape = weights.shape(&key("0.weight")).and_then(|shape| shape.first());
            let width = shape.copied().unwrap_or(embedding);
            let sizes = |inputs, outputs, kernel| ConvolutionSizes { inputs, outputs, kernel };
            let base = sizes(embedding, width, kernel);
            let weight = weights.tensor(&key("0.weight"), &shape_of(base), device)?;
            let left = |at: usize, inputs| {
                let names = (key(&format!("2.left.{at}")), key(&format!("2.left.{}", at + 1)));
                normalised(weights, &names, sizes(inputs, filters, kernel), device)
            };
            let shortcut = (key("2.shortcut.0"), key("2.shortcut.1"));
            Ok(Channel {
                base: Convolution::new(weights, &weight, None, base)?.with_tanh(),
                left: [left(0, width)?.with_tanh(), left(3, filters)?],
                shortcut: normalised(weights, &shortcut, sizes(width, filters, 1), device)?,
            })
        };
        let channels =
            kernels.iter().enumerate().map(channel).collect::<crate::error::Result<_>>()?;
        Ok(Self { channels, filters, attention_tanh: false })
    }

    /// The same with or without another tanh at the end.
    pub(super) fn with_attention_tanh(self, attention_tanh: bool) -> Self {
        Self { attention_tanh, ..self }
    }

    /// From `words`, `[N, E]`, to `[rows, H]`: the channels' filters side by side.
    pub(super) fn forward(&self, words: &[f32], rows: usize) -> Result<Vec<f32>> {
        let width = self.filters * self.channels.len();
        let mut out = vec![0.0; rows * width];
        for (number, channel) in self.channels.iter().enumerate() {
            let states = channel.forward(words, rows)?;
            let from = number * self.filters;
            let places = out.chunks_exact_mut(width).zip(states.chunks_exact(self.filters));
            for (out, states) in places {
                out[from..from + self.filters].copy_from_slice(states);
            }
        }
        if self.attention_tanh {
            for x in &mut out {
                *x = x.tanh();
            }
        }
        Ok(out)
    }
}

impl Channel {
    fn forward(&self, words: &[f32], rows: usize) -> Result<Vec<f32>> {
        let base = self.base.forward(words, rows)?;
        let [first, second] = &self.left;
        let mut sum = second.forward(&first.forward(&base, rows)?, rows)?;
        let shortcut = self.shortcut.forward(&base, rows)?;
        sum.iter_mut().zip(shortcut).for_each(|(sum, shortcut)| *sum = (*sum + shortcut).tanh());
        Ok(sum)
    }
}

/// A convolution without bias and the batch norm behind it in one. Outside training the norm is
/// `γ (x − mean) / √(variance + ε) + β` with numbers of its own for each filter.
fn normalised(
    weights: &Weights,
    (convolution, norm): &(String, String),
    sizes: ConvolutionSizes,
    device: &Device,
) -> crate::error::Result<Convolution> {
    let shape = shape_of(sizes);
    let weight = weights.tensor(&format!("{convolution}.weight"), &shape, device)?;
    let filters = [sizes.outputs];
    let part = |name: &str| weights.tensor(&format!("{norm}.{name}"), &filters, device);
    let (gain, shift) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    let scale = weights.derive(&filters, device, || gain / (variance + EPSILON)?.sqrt()?)?;
    let weight = weights.derive(&shape, device, || {
        let scale: Tensor = scale.reshape((sizes.outputs, 1, 1))?;
        weight.broadcast_mul(&scale)
    })?;
    let bias = weights.derive(&filters, device, || shift - (mean * scale)?)?;
    Convolution::new(weights, &weight, Some(bias), sizes)
}

fn shape_of(sizes: ConvolutionSizes) -> [usize; 3] {
    [sizes.outputs, sizes.inputs, sizes.kernel]
}
