//! Which runs of a window's tokens are pooled to one vector.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tokens::Tokenizer;

/// Which spans of each window a description head looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SpanRule {
    /// The window as a whole, special tokens included.
    Window,
    /// Each clause that is not negated; a window may have none.
    ///
    /// Words are vocabulary entries, compared as such: a word that the tokenizer would divide
    /// cannot be named.
    Clauses {
        /// Words and signs that end a clause; they belong to none.
        breaks: Vec<String>,
        /// Words that negate their clause from anywhere in it, or, where they are breaks
        /// themselves, the clause behind them. "No fever" supports nothing.
        negations: Vec<String>,
        /// Breaks across which a negation reaches the next clause: "no fever or chills".
        carries: Vec<String>,
        /// For each `(length, stride)`: also runs of `length` words of a longer clause, every
        /// `stride` words.
        #[serde(default)]
        grams: Vec<(usize, usize)>,
    },
}

/// A run of a window's rows, and the same run as tokens of the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PooledSpan {
    /// Rows of the window; row 0 is its first special token, if it has any.
    pub(crate) rows: Range<usize>,
    /// Tokens of the chart.
    pub(crate) tokens: Range<usize>,
}

/// A window in its chart.
#[derive(Clone, Debug)]
pub(crate) struct Cut<'a> {
    /// Vocabulary ids of the window, special tokens included.
    pub(crate) ids: &'a [u32],
    /// The window's tokens, special tokens left out.
    pub(crate) window: Range<usize>,
    /// How many special tokens are before them.
    pub(crate) lead: usize,
}

impl Cut<'_> {
    /// The window as a whole, special tokens included.
    pub(crate) fn whole(&self) -> PooledSpan {
        PooledSpan { rows: 0..self.ids.len(), tokens: self.window.clone() }
    }

    fn span(&self, rows: Range<usize>) -> PooledSpan {
        let token = |row: usize| self.window.start + row - self.lead;
        PooledSpan { tokens: token(rows.start)..token(rows.end), rows }
    }
}

/// A span rule with its words looked up in a vocabulary.
#[derive(Debug)]
pub(crate) enum Spanner {
    Window,
    Clauses(Clauses),
}

/// The clause rule: what each vocabulary id is to it.
#[derive(Debug)]
pub(crate) struct Clauses {
    roles: Vec<Role>,
    grams: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a word may play several roles at once")]
struct Role {
    breaks: bool,
    negates: bool,
    carries: bool,
    continues_word: bool,
}

impl Spanner {
    /// Looks up the rule's words; `path` is for errors.
    pub(super) fn new(rule: &SpanRule, tokenizer: &Tokenizer, path: &Path) -> Result<Self> {
        let SpanRule::Clauses { breaks, negations, carries, grams } = rule else {
            return Ok(Self::Window);
        };
        let inconsistent = |problem| Error::Inconsistent { path: path.to_owned(), problem };
        let role =
            |piece: String| Role { continues_word: piece.starts_with("##"), ..Role::default() };
        let mut roles: Vec<Role> = tokenizer.pieces().into_iter().map(role).collect();
        let mut mark = |words: &[String], set: fn(&mut Role)| {
            words.iter().try_for_each(|word| {
                let id = tokenizer.id(word).ok_or_else(|| {
                    inconsistent(format!("head.spans: {word:?} is not in the vocabulary"))
                })?;
                set(&mut roles[id as usize]);
                Ok::<_, Error>(())
            })
        };
        mark(breaks, |role| role.breaks = true)?;
        mark(negations, |role| role.negates = true)?;
        mark(carries, |role| role.carries = true)?;
        if grams.iter().any(|&(length, stride)| length == 0 || stride == 0) {
            return Err(inconsistent("head.spans: a gram of length or stride 0".to_owned()));
        }
        Ok(Self::Clauses(Clauses { roles, grams: grams.clone() }))
    }

