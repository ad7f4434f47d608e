//! What a chart adds to sums over charts, whatever the weights.

use crate::chart_counts::is_gold;
use crate::metrics::{Rule, ranks};
use crate::record::ChartRecord;

/// Numbers that stand before the chart's own figures in a row: whether it counts, whether its
/// ranking does, its gold codes outside the labels, whether it is exactly right.
pub(super) const TOTALS: usize = 4;

/// Numbers in a row, for as many ranks k.
pub(super) fn width(ranks: usize) -> usize {
    TOTALS + 2 * ranks + 2
}

/// A chart's row: the totals, precision at each k, recall at each k, R-precision, average
/// precision. Empty (all 0) where the chart does not count.
pub(super) fn chart_row(
    record: &ChartRecord,
    rule: Rule,
    ks: &[u32],
    column: impl Fn(u32) -> bool,
) -> Vec<f64> {
    let honest = matches!(rule, Rule::Honest { .. });
    if record.gold.is_empty() && !honest {
        return Vec::new();
    }
    let outside = if honest { record.outside } else { 0 };
    let gold = record.gold.len() + outside as usize;
    let exact = outside == 0 && is_exact(record, column);
    let mut row = vec![1.0, flag(gold > 0), f64::from(outside), flag(exact)];
    if gold > 0 {
        let ranks = ranks(record, rule);
        let hits = |k: usize| ranks.partition_point(|&rank| rank as usize <= k) as f64;
        row.extend(ks.iter().map(|&k| hits(k as usize) / f64::from(k)));
        row.extend(ks.iter().map(|&k| hits(k as usize) / gold as f64));
        row.push(hits(gold) / gold as f64);
        row.push(average_precision(ranks, gold));
    }
    row
}

/// Whether the suggestions that count are the gold labels.
fn is_exact(record: &ChartRecord, column: impl Fn(u32) -> bool) -> bool {
    let suggested = record.suggested.iter().map(|entry| entry.label).filter(|&l| column(l));
    let mut found = 0;
    for label in suggested {
        if !is_gold(record, label) {
            return false;
        }
        found += 1;
    }
    found == record.gold.len()
}

/// Σ over gold labels of (gold labels up to its rank / its rank), over the number of gold codes.
fn average_precision(ranks: &[u32], gold: usize) -> f64 {
    let sum: f64 = (1_u32..).zip(ranks).map(|(hit, &rank)| f64::from(hit) / f64::from(rank)).sum();
    sum / gold as f64
}

fn flag(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}
