//! Word, position and segment embeddings, then LayerNorm.

use candle_core::{Device, Result, Tensor, bail};

use super::config::{Config, Positions};
use super::family::Family;
use super::layout::Keys;
use super::linear::{Linear, Norm};
use super::{Input, Parts};
use crate::bundle::weights::QuantizedRows;
use crate::error::Stage as _;

#[derive(Debug)]
pub(super) struct Embeddings {
    word: WordTable,
    /// Position rows, with the row of segment 0 added: all windows are segment 0.
    position: Option<Tensor>,
    /// The row of segment 0, where there are no position rows to hold it.
    segment: Option<Tensor>,
    positions: Positions,
    norm: Norm,
    projection: Projection,
}

/// The vector of each vocabulary entry.
#[derive(Debug)]
enum WordTable {
    /// `[vocabulary, E]`.
    Floats(Tensor),
    /// As int8, where it is stored so: a window needs a few rows of it.
    Bytes(QuantizedRows),
}

impl WordTable {
    fn load(parts: &Parts<'_>, key: &str, shape: [usize; 2]) -> crate::error::Result<Self> {
        if parts.device.is_cpu()
            && let Some(rows) = parts.weights.int8(key, &shape)?
        {
            return Ok(Self::Bytes(rows));
        }
        Ok(Self::Floats(parts.weights.tensor(key, &shape, parts.device)?))
    }

    /// `[ids, E]`.
    fn rows(&self, ids: Vec<u32>, device: &Device) -> Result<Tensor> {
        let count = ids.len();
        match self {
            Self::Floats(table) => table.index_select(&Tensor::from_vec(ids, count, device)?, 0),
            Self::Bytes(table) => {
                let width = table.columns;
                if let Some(id) = ids.iter().find(|&&id| id as usize >= table.rows()) {
                    bail!("token {id} of a vocabulary of {}", table.rows());
                }
                let mut values = vec![0.0; count * width];
                for (id, row) in ids.iter().zip(values.chunks_exact_mut(width)) {
                    table.widen_into(*id as usize, row);
                }
                Tensor::from_vec(values, (count, width), device)
            }
        }
    }
}

/// From the embedding's width to the hidden state's.
#[derive(Debug)]
enum Projection {
    None,
    /// DeBERTa's.
    BeforeNorm(Linear),
    /// ELECTRA's and ALBERT's.
    AfterNorm(Linear),
}

impl Embeddings {
    pub(super) fn load(parts: &Parts<'_>) -> crate::error::Result<Self> {
        let Parts { weights, keys, config, device, .. } = *parts;
        let size = config.embedding_size;
        let table = |name: &str, rows| {
            weights.tensor(&keys.key(&format!("{name}.weight")), &[rows, size], device)
        };
        let first_segment = match config.type_vocab_size {
            0 => None,
            rows => {
                let table = table(keys.layout.segment, rows)?;
                Some(weights.derive(&[1, size], device, || table.narrow(0, 0, 1))?)
            }
        };
        let rows = config.max_position_embeddings;
        let position = match config.positions {
            Positions::None => None,
            _ => Some(table(keys.layout.position, rows)?),
        };
        let (position, segment) = match (position, first_segment) {
            (Some(position), Some(segment)) => {
                let sum = || position.broadcast_add(&segment);
                (Some(weights.derive(&[rows, size], device, sum)?), None)
            }
            apart => apart,
        };
        let before = matches!(config.family, Family::DebertaV2);
        let norm_size = if before { config.hidden_size } else { size };
        Ok(Self {
            word: WordTable::load(parts, &keys.word(), [config.vocab_size, size])?,
            position,
            segment,
            positions: config.positions,
            norm: parts.norm(&keys.key(keys.layout.embedding_norm), norm_size)?,
            projection: Projection::load(config, keys, parts, before)?,
        })
    }

    /// `[rows, H]` for windows packed row after row.
    pub(super) fn forward(&self, windows: &[Input<'_>], device: &Device) -> Result<Tensor> {
        let ids: Vec<u32> = windows.iter().flat_map(|window| window.ids.iter().copied()).collect();
        let rows = ids.len();
        let mut sum = self.word.rows(ids, device)?;
        if let Some(table) = &self.position {
            let positions: Vec<u32> =
                windows.iter().flat_map(|window| self.positions.of(window.ids)).collect();
            let positions = Tensor::from_vec(positions, rows, device)?;
            sum = (sum + table.index_select(&positions, 0)?)?;
        }
        if let Some(segment) = &self.segment {
            sum = sum.broadcast_add(segment)?;
        }
        match &self.projection {
            Projection::None => self.norm.forward(&sum),
            Projection::BeforeNorm(projection) => self.norm.forward(&projection.forward(&sum)?),
            Projection::AfterNorm(projection) => projection.forward(&self.norm.forward(&sum)?),
        }
    }
}

impl Projection {
    fn load(
        config: &Config,
        keys: &Keys,
        parts: &Parts<'_>,
        before: bool,
    ) -> crate::error::Result<Self> {
        let sizes = (config.embedding_size, config.hidden_size);
        // ALBERT has the map even where it keeps the width.
        if sizes.0 == sizes.1 && config.family != Family::Albert {
            return Ok(Self::None);
        }
        let name = keys.key(keys.layout.projection);
        let (weight, bias) = Linear::read(parts.weights, &name, sizes, !before, parts.device)?;
        let map = Linear::new(&weight, bias).stage("loading weights")?;
        Ok(if before { Self::BeforeNorm(map) } else { Self::AfterNorm(map) })
    }
}

impl Positions {
    /// The position of each token of a window.
    pub(super) fn of(self, ids: &[u32]) -> Vec<u32> {
        match self {
            Self::FromZero | Self::None => (0..ids.len() as u32).collect(),
            Self::BehindPadding(padding) => {
                let mut next = padding;
                let mut position = |&id: &u32| {
                    if id == padding {
                        return padding;
                    }
                    next += 1;
                    next
                };
                ids.iter().map(&mut position).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roberta_counts_from_behind_the_padding_and_skips_it() {
        assert_eq!(Positions::FromZero.of(&[5, 1, 7]), [0, 1, 2]);
        assert_eq!(Positions::BehindPadding(1).of(&[0, 5, 1, 7, 1]), [2, 3, 1, 4, 1]);
    }
}
