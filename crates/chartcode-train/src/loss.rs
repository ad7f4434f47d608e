//! Losses as functions of tensors with gradients.

use candle_core::{D, DType, Result, Tensor};

/// Stands for `-∞` in scores: far below any cosine by a temperature, and without `NaN`.
const MASKED: f64 = -1e9;

/// Binary cross-entropy of logits against targets of the same shape, the mean over all of them.
///
/// With smoothing `s` a target `y` is taken as `y (1 − s) + s / 2` (Szegedy et al. 2016, for two
/// classes).
///
/// # Errors
/// candle's, for shapes that differ.
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor, smoothing: f64) -> Result<Tensor> {
    let targets = targets.affine(1.0 - smoothing, smoothing / 2.0)?;
    // max(x, 0) − x y + ln(1 + e^−|x|) does not overflow.
    let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    ((logits.relu()? - (logits * targets)?)? + tail)?.mean_all()
}

/// R-drop's penalty (Liang et al. 2021) for labels that are not exclusive: the symmetric
/// Kullback–Leibler divergence `½ KL(p‖q) + ½ KL(q‖p)` of the Bernoulli distributions that two
/// passes with different dropout give, the mean over all labels. For two of them it is
/// `½ (σ(a) − σ(b)) (a − b)`.
///
/// # Errors
/// candle's, for shapes that differ.
pub fn r_drop(first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let probabilities = (candle_nn::ops::sigmoid(first)? - candle_nn::ops::sigmoid(second)?)?;
    (probabilities * (first - second)?)?.mean_all()? * 0.5
}

/// The two sides of a contrastive batch, and which of the other texts are no negatives.
#[derive(Debug)]
pub struct ContrastiveBatch<'a> {
    /// Vectors of length 1 of one text a code, `[N, D]`.
    pub anchors: &'a Tensor,
    /// Of another text of the same codes, `[N, D]`.
    pub positives: &'a Tensor,
    /// Of hard negatives of any of them, `[M, D]`; M may be 0.
    pub hard: Option<&'a Tensor>,
    /// 1 where a column's text belongs to the row's code too and is no negative, `[N, N + M]`; the
    /// diagonal is not looked at.
    pub same: &'a Tensor,
}

/// `InfoNCE` (van den Oord et al. 2018) with in-batch negatives in both directions:
/// `−ln e^(aᵢ·pᵢ/τ) / Σ e^(aᵢ·c/τ)` over the batch's positives and the hard negatives, and the same
/// from positives to anchors; the mean of the two. False negatives are left out of the sum.
///
/// # Errors
/// candle's, for shapes that do not fit.
pub fn info_nce(batch: &ContrastiveBatch<'_>, temperature: f64) -> Result<Tensor> {
    let count = batch.anchors.dim(0)?;
    let own = Tensor::eye(count, DType::F32, batch.anchors.device())?;
    let own = match batch.hard {
        Some(hard) => {
            let rest = Tensor::zeros((count, hard.dim(0)?), DType::F32, own.device())?;
            Tensor::cat(&[&own, &rest], 1)?
        }
        None => own,
    };
    let masked = ((batch.same * (1.0 - &own)?)? * MASKED)?;
    let one_way = |from: &Tensor, to: &Tensor| -> Result<Tensor> {
        let candidates = match batch.hard {
            Some(hard) => Tensor::cat(&[to, hard], 0)?,
            None => to.clone(),
        };
        let scores = ((from.matmul(&candidates.t()?)? / temperature)? + &masked)?;
        let right = (candle_nn::ops::log_softmax(&scores, D::Minus1)? * &own)?.sum_all()?;
        right / -(count as f64)
    };
    let there = one_way(batch.anchors, batch.positives)?;
    let back = one_way(batch.positives, batch.anchors)?;
    (there + back)? * 0.5
}

/// LAAT's label attention (Vu et al. 2020) with gradients: of a chart's hidden states `[T, H]` a
/// logit a label, `[L]`.
#[derive(Clone, Debug)]
pub struct LaatTensors {
    /// `W1`, `[D, H]`.
    pub first: Tensor,
    /// `W2`, `[L, D]`.
    pub second: Tensor,
    /// `W3`, `[L, H]`.
    pub third: Tensor,
    /// `[L]`.
    pub bias: Tensor,
}

impl LaatTensors {
    /// `α = softmax over tokens of W2 tanh(W1 Xᵀ)`, `logit_l = W3_l · Σ α x + b_l`.
    ///
    /// # Errors
    /// candle's, for shapes that do not fit.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor> {
        let keys = states.matmul(&self.first.t()?)?.tanh()?;
        let scores = self.second.matmul(&keys.t()?)?;
        let attention = candle_nn::ops::softmax(&scores, D::Minus1)?;
        (attention.matmul(states)? * &self.third)?.sum(1)? + &self.bias
    }
}
