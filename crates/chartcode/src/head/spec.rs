//! What a manifest says of the head.

use serde::{Deserialize, Serialize};

use super::{ProblemRule, RerankSpec, SpanRule, TextRule};

/// What a manifest says of the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum HeadSpec {
    /// Label-wise attention whose label vectors come from the codes' own descriptions.
    ///
    /// With span vectors `p_t` and a code's unit description vectors `d_k`:
    /// `s_t = max_k p_t·d_k`, `α = softmax_t(temperature · s)`,
    /// `logit = scale · Σ α_t s_t + competition · margin + bias`.
    ///
    /// The margin says how far the code stays behind the one that its best passage suits most:
    /// with `t*` the first span of the highest `s_t` and `q` the codes' priors,
    /// `margin = (s_t* + q) − max over all codes of their (s_t* + q)`, which is 0 for the best
    /// code and negative for the others.
    ///
    /// In the terms of LAAT (Vu et al. 2020) the two label matrices are one and are not trained.
    Description {
        /// Which runs of a window's tokens are pooled to span vectors.
        spans: SpanRule,
        /// How sharply attention prefers the best passage; without it only the best one counts
        /// (the limit of an infinite temperature).
        #[serde(default)]
        temperature: Option<f32>,
        /// From similarity to logit.
        scale: f32,
        /// How much a code loses to a better one for the same passage.
        #[serde(default)]
        competition: f32,
        /// A second look at the best concepts, whose logits replace those above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rerank: Option<Box<RerankSpec>>,
        /// Look only at the problems that a chart's assessment names, each as one span.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problems: Option<Box<ProblemRule>>,
    },
    /// `*ForSequenceClassification` of Hugging Face, with each family's own layout: each window's
    /// pooled vector gives one logit a label.
    Classification {
        /// How the windows' logits become the chart's.
        #[serde(default)]
        aggregate: Aggregate,
    },
    /// LAAT's label attention (Vu et al. 2020), which PLM-ICD (Huang et al. 2022) took over:
    /// `α = softmax(tanh(X W1ᵀ) W2ᵀ)` over all tokens of the chart,
    /// `logit_l = W3_l · Σ α x + b_l`.
    Laat,
    /// CAML's label attention (Mullenbach et al. 2018), which MultiResCNN took over:
    /// `α = softmax(X Uᵀ)`, `logit_l = W_l · Σ α x + b_l`.
    Caml,
    /// PLM-CA (Edin et al. 2024), cross-attention from labels to tokens:
    /// `α = softmax(Q (X Wkᵀ)ᵀ / scale)`, `logit_l = w · LayerNorm(Σ α (Wv x + b_v)) + b`.
    PlmCa {
        /// What scores are divided by; 1 in the published models.
        #[serde(default = "one")]
        scale: f32,
    },
    /// GKI-ICD (2025): as PLM-CA with an output vector and a bias for each label.
    GkiIcd,
    /// A weight a label for each word run of the chart and for the mean of its windows' vectors:
    /// what `chartcode fit` makes of a site's own charts.
    ///
    /// `logit_l = b_l + Σ_f w_fl [f in the chart] + v_l · mean of u_i`, where f are the features of
    /// `text` and `u_i` is window i's mean hidden state scaled to length 1.
    Linear {
        /// Which word runs are features; none where only the encoder's vectors are weighed.
        #[serde(default)]
        text: Option<TextRule>,
        /// Whether the encoder's vectors are weighed; where they are not, nothing is encoded.
        pooled: bool,
        /// Whether labels are weighed together: the sums are scores, of which the head's
        /// [`LabelSets`](crate::LabelSets) makes logits.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        joint: bool,
    },
}

/// How the logits of a chart's windows become the chart's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aggregate {
    /// The highest: a code is the chart's where any window has it.
    #[default]
    Max,
    /// The mean.
    Mean,
}

fn one() -> f32 {
    1.0
}

impl HeadSpec {
    /// The head's name for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Description { rerank: Some(_), .. } => {
                "description (retrieval by code descriptions, boosted trees over the best)"
            }
            Self::Description { .. } => "description (label-wise attention over code descriptions)",
            Self::Classification { aggregate: Aggregate::Max } => {
                "classification (pooled linear, maximum over windows)"
            }
            Self::Classification { aggregate: Aggregate::Mean } => {
                "classification (pooled linear, mean over windows)"
            }
            Self::Laat => "PLM-ICD (LAAT label attention)",
            Self::Caml => "CAML (label attention)",
            Self::PlmCa { .. } => "PLM-CA (cross-attention from labels)",
            Self::GkiIcd => "GKI-ICD (cross-attention from labels, a classifier a label)",
            Self::Linear { text: Some(_), pooled: true, .. } => {
                "linear (word runs and the encoder's vectors)"
            }
            Self::Linear { text: Some(_), pooled: false, .. } => "linear (word runs)",
            Self::Linear { text: None, .. } => "linear (the encoder's vectors)",
        }
    }

    /// Whether the head's tensors are in a file of their own.
    pub(crate) fn has_own_file(&self) -> bool {
        matches!(self, Self::Description { .. } | Self::Linear { .. })
    }

    /// Whether the head weighs single tokens of the whole chart.
    pub(crate) fn attends_to_tokens(&self) -> bool {
        matches!(self, Self::Laat | Self::Caml | Self::PlmCa { .. } | Self::GkiIcd)
    }

    /// What the manifest's numbers alone rule out.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::PlmCa { scale } if !(*scale > 0.0 && scale.is_finite()) => {
                Err(format!("head.scale is {scale}: it must be positive"))
            }
            Self::Description { rerank, problems, .. } => {
                rerank.as_ref().map_or(Ok(()), |rerank| rerank.check())?;
                problems.as_ref().map_or(Ok(()), |problems| problems.check())
            }
            Self::Linear { text: None, pooled: false, .. } => {
                Err("head: a linear head needs text or pooled vectors".to_owned())
            }
            Self::Linear { text: Some(rule), .. } => rule.check(),
            _ => Ok(()),
        }
    }
}
