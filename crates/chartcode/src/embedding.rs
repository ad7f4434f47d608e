//! Vectors of a chart and of its windows.

use candle_core::Tensor;
use serde::Serialize;

use crate::batch::{Window, each_window};
use crate::engine::{Engine, segments};
use crate::error::{Result, Stage as _};
use crate::head::normalise;
use crate::prepare::Prepared;
use crate::span::Span;

/// Vectors of a chart and of its windows, each of length 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Embedding {
    /// The chart's vector `[H]`: the mean over the tokens of all windows.
    pub chart: Vec<f32>,
    /// The windows' vectors in reading order.
    pub windows: Vec<WindowEmbedding>,
}

/// A window's vector.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WindowEmbedding {
    /// The window's text, in bytes of the chart.
    #[serde(rename = "bytes")]
    pub span: Span,
    /// Tokens encoded, special tokens included.
    pub tokens: usize,
    /// `[H]`: the mean of the window's hidden states, special tokens included, as
    /// sentence-transformers pools.
    pub vector: Vec<f32>,
}

impl Embedding {
    pub(crate) fn of(engine: &Engine, prepared: &Prepared) -> Result<Self> {
        let size = engine.encoder().config().hidden_size;
        let mut chart = vec![0.0_f32; size];
        let mut windows = Vec::with_capacity(prepared.windows.len());
        for segment in segments(&prepared.windows) {
            let members: Vec<&Window> = segment.iter().collect();
            let means = engine.in_batches(&members, means)?;
            // Windows of special tokens or padding alone say nothing of the chart.
            let read = segment.iter().zip(means).filter(|(window, _)| !window.tokens.is_empty());
            for (window, mut vector) in read {
                let tokens = window.ids.len();
                chart.iter_mut().zip(&vector).for_each(|(sum, x)| *sum += x * tokens as f32);
                normalise(&mut vector);
                windows.push(WindowEmbedding { span: span(prepared, window), tokens, vector });
            }
        }
        normalise(&mut chart);
        Ok(Self { chart, windows })
    }
}

/// The mean hidden state of each window of a batch.
fn means(hidden: &Tensor, windows: &[&Window]) -> Result<Vec<Vec<f32>>> {
    each_window(hidden, windows, |_, rows| rows.mean(0)?.to_vec1()).stage("pooling")
}

fn span(prepared: &Prepared, window: &Window) -> Span {
    let spans = &prepared.tokens.spans;
    spans[window.tokens.start].cover(spans[window.tokens.end - 1])
}
