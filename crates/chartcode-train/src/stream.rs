//! Random numbers as a function of a seed, a purpose and a step: nothing about them has to be
//! saved, and no draw depends on what was drawn before for another purpose.

use rand::SeedableRng as _;
use rand_pcg::Pcg64;

/// What numbers are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The order of the charts in an epoch.
    Order = 1,
    /// The pairs of a step.
    Pairs = 2,
    /// Which pairs are held out.
    HeldOut = 3,
    /// The masks of dropout in a step.
    Dropout = 4,
    /// A new head's first weights.
    Head = 5,
}

/// The generator for the `index`-th step or epoch of a purpose.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> Pcg64 {
    Pcg64::seed_from_u64(key(seed, purpose, index))
}

/// A seed of its own for the `index`-th step of a purpose.
pub(crate) fn key(seed: u64, purpose: Purpose, index: u64) -> u64 {
    mix(mix(seed ^ mix(purpose as u64)) ^ index)
}

/// Steele, Lea and Flood's `SplitMix64` finaliser.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_seed_purpose_and_index() {
        let draw = |seed, purpose, index| -> u64 { stream(seed, purpose, index).random() };
        let first = draw(1, Purpose::Order, 0);
        assert_eq!(first, draw(1, Purpose::Order, 0));
        for other in
            [draw(2, Purpose::Order, 0), draw(1, Purpose::Pairs, 0), draw(1, Purpose::Order, 1)]
        {
            assert_ne!(first, other);
        }
    }
}