    /// The spans of one window, in a fixed order.
    pub(super) fn cut(&self, cut: &Cut<'_>) -> Vec<PooledSpan> {
        match self {
            Self::Window => vec![cut.whole()],
            Self::Clauses(rule) => rule.cut(cut),
        }
    }
}

impl Clauses {
    fn cut(&self, cut: &Cut<'_>) -> Vec<PooledSpan> {
        let mut spans = Vec::new();
        for clause in self.clauses(cut) {
            spans.push(cut.span(clause.clone()));
            spans.extend(self.runs(cut, clause).map(|run| cut.span(run)));
        }
        spans
    }

    /// Rows of the clauses that are not negated.
    fn clauses(&self, cut: &Cut<'_>) -> Vec<Range<usize>> {
        let role = |row: usize| self.roles[cut.ids[row] as usize];
        let (first, end) = (cut.lead, cut.lead + cut.window.len());
        let mut clauses = Vec::new();
        let mut start = first;
        let mut negated = false;
        for row in first..=end {
            if row < end && !role(row).breaks {
                continue;
            }
            if start < row {
                negated |= (start..row).any(|row| role(row).negates);
                if !negated {
                    clauses.push(start..row);
                }
            }
            if row < end {
                negated = role(row).negates || (negated && role(row).carries);
            }
            start = row + 1;
        }
        clauses
    }

    /// Rows of the word runs of one clause.
    fn runs(&self, cut: &Cut<'_>, clause: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let begins = |row: &usize| {
            *row == clause.start || !self.roles[cut.ids[*row] as usize].continues_word
        };
        let mut edges: Vec<usize> = clause.clone().filter(begins).collect();
        let words = edges.len();
        edges.push(clause.end);
        self.grams.iter().filter(move |&&(length, _)| words > length).flat_map(
            move |&(length, stride)| {
                let edges = edges.clone();
                (0..=words - length)
                    .step_by(stride)
                    .map(move |word| edges[word]..edges[word + length])
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spanner over words numbered in the order of their first use.
    fn spans(text: &str, grams: &[(usize, usize)]) -> Vec<String> {
        let words: Vec<&str> = text.split(' ').collect();
        let roles = words
            .iter()
            .map(|&word| Role {
                breaks: [",", "and", "or", "no", "without"].contains(&word),
                negates: ["no", "denies", "without"].contains(&word),
                carries: word == "or",
                continues_word: word.starts_with("##"),
            })
            .collect();
        let spanner = Clauses { roles, grams: grams.to_vec() };
        let ids: Vec<u32> = (0..words.len() as u32).collect();
        let cut = Cut { ids: &ids, window: 10..8 + words.len(), lead: 1 };
        spanner
            .cut(&cut)
            .into_iter()
            .map(|span| {
                assert_eq!(span.tokens.start - 10, span.rows.start - 1);
                words[span.rows].join(" ")
            })
            .collect()
    }

    #[test]
    fn clauses_end_at_breaks() {
        assert_eq!(
            spans("[C] cough and fever , chest pain [S]", &[]),
            ["cough", "fever", "chest pain"]
        );
    }

    #[test]
    fn negated_clauses_are_left_out() {
        assert_eq!(spans("[C] denies fever or chills and has cough [S]", &[]), ["has cough"]);
        assert_eq!(spans("[C] no fever , cough [S]", &[]), ["cough"]);
        assert_eq!(spans("[C] pain without fever or chills [S]", &[]), ["pain"]);
        assert!(spans("[C] denies pain [S]", &[]).is_empty());
    }

    #[test]
    fn runs_are_of_whole_words() {
        assert_eq!(
            spans("[C] acute heart fail ##ure today [S]", &[(2, 1), (3, 2)]),
            [
                "acute heart fail ##ure today",
                "acute heart",
                "heart fail ##ure",
                "fail ##ure today",
                "acute heart fail ##ure",
            ]
        );
    }
}
