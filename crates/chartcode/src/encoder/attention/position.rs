//! What attention needs to know of positions, computed once for all layers.

use candle_core::{Device, Result, Tensor};

use super::super::Parts;
use super::super::config::{AttentionKind, Config, Rotary};
use super::RelativeTable;
use super::relative::Buckets;
use crate::error::Stage as _;

/// Position tables that the layers share.
#[derive(Debug)]
pub(in super::super) enum Tables {
    None,
    Rotary { global: Rotation, local: Option<Rotation> },
    Buckets(Buckets),
    Relative(RelativeTable),
}

impl Tables {
    pub(in super::super) fn load(parts: &Parts<'_>) -> crate::error::Result<Self> {
        let rotation = |rotary: Rotary| {
            Rotation::new(rotary, parts.config, parts.device).stage("loading weights")
        };
        Ok(match &parts.config.attention {
            AttentionKind::Full | AttentionKind::Sliding { .. } => Self::None,
            AttentionKind::Rotary(rotary) => {
                Self::Rotary { global: rotation(*rotary)?, local: None }
            }
            AttentionKind::Alternating { global, local, .. } => {
                Self::Rotary { global: rotation(*global)?, local: Some(rotation(*local)?) }
            }
            AttentionKind::Buckets { count } => Self::Buckets(Buckets::load(parts, *count)?),
            AttentionKind::Disentangled(kind) => Self::Relative(RelativeTable::load(parts, kind)?),
        })
    }

    /// The rotation of a layer that sees the whole window, or only its neighbourhood.
    pub(super) fn rotation(&self, is_local: bool) -> Option<Rotation> {
        match self {
            Self::Rotary { local: Some(local), .. } if is_local => Some(local.clone()),
            Self::Rotary { global, .. } => Some(global.clone()),
            _ => None,
        }
    }
}

/// Cosines and sines of rotary positions, `[longest window, d / 2]` each.
#[derive(Clone, Debug)]
pub(in super::super) struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    fn new(rotary: Rotary, config: &Config, device: &Device) -> Result<Self> {
        let (size, longest) = (config.head_size(), config.longest_window());
        // In f32 throughout, as the published code does it: at distant positions the rounding of
        // a frequency is more than the tolerance of the answers.
        let theta = rotary.theta as f32;
        let stretch = rotary.stretch.powf(2.0 / size as f64) as f32;
        let frequencies: Vec<f32> = (0..size / 2)
            .map(|i| 1.0 / theta.powf((2 * i) as f32 / size as f32) / stretch)
            .collect();
        let angles: Vec<f32> = (0..longest)
            .flat_map(|position| frequencies.iter().map(move |f| position as f32 * f))
            .collect();
        let angles = Tensor::from_vec(angles, (longest, size / 2), device)?;
        Ok(Self { cos: angles.cos()?, sin: angles.sin()? })
    }

    /// Rotates `[windows, heads, length, d]`, positions from 0.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let length = x.dim(2)?;
        let cos = self.cos.narrow(0, 0, length)?;
        let sin = self.sin.narrow(0, 0, length)?;
        candle_nn::rotary_emb::rope(&x.contiguous()?, &cos, &sin)
    }
}
