use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use serde::Deserialize;

use super::*;
use crate::rank::ranks;

/// Charts with scores, none where a row does not list the label.
#[derive(Clone, Debug, Default)]
struct Charts {
    scores: Vec<Vec<Option<f32>>>,
    gold: Vec<Vec<u32>>,
}

impl Charts {
    fn labels(&self) -> usize {
        self.scores[0].len()
    }

    fn fill(&self, mut spool: Spool) -> (AucBuilder, Spool) {
        let mut builder = AucBuilder::new(self.labels());
        for (scores, gold) in self.scores.iter().zip(&self.gold) {
            let dense: Vec<f32> = scores.iter().flatten().copied().collect();
            let listed = listed(scores);
            let row = if dense.len() == scores.len() {
                RowScores::Dense(&dense)
            } else {
                RowScores::Sparse(&listed)
            };
            builder.add_positives(row, gold);
            spool.push(row).unwrap();
        }
        (builder, spool)
    }

    fn areas(&self, scope: AucScope<'_>) -> AreaUnderCurve {
        let (builder, mut spool) = self.fill(Spool::new(self.labels()));
        builder.finish(&mut spool, scope).unwrap()
    }

    /// Pairs in scope: label, score, whether gold, weight.
    fn pairs(&self, weights: &[f64], scope: AucScope<'_>) -> Vec<(u32, f32, bool, f64)> {
        let mut pairs = Vec::new();
        for (chart, (scores, gold)) in self.scores.iter().zip(&self.gold).enumerate() {
            for (label, score) in scores.iter().enumerate() {
                if scope.charts.is_none_or(|mask| mask[chart])
                    && scope.labels.is_none_or(|mask| mask[label])
                {
                    let (label, score) = (label as u32, score.unwrap_or(f32::NEG_INFINITY));
                    pairs.push((label, score, gold.contains(&label), weights[chart]));
                }
            }
        }
        pairs
    }

    /// Micro and macro area as they are defined, with a weight a chart.
    fn naive(&self, weights: &[f64], scope: AucScope<'_>) -> (Option<f64>, Vec<(u32, f64)>) {
        let pairs = self.pairs(weights, scope);
        let label = |label| {
            let own: Vec<_> = pairs.iter().copied().filter(|pair| pair.0 == label).collect();
            Some((label, area(&own)?))
        };
        (area(&pairs), (0..self.labels() as u32).filter_map(label).collect())
    }
}

fn listed(scores: &[Option<f32>]) -> Vec<(u32, f32)> {
    scores.iter().enumerate().filter_map(|(l, s)| Some((l as u32, (*s)?))).collect()
}

/// The weighted share of pairs of a positive and a negative in the right order.
fn area(pairs: &[(u32, f32, bool, f64)]) -> Option<f64> {
    let (mut won, mut all) = (0.0, 0.0);
    for (_, positive, _, w) in pairs.iter().filter(|pair| pair.2) {
        for (_, negative, _, v) in pairs.iter().filter(|pair| !pair.2) {
            let half = f64::from(u8::from(positive > negative) + u8::from(positive >= negative));
            won += w * v * half / 2.0;
            all += w * v;
        }
    }
    (all > 0.0).then(|| won / all)
}

fn mean(areas: &[(u32, f64)]) -> Option<f64> {
    let sum: f64 = areas.iter().map(|(_, area)| area).sum();
    (!areas.is_empty()).then(|| sum / areas.len() as f64)
}

fn near(a: f64, b: f64, by: f64) -> bool {
    (a - b).abs() <= by
}

#[test]
fn areas_are_the_published_ones() {
    // medical-coding-reproducibility, tests/test_metrics.py: 0.83 and 1.0.
    let scores = [[0.6, 0.6, 0.8, 0.4], [0.1, 0.56, 0.9, 0.3]];
    let scores = scores.iter().map(|row| row.iter().map(|&s| Some(s)).collect()).collect();
    let charts = Charts { scores, gold: vec![vec![1, 2, 3], vec![1, 2]] };
    let areas = charts.areas(AucScope::default());
    assert!(near(areas.micro.unwrap(), 0.83, 0.005));
    assert_eq!((areas.macro_mean, areas.by_label, areas.labels), (Some(1.0), vec![(3, 1.0)], 1));
}

