//! The scores of one chart as the metrics read them: by label number.

use crate::error::{Error, Result};

/// The scores of one chart over L labels, numbered from 0. Higher is more probable; all finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowScores<'a> {
    /// One score a label: L of them.
    Dense(&'a [f32]),
    /// Some labels with their scores, labels ascending. Those not listed are tied with each
    /// other, behind every listed one.
    Sparse(&'a [(u32, f32)]),
}

impl RowScores<'_> {
    /// The score of a label; none where the row does not list it.
    #[must_use]
    pub fn get(&self, label: u32) -> Option<f32> {
        match self {
            Self::Dense(scores) => scores.get(label as usize).copied(),
            Self::Sparse(listed) => {
                let at = listed.binary_search_by_key(&label, |&(label, _)| label).ok()?;
                Some(listed[at].1)
            }
        }
    }

    /// Whether the row fits `labels` labels; `chart` is its number, for the message.
    pub(crate) fn check(&self, labels: usize, chart: usize) -> Result<()> {
        let problem = match self {
            Self::Dense(scores) if scores.len() != labels => {
                format!("{} scores for {labels} labels", scores.len())
            }
            Self::Dense(scores) if !scores.iter().fold(true, |all, s| all & s.is_finite()) => {
                "a score that is not a finite number".to_owned()
            }
            Self::Sparse(listed) if !ascending(listed, labels) => {
                format!("labels that do not ascend below {labels}")
            }
            Self::Sparse(listed) if !listed.iter().all(|(_, s)| s.is_finite()) => {
                "a score that is not a finite number".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Error::Request(format!("chart number {} has {problem}", chart + 1)))
    }
}

fn ascending(listed: &[(u32, f32)], labels: usize) -> bool {
    listed.windows(2).all(|pair| pair[0].0 < pair[1].0)
        && listed.last().is_none_or(|&(label, _)| (label as usize) < labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_found_by_its_label() {
        let dense = RowScores::Dense(&[0.5, -1.0]);
        assert_eq!((dense.get(1), dense.get(2)), (Some(-1.0), None));
        let sparse = RowScores::Sparse(&[(3, 0.5), (7, 0.25)]);
        assert_eq!((sparse.get(7), sparse.get(4)), (Some(0.25), None));
    }

    #[test]
    fn rows_that_do_not_fit_are_refused_with_the_chart_and_the_reason() {
        let nan = f32::NAN;
        for (row, message) in [
            (RowScores::Dense(&[1.0]), "chart number 5 has 1 scores for 2 labels"),
            (
                RowScores::Dense(&[1.0, nan]),
                "chart number 5 has a score that is not a finite number",
            ),
            (
                RowScores::Sparse(&[(1, nan)]),
                "chart number 5 has a score that is not a finite number",
            ),
            (
                RowScores::Sparse(&[(1, 0.0), (1, 0.0)]),
                "chart number 5 has labels that do not ascend below 2",
            ),
            (
                RowScores::Sparse(&[(2, 0.0)]),
                "chart number 5 has labels that do not ascend below 2",
            ),
        ] {
            assert_eq!(row.check(2, 4).unwrap_err().to_string(), message);
        }
        assert!(RowScores::Dense(&[1.0, 2.0]).check(2, 4).is_ok());
        assert!(RowScores::Sparse(&[]).check(2, 4).is_ok());
    }
}
