//! Labels that bounds rule out are not computed; what is left has the same bits.

use chartcode_kernels::{
    Isa, LabelAttention, LabelSums, Matrix, Precision, Rows, Screen, TokenGroups,
};
use rayon::prelude::*;

/// Groups that a chart's tokens are put in for the first bound.
const GROUPS: usize = 64;

/// Labels whose logits are computed first when the best are asked for, at least: the lowest of
/// as many best ones is what the others must exceed.
const SEEDS: usize = 1024;

/// As many labels are computed before they are screened.
const WORTH_A_SCREEN: usize = 512;

/// Which labels a report is about.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// So many with the highest logits; the first of equal ones.
    Best(usize),
    /// Those whose logits are at least this, by label.
    AtLeast(&'a (dyn Fn(usize) -> f32 + Sync)),
}

/// How many labels took which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Labels of the head.
    pub(crate) labels: usize,
    /// Of these, screened in bf16.
    pub(crate) screened: usize,
    /// Of these, computed.
    pub(crate) computed: usize,
}

/// What bounds are computed from.
#[derive(Debug)]
pub(super) struct Pruner {
    /// The length of each label's weights.
    lengths: Vec<f32>,
    /// For heads in f32, where the CPU multiplies bf16 faster.
    screen: Option<Screen>,
}

/// The labels that were computed.
#[derive(Debug)]
pub(super) struct Found {
    /// In order.
    pub(super) labels: Vec<usize>,
    /// Of these labels.
    pub(super) sums: LabelSums,
    pub(super) counted: Counted,
}

/// One question about one chart.
#[derive(Clone, Copy)]
struct Search<'a> {
    pruner: &'a Pruner,
    head: LabelAttention<'a>,
    bias: &'a [f32],
    keys: &'a Rows,
    hidden: &'a Rows,
}

impl Pruner {
    pub(super) fn new(queries: &Matrix, values: &Matrix) -> Self {
        let pays = queries.precision() == Precision::F32 && Isa::best().has_bf16();
        let screen = pays.then(|| Screen::new(LabelAttention { queries, values }));
        Self { lengths: values.lengths(), screen }
    }

    /// Of a head with this bias, over a chart's keys and hidden states.
    pub(super) fn find(
        &self,
        (head, bias): (LabelAttention<'_>, &[f32]),
        (keys, hidden): (&Rows, &Rows),
        wanted: Wanted<'_>,
    ) -> Found {
        let search = Search { pruner: self, head, bias, keys, hidden };
        match wanted {
            Wanted::Best(count) if count < bias.len() => search.best(count),
            Wanted::Best(_) => search.finish((0..bias.len()).collect(), 0),
            Wanted::AtLeast(cut) => search.at_least(cut),
        }
    }
}

impl Search<'_> {
    fn at_least(self, cut: &(dyn Fn(usize) -> f32 + Sync)) -> Found {
        let most = self.most();
        let (labels, screened) = self.sift(keep(&most, cut), |labels, bounds| {
            labels
                .iter()
                .zip(&bounds.1)
                .filter(|&(&l, most)| may_reach(*most, cut(l)))
                .map(first)
                .collect()
        });
        self.finish(labels, screened)
    }

    fn best(self, count: usize) -> Found {
        let most = self.most();
        let mut order: Vec<usize> = (0..most.len()).collect();
        let seeds = SEEDS.max(2 * count).min(order.len());
        if seeds < order.len() {
            // NaN first: it is above every number.
            let rank = |l: usize| if most[l].is_nan() { f32::INFINITY } else { most[l] };
            order.select_nth_unstable_by(seeds, |&a, &b| rank(b).total_cmp(&rank(a)));
            order.truncate(seeds);
        }
        order.sort_unstable();
        let logits: Vec<f32> = self.logits(&order, &self.sums(&order));
        let floor = nth_highest(&logits, count);
        let mut is_seed = vec![false; most.len()];
        for &label in &order {
            is_seed[label] = true;
        }
        let rest = keep(&most, &|_| floor).into_iter().filter(|&l| !is_seed[l]).collect();
        let mut floor = floor;
        let (mut labels, screened) = self.sift(rest, |labels, (least, most)| {
            let known: Vec<f32> = least.iter().chain(&logits).copied().collect();
            floor = floor.max(nth_highest(&known, count));
            labels
                .iter()
                .zip(&most)
                .filter(|&(_, most)| may_reach(*most, floor))
                .map(first)
                .collect()
        });
        let seeds = order.iter().zip(&logits).filter(|&(_, logit)| may_reach(*logit, floor));
        labels.extend(seeds.map(first));
        labels.sort_unstable();
        self.finish(labels, screened)
    }

