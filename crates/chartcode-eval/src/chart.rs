//! A chart with the codes that a human assigned.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::Code;

/// A chart with its gold. `Debug` shows the id and counts, never the text.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelledChart {
    /// The chart's id, unique in its set.
    pub id: String,
    /// The note, where the source holds it. May be blank: that is for the caller to report.
    pub text: Option<String>,
    /// The codes, as the source lists them: in its order, repetitions included.
    pub codes: Vec<Code>,
    /// Passages that support codes, where the source marks them.
    pub evidence: Vec<GoldEvidence>,
    /// The split the source itself puts the chart in, e.g. `train`, where it says.
    pub split: Option<String>,
}

impl fmt::Debug for LabelledChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelledChart")
            .field("id", &self.id)
            .field("bytes", &self.text.as_ref().map(String::len))
            .field("codes", &self.codes.len())
            .field("evidence", &self.evidence.len())
            .finish_non_exhaustive()
    }
}

/// The passages of a chart that a human marked for one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldEvidence {
    /// The code they support.
    pub code: Code,
    /// Where they stand; at least one, none empty.
    pub spans: Vec<Span>,
}

/// A passage: Unicode code points of the chart's text, from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First code point.
    pub start: usize,
    /// One behind the last.
    pub end: usize,
}
