//! What could not be used as it stands, counted and named.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::summary::DataIssue;

/// As many examples of a kind are kept.
const EXAMPLES: usize = 5;

/// Counts of issues by kind.
#[derive(Clone, Debug, Default)]
pub struct Issues(BTreeMap<&'static str, DataIssue>);

/// Key of an issue and its explanation.
pub(crate) type Kind = (&'static str, &'static str);

impl Issues {
    /// Counts one; `example` is an id, a code or a place, never text of a chart.
    pub fn add(&mut self, kind: &'static str, example: &str) {
        self.add_many(kind, 1, example);
    }

    /// Counts several.
    pub fn add_many(&mut self, kind: &'static str, count: usize, example: &str) {
        self.count_up((kind, explain(kind)), count, example);
    }

    /// Counts one of a kind that explains itself.
    pub(crate) fn note(&mut self, kind: Kind, example: impl Display) {
        self.count_up(kind, 1, example);
    }

    fn count_up(&mut self, (kind, what): Kind, count: usize, example: impl Display) {
        let issue = self.0.entry(kind).or_insert_with(|| DataIssue {
            kind: kind.to_owned(),
            what: what.to_owned(),
            count: 0,
            examples: Vec::new(),
        });
        issue.count += count;
        if issue.examples.len() < EXAMPLES {
            let example = example.to_string();
            if !issue.examples.contains(&example) {
                issue.examples.push(example);
            }
        }
    }

    /// How often a kind was counted.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.0.get(kind).map_or(0, |issue| issue.count)
    }

    /// All of them, in alphabetical order of their kinds.
    #[must_use]
    pub fn list(&self) -> Vec<DataIssue> {
        self.0.values().cloned().collect()
    }
}

/// What a kind means and what was done about it.
fn explain(kind: &str) -> &'static str {
    match kind {
        "bad_record" => "records that could not be read; left out",
        "duplicate_id" => "charts with the id of an earlier one; only the first counts",
        "duplicate_prediction" => "predictions for a chart that had one; only the first counts",
        "empty_text" => "charts without text; they count as charts without suggestions",
        "extra_prediction" => "predictions for charts that are not in the gold; left out",
        "failed_chart" => "charts the engine failed on; they count as charts without suggestions",
        "missing_prediction" => {
            "gold charts without a prediction; they count as charts without suggestions"
        }
        "no_codes" => "charts without any gold code",
        "no_text" => "charts whose source holds no text; they count as charts without suggestions",
        "not_billable" => {
            "gold codes with finer codes below them, so no labels; only the honest variant counts them, as missed"
        }
        "other_system" => "gold codes of systems that are not evaluated; left out",
        "repeated_code" => "codes that a chart lists more than once; counted once",
        "retired_code" => {
            "gold codes of another edition, so no labels; only the honest variant counts them, as missed"
        }
        "stranger" => "charts with predicted codes that are no labels; those codes are left out",
        "unknown_code" => {
            "gold codes that are no labels; only the honest variant counts them, as missed"
        }
        _ => "",
    }
}
