//! The places of gold labels in a chart's ranking, by counting instead of sorting.

use crate::row::RowScores;

/// Scores compared at a time: they stay in the first cache for all gold labels.
const CHUNK: usize = 64;

/// The places of the gold labels in the ranking of `labels` labels by falling score, from 1,
/// ascending. Equal scores rank in label order. With `among`, only labels marked there are
/// ranked, and gold labels that are not marked are left out.
///
/// # Panics
///
/// Where a gold label is not below `labels`, or a dense row or `among` is shorter than `labels`.
#[must_use]
pub fn ranks(row: RowScores<'_>, labels: usize, gold: &[u32], among: Option<&[bool]>) -> Vec<u32> {
    let counts = |label: &u32| among.is_none_or(|mask| mask[*label as usize]);
    let gold = gold.iter().copied().filter(counts);
    let mut ranks = match row {
        RowScores::Dense(scores) => dense(&scores[..labels], gold, among),
        RowScores::Sparse(listed) => sparse(listed, gold, among),
    };
    ranks.sort_unstable();
    ranks
}

/// A gold label, its score, and how many labels are ahead of it.
struct Place {
    label: usize,
    score: f32,
    ahead: u32,
}

fn dense(row: &[f32], gold: impl Iterator<Item = u32>, among: Option<&[bool]>) -> Vec<u32> {
    // Adding nothing makes one zero of the two.
    let place = |label: usize| Place { label, score: row[label] + 0.0, ahead: 0 };
    let mut places: Vec<_> = gold.map(|label| place(label as usize)).collect();
    // Worst first: what is ahead of a place is also ahead of the places before it in this order.
    places.sort_unstable_by(|a, b| a.score.total_cmp(&b.score).then(b.label.cmp(&a.label)));
    let mut kept = [f32::NEG_INFINITY; CHUNK];
    for (number, chunk) in row.chunks(CHUNK).enumerate() {
        let start = number * CHUNK;
        match among {
            None => count_ahead(chunk, start, &mut places),
            Some(mask) => {
                let kept = &mut kept[..chunk.len()];
                for ((kept, &score), &counts) in kept.iter_mut().zip(chunk).zip(&mask[start..]) {
                    *kept = if counts { score } else { f32::NEG_INFINITY };
                }
                count_ahead(kept, start, &mut places);
            }
        }
    }
    places.iter().map(|place| place.ahead + 1).collect()
}

/// Adds to each place the labels of a chunk that are ahead of it.
fn count_ahead(chunk: &[f32], start: usize, places: &mut [Place]) {
    for place in places {
        // Labels in front of this one are ahead of it with an equal score, those behind are not.
        let (front, behind) = chunk.split_at(place.label.saturating_sub(start).min(chunk.len()));
        let score = place.score;
        let ahead = front.iter().map(|&other| u32::from(other >= score)).sum::<u32>()
            + behind.iter().map(|&other| u32::from(other > score)).sum::<u32>();
        if ahead == 0 {
            return;
        }
        place.ahead += ahead;
    }
}

fn sparse(
    listed: &[(u32, f32)],
    gold: impl Iterator<Item = u32>,
    among: Option<&[bool]>,
) -> Vec<u32> {
    let counts = |label: u32| among.is_none_or(|mask| mask[label as usize]);
    let listed: Vec<_> = listed.iter().copied().filter(|&(label, _)| counts(label)).collect();
    let before = |label: u32| match among {
        None => label,
        Some(mask) => mask[..label as usize].iter().map(|&counts| u32::from(counts)).sum(),
    };
    let rank = |label: u32| {
        let Some(score) = RowScores::Sparse(&listed).get(label) else {
            let front = listed.partition_point(|&(other, _)| other < label);
            return (listed.len() - front) as u32 + before(label) + 1;
        };
        let ahead = |&&(other, s): &&(u32, f32)| s > score || s == score && other < label;
        listed.iter().filter(ahead).count() as u32 + 1
    };
    gold.map(rank).collect()
}

#[cfg(test)]
mod tests;
