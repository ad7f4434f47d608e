//! Whether the probabilities of suggested codes are what they say.

use crate::bootstrap::{Bootstrap, Interval};
use crate::chart_counts::is_gold;
use crate::metric::Estimate;
use crate::record::ChartRecord;

/// Bins of equal width; a bin is `(low, high]`, the first `[low, high]`.
const BINS: usize = 15;

/// The expected calibration error over suggested codes: the mean over codes of |mean probability −
/// share of gold| of their bin, 15 bins of equal width (Guo et al. 2017). None where no suggestion
/// has a probability.
#[must_use]
pub fn ece_suggested(records: &[ChartRecord], bootstrap: Bootstrap) -> Option<Estimate> {
    let charts: Vec<Vec<Part>> = records.iter().map(parts).collect();
    let error = |weights: &[u32]| {
        let mut bins = [Part::default(); BINS];
        for (parts, &weight) in charts.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            for part in parts {
                bins[part.bin].add(part, f64::from(weight));
            }
        }
        let all: f64 = bins.iter().map(|bin| bin.count).sum();
        let gap: f64 = bins.iter().map(|bin| (bin.probability - bin.gold).abs()).sum();
        vec![gap / all]
    };
    let estimate = bootstrap.intervals(records.len(), &[Interval::Centred], error).remove(0);
    estimate.value.is_some().then_some(estimate)
}

/// Sums over codes in a bin: of one chart, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    bin: usize,
    count: f64,
    probability: f64,
    gold: f64,
}

impl Part {
    fn add(&mut self, other: &Self, weight: f64) {
        self.count += weight * other.count;
        self.probability += weight * other.probability;
        self.gold += weight * other.gold;
    }
}

/// A chart's suggestions by bin.
fn parts(record: &ChartRecord) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for entry in &record.suggested {
        let Some(probability) = entry.probability.map(f64::from) else { continue };
        let gold = f64::from(u8::from(is_gold(record, entry.label)));
        let part = Part { bin: bin(probability), count: 1.0, probability, gold };
        match parts.iter_mut().find(|other| other.bin == part.bin) {
            Some(other) => other.add(&part, 1.0),
            None => parts.push(part),
        }
    }
    parts
}

/// The bin of a probability.
#[expect(clippy::cast_sign_loss, reason = "probabilities are not negative")]
fn bin(probability: f64) -> usize {
    ((probability * BINS as f64).ceil() as usize).clamp(1, BINS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Suggestion;

    #[test]
    fn edges_belong_to_the_lower_bin() {
        let bins = [0.0, 1e-9, 1.0 / 15.0, 0.067, 0.2, 1.0].map(bin);
        assert_eq!(bins, [0, 0, 0, 1, 2, 14]);
    }

    #[test]
    fn the_gap_is_weighted_by_the_codes_of_a_bin() {
        let suggestion = |label, probability| Suggestion {
            label,
            probability: Some(probability),
            accepted: false,
        };
        let chart = |gold: &[u32], suggested: Vec<Suggestion>| ChartRecord {
            gold: gold.to_vec(),
            suggested,
            ..ChartRecord::default()
        };
        let records = [
            chart(&[0], vec![suggestion(0, 0.75), suggestion(1, 0.75)]),
            chart(&[0, 2], vec![suggestion(0, 0.75), suggestion(2, 0.25)]),
        ];
        let ece = ece_suggested(&records, Bootstrap::default()).unwrap();
        // (3 · |0.75 − 2/3| + |0.25 − 1|) / 4
        assert!((ece.value.unwrap() - 0.25).abs() < 1e-12);
        assert!(ece.low.unwrap() < 0.25 && ece.high.unwrap() > 0.25);
        assert_eq!(ece_suggested(&[chart(&[0], vec![])], Bootstrap::default()), None);
    }
}