    /// What no logit exceeds, by groups of tokens.
    fn most(self) -> Vec<f32> {
        let groups = TokenGroups::new(Isa::best(), self.hidden, GROUPS);
        let most = groups.most(Isa::best(), self.head.values, &self.pruner.lengths);
        most.iter().zip(self.bias).map(|(most, bias)| above(most + bias, *bias)).collect()
    }

    /// Of labels, those that `choose` takes by the bounds of their logits, least and most; all
    /// where screening would not pay. And how many were screened.
    fn sift(
        self,
        labels: Vec<usize>,
        choose: impl FnOnce(&[usize], (Vec<f32>, Vec<f32>)) -> Vec<usize>,
    ) -> (Vec<usize>, usize) {
        let Some(screen) = &self.pruner.screen else { return (labels, 0) };
        if labels.len() < WORTH_A_SCREEN {
            return (labels, 0);
        }
        // A copy of most of them would cost more than it saves.
        let few = labels.len() < self.bias.len() / 2;
        let tokens = (self.keys, self.hidden);
        let bounds = if few {
            screen.select(&labels).bounds(Isa::best(), tokens.0, tokens.1)
        } else {
            screen.bounds(Isa::best(), tokens.0, tokens.1)
        };
        let (least, most): (Vec<f32>, Vec<f32>) = labels
            .iter()
            .enumerate()
            .map(|(at, &label)| {
                let (at, bias) = (if few { at } else { label }, self.bias[label]);
                (-above(-(bounds.least[at] + bias), bias), above(bounds.most[at] + bias, bias))
            })
            .unzip();
        let screened = if few { labels.len() } else { self.bias.len() };
        (choose(&labels, (least, most)), screened)
    }

    fn sums(self, labels: &[usize]) -> LabelSums {
        let mut sums = LabelSums::new(labels.len());
        if labels.len() == self.bias.len() {
            self.head.absorb(Isa::best(), &mut sums, self.keys, self.hidden);
        } else {
            let (queries, values) =
                (self.head.queries.select(labels), self.head.values.select(labels));
            let head = LabelAttention { queries: &queries, values: &values };
            head.absorb(Isa::best(), &mut sums, self.keys, self.hidden);
        }
        sums
    }

    fn logits(self, labels: &[usize], sums: &LabelSums) -> Vec<f32> {
        sums.means().zip(labels).map(|(mean, &label)| mean + self.bias[label]).collect()
    }

    fn finish(self, labels: Vec<usize>, screened: usize) -> Found {
        // To leave out few would cost more, in copies of the others, than it saves.
        let most = labels.len() > self.bias.len() / 4 * 3;
        let labels = if most { (0..self.bias.len()).collect() } else { labels };
        let sums = self.sums(&labels);
        let counted = Counted { labels: self.bias.len(), screened, computed: labels.len() };
        Found { labels, sums, counted }
    }
}

/// Whether a logit that is at most `most` may be at least `cut`: NaN may be anything.
fn may_reach(most: f32, cut: f32) -> bool {
    most >= cut || most.is_nan()
}

fn keep(most: &[f32], cut: &(dyn Fn(usize) -> f32 + Sync)) -> Vec<usize> {
    (0..most.len()).into_par_iter().filter(|&label| may_reach(most[label], cut(label))).collect()
}

