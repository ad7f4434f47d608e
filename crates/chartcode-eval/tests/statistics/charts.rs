//! Records made from matrices of gold and scores.

use chartcode_eval::{ChartRecord, Suggestion};

/// A chart over `scores.len()` labels; suggested is what scores above the threshold. `present`
/// says which labels are gold in some chart.
pub(crate) fn record(
    id: usize,
    gold: &[u32],
    outside: u32,
    scores: &[f32],
    threshold: f32,
    present: &[bool],
) -> ChartRecord {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let score = |label: u32| scores[label as usize];
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
    let suggestion =
        |&label: &u32| Suggestion { label, probability: Some(score(label)), accepted: false };
    let ranks = |order: &[u32]| -> Vec<u32> {
        let place = |(at, label): (u32, &u32)| gold.contains(label).then_some(at);
        (1..).zip(order).filter_map(place).collect()
    };
    let shown: Vec<u32> = order.iter().copied().filter(|&label| present[label as usize]).collect();
    ChartRecord {
        id: format!("chart {id}"),
        gold: gold.to_vec(),
        outside,
        suggested: order.iter().filter(|&&l| score(l) > threshold).map(suggestion).collect(),
        ranks: ranks(&order),
        present_ranks: ranks(&shown),
    }
}

/// The charts of a matrix of gold and one of scores.
pub(crate) fn records(
    gold: &[Vec<u32>],
    outside: &[u32],
    scores: &[Vec<f32>],
    threshold: f32,
) -> Vec<ChartRecord> {
    let labels = scores.first().map_or(0, Vec::len);
    let mut present = vec![false; labels];
    for &label in gold.iter().flatten() {
        present[label as usize] = true;
    }
    let chart = |id: usize| record(id, &gold[id], outside[id], &scores[id], threshold, &present);
    (0..gold.len()).map(chart).collect()
}
