//! Words, positions and the first segment, LayerNorm and dropout.

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor};

use super::super::composed;
use super::super::parameters::Embeddings;
use super::{Output, Pass, States, numbers};
use crate::dropout::{Mask, Site};
use crate::gradients::{Gradient, collect};
use crate::ops::norm::{self, Normed, Scales};
use crate::ops::slices::read;
use crate::ops::{columns, embedding};

struct EmbeddingsOp {
    parameters: Embeddings,
    ids: Vec<u32>,
    positions: Vec<u32>,
    mask: Option<Mask>,
    normed: Normed,
    output: Output,
}

pub(super) fn forward(pass: Pass<'_>) -> Result<States> {
    let parameters = &pass.encoder.embeddings;
    let (op, anchor) = (EmbeddingsOp::new(pass)?, parameters.trained().cloned());
    let (tensor, tracked) = match anchor {
        Some(anchor) if pass.with_gradients => (anchor.apply_op1(op)?, true),
        _ => (op.output.into_tensor()?, false),
    };
    let tensor = match &parameters.projection {
        None => tensor,
        Some(projection) if tracked => composed::apply(projection, &tensor)?,
        Some(projection) => composed::apply(projection, &tensor)?.detach(),
    };
    Ok(States { tensor, tracked })
}

impl EmbeddingsOp {
    fn new(pass: Pass<'_>) -> Result<Self> {
        let (parameters, packing) = (&pass.encoder.embeddings, pass.packing);
        let mask = pass.masks.and_then(|masks| masks.of(Site::Embeddings));
        let (scale, shift) = (numbers(&parameters.norm.scale)?, numbers(&parameters.norm.shift)?);
        let (width, rows) = (scale.len(), packing.rows());
        let epsilon = pass.encoder.config.layer_norm_eps as f32;
        let scales = Scales { scale: &scale, shift: &shift, epsilon };
        let segment = match &parameters.segment {
            Some(table) => numbers(&table.get(0)?)?,
            None => vec![0.0; width],
        };
        let (mut out, normed) = read(&parameters.word, |words| {
            read(&parameters.position, |positions| {
                let fill = |index: usize, row: &mut [f32]| {
                    let word = &words[packing.ids[index] as usize * width..][..width];
                    let position = packing.positions[index] as usize;
                    let position = &positions[position * width..][..width];
                    let parts = word.iter().zip(position).zip(&segment);
                    row.iter_mut().zip(parts).for_each(|(row, ((w, p), s))| *row = w + p + s);
                };
                Ok(norm::forward(rows, fill, scales))
            })
        })?;
        if mask.is_some() {
            out = norm::through_mask(&out, mask, width).0;
        }
        Ok(Self {
            parameters: parameters.clone(),
            ids: packing.ids.clone(),
            positions: packing.positions.clone(),
            mask,
            normed,
            output: Output::new(out, (rows, width)),
        })
    }

    fn backward(&self, gradient: &[f32]) -> Result<()> {
        let parameters = &self.parameters;
        let scale = numbers(&parameters.norm.scale)?;
        let width = scale.len();
        let (dropped, _) = norm::through_mask(gradient, self.mask, width);
        let norm = norm::backward(&dropped, &self.normed, &scale);
        let vector =
            |values: Vec<f32>| Tensor::from_vec(values, width, &Device::Cpu).map(Gradient::Dense);
        collect(&parameters.norm.scale, vector(norm.scale)?)?;
        collect(&parameters.norm.shift, vector(norm.shift)?)?;
        collect(&parameters.word, embedding::backward(&self.ids, &norm.rows, width))?;
        collect(&parameters.position, embedding::backward(&self.positions, &norm.rows, width))?;
        if let Some(segment) = &parameters.segment {
            let values = columns::sums(&norm.rows, width);
            collect(segment, Gradient::Rows { rows: vec![0], values })?;
        }
        Ok(())
    }
}

impl Embeddings {
    /// One of the trained tensors, if there are any.
    fn trained(&self) -> Option<&Tensor> {
        Some(&self.word).filter(|tensor| tensor.is_variable())
    }
}

impl CustomOp1 for EmbeddingsOp {
    fn name(&self) -> &'static str {
        "embeddings"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.output.take()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.to_dtype(DType::F32)?.contiguous()?;
        read(&gradient, |gradient| self.backward(gradient))?;
        Ok(None)
    }
}
