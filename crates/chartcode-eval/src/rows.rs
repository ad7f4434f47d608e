//! Numbers of charts as rows, summed by the weights of the charts.

/// As many numbers for every chart.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    /// No chart yet, `width` numbers for each to come.
    pub(crate) fn new(width: usize, charts: usize) -> Self {
        Self { width, values: Vec::with_capacity(width * charts) }
    }

    /// The next chart's numbers; the row is filled up with 0.
    pub(crate) fn push(&mut self, row: &[f64]) {
        let end = self.values.len() + self.width;
        self.values.extend_from_slice(&row[..row.len().min(self.width)]);
        self.values.resize(end, 0.0);
    }

    /// Sums over the charts, each counted as often as its weight says.
    pub(crate) fn sums(&self, weights: &[u32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for (row, &weight) in self.values.chunks_exact(self.width).zip(weights) {
            if weight > 0 {
                let weight = f64::from(weight);
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
        sums
    }
}

/// A share; not a number where the whole is empty.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

/// A share; 0 where the whole is empty.
pub(crate) fn share_or_zero(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The harmonic mean of precision and recall from counts; not a number where there is nothing.
pub(crate) fn f1(correct: f64, suggested: f64, gold: f64) -> f64 {
    share(2.0 * correct, suggested + gold)
}
