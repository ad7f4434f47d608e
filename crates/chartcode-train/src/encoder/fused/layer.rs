//! One transformer layer, forward and backward.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor};
use chartcode::Activation;

use super::super::parameters::{Affine, Layer, Norm};
use super::{Output, Pass, States, numbers};
use crate::dropout::{Mask, Site};
use crate::gradients::{Gradient, collect};
use crate::ops::attention::{self, Attended};
use crate::ops::norm::{self, Normed, Scales};
use crate::ops::slices::{read, update};
use crate::ops::{activation, columns};

struct LayerOp {
    layer: Layer,
    settings: Settings,
    saved: Saved,
    /// Whether something below the layer is trained, or the layer itself is.
    trains: (bool, bool),
    output: Output,
}

/// What a layer's passes know besides tensors.
struct Settings {
    heads: usize,
    activation: Activation,
    epsilon: f32,
    offsets: Arc<[usize]>,
    attention_mask: Option<Mask>,
    attended_mask: Option<Mask>,
    output_mask: Option<Mask>,
}

/// What the forward pass leaves for the backward pass; matrices are `[rows, width]`.
struct Saved {
    /// Weights of query, key and value as one, `[3 H, H]`.
    qkv_weight: Tensor,
    qkv: Tensor,
    attended: Attended,
    attention_norm: Normed,
    /// What the feed-forward block gets.
    middle: Tensor,
    /// Before the activation and behind it.
    wide: Tensor,
    active: Tensor,
    output_norm: Normed,
}

pub(super) fn forward(pass: Pass<'_>, index: usize, states: &States) -> Result<States> {
    let layer = &pass.encoder.layers[index];
    let trained = pass.with_gradients && layer.query.weight.is_variable();
    let settings = Settings::new(pass, index);
    let (saved, output) = Saved::forward(layer, &settings, &states.tensor.detach())?;
    let output = Output::new(output, states.tensor.dims2()?);
    if !trained && !states.tracked {
        return Ok(States { tensor: output.into_tensor()?, tracked: false });
    }
    let anchor = if trained { &layer.query.weight } else { &states.tensor };
    let trains = (states.tracked, trained);
    let op = LayerOp { layer: layer.clone(), settings, saved, trains, output };
    Ok(States { tensor: states.tensor.apply_op2(anchor, op)?, tracked: true })
}

impl Settings {
    fn new(pass: Pass<'_>, index: usize) -> Self {
        let config = &pass.encoder.config;
        let mask = |site| pass.masks.and_then(|masks| masks.of(site));
        Self {
            heads: config.num_attention_heads,
            activation: config.hidden_act,
            epsilon: config.layer_norm_eps as f32,
            offsets: pass.packing.offsets.as_slice().into(),
            attention_mask: mask(Site::Attention(index)),
            attended_mask: mask(Site::AttentionOutput(index)),
            output_mask: mask(Site::Output(index)),
        }
    }

    fn shape(&self, width: usize) -> attention::Shape<'_> {
        let size = width / self.heads;
        attention::Shape { offsets: &self.offsets, heads: self.heads, size }
    }

    /// `LayerNorm(mask ⊙ (x + bias) + residual)`.
    fn add_and_norm(
        &self,
        (x, bias): (&Tensor, &Tensor),
        residual: &Tensor,
        mask: Option<Mask>,
        parameters: &Norm,
    ) -> Result<(Vec<f32>, Normed)> {
        let (scale, shift) = (numbers(&parameters.scale)?, numbers(&parameters.shift)?);
        let scales = Scales { scale: &scale, shift: &shift, epsilon: self.epsilon };
        let bias = numbers(bias)?;
        read(x, |x| read(residual, |rest| Ok(norm::residual_forward(x, &bias, rest, mask, scales))))
    }
}

impl Saved {
    fn forward(layer: &Layer, settings: &Settings, x: &Tensor) -> Result<(Self, Vec<f32>)> {
        let (rows, width) = x.dims2()?;
        let qkv_weight = joined(layer, |map| &map.weight)?;
        let qkv = x.matmul(&qkv_weight.t()?)?;
        let bias = numbers(&joined(layer, |map| &map.bias)?)?;
        update(&qkv, |qkv| {
            columns::add_bias(qkv, &bias);
            Ok(())
        })?;
        let shape = settings.shape(width);
        let attended =
            read(&qkv, |qkv| Ok(attention::forward(qkv, shape, settings.attention_mask)))?;
        let context = Tensor::from_slice(&attended.context, (rows, width), &Device::Cpu)?;
        let projected = product(&context, &layer.attention_output)?;
        let projected = (&projected, &layer.attention_output.bias);
        let norm = &layer.attention_norm;
        let (middle, attention_norm) =
            settings.add_and_norm(projected, x, settings.attended_mask, norm)?;
        let middle = Tensor::from_vec(middle, (rows, width), &Device::Cpu)?;
        let wide = product(&middle, &layer.up)?;
        let mut active = Vec::new();
        let bias = numbers(&layer.up.bias)?;
        update(&wide, |wide| {
            active = activation::forward(settings.activation, wide, &bias);
            Ok(())
        })?;
        let active = Tensor::from_vec(active, wide.shape(), &Device::Cpu)?;
        let fed = product(&active, &layer.down)?;
        let fed = (&fed, &layer.down.bias);
        let (output, output_norm) =
            settings.add_and_norm(fed, &middle, settings.output_mask, &layer.output_norm)?;
        let saved =
            Self { qkv_weight, qkv, attended, attention_norm, middle, wide, active, output_norm };
        Ok((saved, output))
    }
}

