//! The feed-forward block: up, activate, down; in newer families with a gate.

use candle_core::{Result, Tensor};

use super::Parts;
use super::config::Activation;
use super::fused::FusedFeedForward;
use super::linear::Linear;

#[derive(Debug)]
pub(super) struct FeedForward {
    /// To I values, or to twice as many where the second half multiplies the activated first.
    up: Linear,
    gated: Option<usize>,
    activation: Activation,
    down: Linear,
}

impl FeedForward {
    pub(super) fn load(parts: &Parts<'_>, index: usize) -> crate::error::Result<Self> {
        let config = parts.config;
        let (narrow, wide) = (config.hidden_size, config.intermediate_size);
        let down = parts.keys.layer(index, parts.keys.layout.down);
        let sizes = (wide, narrow);
        let gated = config.family.is_gated().then_some(wide);
        Ok(Self {
            up: load_up(parts, index, gated.map_or(wide, |wide| 2 * wide))?,
            gated,
            activation: config.hidden_act,
            down: parts.linear(&down, sizes, config.bias.down)?,
        })
    }

    /// The block as the CPU's kernels take it; nothing where it has a gate.
    pub(super) fn fused(&self) -> Option<FusedFeedForward<'_>> {
        let up = self.up.kernel(Some(self.activation.kernel())).filter(|_| self.gated.is_none())?;
        Some(FusedFeedForward { up, down: self.down.kernel(None)? })
    }

    /// `[rows, H]` → `[rows, H]`.
    pub(super) fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let product = self.up.product(hidden)?;
        let wide = match self.gated {
            None => self.activation.with_bias(product, self.up.bias())?,
            Some(wide) => {
                let bias = |start| self.up.bias().narrow(0, start, wide)?.contiguous();
                let active = product.narrow(1, 0, wide)?.contiguous()?;
                let active = self.activation.with_bias(active, &bias(0)?)?;
                let gate = product.narrow(1, wide, wide)?.broadcast_add(&bias(wide)?)?;
                (active * gate)?
            }
        };
        self.down.forward(&wide)
    }
}

/// The first product, from one tensor or two.
fn load_up(parts: &Parts<'_>, index: usize, rows: usize) -> crate::error::Result<Linear> {
    let layout = parts.keys.layout;
    parts.joined(index, layout.up, (rows, parts.config.bias.up), |joined| {
        if !layout.gate_second {
            return Ok(joined);
        }
        let half = rows / 2;
        Tensor::cat(&[joined.narrow(0, half, half)?, joined.narrow(0, 0, half)?], 0)
    })
}
