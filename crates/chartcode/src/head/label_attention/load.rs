//! Builds label-attention heads from the keys of the published implementations.

use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use chartcode_kernels::Precision;

use super::cross::Cross;
use super::numbers::Numbers;
use super::vectors::Vectors;
use super::{Kind, LabelAttention};
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

/// Where a head computes, and in what.
type Place<'a> = (&'a Device, Precision);

impl LabelAttention {
    /// LAAT's head (Vu et al. 2020), and PLM-ICD's (Huang et al. 2022):
    /// `α = softmax(tanh(X W1ᵀ) W2ᵀ)`, `logit_l = W3_l · Σ α x + b_l`. The three maps lie at the
    /// top, below `attention.` or below `label_wise_attention.`; LAAT's own code has lists of them,
    /// one a level. W1 may be narrower than the hidden state.
    pub(in super::super) fn laat(
        weights: &Weights,
        Sizes { labels, width }: Sizes,
        (device, precision): Place<'_>,
    ) -> Result<Self> {
        let in_lists = weights.prefix_of("first_linears.0.weight").map(|prefix| (prefix, "s.0"));
        let alone = || (weights.prefix_of("first_linear.weight").unwrap_or_default(), "");
        let (prefix, number) = in_lists.unwrap_or_else(alone);
        let key = |map: &str, part: &str| format!("{prefix}{map}_linear{number}.{part}");
        let inner = weights.shape(&key("first", "weight")).and_then(|shape| shape.first());
        let inner = inner.copied().unwrap_or(width);
        let first = weights.tensor(&key("first", "weight"), &[inner, width], device)?;
        let queries = weights.tensor(&key("second", "weight"), &[labels, inner], device)?;
        let weight = weights.tensor(&key("third", "weight"), &[labels, width], device)?;
        let bias = weights.vector(&key("third", "bias"), &[labels])?;
        let numbers = Numbers::new(Some(&first), &queries, &weight, bias, precision);
        Ok(Self::of(Kind::Numbers(Box::new(numbers.stage("loading weights")?)), width))
    }

    /// CAML's head (Mullenbach et al. 2018): `α = softmax(X Uᵀ)`, `logit_l = W_l · Σ α x + b_l`.
    /// U and W are `U` and `final` in its own code, `first_linear` and `second_linear` in
    /// medical-coding-reproducibility. U has a bias there that takes no part.
    pub(in super::super) fn caml(
        weights: &Weights,
        Sizes { labels, width }: Sizes,
        (device, precision): Place<'_>,
    ) -> Result<Self> {
        let names = match weights.prefix_of("second_linear.weight") {
            Some(prefix) => ["first", "second"].map(|name| format!("{prefix}{name}_linear")),
            None => ["U", "final"].map(str::to_owned),
        };
        let [queries, weight] = names
            .each_ref()
            .map(|name| weights.tensor(&format!("{name}.weight"), &[labels, width], device));
        let bias = weights.vector(&format!("{}.bias", names[1]), &[labels])?;
        let numbers = Numbers::new(None, &queries?, &weight?, bias, precision);
        Ok(Self::of(Kind::Numbers(Box::new(numbers.stage("loading weights")?)), width))
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
        Self::cross_attention(&keys, queries, vectors, Sizes { labels, width })
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
        Self::cross_attention(&keys, queries, vectors, Sizes { labels, width })
    }

    fn cross_attention(
        keys: &Tensor,
        queries: Tensor,
        vectors: Vectors,
        Sizes { labels, width }: Sizes,
    ) -> Result<Self> {
        let key = Linear::new(keys, None).stage("loading weights")?;
        let cross = Cross { key, queries, vectors, labels, width };
        Ok(Self::of(Kind::Vectors(Box::new(cross)), width))
    }

    fn of(kind: Kind, width: usize) -> Self {
        Self { kind, width, pruner: OnceLock::new() }
    }
}
