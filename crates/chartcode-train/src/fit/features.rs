//! What a linear head reads in a chart.

use chartcode::{Chart, Engine, TextRule};

use super::error::Result;

/// The inputs of one chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartFeatures {
    /// Hashes of the features of its text, rising.
    pub text: Vec<u64>,
    /// The mean of its windows' unit vectors, `[H]`; empty where it was not computed.
    pub vector: Vec<f32>,
}

impl ChartFeatures {
    /// The features of a chart's text alone.
    ///
    /// # Errors
    /// [`chartcode::Error`] where the chart cannot be tokenised.
    pub fn of_text(engine: &Engine, rule: &TextRule, chart: &Chart) -> Result<Self> {
        let text = engine.text_features(chart, rule)?.into_keys().collect();
        Ok(Self { text, vector: Vec::new() })
    }

    /// The vector of a chart: what the head itself computes, window by window.
    ///
    /// # Errors
    /// As [`Engine::embed`].
    pub fn vector_of(engine: &Engine, chart: &Chart) -> Result<Vec<f32>> {
        let embedding = engine.embed(chart)?;
        let count = embedding.windows.len().max(1) as f64;
        let mut sum = vec![0.0_f64; embedding.chart.len()];
        for window in &embedding.windows {
            sum.iter_mut().zip(&window.vector).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        Ok(sum.into_iter().map(|sum| (sum / count) as f32).collect())
    }
}
