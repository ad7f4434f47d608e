//! Dropout whose masks are a function of a seed and a place, so that they need not be stored and
//! do not depend on the number of threads.

use candle_core::{Device, Result, Tensor};

/// The state of dropout in training (Srivastava et al. 2014): which masks come next.
///
/// A mask depends on the seed, on how many forward passes came before, on the layer and on the row.
/// Two passes over the same windows therefore differ, as R-drop wants them to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropout {
    seed: u64,
    passes: u64,
}

impl Dropout {
    /// Dropout before its first forward pass.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::resume(seed, 0)
    }

    /// Dropout after `passes` forward passes, for training that goes on.
    #[must_use]
    pub fn resume(seed: u64, passes: u64) -> Self {
        Self { seed, passes }
    }

    /// Forward passes so far.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// The masks of the next forward pass, for these rates of hidden states and of attention.
    pub(crate) fn next(&mut self, hidden: f32, attention: f32) -> Masks {
        let pass = mix(self.seed ^ mix(self.passes));
        self.passes += 1;
        Masks { pass, hidden, attention }
    }
}

/// The masks of one forward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masks {
    pass: u64,
    hidden: f32,
    attention: f32,
}

/// Where in the encoder a mask is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Embeddings,
    /// Attention probabilities of a layer.
    Attention(usize),
    /// What comes out of a layer's attention.
    AttentionOutput(usize),
    /// What comes out of a layer's feed-forward block.
    Output(usize),
}

/// The mask of one site: `None` where nothing is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    key: u64,
    /// Values whose hash is below this are dropped.
    threshold: u32,
    /// What the others are multiplied by.
    pub(crate) scale: f32,
}

impl Masks {
    pub(crate) fn of(&self, site: Site) -> Option<Mask> {
        let (number, rate) = match site {
            Site::Embeddings => (0, self.hidden),
            Site::Attention(layer) => (3 * layer as u64 + 1, self.attention),
            Site::AttentionOutput(layer) => (3 * layer as u64 + 2, self.hidden),
            Site::Output(layer) => (3 * layer as u64 + 3, self.hidden),
        };
        (rate > 0.0).then(|| Mask {
            key: mix(self.pass ^ mix(number)),
            threshold: threshold(rate),
            scale: 1.0 / (1.0 - rate),
        })
    }
}

impl Mask {
    /// The key of a row's mask.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> u32 {
        mix(self.key ^ row as u64) as u32
    }

    /// The factor of a row's value: 0 or the scale.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only then do the caller's loops become vector code")]
    pub(crate) fn factor(&self, row_key: u32, column: usize) -> f32 {
        let hash = hash(row_key ^ (column as u32).wrapping_mul(0x9e37_79b9));
        if hash >= self.threshold { self.scale } else { 0.0 }
    }

    /// The factors of these rows, `[rows, width]`.
    pub(crate) fn tensor(&self, rows: &[usize], width: usize, device: &Device) -> Result<Tensor> {
        let factors = |&row: &usize| {
            let key = self.row(row);
            (0..width).map(move |column| self.factor(key, column))
        };
        let factors: Vec<f32> = rows.iter().flat_map(factors).collect();
        Tensor::from_vec(factors, (rows.len(), width), device)
    }
}

/// The share of all u32 that lies below the threshold is the rate.
#[expect(clippy::cast_sign_loss, reason = "rates are positive")]
fn threshold(rate: f32) -> u32 {
    (f64::from(rate) * 4_294_967_296.0) as u32
}

/// Steele, Lea and Flood's `SplitMix64` finaliser.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A 32-bit finaliser of low bias (Wellons 2018), which compiles to vector code.
#[inline(always)]
#[expect(clippy::inline_always, reason = "only then do the caller's loops become vector code")]
fn hash(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_kept(masks: &Masks, site: Site) -> f64 {
        let mask = masks.of(site).unwrap();
        let kept = (0..400).flat_map(|row| (0..384).map(move |column| (row, column)));
        let kept = kept.filter(|&(row, column)| mask.factor(mask.row(row), column) > 0.0);
        kept.count() as f64 / (400.0 * 384.0)
    }

    #[test]
    fn the_rate_is_kept_and_the_mean_is_preserved() {
        let masks = Dropout::new(7).next(0.1, 0.3);
        // Four standard errors of a binomial share of 153,600 draws.
        assert!((share_kept(&masks, Site::Embeddings) - 0.9).abs() < 0.0031);
        assert!((share_kept(&masks, Site::Attention(2)) - 0.7).abs() < 0.0047);
        assert_eq!(masks.of(Site::Output(0)).unwrap().scale, 1.0 / 0.9);
    }

    #[test]
    fn masks_repeat_for_a_seed_and_differ_between_passes_sites_and_rows() {
        let draw = |dropout: &mut Dropout, site, row| {
            let mask = dropout.next(0.5, 0.5).of(site).unwrap();
            (0..64).map(|i| mask.factor(mask.row(row), i) > 0.0).collect::<Vec<_>>()
        };
        let first = draw(&mut Dropout::new(1), Site::Output(0), 3);
        assert_eq!(first, draw(&mut Dropout::new(1), Site::Output(0), 3));
        assert_ne!(first, draw(&mut Dropout::new(2), Site::Output(0), 3));
        assert_ne!(first, draw(&mut Dropout::resume(1, 1), Site::Output(0), 3));
        assert_ne!(first, draw(&mut Dropout::new(1), Site::Output(1), 3));
        assert_ne!(first, draw(&mut Dropout::new(1), Site::Output(0), 4));
    }

    #[test]
    fn a_rate_of_nought_is_no_mask() {
        let masks = Dropout::new(1).next(0.0, 0.1);
        assert!(masks.of(Site::Embeddings).is_none());
        assert!(masks.of(Site::Attention(0)).is_some());
    }
}
