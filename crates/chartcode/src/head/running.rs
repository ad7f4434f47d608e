//! The online softmax of one concept over the spans of a chart.

/// How many passages are kept for each concept.
const KEPT: usize = 3;

/// A passage whose attention lies this far (in the exponent) below the best one's adds less than
/// half a unit in the last place to any sum it would enter.
const NEGLIGIBLE: f32 = -17.5;

/// Where the spans of one call stand in their chart.
#[derive(Debug)]
pub(super) struct SpanNumbers {
    /// Number of the first span within its chart.
    pub(super) first: u32,
    /// Window w owns spans `bounds[w]..bounds[w + 1]`, counted from `first`.
    pub(super) bounds: Vec<usize>,
}

impl SpanNumbers {
    /// How many spans there are.
    pub(super) fn count(&self) -> usize {
        self.bounds[self.bounds.len() - 1]
    }
}

/// A concept's running softmax: three sums and the best passages, at most one a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    /// Highest similarity so far.
    best: f32,
    /// Σ exp(temperature · (s − best)).
    mass: f32,
    /// Σ exp(temperature · (s − best)) · s.
    weighted: f32,
    /// The best passages, best first.
    hits: [Hit; KEPT],
}

/// A span, by its number in the chart, and its similarity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) similarity: f32,
    pub(super) span: u32,
}

impl Hit {
    const NONE: Self = Self { similarity: f32::NEG_INFINITY, span: u32::MAX };

    fn is_some(self) -> bool {
        self.span != u32::MAX
    }
}

impl Running {
    /// Before the first span.
    pub(super) const START: Self =
        Self { best: f32::NEG_INFINITY, mass: 0.0, weighted: 0.0, hits: [Hit::NONE; KEPT] };

    /// Takes in the similarities of spans `from..`, one after the other, so that it does not
    /// matter how they are divided among calls.
    pub(super) fn absorb(
        &mut self,
        similarity: &[f32],
        from: usize,
        numbers: &SpanNumbers,
        temperature: f32,
    ) {
        for (offset, &s) in similarity.iter().enumerate() {
            let exponent = temperature * (s - self.best);
            if s > self.best {
                // The first span meets no sum to shrink; exp(-∞) is 0 there.
                let shrink = (-exponent).exp();
                self.mass = self.mass * shrink + 1.0;
                self.weighted = self.weighted * shrink + s;
                self.best = s;
            } else if exponent > NEGLIGIBLE {
                let mass = exponent.exp();
                self.mass += mass;
                self.weighted += mass * s;
            }
            if s > self.hits[KEPT - 1].similarity {
                self.keep(s, from + offset, numbers);
            }
        }
    }

    /// Σ α s, the similarity that attention arrives at; that of opposite vectors where the chart
    /// has no span at all.
    pub(super) fn attended(&self) -> f32 {
        if self.mass > 0.0 { self.weighted / self.mass } else { -1.0 }
    }

    /// The best passages, best first.
    pub(super) fn hits(&self) -> impl Iterator<Item = Hit> {
        self.hits.into_iter().filter(|hit| hit.is_some())
    }

    /// A passage's part in [`Running::attended`]: α s. Where only the best passage counts the
    /// others are told by their similarity, as if each were alone.
    pub(super) fn weight(&self, similarity: f32, temperature: f32) -> f32 {
        if temperature.is_infinite() {
            return similarity;
        }
        (temperature * (similarity - self.best)).exp() / self.mass * similarity
    }

    /// Enters a span among the best passages; a window has at most one of them.
    fn keep(&mut self, similarity: f32, span: usize, numbers: &SpanNumbers) {
        let window = numbers.bounds.partition_point(|&bound| bound <= span) - 1;
        let first_of_window = numbers.first + numbers.bounds[window] as u32;
        let same = |hit: &Hit| hit.is_some() && hit.span >= first_of_window;
        let slot = self.hits.iter().position(same).unwrap_or(KEPT - 1);
        if similarity <= self.hits[slot].similarity {
            return;
        }
        self.hits[slot] = Hit { similarity, span: numbers.first + span as u32 };
        // Stable: of equal passages the earlier one stays ahead.
        self.hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The textbook softmax in f64, all spans at hand.
    fn attended(similarity: &[f32], temperature: f64) -> f64 {
        let best = similarity.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let masses: Vec<f64> =
            similarity.iter().map(|&s| (temperature * f64::from(s - best)).exp()).collect();
        let weighted: f64 = masses.iter().zip(similarity).map(|(m, &s)| m * f64::from(s)).sum();
        weighted / masses.iter().sum::<f64>()
    }

    /// Windows of three spans each.
    fn numbers(first: usize, count: usize) -> SpanNumbers {
        let mut bounds: Vec<usize> = (0..count).step_by(3).collect();
        bounds.push(count);
        SpanNumbers { first: first as u32, bounds }
    }

    proptest! {
        #[test]
        fn the_online_softmax_equals_the_textbook_one(
            similarity in proptest::collection::vec(-1_f32..1.0, 1..60),
            temperature in prop_oneof![Just(0.5_f32), Just(8.0), Just(60.0)],
            cut in 0_usize..20,
        ) {
            let cut = (cut * 3).min(similarity.len());
            let (head, tail) = similarity.split_at(cut);
            let mut whole = Running::START;
            whole.absorb(&similarity, 0, &numbers(0, similarity.len()), temperature);
            let reference = attended(&similarity, f64::from(temperature));
            prop_assert!((f64::from(whole.attended()) - reference).abs() < 1e-5);

            let mut parts = Running::START;
            parts.absorb(head, 0, &numbers(0, cut), temperature);
            parts.absorb(tail, 0, &numbers(cut, tail.len()), temperature);
            prop_assert_eq!(parts.attended().to_bits(), whole.attended().to_bits());
        }

        #[test]
        fn without_temperature_the_best_span_counts_alone(
            similarity in proptest::collection::vec(-1_f32..1.0, 1..40),
        ) {
            let mut running = Running::START;
            running.absorb(&similarity, 0, &numbers(0, similarity.len()), f32::INFINITY);
            let best = similarity.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(running.attended().to_bits(), best.to_bits());
        }

        #[test]
        fn the_best_passages_are_the_best_of_each_window(
            similarity in proptest::collection::vec((0_u8..9).prop_map(f32::from), 1..40),
        ) {
            let mut running = Running::START;
            running.absorb(&similarity, 0, &numbers(0, similarity.len()), 1.0);
            let mut best: Vec<(usize, f32)> = similarity
                .chunks(3)
                .enumerate()
                .map(|(window, chunk)| {
                    let (at, s) = chunk.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
                    (window * 3 + at, *s)
                })
                .collect();
            best.sort_by(|a, b| b.1.total_cmp(&a.1));
            best.truncate(KEPT);
            let ours: Vec<(usize, f32)> =
                running.hits().map(|hit| (hit.span as usize, hit.similarity)).collect();
            prop_assert_eq!(ours, best);
        }
    }

    #[test]
    fn a_chart_without_spans_is_like_nothing() {
        assert_eq!(Running::START.attended().to_bits(), (-1.0_f32).to_bits());
        assert_eq!(Running::START.hits().count(), 0);
    }
}
