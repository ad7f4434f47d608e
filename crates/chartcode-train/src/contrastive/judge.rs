//! How well held-out texts find the titles of their codes.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::task::Terms;
use crate::error::Result;
use crate::run::{Dev, Event, OnEvent, tell};

/// Ranks the titles of all codes with a held-out text for each such text. A title that several
/// codes have is found where any of them is; of equal similarities the right one counts last.
pub(super) fn judge(terms: &Terms, on_event: OnEvent<'_>) -> Result<Dev> {
    tell(on_event, Event::Stage("held-out texts", None), 0)?;
    let texts: Vec<u32> = terms.held.iter().map(|held| held.text).collect();
    let mut titles: Vec<u32> = terms.held.iter().map(|held| held.title).collect();
    titles.sort_unstable();
    titles.dedup();
    let (queries, found) = (terms.vectors(&texts)?, terms.vectors(&titles)?);
    let rank = |(held, query): (&crate::pairs::HeldOut, &Vec<f32>)| {
        // The titles are sorted, and the one of a held-out text is among them.
        let right = titles.partition_point(|&title| title < held.title);
        let scores = found.iter().map(|title| dot(query, title)).collect::<Vec<f32>>();
        let ahead = |(place, score): (usize, &f32)| place != right && *score >= scores[right];
        1 + scores.iter().enumerate().filter(|&pair| ahead(pair)).count()
    };
    let ranks: Vec<usize> = terms.held.par_iter().zip(&queries).map(rank).collect();
    let figures = figures(&ranks);
    Ok(Dev { score: figures["mrr"], figures })
}

fn figures(ranks: &[usize]) -> BTreeMap<String, f64> {
    let count = ranks.len().max(1) as f64;
    let within = |k| ranks.iter().filter(|&&rank| rank <= k).count() as f64 / count;
    let mrr = ranks.iter().map(|&rank| 1.0 / rank as f64).sum::<f64>() / count;
    BTreeMap::from([
        ("recall_at_1".to_owned(), within(1)),
        ("recall_at_10".to_owned(), within(10)),
        ("mrr".to_owned(), mrr),
    ])
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_four_ranks() {
        let figures = figures(&[1, 2, 10, 20]);
        assert_eq!(figures["recall_at_1"], 0.25);
        assert_eq!(figures["recall_at_10"], 0.75);
        assert!((figures["mrr"] - (1.0 + 0.5 + 0.1 + 0.05) / 4.0).abs() < 1e-15);
    }
}