#[derive(Deserialize)]
struct Golden {
    name: String,
    scores: Vec<Vec<Option<f32>>>,
    gold: Vec<Vec<u32>>,
    micro: f64,
    micro_present: f64,
    r#macro: f64,
    by_label: Vec<(u32, f64)>,
    micro_influence: Vec<f64>,
    macro_influence: Vec<f64>,
    average_precision: Vec<Option<f64>>,
}

#[test]
fn areas_influences_and_ranks_are_those_of_scikit_learn() {
    let golden = include_str!("../../tests/golden/auc.json");
    let cases: Vec<Golden> = serde_json::from_str(golden).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let charts = Charts { scores: case.scores, gold: case.gold };
        let areas = charts.areas(AucScope::default());
        let name = &case.name;
        assert!(near(areas.micro.unwrap(), case.micro, 1e-12), "{name}");
        assert!(near(areas.macro_mean.unwrap(), case.r#macro, 1e-12), "{name}");
        assert_eq!(areas.by_label.len(), case.by_label.len(), "{name}");
        for (ours, theirs) in areas.by_label.iter().zip(&case.by_label) {
            assert!(ours.0 == theirs.0 && near(ours.1, theirs.1, 1e-12), "{name}");
        }
        for (ours, theirs) in areas.micro_influence.iter().zip(&case.micro_influence) {
            assert!(near(*ours, *theirs, 1e-6), "{name}: {ours} {theirs}");
        }
        for (ours, theirs) in areas.macro_influence.iter().zip(&case.macro_influence) {
            assert!(near(*ours, *theirs, 1e-6), "{name}: {ours} {theirs}");
        }
        let present: Vec<bool> = (0..charts.labels() as u32)
            .map(|label| charts.gold.iter().any(|gold| gold.contains(&label)))
            .collect();
        let scope = AucScope { labels: Some(&present), ..AucScope::default() };
        assert!(near(charts.areas(scope).micro.unwrap(), case.micro_present, 1e-12), "{name}");
        for ((scores, gold), theirs) in
            charts.scores.iter().zip(&charts.gold).zip(case.average_precision)
        {
            let ranks = ranks(RowScores::Sparse(&listed(scores)), scores.len(), gold, None);
            let precision = |(hits, &rank): (usize, &u32)| (hits + 1) as f64 / f64::from(rank);
            let sum: f64 = ranks.iter().enumerate().map(precision).sum();
            let theirs = theirs.unwrap_or(0.0);
            assert!(near(sum / gold.len().max(1) as f64, theirs, 1e-12), "{name}");
        }
    }
}

/// A chart: whether dense, whether in scope, and for each label its score, whether it is listed,
/// and whether it is gold.
type Drawn = (bool, bool, Vec<(i8, bool, bool)>);

fn charts(drawn: &[Drawn]) -> Charts {
    let score = |dense: bool, cell: &(i8, bool, bool)| {
        (dense || cell.1).then(|| (f32::from(cell.0) / 4.0).powi(3))
    };
    let gold = |cells: &[(i8, bool, bool)]| {
        (0..cells.len()).filter(|&label| cells[label].2).map(|label| label as u32).collect()
    };
    Charts {
        scores: drawn.iter().map(|d| d.2.iter().map(|cell| score(d.0, cell)).collect()).collect(),
        gold: drawn.iter().map(|d| gold(&d.2)).collect(),
    }
}

fn drawn() -> impl Strategy<Value = (Vec<Drawn>, Vec<bool>)> {
    let cell = || (-20_i8..20, any::<bool>(), prop::bool::weighted(0.3));
    (1_usize..7).prop_flat_map(move |labels| {
        let chart =
            (any::<bool>(), prop::bool::weighted(0.8), prop::collection::vec(cell(), labels));
        let scope = prop::collection::vec(prop::bool::weighted(0.8), labels);
        (prop::collection::vec(chart, 1..8), scope)
    })
}

proptest! {
    #[test]
    fn areas_and_influences_are_those_of_the_definition(
        (drawn, labels) in drawn(),
        all in any::<bool>(),
    ) {
        let case = charts(&drawn);
        let within: Vec<bool> = drawn.iter().map(|d| d.1).collect();
        let scope = if all {
            AucScope::default()
        } else {
            AucScope { charts: Some(&within), labels: Some(&labels) }
        };
        let areas = case.areas(scope);
        let ones = vec![1.0; drawn.len()];
        let (micro, by_label) = case.naive(&ones, scope);
        prop_assert_eq!(areas.micro.is_some(), micro.is_some());
        prop_assert!(near(areas.micro.unwrap_or(0.0), micro.unwrap_or(0.0), 1e-12));
        prop_assert_eq!(areas.labels, by_label.len());
        for (ours, theirs) in areas.by_label.iter().zip(&by_label) {
            prop_assert!(ours.0 == theirs.0 && near(ours.1, theirs.1, 1e-12));
        }
        prop_assert_eq!(areas.macro_mean.is_some(), areas.labels > 0);
        for chart in 0..drawn.len() {
            let step = 1e-4;
            let moved = |by: f64| {
                let mut weights = ones.clone();
                weights[chart] += by;
                let (micro, by_label) = case.naive(&weights, scope);
                [micro.unwrap_or(0.0), mean(&by_label).unwrap_or(0.0)]
            };
            let (up, down) = (moved(step), moved(-step));
            let slope = |i: usize| (up[i] - down[i]) / (2.0 * step);
            prop_assert!(near(areas.micro_influence[chart], slope(0), 1e-6));
            prop_assert!(near(areas.macro_influence[chart], slope(1), 1e-6));
        }
    }
}

/// `charts` charts over `labels` labels; scores in steps of `grain`, every eighth row sparse.
fn random(charts: usize, labels: usize, grain: f32) -> Charts {
    let mut random = Pcg64Mcg::seed_from_u64(charts as u64);
    let mut case = Charts::default();
    for chart in 0..charts {
        let (mut scores, mut gold) = (Vec::new(), Vec::new());
        for label in 0..labels {
            let is_gold = random.random::<f32>() < 0.02;
            let score = random.random::<f32>() * 6.0 - if is_gold { 3.0 } else { 5.0 };
            let score = (score / grain).round() * grain;
            scores.push((chart % 8 > 0 || random.random::<f32>() < 0.2).then_some(score));
            gold.extend(is_gold.then_some(label as u32));
        }
        case.scores.push(scores);
        case.gold.push(gold);
    }
    case
}

/// The area by sorting: the rank sum of Mann and Whitney, ties with their mean rank.
fn by_rank_sum(mut pairs: Vec<(u32, f32, bool, f64)>) -> Option<f64> {
    pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap());
    let (mut twice, mut below, mut positives) = (0, 0, 0);
    for tied in pairs.chunk_by(|a, b| a.1 == b.1) {
        let own = tied.iter().filter(|pair| pair.2).count() as u64;
        let others = tied.len() as u64 - own;
        twice += own * (2 * below + others);
        below += others;
        positives += own;
    }
    (positives > 0 && below > 0).then(|| twice as f64 / (2 * positives * below) as f64)
}

