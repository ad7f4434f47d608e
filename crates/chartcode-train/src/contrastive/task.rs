//! One step of contrastive adaptation.

use std::ops::Range;

use candle_core::{Tensor, Var};

use crate::dropout::Dropout;
use crate::encoder::TrainableEncoder;
use crate::error::{Result, Stage as _};
use crate::gradients::Gradients;
use crate::loss::{ContrastiveBatch, info_nce};
use crate::ops::{normalise_rows, segment_mean};
use crate::optimizer::AdamW;
use crate::pairs::{HeldOut, PairSet, Sampler};
use crate::run::{Dev, OnEvent, StepLoss, Task};
use crate::stream::{Purpose, key};

/// Texts that are embedded at a time without gradients.
const CHUNK: usize = 256;

/// A linear map behind the mean of a text's tokens.
#[derive(Debug)]
pub(super) struct Projection {
    /// `[D, H]`.
    pub(super) weight: Var,
    /// `[D]`.
    pub(super) bias: Var,
}

impl Projection {
    fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        rows.matmul(&self.weight.as_tensor().t()?)?.broadcast_add(&self.bias)
    }
}

/// An encoder with the terms it is adapted to.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) encoder: TrainableEncoder,
    pub(super) projection: Option<Projection>,
    pub(super) sampler: Sampler,
    pub(super) set: PairSet,
    pub(super) held: Vec<HeldOut>,
    /// The window of each text, special tokens included.
    pub(super) tokens: Vec<Vec<u32>>,
    /// Special tokens before a text.
    pub(super) lead: usize,
    /// Special tokens around a text.
    pub(super) special: usize,
    pub(super) temperature: f64,
}

impl Terms {
    /// Vectors of length 1 of some texts, `[texts, D]`: the mean over the text's own tokens,
    /// projected where there is a projection.
    pub(super) fn embed(&self, texts: &[u32], dropout: Option<&mut Dropout>) -> Result<Tensor> {
        let windows: Vec<&[u32]> =
            texts.iter().map(|&text| self.tokens[text as usize].as_slice()).collect();
        let packed = self.encoder.forward(&windows, dropout)?;
        let run = |(window, &start): (&&[u32], &usize)| {
            start + self.lead..start + self.lead + window.len() - self.special
        };
        let runs: Vec<Range<usize>> = windows.iter().zip(&packed.offsets).map(run).collect();
        let means = segment_mean(&packed.states, &runs)?;
        match &self.projection {
            Some(projection) => normalise_rows(&projection.forward(&means).stage("pooling")?),
            None => normalise_rows(&means),
        }
    }

    /// The same for any number of texts, without gradients, as rows of numbers.
    pub(super) fn vectors(&self, texts: &[u32]) -> Result<Vec<Vec<f32>>> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&place| self.tokens[texts[place] as usize].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for places in order.chunks(CHUNK) {
            let own: Vec<u32> = places.iter().map(|&place| texts[place]).collect();
            let rows = self.embed(&own, None)?.to_vec2::<f32>().stage("pooling")?;
            for (&place, row) in places.iter().zip(rows) {
                vectors[place] = row;
            }
        }
        Ok(vectors)
    }

    fn loss(&self, step: u64) -> Result<(Tensor, usize)> {
        let batch = self.sampler.batch(&self.set, step);
        let texts = [batch.anchors.as_slice(), &batch.positives, &batch.hard].concat();
        let tokens = texts.iter().map(|&text| self.tokens[text as usize].len()).sum();
        let mut dropout = Dropout::new(key(self.sampler.seed, Purpose::Dropout, step));
        let vectors = self.embed(&texts, Some(&mut dropout))?;
        let (count, hard) = (batch.anchors.len(), batch.hard.len());
        let mut same = vec![0.0_f32; count * (count + hard)];
        for (row, columns) in batch.same.iter().enumerate() {
            for column in columns {
                same[row * (count + hard) + column] = 1.0;
            }
        }
        let loss = || {
            let same = Tensor::from_vec(same, (count, count + hard), vectors.device())?;
            let anchors = vectors.narrow(0, 0, count)?;
            let positives = vectors.narrow(0, count, count)?;
            let hard = match hard {
                0 => None,
                hard => Some(vectors.narrow(0, 2 * count, hard)?),
            };
            let batch = ContrastiveBatch {
                anchors: &anchors,
                positives: &positives,
                hard: hard.as_ref(),
                same: &same,
            };
            info_nce(&batch, self.temperature)
        };
        Ok((loss().stage("the loss")?, tokens))
    }
}

impl Task for Terms {
    fn groups(&self) -> Vec<(Vec<(String, Var)>, f64)> {
        let projection = self.projection.iter().flat_map(|projection| {
            [
                ("projection.weight".to_owned(), projection.weight.clone()),
                ("projection.bias".to_owned(), projection.bias.clone()),
            ]
        });
        vec![(self.encoder.parameters(), 1.0), (projection.collect(), 1.0)]
    }

    fn step(&self, step: u64, optimizer: &mut AdamW) -> Result<StepLoss> {
        let (loss, tokens) = self.loss(step)?;
        let value = loss.to_scalar::<f32>().stage("the loss")?;
        if value.is_finite() {
            optimizer.accumulate(Gradients::of(&loss)?)?;
        }
        Ok(StepLoss { loss: f64::from(value), tokens })
    }

    fn judge(&self, on_event: OnEvent<'_>) -> Result<Dev> {
        super::judge::judge(self, on_event)
    }
}
