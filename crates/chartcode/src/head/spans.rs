//! Which runs of a window's tokens are pooled to one vector.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::problems::Focus;
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
        /// themselves, the clause behind them: "no fever" supports nothing. At the head of a
        /// window such a break is a denial.
        negations: Vec<String>,
        /// Breaks across which a negation reaches the next clause: "no fever or chills".
        carries: Vec<String>,
        /// Negations that head a list: "denies fever, chills and cough".
        #[serde(default)]
        denials: Vec<String>,
        /// Breaks across which a denial reaches the next clause.
        #[serde(default)]
        denial_carries: Vec<String>,
        /// Words that, at the head of a clause, end a negation that reached it: "denies fever
        /// and reports a cough".
        #[serde(default)]
        affirms: Vec<String>,
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
    /// The first token that no window before holds.
    pub(crate) fresh: usize,
}

impl Cut<'_> {
    /// The window as a whole, special tokens included.
    pub(crate) fn whole(&self) -> PooledSpan {
        PooledSpan { rows: 0..self.ids.len(), tokens: self.window.clone() }
    }

    /// The problems that begin in this window and in none before, as much of them as it holds.
    fn problems(&self, problems: &[Range<usize>]) -> Vec<PooledSpan> {
        let own = self.window.start.max(self.fresh)..self.window.end;
        let row = |token: usize| token - self.window.start + self.lead;
        problems
            .iter()
            .filter(|problem| own.contains(&problem.start))
            .map(|problem| self.span(row(problem.start)..row(problem.end.min(own.end))))
            .collect()
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
    denies: bool,
    carries_denial: bool,
    affirms: bool,
    continues_word: bool,
}

/// How far a negation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    None,
    /// Across [`SpanRule::Clauses::carries`].
    Negation,
    /// Across [`SpanRule::Clauses::denial_carries`] too.
    Denial,
}

impl Role {
    /// How a word negates the clause that it stands in.
    fn negation(self) -> Reach {
        if self.denies {
            Reach::Denial
        } else if self.negates {
            Reach::Negation
        } else {
            Reach::None
        }
    }

    /// What is left of a negation behind this break. A negation that heads the sentence heads a
    /// list: "no fever, chills or cough".
    fn next_reach(self, reach: Reach, heads: bool) -> Reach {
        if self.negates {
            if heads { Reach::Denial } else { Reach::Negation }
        } else if (reach == Reach::Denial && self.carries_denial)
            || (reach != Reach::None && self.carries)
        {
            reach
        } else {
            Reach::None
        }
    }
}

impl Spanner {
    /// Looks up the rule's words; `path` is for errors.
    pub(super) fn new(rule: &SpanRule, tokenizer: &Tokenizer, path: &Path) -> Result<Self> {
        let SpanRule::Clauses {
            breaks,
            negations,
            carries,
            denials,
            denial_carries,
            affirms,
            grams,
        } = rule
        else {
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
        mark(denials, |role| role.denies = true)?;
        mark(denial_carries, |role| role.carries_denial = true)?;
        mark(affirms, |role| role.affirms = true)?;
        if grams.iter().any(|&(length, stride)| length == 0 || stride == 0) {
            return Err(inconsistent("head.spans: a gram of length or stride 0".to_owned()));
        }
        Ok(Self::Clauses(Clauses { roles, grams: grams.clone() }))
    }

    /// The spans of one window, in a fixed order.
    pub(super) fn cut(&self, cut: &Cut<'_>, focus: &Focus) -> Vec<PooledSpan> {
        let mut spans = match (self, focus) {
            (_, Focus::Problems(problems)) => return cut.problems(problems),
            (Self::Window, _) => vec![cut.whole()],
            (Self::Clauses(rule), _) => rule.cut(cut),
        };
        if let Focus::Within(runs) = focus {
            spans.retain(|span| runs.iter().any(|run| run.contains(&span.tokens.start)));
        }
        spans
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
        let (first, end) = (cut.lead, cut.lead + cut.window.len());
        let entry = |row: usize| self.roles[cut.ids[row] as usize];
        // The word "or" plays its role, the head of "orthopnea" does not.
        let role = |row: usize| {
            let whole = row + 1 == end || !entry(row + 1).continues_word;
            if whole { entry(row) } else { Role::default() }
        };
        let mut clauses = Vec::new();
        let mut start = first;
        let mut reach = Reach::None;
        for row in first..=end {
            if row < end && !role(row).breaks {
                continue;
            }
            if start < row {
                if role(start).affirms {
                    reach = Reach::None;
                }
                reach = (start..row).map(|row| role(row).negation()).fold(reach, Reach::max);
                if reach == Reach::None {
                    clauses.push(start..row);
                }
            }
            if row < end {
                reach = role(row).next_reach(reach, row == first);
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
                breaks: [",", "and", "or", "no", "without", "but"].contains(&word),
                negates: ["no", "without"].contains(&word),
                carries: word == "or",
                denies: word == "denies",
                carries_denial: [",", "and"].contains(&word),
                affirms: word == "has",
                continues_word: word.starts_with("##"),
            })
            .collect();
        let spanner = Clauses { roles, grams: grams.to_vec() };
        let ids: Vec<u32> = (0..words.len() as u32).collect();
        let cut = Cut { ids: &ids, window: 10..8 + words.len(), lead: 1, fresh: 0 };
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
        assert_eq!(spans("[C] with no fever , cough [S]", &[]), ["with", "cough"]);
        assert_eq!(spans("[C] no ##cturia or ##thopnea [S]", &[]), ["no ##cturia or ##thopnea"]);
        assert_eq!(spans("[C] pain without fever or chills [S]", &[]), ["pain"]);
        assert!(spans("[C] denies pain [S]", &[]).is_empty());
    }

    #[test]
    fn a_denial_reaches_down_its_list() {
        assert!(spans("[C] he denies pain , fever , chills or cough [S]", &[]).is_empty());
        assert!(spans("[C] no pain , fever or cough [S]", &[]).is_empty());
        assert_eq!(spans("[C] denies pain , fever but swelling [S]", &[]), ["swelling"]);
        assert_eq!(
            spans("[C] denies pain and has chills , cough [S]", &[]),
            ["has chills", "cough"]
        );
    }

    #[test]
    fn a_problem_is_a_span_of_the_first_window_that_holds_its_beginning() {
        let cut = Cut { ids: &[0; 8], window: 10..16, lead: 1, fresh: 12 };
        let problems = Focus::Problems(vec![4..6, 10..13, 12..14, 15..19, 16..18]);
        assert_eq!(
            Spanner::Window.cut(&cut, &problems),
            [PooledSpan { rows: 3..5, tokens: 12..14 }, PooledSpan { rows: 6..7, tokens: 15..16 }]
        );
        let within = |run| Spanner::Window.cut(&cut, &Focus::Within(vec![run])).len();
        assert_eq!((within(9..11), within(11..13)), (1, 0));
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
