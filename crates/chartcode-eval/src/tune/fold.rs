//! Parts of a set for cross-validation.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;

use crate::error::{Error, Result};

/// Charts dealt into folds of equal size (± 1) at random, the same for the same seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    fold: Vec<usize>,
    count: usize,
}

impl Folds {
    /// Deals `charts` charts into `count` folds.
    ///
    /// # Errors
    ///
    /// Fewer than two folds, or fewer charts than folds.
    pub fn new(charts: usize, count: usize, seed: u64) -> Result<Self> {
        if count < 2 || charts < count {
            return Err(Error::Request(format!(
                "cross-validation: {count} folds of {charts} charts; needed are at least two \
                 folds, and a chart for each"
            )));
        }
        let mut fold: Vec<usize> = (0..charts).map(|chart| chart % count).collect();
        fold.shuffle(&mut Pcg64::seed_from_u64(seed));
        Ok(Self { fold, count })
    }

    /// Number of folds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of charts.
    #[must_use]
    pub fn charts(&self) -> usize {
        self.fold.len()
    }

    /// The fold a chart is in.
    ///
    /// # Panics
    ///
    /// `chart` is not below [`Self::charts`].
    #[must_use]
    pub fn of(&self, chart: usize) -> usize {
        self.fold[chart]
    }

    /// An error unless the folds are of that many charts.
    pub(super) fn check(&self, charts: usize) -> Result<()> {
        if self.charts() == charts {
            return Ok(());
        }
        Err(Error::Request(format!(
            "cross-validation: folds of {} charts for a set of {charts}",
            self.charts()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_even_fixed_by_the_seed_and_shuffled() {
        let folds = Folds::new(23, 5, 7).unwrap();
        let mut sizes = [0; 5];
        (0..23).for_each(|chart| sizes[folds.of(chart)] += 1);
        assert_eq!(sizes, [5, 5, 5, 4, 4]);
        assert_eq!(folds, Folds::new(23, 5, 7).unwrap());
        assert_ne!(folds, Folds::new(23, 5, 8).unwrap());
        assert!((0..23).any(|chart| folds.of(chart) != chart % 5));
    }

    #[test]
    fn impossible_folds_are_refused() {
        assert!(Folds::new(10, 1, 0).is_err());
        assert!(Folds::new(1, 2, 0).is_err());
        assert!(Folds::new(2, 2, 0).is_ok());
        assert!(Folds::new(4, 2, 0).unwrap().check(5).is_err());
    }
}
