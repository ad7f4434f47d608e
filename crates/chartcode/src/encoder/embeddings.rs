//! Word + position + segment embeddings, then LayerNorm.

use candle_core::{Device, Result, Tensor};

use super::linear::Norm;
use super::{Config, Keys};
use crate::bundle::weights::Weights;
use crate::error::Stage as _;

#[derive(Debug)]
pub(super) struct Embeddings {
    word: Tensor,
    /// Position rows with the row of segment 0 added: all windows are segment 0.
    position: Tensor,
    norm: Norm,
}

impl Embeddings {
    pub(super) fn load(
        weights: &Weights,
        keys: &Keys,
        config: &Config,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let size = config.hidden_size;
        let table = |name: &str, rows| {
            weights.tensor(&keys.key(&format!("embeddings.{name}.weight")), &[rows, size], device)
        };
        let segment = table("token_type_embeddings", config.type_vocab_size)?;
        let position = table("position_embeddings", config.max_position_embeddings)?
            .broadcast_add(&segment.narrow(0, 0, 1).stage("loading weights")?)
            .stage("loading weights")?;
        let (scale, shift) = keys.norm();
        let norm = |part| keys.key(&format!("embeddings.LayerNorm.{part}"));
        Ok(Self {
            word: table("word_embeddings", config.vocab_size)?,
            position,
            norm: Norm::load(
                weights,
                (&norm(scale), &norm(shift)),
                (size, config.layer_norm_eps),
                device,
            )?,
        })
    }

    /// `[rows, H]` for windows packed row after row; positions start at 0 in each window.
    pub(super) fn forward(&self, windows: &[&[u32]], device: &Device) -> Result<Tensor> {
        let ids = windows.concat();
        let positions: Vec<u32> =
            windows.iter().flat_map(|window| 0..window.len() as u32).collect();
        let rows = ids.len();
        let words = self.word.index_select(&Tensor::from_vec(ids, rows, device)?, 0)?;
        let positions =
            self.position.index_select(&Tensor::from_vec(positions, rows, device)?, 0)?;
        self.norm.forward(&(words + positions)?)
    }
}
