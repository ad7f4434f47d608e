//! Where a note's assessment names its problems: what is billed is what was assessed.
//!
//! `scripts/default_bundle/problems.py` says the same in Python.

use std::collections::HashSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::lines::{self, Line};
use crate::span::Span;
use crate::tokens::Tokens;

/// A problem is this many characters at most ...
const LONGEST: usize = 110;
/// ... and this many words.
const MOST_WORDS: usize = 14;
/// Signs that a heading in upper case may have.
const HEADING_SIGNS: &str = "&/()-'";

/// How problems are told from the rest of a note. All words are in lower case.
///
/// A section of problems begins with a line that is a heading; each line of it whose first phrase
/// is short and holds none of `stops` names a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemRule {
    /// Headings of assessments.
    pub headings: Vec<String>,
    /// Headings of plans, which are read where no assessment names a problem.
    pub plans: Vec<String>,
    /// Headings of other sections; a line in upper case is one too.
    pub others: Vec<String>,
    /// What begins a line that names no problem: "medical reasoning".
    pub labels: Vec<String>,
    /// Words that no problem has: verbs and pronouns.
    pub stops: Vec<String>,
}

impl ProblemRule {
    /// What the words alone rule out.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut words = [&self.headings, &self.plans, &self.others, &self.labels, &self.stops]
            .into_iter()
            .flatten();
        match words.find(|word| word.is_empty() || **word != word.to_lowercase()) {
            Some(word) => Err(format!("problems: {word:?} is empty or not in lower case")),
            None if self.headings.is_empty() => Err("problems.headings is empty".to_owned()),
            None => Ok(()),
        }
    }
}

/// What of a chart is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    /// All of it.
    All,
    /// These runs of tokens, each as one span.
    Problems(Vec<Range<usize>>),
    /// What begins in one of these runs of tokens.
    Within(Vec<Range<usize>>),
}

/// The rule, ready to find problems.
#[derive(Debug)]
pub(super) struct Problems {
    headings: HashSet<String>,
    plans: HashSet<String>,
    others: HashSet<String>,
    labels: Vec<String>,
    stops: HashSet<String>,
}

/// What a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Assessment,
    Plan,
    Other,
}

/// The lines of the sections that may name problems.
#[derive(Debug, Default)]
struct Sections<'t> {
    assessments: Vec<Line<'t>>,
    plans: Vec<Line<'t>>,
}

impl Problems {
    pub(super) fn new(rule: &ProblemRule) -> Self {
        let set = |words: &[String]| words.iter().cloned().collect();
        Self {
            headings: set(&rule.headings),
            plans: set(&rule.plans),
            others: set(&rule.others),
            labels: rule.labels.clone(),
            stops: set(&rule.stops),
        }
    }

    /// A chart's problems; where it names none, the lines of its assessments, else of its plans,
    /// else all of it.
    pub(super) fn focus(&self, text: &str, tokens: &Tokens) -> Focus {
        let sections = self.sections(text);
        for lines in [&sections.assessments, &sections.plans] {
            let problems = runs(self.problems(lines), tokens);
            if !problems.is_empty() {
                return Focus::Problems(problems);
            }
        }
        for lines in [&sections.assessments, &sections.plans] {
            let within = runs(lines.iter().map(Line::bytes).collect(), tokens);
            if !within.is_empty() {
                return Focus::Within(within);
            }
        }
        Focus::All
    }

    fn sections<'t>(&self, text: &'t str) -> Sections<'t> {
        let mut sections = Sections::default();
        let mut section = Section::Other;
        for mut line in lines::of(text) {
            if let Some(begun) = self.heading(line.text) {
                section = begun;
                continue;
            }
            if let Some((heading, rest)) = line.text.split_once(':')
                && let Some(begun) = self.named(heading.trim_end())
            {
                section = begun;
                line = Line::new(line.start + heading.len() + 1, rest);
            }
            match section {
                Section::Assessment => sections.assessments.push(line),
                Section::Plan => sections.plans.push(line),
                Section::Other => {}
            }
        }
        sections
    }

    fn named(&self, heading: &str) -> Option<Section> {
        let heading = heading.to_lowercase();
        if self.headings.contains(&heading) {
            Some(Section::Assessment)
        } else {
            self.plans.contains(&heading).then_some(Section::Plan)
        }
    }

    /// The section that a line begins which is nothing but a heading.
    fn heading(&self, line: &str) -> Option<Section> {
        let heading = line.strip_suffix(':').unwrap_or(line).trim_end();
        if let Some(named) = self.named(heading) {
            return Some(named);
        }
        if self.others.contains(&heading.to_lowercase()) {
            return Some(Section::Other);
        }
        let is_sign = |c: char| c.is_whitespace() || HEADING_SIGNS.contains(c);
        let is_shouted = heading.chars().all(|c| c.is_uppercase() || is_sign(c));
        let letters = heading.chars().filter(|c| c.is_uppercase()).count();
        // A short line in upper case may be a problem: COPD.
        let least = if line.ends_with(':') { 2 } else { 5 };
        let fits = (3..=50).contains(&heading.chars().count());
        (is_shouted && fits && letters >= least).then_some(Section::Other)
    }

    /// Byte ranges of the problems that lines name, each problem once.
    fn problems(&self, lines: &[Line<'_>]) -> Vec<Span> {
        let mut seen = HashSet::new();
        lines
            .iter()
            .filter_map(|line| {
                let line = line.without_bullets();
                let phrase = line.first_phrase();
                let words = phrase.text.to_lowercase();
                let names_one = !self.is_labelled(line.text) && self.is_problem(&words);
                (names_one && seen.insert(words)).then(|| phrase.bytes())
            })
            .collect()
    }

    fn is_labelled(&self, line: &str) -> bool {
        let line = line.to_lowercase();
        self.labels.iter().any(|label| {
            line.strip_prefix(label.as_str())
                .is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
        })
    }

    fn is_problem(&self, phrase: &str) -> bool {
        (3..=LONGEST).contains(&phrase.chars().count())
            && phrase.split_whitespace().count() <= MOST_WORDS
            && phrase.starts_with(char::is_alphanumeric)
            && phrase.chars().filter(|c| c.is_alphabetic()).count() >= 2
            && !phrase.split(|c: char| !c.is_alphabetic()).any(|word| self.stops.contains(word))
    }
}

