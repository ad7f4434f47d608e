//! The forward pass as a composition of candle's operations, which have gradients on every device.

use candle_core::{D, Device, Result, Tensor};
use chartcode::Activation;

use super::parameters::{Affine, Layer, Norm};
use super::{Packing, TrainableEncoder};
use crate::dropout::{Masks, Site};

/// What a forward pass knows besides the hidden states.
struct Pass<'a> {
    /// Number and length of windows, group by group.
    groups: Vec<(usize, usize)>,
    /// The number that each row has in the order of the caller.
    rows: Vec<usize>,
    masks: Option<&'a Masks>,
    heads: usize,
    epsilon: f32,
    activation: Activation,
    device: &'a Device,
}

/// `[rows, H]` in the order of the packing.
pub(super) fn forward(
    encoder: &TrainableEncoder,
    packing: &Packing,
    masks: Option<&Masks>,
) -> Result<Tensor> {
    let (config, device) = (&encoder.config, encoder.device());
    let (groups, rows) = packing.by_length();
    let epsilon = config.layer_norm_eps as f32;
    let (heads, activation) = (config.num_attention_heads, config.hidden_act);
    let pass = Pass { groups, rows, masks, heads, epsilon, activation, device };
    let mut hidden = pass.embed(encoder, packing)?;
    for (index, layer) in encoder.layers.iter().enumerate() {
        hidden = pass.layer(layer, index, &hidden)?;
    }
    let mut places = vec![0_u32; pass.rows.len()];
    pass.rows.iter().enumerate().for_each(|(place, &row)| places[row] = place as u32);
    hidden.index_select(&Tensor::from_vec(places, pass.rows.len(), device)?, 0)
}

impl Pass<'_> {
    fn embed(&self, encoder: &TrainableEncoder, packing: &Packing) -> Result<Tensor> {
        let parameters = &encoder.embeddings;
        let select = |table: &Tensor, numbers: &[u32]| {
            let numbers: Vec<u32> = self.rows.iter().map(|&row| numbers[row]).collect();
            let count = numbers.len();
            table.index_select(&Tensor::from_vec(numbers, count, self.device)?, 0)
        };
        let words = select(&parameters.word, &packing.ids)?;
        let mut sum = (words + select(&parameters.position, &packing.positions)?)?;
        if let Some(segment) = &parameters.segment {
            sum = sum.broadcast_add(&segment.narrow(0, 0, 1)?)?;
        }
        let states = self.drop(self.normalise(&parameters.norm, &sum)?, Site::Embeddings)?;
        match &parameters.projection {
            Some(projection) => apply(projection, &states),
            None => Ok(states),
        }
    }

    fn layer(&self, layer: &Layer, index: usize, hidden: &Tensor) -> Result<Tensor> {
        let context = self.attend(layer, index, hidden)?;
        let attended = apply(&layer.attention_output, &context)?;
        let attended = self.drop(attended, Site::AttentionOutput(index))?;
        let hidden = self.normalise(&layer.attention_norm, &(attended + hidden)?)?;
        let wide = self.activate(&apply(&layer.up, &hidden)?)?;
        let fed = self.drop(apply(&layer.down, &wide)?, Site::Output(index))?;
        self.normalise(&layer.output_norm, &(fed + hidden)?)
    }

    fn attend(&self, layer: &Layer, index: usize, hidden: &Tensor) -> Result<Tensor> {
        let maps = [&layer.query, &layer.key, &layer.value];
        let [query, key, value] = maps.map(|map| apply(map, hidden));
        let (query, key, value) = (query?, key?, value?);
        let (size, mut first) = (query.dim(1)? / self.heads, 0);
        let mut contexts = Vec::with_capacity(self.groups.len());
        for &(windows, length) in &self.groups {
            let split = |x: &Tensor| {
                let x = x.narrow(0, first, windows * length)?;
                x.reshape((windows, length, self.heads, size))?.transpose(1, 2)?.contiguous()
            };
            let scores = split(&query)?.matmul(&split(&key)?.transpose(2, 3)?.contiguous()?)?;
            let scores = (scores * (1.0 / (size as f64).sqrt()))?;
            let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
            let weights = self.drop_attention(weights, index, first)?;
            let context = weights.matmul(&split(&value)?)?.transpose(1, 2)?.contiguous()?;
            contexts.push(context.reshape((windows * length, self.heads * size))?);
            first += windows * length;
        }
        Tensor::cat(&contexts, 0)
    }

    /// `weights` is `[windows, heads, length, length]`, of the windows from row `first` on.
    fn drop_attention(&self, weights: Tensor, layer: usize, first: usize) -> Result<Tensor> {
        let Some(mask) = self.masks.and_then(|masks| masks.of(Site::Attention(layer))) else {
            return Ok(weights);
        };
        let (windows, heads, length, _) = weights.dims4()?;
        let mut rows = Vec::with_capacity(windows * heads * length);
        for window in 0..windows {
            let tokens = &self.rows[first + window * length..][..length];
            rows.extend((0..heads).flat_map(|head| tokens.iter().map(move |t| t * heads + head)));
        }
        weights
            * mask
                .tensor(&rows, length, self.device)?
                .reshape(weights_shape(windows, heads, length))?
    }

    fn drop(&self, x: Tensor, site: Site) -> Result<Tensor> {
        match self.masks.and_then(|masks| masks.of(site)) {
            None => Ok(x),
            Some(mask) => x.mul(&mask.tensor(&self.rows, x.dim(1)?, self.device)?),
        }
    }

    fn normalise(&self, norm: &Norm, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm_slow(x, &norm.scale, &norm.shift, self.epsilon)
    }

    fn activate(&self, x: &Tensor) -> Result<Tensor> {
        match self.activation {
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluNew => x.gelu(),
            Activation::Relu => x.relu(),
            Activation::Silu => x.silu(),
            Activation::Tanh => x.tanh(),
            _ => candle_core::bail!("an activation without a gradient here"),
        }
    }
}

fn weights_shape(windows: usize, heads: usize, length: usize) -> (usize, usize, usize, usize) {
    (windows, heads, length, length)
}

/// `x W^T + b`.
pub(super) fn apply(map: &Affine, x: &Tensor) -> Result<Tensor> {
    x.matmul(&map.weight.t()?)?.broadcast_add(&map.bias)
}
