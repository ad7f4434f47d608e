//! Transformer encoders: windows packed row after row.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::attention::{Group, Tables};
use super::config::AttentionKind;
use super::convolution::Convolution;
use super::embeddings::Embeddings;
use super::fused::{FusedLayer, Workspaces};
use super::layer::Layer;
use super::linear::{Norm, with_values};
use super::{Input, Parts};
use crate::error::Result;

/// A batch has at least this many rows: below it the matrix library takes another path, which
/// adds in another order, and a chart's answer would depend on what it was batched with.
const LEAST_ROWS: usize = 32;

/// A transformer of any family that [`Family`](super::Family) names.
///
/// Windows of any lengths are packed row after row: products run over all rows at once, attention
/// over each group of windows of equal length, and no padding or mask exists but what a window
/// itself brings.
#[derive(Debug)]
pub(super) struct Transformer {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    /// Which layer each step of the forward pass takes.
    schedule: Vec<usize>,
    convolution: Option<Convolution>,
    final_norm: Option<Norm>,
    longest_window: usize,
    device: Device,
    workspaces: Workspaces,
}

impl Transformer {
    /// Builds it from Hugging Face keys, whatever their prefix.
    pub(super) fn load(parts: &Parts<'_>) -> Result<Self> {
        let Parts { keys, config, device, .. } = *parts;
        let embeddings = Embeddings::load(parts)?;
        let tables = Tables::load(parts)?;
        let layers = (0..config.distinct_layers())
            .into_par_iter()
            .map(|index| Layer::load(parts, index, &tables))
            .collect::<Result<_>>()?;
        let convolution = match &config.attention {
            AttentionKind::Disentangled(kind) => Convolution::load(parts, kind)?,
            _ => None,
        };
        let final_norm = config
            .family
            .is_pre_norm()
            .then(|| parts.norm(&keys.key("final_norm"), config.hidden_size))
            .transpose()?;
        let (schedule, device) = (config.schedule(), device.clone());
        let longest_window = config.longest_window();
        let workspaces = Workspaces::default();
        Ok(Self {
            embeddings,
            layers,
            schedule,
            convolution,
            final_norm,
            longest_window,
            device,
            workspaces,
        })
    }

    /// `[rows, H]`, window after window.
    pub(super) fn forward(&self, windows: &[Input<'_>]) -> candle_core::Result<Tensor> {
        self.finish(self.run(windows, &self.schedule)?)
    }

    /// The first token's last hidden state without each of the window's tokens, `[length, H]`, and
    /// the attention they have; see [`Layer::without_each`].
    pub(super) fn without_each(
        &self,
        window: Input<'_>,
    ) -> candle_core::Result<(Tensor, Vec<f32>)> {
        let (last, before) = self.schedule.split_last().unwrap_or((&0, &[]));
        let hidden = self.run(&[window], before)?;
        let (hidden, attention) = self.layers[*last].without_each(&hidden)?;
        Ok((self.finish(hidden)?, attention))
    }

    fn finish(&self, hidden: Tensor) -> candle_core::Result<Tensor> {
        match &self.final_norm {
            Some(norm) => norm.forward(&hidden),
            None => Ok(hidden),
        }
    }

    /// Embeddings and some steps of the schedule, from its beginning.
    fn run(&self, windows: &[Input<'_>], steps: &[usize]) -> candle_core::Result<Tensor> {
        if self.convolution.is_none()
            && let Some(layers) =
                steps.iter().map(|&step| self.layers[step].fused()).collect::<Option<Vec<_>>>()
        {
            return self.run_fused(windows, &layers);
        }
        let rows: usize = windows.iter().map(|window| window.ids.len()).sum();
        let filler = vec![0; LEAST_ROWS.saturating_sub(rows)];
        let mut windows = windows.to_vec();
        // Filler rows are windows of their own, so that no real token attends to them.
        let filler = filler.chunks(self.longest_window);
        windows.extend(filler.map(|ids| Input { ids, keys: ids.len() }));
        let groups = Group::of(&windows);
        let embedded = self.embeddings.forward(&windows, &self.device)?;
        let mut hidden = embedded.clone();
        for (step, &index) in steps.iter().enumerate() {
            hidden = self.layers[index].forward(&hidden, &groups)?;
            if let (0, Some(convolution)) = (step, &self.convolution) {
                hidden = convolution.forward(&embedded, &hidden, &groups)?;
            }
        }
        hidden.narrow(0, 0, rows)
    }

    /// The same on the kernels of the CPU.
    fn run_fused(
        &self,
        windows: &[Input<'_>],
        layers: &[FusedLayer<'_>],
    ) -> candle_core::Result<Tensor> {
        let embedded = self.embeddings.forward(windows, &self.device)?;
        let shape = embedded.dims2()?;
        let hidden = with_values(&embedded.contiguous()?, |values| Ok(values.to_vec()))?;
        let hidden = self.workspaces.with(|workspace| workspace.run(hidden, windows, layers));
        Tensor::from_vec(hidden, shape, &self.device)
    }
}