/// The tokens of each byte range; ranges without any are left out.
fn runs(ranges: Vec<Span>, tokens: &Tokens) -> Vec<Range<usize>> {
    ranges
        .into_iter()
        .map(|range| {
            let first = tokens.spans.partition_point(|token| token.end() <= range.start());
            let end = tokens.spans.partition_point(|token| token.start() < range.end());
            first..end
        })
        .filter(|run| !run.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(words: &str) -> Vec<String> {
        words.split('|').map(str::to_owned).collect()
    }

    fn rule() -> ProblemRule {
        ProblemRule {
            headings: words("assessment|impression|assessment and plan"),
            plans: words("plan"),
            others: words("instructions"),
            labels: words("medical reasoning|labs"),
            stops: words("he|is|will|patient"),
        }
    }

    /// The problems, or what else is looked at, each token being a word.
    fn look(text: &str) -> (&'static str, Vec<String>) {
        let mut tokens = Tokens::default();
        for word in text.split_whitespace() {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            tokens.ids.push(0);
            tokens.spans.push(Span::new(start, start + word.len()));
        }
        let show = |runs: Vec<Range<usize>>| {
            let bytes = |run: &Range<usize>| {
                tokens.spans[run.start].start()..tokens.spans[run.end - 1].end()
            };
            runs.iter().map(|run| text[bytes(run)].to_owned()).collect()
        };
        match Problems::new(&rule()).focus(text, &tokens) {
            Focus::All => ("all", Vec::new()),
            Focus::Problems(runs) => ("problems", show(runs)),
            Focus::Within(runs) => ("within", show(runs)),
        }
    }

    #[test]
    fn problems_are_short_lines_of_an_assessment() {
        let note = "HISTORY\nGout for years\n\nASSESSMENT AND PLAN\n\n1. Kidney stones.\n• Medical \
                    Reasoning: his pain is back\n\n2) Diabetes type 2 - well controlled\nHe is fine\n\
                    COPD\r\n#3 Gout: continue\nkidney stones\nINSTRUCTIONS\nRest";
        assert_eq!(look(note), ("problems", words("Kidney stones.|Diabetes type 2|COPD|Gout:")));
    }

    #[test]
    fn a_heading_may_have_its_first_line_behind_it() {
        assert_eq!(look("Impression: Sinusitis\nNausea"), ("problems", words("Sinusitis|Nausea")));
        assert_eq!(look("Assessment:\n- Sinusitis").1, ["Sinusitis"]);
    }

    #[test]
    fn plans_count_where_no_assessment_names_a_problem() {
        assert_eq!(look("PLAN\nGout\nASSESSMENT\nhe is well"), ("problems", words("Gout")));
        assert_eq!(look("PLAN\nGout\nASSESSMENT\nAnemia"), ("problems", words("Anemia")));
    }

    #[test]
    fn without_problems_the_lines_are_looked_at_or_all() {
        assert_eq!(
            look("ASSESSMENT\nhe is well\nPLAN\nhe is off"),
            ("within", words("he is well"))
        );
        assert_eq!(look("ASSESSMENT\nINSTRUCTIONS\nhe is off"), ("all", Vec::new()));
        assert_eq!(look("Gout"), ("all", Vec::new()));
        assert_eq!(look(""), ("all", Vec::new()));
    }

    #[test]
    fn words_of_a_rule_are_in_lower_case() {
        assert_eq!(rule().check(), Ok(()));
        for broken in ["Plan", ""] {
            let rule = ProblemRule { plans: words(broken), ..rule() };
            assert!(rule.check().unwrap_err().contains(broken));
        }
        assert!(ProblemRule { headings: Vec::new(), ..rule() }.check().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "(ASSESSMENT\n)?([#1. \n:•–aß漢'é-]|PLAN){0,60}") {
            let _ = look(&text);
        }
    }
}
