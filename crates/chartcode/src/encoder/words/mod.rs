//! Word encoders: the convolutional and recurrent models that came before transformers. A chart is
//! one window, however long, and is encoded by itself, so that what else is coded cannot touch it.

mod config;
mod convolution;
mod recurrent;
mod residual;
mod shapes;

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

pub(crate) use config::WordKind;
pub(super) use config::read;
pub(crate) use shapes::synthesise;

use super::Input;
use super::config::Config;
use crate::bundle::weights::Weights;
use convolution::Convolution;
use recurrent::BiLstm;
use residual::MultiResCnn;

/// Words are multiplied this many at a time, the last ones filled up with zeros. Fixed, so that
/// the matrix library does the same sums whatever the chart's length.
const BLOCK: usize = 128;

/// A table of word vectors and what reads them.
#[derive(Debug)]
pub(super) struct WordEncoder {
    /// `[V, E]`, row-major.
    table: Vec<f32>,
    embedding_size: usize,
    hidden_size: usize,
    body: Body,
    device: Device,
}

#[derive(Debug)]
enum Body {
    /// `tanh(conv(x))`.
    Caml(Convolution),
    MultiResCnn(MultiResCnn),
    LaatRnn(BiLstm),
}

impl WordEncoder {
    /// Builds it from the keys of its publication.
    pub(super) fn load(
        weights: &Weights,
        config: &Config,
        kind: &WordKind,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let (embedding_size, hidden_size) = (config.embedding_size, config.hidden_size);
        let table_key = shapes::table_key(weights);
        let sizes = (embedding_size, hidden_size);
        Ok(Self {
            table: weights.vector(&table_key, &[config.vocab_size, embedding_size])?,
            embedding_size,
            hidden_size,
            body: match kind {
                WordKind::Caml { kernel } => {
                    Body::Caml(Convolution::load(weights, sizes, *kernel, device)?)
                }
                WordKind::MultiResCnn { kernels, attention_tanh } => {
                    let model = MultiResCnn::load(weights, sizes, kernels, device)?;
                    Body::MultiResCnn(model.with_attention_tanh(*attention_tanh))
                }
                WordKind::LaatRnn { layers } => {
                    Body::LaatRnn(BiLstm::load(weights, sizes, *layers, device)?)
                }
            },
            device: device.clone(),
        })
    }

    /// `[rows, H]`, chart after chart, as many rows a chart as it has ids.
    pub(super) fn forward(&self, charts: &[Input<'_>]) -> Result<Tensor> {
        let states: Vec<Vec<f32>> =
            charts.par_iter().map(|chart| self.chart(chart)).collect::<Result<_>>()?;
        let rows: usize = charts.iter().map(|chart| chart.ids.len()).sum();
        let mut states = states.into_iter();
        // Long charts come alone: theirs is not copied.
        let mut all = states.next().unwrap_or_default();
        states.for_each(|states| all.extend(states));
        Tensor::from_vec(all, (rows, self.hidden_size), &self.device)
    }

    /// Ids behind the first `keys` are no words: there is nothing before, between or behind the
    /// words of a chart but the zeros of a convolution.
    fn chart(&self, chart: &Input<'_>) -> Result<Vec<f32>> {
        let rows = chart.ids.len();
        let words = self.embed(&chart.ids[..chart.keys])?;
        match &self.body {
            Body::Caml(convolution) => convolution.forward(&words, rows),
            Body::MultiResCnn(model) => model.forward(&words, rows),
            Body::LaatRnn(model) => model.forward(&words, rows),
        }
    }

    /// The words' vectors, `[words, E]`.
    fn embed(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let size = self.embedding_size;
        let mut rows = Vec::with_capacity(ids.len() * size);
        for &id in ids {
            let Some(row) = self.table.chunks_exact(size).nth(id as usize) else {
                bail!("a word is not in the table of {}", self.table.len() / size);
            };
            rows.extend_from_slice(row);
        }
        Ok(rows)
    }
}

/// All values of a tensor, row-major.
fn flat(x: &Tensor) -> Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}