/// Query, key and value's parameters, one below the other.
fn joined(layer: &Layer, part: impl Fn(&Affine) -> &Tensor) -> Result<Tensor> {
    let parts = [&layer.query, &layer.key, &layer.value].map(|map| part(map).detach());
    Tensor::cat(&parts, 0)
}

fn product(x: &Tensor, map: &Affine) -> Result<Tensor> {
    x.matmul(&map.weight.detach().t()?)
}

/// A gradient of rows, and of the bias that was added to them.
type WithBias = (Tensor, Vec<f32>);

impl LayerOp {
    /// The gradient of the layer's input; those of its parameters are collected.
    fn backward(&self, x: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (layer, settings, saved) = (&self.layer, &self.settings, &self.saved);
        let masks = (settings.attended_mask, settings.output_mask);
        let (fed, residual) =
            self.norm_backward(gradient, &layer.output_norm, &saved.output_norm, masks.1)?;
        self.collect_map(&layer.down, &fed, &saved.active)?;
        let wide = self.activation_backward(&fed.0.matmul(&layer.down.weight.detach())?)?;
        self.collect_map(&layer.up, &wide, &saved.middle)?;
        let middle = wide.0.matmul(&layer.up.weight.detach())?;
        add(&middle, &residual)?;
        let (attended, residual) =
            self.norm_backward(&middle, &layer.attention_norm, &saved.attention_norm, masks.0)?;
        let rows = attended.0.dims2()?;
        let context = Tensor::from_slice(&saved.attended.context, rows, &Device::Cpu)?;
        self.collect_map(&layer.attention_output, &attended, &context)?;
        let context = attended.0.matmul(&layer.attention_output.weight.detach())?;
        let qkv = self.attention_backward(&context)?;
        self.collect_qkv(&qkv, x)?;
        if !self.trains.0 {
            return Ok(None);
        }
        let input = qkv.0.matmul(&saved.qkv_weight)?;
        add(&input, &residual)?;
        Ok(Some(input))
    }

    /// Gradients of a block's output, with that of its bias, and of its residual.
    fn norm_backward(
        &self,
        gradient: &Tensor,
        parameters: &Norm,
        normed: &Normed,
        mask: Option<Mask>,
    ) -> Result<(WithBias, Tensor)> {
        let scale = numbers(&parameters.scale)?;
        let width = scale.len();
        let shape = gradient.shape();
        let gradients = read(gradient, |g| Ok(norm::backward(g, normed, &scale)))?;
        self.collect(&parameters.scale, || Tensor::from_vec(gradients.scale, width, &Device::Cpu))?;
        self.collect(&parameters.shift, || Tensor::from_vec(gradients.shift, width, &Device::Cpu))?;
        let (rows, bias) = norm::through_mask(&gradients.rows, mask, width);
        let rows = Tensor::from_vec(rows, shape, &Device::Cpu)?;
        Ok(((rows, bias), Tensor::from_vec(gradients.rows, shape, &Device::Cpu)?))
    }

    /// Changes the gradient in place.
    fn activation_backward(&self, gradient: &Tensor) -> Result<WithBias> {
        let width = gradient.dim(1)?;
        let mut bias = Vec::new();
        update(gradient, |gradient| {
            read(&self.saved.wide, |wide| {
                bias = activation::backward(self.settings.activation, gradient, wide, width);
                Ok(())
            })
        })?;
        Ok((gradient.clone(), bias))
    }

    fn attention_backward(&self, gradient: &Tensor) -> Result<WithBias> {
        let (rows, width) = gradient.dims2()?;
        let (shape, mask) = (self.settings.shape(width), self.settings.attention_mask);
        let (qkv, bias) = read(&self.saved.qkv, |qkv| {
            read(gradient, |g| Ok(attention::backward(qkv, &self.saved.attended, g, shape, mask)))
        })?;
        Ok((Tensor::from_vec(qkv, (rows, 3 * width), &Device::Cpu)?, bias))
    }

    fn collect_map(&self, map: &Affine, gradient: &WithBias, input: &Tensor) -> Result<()> {
        self.collect(&map.weight, || gradient.0.t()?.matmul(input))?;
        self.collect(&map.bias, || Tensor::new(gradient.1.as_slice(), &Device::Cpu))
    }

    fn collect_qkv(&self, gradient: &WithBias, input: &Tensor) -> Result<()> {
        if !self.trains.1 {
            return Ok(());
        }
        let width = input.dim(1)?;
        let weight = gradient.0.t()?.matmul(input)?;
        let bias = Tensor::new(gradient.1.as_slice(), &Device::Cpu)?;
        let maps = [&self.layer.query, &self.layer.key, &self.layer.value];
        for (part, map) in maps.into_iter().enumerate() {
            self.collect(&map.weight, || weight.narrow(0, part * width, width))?;
            self.collect(&map.bias, || bias.narrow(0, part * width, width))?;
        }
        Ok(())
    }

    /// Works out a parameter's gradient if it is trained.
    fn collect(&self, parameter: &Tensor, gradient: impl FnOnce() -> Result<Tensor>) -> Result<()> {
        if self.trains.1 { collect(parameter, Gradient::Dense(gradient()?)) } else { Ok(()) }
    }
}

fn add(sum: &Tensor, other: &Tensor) -> Result<()> {
    update(sum, |sum| {
        read(other, |other| {
            columns::add(sum, other);
            Ok(())
        })
    })
}

impl CustomOp2 for LayerOp {
    fn name(&self) -> &'static str {
        "layer"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.output.take()
    }

    fn bwd(
        &self,
        x: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((self.backward(&x.detach(), &gradient.contiguous()?)?, None))
    }
}