#[test]
fn many_charts_and_labels_give_the_same_bits_for_any_number_of_threads() {
    // Several blocks of the spool, tiles of labels and stretches of the ladder.
    let case = random(5000, 1100, 1e-4);
    let (builder, mut spool) = case.fill(Spool::with_memory(case.labels(), 1 << 20));
    assert!(spool.blocks().unwrap().count() > 1);
    let mut areas = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| builder.finish(&mut spool, AucScope::default()).unwrap())
    });
    areas[1..].iter().for_each(|other| assert_eq!(&areas[0], other));
    let areas = std::mem::take(&mut areas[0]);
    let pairs = case.pairs(&vec![1.0; 5000], AucScope::default());
    assert_eq!(areas.labels, 1100);
    for label in [0, 511, 512, 1099] {
        let own = pairs.iter().filter(|pair| pair.0 == label).copied().collect();
        assert_eq!(areas.by_label[label as usize], (label, by_rank_sum(own).unwrap()));
    }
    assert!(near(areas.micro.unwrap(), by_rank_sum(pairs).unwrap(), 1e-12));
    for influence in [areas.micro_influence, areas.macro_influence] {
        assert!(near(influence.iter().sum(), 0.0, 1e-9));
    }
}

#[test]
fn counts_may_be_gathered_at_any_time() {
    let case = random(300, 40, 0.5);
    let (builder, mut spool) = case.fill(Spool::new(40));
    let pairs = (&builder.gold[..], &builder.scores[..]);
    let positives = Positives::new(40, &builder.offsets, pairs, AucScope::default());
    let mut overall = Overall::new(&positives);
    for block in spool.blocks().unwrap() {
        overall.flush();
        overall.add(&block.unwrap());
        overall.flush();
    }
    let areas = case.areas(AucScope::default());
    assert_eq!(overall.finish(), (areas.micro, areas.micro_influence));
}

