//! Builds label-attention heads from the keys of the published implementations.

use candle_core::{Device, Tensor};

use super::LabelAttention;
use super::values::{Values, Vectors};
use crate::bundle::weights::Weights;
use crate::encoder::Linear;
use crate::error::{Result, Stage as _};

/// LayerNorm's epsilon in the published cross-attention heads.
const EPSILON: f32 = 1e-5;

/// Sizes of a head: labels and the hidden state's width.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Sizes {
    pub(in super::super) labels: usize,
    pub(in super::super) width: usize,
}

impl LabelAttention {
    /// PLM-ICD's head (Huang et al. 2022), which is LAAT's (Vu et al. 2020):
    /// `α = softmax(tanh(X W1ᵀ) W2ᵀ)`, `logit_l = W3_l · Σ α x + b_l`. The three maps lie at the
    /// top, below `attention.` or below `label_wise_attention.`.
    pub(in super::super) fn laat(
        weights: &Weights,
        Sizes { labels, width }: Sizes,
        device: &Device,
    ) -> Result<Self> {
        let prefix = weights.prefix_of("first_linear.weight").unwrap_or_default();
        let key = |name: &str| format!("{prefix}{name}");
        let table = |name: &str, rows| weights.tensor(&key(name), &[rows, width], device);
        let first = table("first_linear.weight", width)?;
        let queries = table("second_linear.weight", labels)?;
        let weight = table("third_linear.weight", labels)?;
        let bias = weights.vector(&key("third_linear.bias"), &[labels])?;
        Self::new(
            (&first, true),
            queries,
            Values::Numbers { weight, bias },
            Sizes { labels, width },
        )
    }

    /// PLM-CA's head (Edin et al. 2024): `K = X Wkᵀ`, `V = X Wvᵀ + b`,
    /// `α = softmax(Q Kᵀ / scale)`, `logit_l = w · LayerNorm(α V)_l + b`.
    pub(in super::super) fn cross(
        weights: &Weights,
        Sizes { labels, width }: Sizes,
        scale: f32,
        device: &Device,
    ) -> Result<Self> {
        let prefix = weights.prefix_of("label_representations").unwrap_or_default();
        let key = |name: &str| format!("{prefix}{name}");
        let queries = weights.tensor(&key("label_representations"), &[labels, width], device)?;
        let queries = weights.derive(&[labels, width], device, || &queries / f64::from(scale))?;
        let vectors = Vectors {
            map: Linear::load(weights, &key("weights_v"), (width, width), device)?,
            scale: weights.vector(&key("layernorm.weight"), &[width])?,
            shift: weights.vector(&key("layernorm.bias"), &[width])?,
            epsilon: EPSILON,
            output: weights.vector(&key("output_linear.weight"), &[1, width])?,
            bias: weights.vector(&key("output_linear.bias"), &[1])?,
        };
        let keys = weights.tensor(&key("weights_k.weight"), &[width, width], device)?;
        Self::new((&keys, false), queries, Values::Vectors(vectors), Sizes { labels, width })
    }

    /// GKI-ICD's head (2025): as PLM-CA's, with an output vector of its own for each label. Its
    /// queries may have more rows than there are labels; the first belong to them.
    pub(in super::super) fn gki(
        weights: &Weights,
        Sizes { labels, width }: Sizes,
        device: &Device,
    ) -> Result<Self> {
        let prefix = weights.prefix_of("retrieve_embedding").unwrap_or_default();
        let key = |name: &str| format!("{prefix}{name}");
        let attention = |name: &str| key(&format!("cross_attention.{name}"));
        let rows = weights.shape(&key("retrieve_embedding")).and_then(|shape| shape.first());
        let rows = rows.copied().unwrap_or(labels).max(labels);
        let queries = weights.tensor(&key("retrieve_embedding"), &[rows, width], device)?;
        let queries = weights.derive(&[labels, width], device, || queries.narrow(0, 0, labels))?;
        let vectors = Vectors {
            map: Linear::load(weights, &attention("w_v"), (width, width), device)?,
            scale: weights.vector(&attention("layer_norm.weight"), &[width])?,
            shift: weights.vector(&attention("layer_norm.bias"), &[width])?,
            epsilon: EPSILON,
            output: weights.vector(&key("classify_embedding"), &[labels, width])?,
            bias: weights.vector(&key("classifier.bias"), &[labels])?,
        };
        let keys = weights.tensor(&attention("w_k.weight"), &[width, width], device)?;
        Self::new((&keys, false), queries, Values::Vectors(vectors), Sizes { labels, width })
    }

    fn new(
        (key, squashes): (&Tensor, bool),
        queries: Tensor,
        values: Values,
        Sizes { labels, width }: Sizes,
    ) -> Result<Self> {
        let key = Linear::new(key, None).stage("loading weights")?;
        Ok(Self { key, squashes, queries, values, labels, width })
    }
}
