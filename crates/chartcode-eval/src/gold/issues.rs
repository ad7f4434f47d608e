//! What a reader saw and no chart shows.

use crate::chart::LabelledChart;
use crate::error::Result;
pub(crate) use crate::issues::{Issues, Kind};
use crate::summary::DataIssue;

/// A reader of one layout. An error other than [`Error::Record`](crate::Error::Record) is its last
/// item.
pub(crate) trait Source: Iterator<Item = Result<LabelledChart>> + Send {
    /// What it has seen so far that no chart shows.
    fn issues(&self) -> Vec<DataIssue> {
        Vec::new()
    }
}

pub(crate) const EMPTY_SPAN: Kind =
    ("empty_span", "parts of gold passages without any character; left out");
pub(crate) const EMPTY_EVIDENCE: Kind =
    ("empty_evidence", "gold passages without any character; left out");
pub(crate) const QUOTE_DIFFERS: Kind = (
    "quote_differs",
    "gold passages whose quotation is not what the note has there; used as placed",
);
pub(crate) const EVIDENCE_NOT_PLACED: Kind =
    ("evidence_not_placed", "gold passages that do not lie within the note; left out, codes kept");
pub(crate) const FILE_MISSING: Kind =
    ("file_missing", "files of the layout that are not there; read without them");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_examples_are_kept_and_all_counted() {
        let mut issues = Issues::default();
        for id in [1, 1, 2, 3, 4, 5, 6, 7] {
            issues.note(EMPTY_SPAN, id);
        }
        issues.note(FILE_MISSING, "trainP.tsv");
        let list = issues.list();
        assert_eq!((list[0].kind.as_str(), list[0].count), ("empty_span", 8));
        assert_eq!(list[0].examples, ["1", "2", "3", "4", "5"]);
        assert_eq!((list[1].count, list.len()), (1, 2));
    }
}