fn first<A: Copy, B>((a, _): (&A, B)) -> A {
    *a
}

/// `bound`, the sum of a bound and a bias, raised by what adding them may have rounded off.
fn above(bound: f32, bias: f32) -> f32 {
    bound + 4.0 * f32::EPSILON * (bound.abs() + bias.abs())
}

/// The `n`th highest, not counting NaN.
fn nth_highest(values: &[f32], n: usize) -> f32 {
    let mut values: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if n == 0 || n > values.len() {
        return if n == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
    }
    *values.select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a)).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 48;

    /// Numbers of about normal size, the same for the same seed.
    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        (0..count).map(|_| 2.0 * (next() + next() + next())).collect()
    }

    struct Case {
        queries: Matrix,
        values: Matrix,
        bias: Vec<f32>,
        keys: Rows,
        hidden: Rows,
    }

    impl Case {
        /// Tokens that are `noise` around a few kinds, labels of which most weigh `faint` as much.
        fn new(seed: u64, (labels, tokens): (usize, usize), (noise, faint): (f32, f32)) -> Self {
            let kinds = numbers(seed, 5 * WIDTH);
            let mut hidden = numbers(seed + 1, tokens * WIDTH);
            for (token, row) in hidden.chunks_mut(WIDTH).enumerate() {
                let kind = &kinds[token % 5 * WIDTH..];
                row.iter_mut().zip(kind).for_each(|(x, kind)| *x = *x * noise + kind);
            }
            let mut weight = numbers(seed + 2, labels * WIDTH);
            let mut bias = vec![-2.0; labels];
            for (label, (row, bias)) in weight.chunks_mut(WIDTH).zip(&mut bias).enumerate() {
                if label % 16 != 0 {
                    for x in row {
                        *x *= faint;
                    }
                    *bias = -9.0;
                }
            }
            Self::of(&numbers(seed + 3, labels * WIDTH), (&weight, bias), &hidden, Precision::F32)
        }

        fn of(
            queries: &[f32],
            (weight, bias): (&[f32], Vec<f32>),
            hidden: &[f32],
            precision: Precision,
        ) -> Self {
            let pack =
                |values: &[f32]| Matrix::pack(values, (bias.len(), WIDTH), precision).unwrap();
            let mut rows = Rows::new();
            rows.fill(Isa::best(), hidden, WIDTH, precision);
            let keys: Vec<f32> = hidden.iter().map(|x| (0.5 * x).tanh()).collect();
            let mut key_rows = Rows::new();
            key_rows.fill(Isa::best(), &keys, WIDTH, precision);
            Self {
                queries: pack(queries),
                values: pack(weight),
                bias,
                keys: key_rows,
                hidden: rows,
            }
        }

        fn head(&self) -> LabelAttention<'_> {
            LabelAttention { queries: &self.queries, values: &self.values }
        }

        fn all(&self) -> Vec<f32> {
            let mut sums = LabelSums::new(self.bias.len());
            self.head().absorb(Isa::best(), &mut sums, &self.keys, &self.hidden);
            sums.means().zip(&self.bias).map(|(mean, bias)| mean + bias).collect()
        }

        fn find(&self, wanted: Wanted<'_>) -> (Vec<(usize, f32)>, Counted) {
            let mut pruner = Pruner::new(&self.queries, &self.values);
            if self.queries.precision() == Precision::F32 {
                // On every CPU, whether it pays or not.
                pruner.screen = Some(Screen::new(self.head()));
            }
            let tokens = (&self.keys, &self.hidden);
            let found = pruner.find((self.head(), &self.bias), tokens, wanted);
            let logits = found.sums.means().zip(&found.labels);
            let logits = logits.map(|(mean, &label)| (label, mean + self.bias[label])).collect();
            (logits, found.counted)
        }
    }

    /// What was computed has the bits of the full result, and what was not is not wanted.
    fn check(case: &Case, wanted: Wanted<'_>) -> Counted {
        let all = case.all();
        let (found, counted) = case.find(wanted);
        for &(label, logit) in &found {
            assert_eq!(logit.to_bits(), all[label].to_bits(), "label {label}");
        }
        let mut best: Vec<usize> = (0..all.len()).collect();
        best.sort_by(|&a, &b| all[b].total_cmp(&all[a]).then(a.cmp(&b)));
        let due: Vec<usize> = match wanted {
            Wanted::Best(count) => best.into_iter().take(count).collect(),
            Wanted::AtLeast(cut) => best.into_iter().filter(|&l| all[l] >= cut(l)).collect(),
        };
        for label in due {
            assert!(found.iter().any(|&(found, _)| found == label), "label {label} is missing");
        }
        assert_eq!(counted.computed, found.len());
        counted
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_answer_is_that_of_all_labels(
            seed in 0_u64..1000,
            tokens in 1_usize..300,
            noise in 0.0_f32..1.0,
            faint in 0.0_f32..1.2,
            count in 1_usize..80,
            cut in -6.0_f32..6.0,
        ) {
            let case = Case::new(seed, (1700, tokens), (noise, faint));
            check(&case, Wanted::Best(count));
            check(&case, Wanted::AtLeast(&|label| cut + 0.001 * label as f32));
        }
    }

    #[test]
    fn faint_labels_are_never_computed() {
        let case = Case::new(7, (4000, 500), (0.2, 0.01));
        let counted = check(&case, Wanted::AtLeast(&|_| 0.0));
        assert!(counted.screened <= 250 && counted.computed <= 250, "{counted:?}");
        let counted = check(&case, Wanted::Best(50));
        assert!(counted.computed <= 250, "{counted:?}");
    }

    #[test]
    fn labels_that_are_all_alike_strong_are_screened() {
        let case = Case::new(11, (4000, 500), (1.0, 1.0));
        let counted = check(&case, Wanted::Best(50));
        assert!(counted.screened > 500 && counted.computed < 400, "{counted:?}");
    }

    #[test]
    fn other_precisions_answer_as_in_full() {
        let hidden = numbers(1, 90 * WIDTH);
        let (queries, mut weight) = (numbers(2, 900 * WIDTH), numbers(3, 900 * WIDTH));
        for x in &mut weight[40 * WIDTH..] {
            *x *= 0.02;
        }
        let bias = vec![-3.0; 900];
        for precision in Precision::ALL {
            let case = Case::of(&queries, (&weight, bias.clone()), &hidden, precision);
            check(&case, Wanted::Best(20));
            let counted = check(&case, Wanted::AtLeast(&|_| -1.0));
            assert!(counted.computed < 900, "{precision}: {counted:?}");
        }
    }

    #[test]
    fn every_label_and_none() {
        let case = Case::new(3, (40, 30), (1.0, 1.0));
        assert_eq!(check(&case, Wanted::Best(40)).computed, 40);
        assert_eq!(check(&case, Wanted::Best(100)).computed, 40);
        assert_eq!(check(&case, Wanted::AtLeast(&|_| f32::MIN)).computed, 40);
        assert_eq!(check(&case, Wanted::AtLeast(&|_| f32::INFINITY)).computed, 0);
    }

    #[test]
    fn what_is_not_a_number_is_not_left_out() {
        let mut hidden = numbers(1, 20 * WIDTH);
        hidden[5 * WIDTH] = f32::NAN;
        let (queries, weight) = (numbers(2, 700 * WIDTH), numbers(3, 700 * WIDTH));
        let case = Case::of(&queries, (&weight, vec![-99.0; 700]), &hidden, Precision::F32);
        let (found, _) = case.find(Wanted::AtLeast(&|_| 0.0));
        assert_eq!(found.len(), 700);
        assert!(found.iter().all(|(_, logit)| logit.is_nan()));
    }
}
