//! One-dimensional convolution over a chart's words, as matrix products in blocks.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::{BLOCK, flat};
use crate::bundle::weights::Weights;
use crate::encoder::Linear;
use crate::error::Stage as _;

/// `PyTorch`'s `Conv1d` with stride 1 and padding ⌊k/2⌋, followed by tanh if asked for.
#[derive(Debug)]
pub(super) struct Convolution {
    /// From the `k · C` numbers that a filter sees to the F filters.
    map: Linear,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    squashes: bool,
    device: Device,
}

/// Sizes of a convolution's weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvolutionSizes {
    /// C.
    pub(super) inputs: usize,
    /// F.
    pub(super) outputs: usize,
    /// k.
    pub(super) kernel: usize,
}

impl Convolution {
    /// CAML's own: `tanh(conv(x))`, from E to F.
    pub(super) fn load(
        weights: &Weights,
        (inputs, outputs): (usize, usize),
        kernel: usize,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let sizes = ConvolutionSizes { inputs, outputs, kernel };
        let weight = weights.tensor("conv.weight", &[outputs, inputs, kernel], device)?;
        let bias = weights.tensor("conv.bias", &[outputs], device)?;
        Ok(Self::new(weights, &weight, Some(bias), sizes)?.with_tanh())
    }

    /// From a weight `[F, C, k]` and a bias `[F]`, which may be stand-ins for tensors that
    /// `weights` lacks.
    pub(super) fn new(
        weights: &Weights,
        weight: &Tensor,
        bias: Option<Tensor>,
        ConvolutionSizes { inputs, outputs, kernel }: ConvolutionSizes,
    ) -> crate::error::Result<Self> {
        let device = weight.device().clone();
        let shape = [outputs, kernel * inputs];
        // A filter's numbers in the order in which the words' vectors lie side by side.
        let weight = weights.derive(&shape, &device, || {
            weight.permute((0, 2, 1))?.contiguous()?.reshape((outputs, kernel * inputs))
        })?;
        let map = Linear::new(&weight, bias).stage("loading weights")?;
        Ok(Self { map, inputs, outputs, kernel, squashes: false, device })
    }

    /// The same with tanh behind it.
    pub(super) fn with_tanh(self) -> Self {
        Self { squashes: true, ..self }
    }

    /// From `words`, `[N, C]`, to `[rows, F]`. Row t sees the words from t − ⌊k/2⌋ on; before the
    /// first and behind the last there are zeros.
    pub(super) fn forward(&self, words: &[f32], rows: usize) -> Result<Vec<f32>> {
        let mut out = vec![0.0; rows * self.outputs];
        out.par_chunks_mut(BLOCK * self.outputs)
            .enumerate()
            .try_for_each(|(block, out)| self.block(words, block * BLOCK, out))?;
        Ok(out)
    }

    /// The rows from `first` on.
    fn block(&self, words: &[f32], first: usize, out: &mut [f32]) -> Result<()> {
        let width = self.kernel * self.inputs;
        let mut seen = vec![0.0; BLOCK * width];
        for (row, seen) in (first..).zip(seen.chunks_exact_mut(width)) {
            self.fill(words, row, seen);
        }
        let seen = Tensor::from_vec(seen, (BLOCK, width), &self.device)?;
        let values = flat(&self.map.forward(&seen)?)?;
        for (out, value) in out.iter_mut().zip(values) {
            *out = if self.squashes { value.tanh() } else { value };
        }
        Ok(())
    }

    /// Puts the words that a row sees into `seen`, which holds zeros.
    fn fill(&self, words: &[f32], row: usize, seen: &mut [f32]) {
        let count = words.len() / self.inputs;
        let before = self.kernel / 2;
        let missing = before.saturating_sub(row);
        let first = (row + missing - before).min(count);
        let end = (row + self.kernel - before).min(count);
        let there = &words[first * self.inputs..end * self.inputs];
        seen[missing * self.inputs..][..there.len()].copy_from_slice(there);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// The judge: the definition, in f64, at lengths around those of a block.
        #[test]
        fn blocks_give_the_convolution_of_the_whole(
            words in prop_oneof![1_usize..12, 120_usize..140, 250_usize..260],
            kernel in 1_usize..28,
            seed in any::<u32>(),
        ) {
            let (inputs, outputs) = (2, 3);
            let number = |at: usize| ((at as f32 + 1.0) * (seed % 97) as f32).sin();
            let input: Vec<f32> = (0..words * inputs).map(number).collect();
            let weight: Vec<f32> = (0..outputs * inputs * kernel).map(|i| number(i + 7)).collect();
            let convolution = {
                let weights = Weights::new(std::path::Path::new(""), vec![], vec![]).unwrap();
                let shape = (outputs, inputs, kernel);
                let weight = Tensor::from_vec(weight.clone(), shape, &Device::Cpu).unwrap();
                let sizes = ConvolutionSizes { inputs, outputs, kernel };
                Convolution::new(&weights, &weight, None, sizes).unwrap()
            };
            let rows = words + 2 * (kernel / 2) + 1 - kernel;
            let ours = convolution.forward(&input, rows).unwrap();
            for row in 0..rows {
                for filter in 0..outputs {
                    let mut expected = 0.0;
                    for tap in 0..kernel {
                        let Some(word) = (row + tap).checked_sub(kernel / 2) else { continue };
                        if word >= words { continue }
                        for channel in 0..inputs {
                            let weight = weight[(filter * inputs + channel) * kernel + tap];
                            let word = input[word * inputs + channel];
                            expected += f64::from(weight) * f64::from(word);
                        }
                    }
                    let ours = f64::from(ours[row * outputs + filter]);
                    prop_assert!((ours - expected).abs() <= 1e-4, "{ours} {expected}");
                }
            }
        }
    }
}