#[test]
fn scores_far_apart_and_next_to_each_other_keep_their_order() {
    let mut scores = vec![f32::MIN, -1.0, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-40, 2.5, f32::MAX];
    scores.extend((0..5000).map(|i| f32::from_bits(2.5_f32.to_bits() + i * 3)));
    let ladder = ladder::Ladder::new(&scores);
    for at in
        [f32::NEG_INFINITY, -2.0, -f32::MIN_POSITIVE / 2.0, 0.0, 2.5, 2.500_5, 2.501, 3.0, 1e38]
    {
        for score in [at, at.next_up(), at.next_up().next_up(), f32::from_bits(at.to_bits() + 77)] {
            let below = scores.iter().filter(|&&other| other < score).count();
            let tied = scores.iter().filter(|&&other| other == score).count();
            assert_eq!(ladder.twice_below(ladder.place(score)), (2 * below + tied) as u64);
        }
    }
}

#[test]
fn the_spread_of_influences_is_that_of_a_bootstrap() {
    let charts = 60;
    let mut random = Pcg64Mcg::seed_from_u64(11);
    let mut case = Charts::default();
    for _ in 0..charts {
        let gold: Vec<u32> = (0..8).filter(|_| random.random::<f32>() < 0.4).collect();
        let shift = random.random::<f32>() * 2.0;
        let score = |label| {
            let signal = if gold.contains(&label) { shift } else { 0.0 };
            Some(signal + random.random::<f32>() * 3.0)
        };
        case.scores.push((0..8).map(score).collect());
        case.gold.push(gold);
    }
    let areas = case.areas(AucScope::default());
    let replicates: Vec<[f64; 2]> = (0..400)
        .map(|_| {
            let mut weights = vec![0.0; charts];
            (0..charts).for_each(|_| weights[random.random_range(0..charts)] += 1.0);
            let (micro, by_label) = case.naive(&weights, AucScope::default());
            [micro.unwrap(), mean(&by_label).unwrap()]
        })
        .collect();
    for (i, influence) in [areas.micro_influence, areas.macro_influence].iter().enumerate() {
        let centre = replicates.iter().map(|areas| areas[i]).sum::<f64>() / 400.0;
        let squares = replicates.iter().map(|areas| (areas[i] - centre).powi(2)).sum::<f64>();
        let bootstrap = (squares / 399.0).sqrt();
        let linear = influence.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((linear / bootstrap - 1.0).abs() < 0.12, "{linear} {bootstrap}");
    }
}

#[test]
fn charts_without_gold_and_without_scores_have_no_areas() {
    let none = AucBuilder::new(3).finish(&mut Spool::new(3), AucScope::default()).unwrap();
    assert_eq!(none, AreaUnderCurve::default());
    let case = Charts { scores: vec![vec![Some(1.0), Some(2.0)]], gold: vec![vec![]] };
    let empty = case.areas(AucScope::default());
    assert_eq!((empty.micro, empty.macro_mean), (None, None));
    assert_eq!((empty.micro_influence, empty.macro_influence), (vec![0.0], vec![0.0]));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let row = RowScores::Dense(&[1.0, 2.0]);
    let finish = |gold: &[u32], spooled: &[f32], mask: Option<&[bool]>| {
        let (mut builder, mut spool) = (AucBuilder::new(2), Spool::new(2));
        builder.add_positives(row, gold);
        if !spooled.is_empty() {
            spool.push(RowScores::Dense(spooled)).unwrap();
        }
        let scope = AucScope { labels: mask, ..AucScope::default() };
        builder.finish(&mut spool, scope).unwrap_err().to_string()
    };
    for (message, end) in [
        (finish(&[1], &[], None), "does not hold the rows of the charts that were added"),
        (finish(&[1], &[1.0, 2.0], Some(&[true])), "has not one mark a chart and label"),
        (finish(&[2], &[1.0, 2.0], None), "a gold label is not below the number of labels"),
        (finish(&[1, 0], &[1.0, 2.0], None), "gold labels do not ascend"),
        (finish(&[1], &[1.0, 3.0], None), "chart number 1 has other scores in the spool"),
    ] {
        assert!(message.ends_with(end), "{message}");
    }
}
