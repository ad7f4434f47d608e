//! Readers of labelled charts, in the layouts in which they are published.
//!
//! All stream: of the texts only one chart's is in memory. What is bad in one chart is an
//! [`Error::Record`](crate::Error::Record), and the next chart follows; any other error is the
//! last item. Nothing is repaired: codes given twice, blank texts and ids given twice come as they
//! are. What no chart shows, such as annotations of a note that is not there, is counted.

mod cmc;
mod codiesp;
mod columns;
mod delimited;
mod groups;
mod input;
mod issues;
mod jsonl;
mod layout;
mod mdace;
mod mimic;
mod of_split;
mod passage;
mod rows;
mod splits;
mod system;
mod table;
#[cfg(test)]
mod testing;

use std::fmt;
use std::path::{Path, PathBuf};

pub use columns::Columns;
pub use layout::Layout;
pub use of_split::{SplitChoice, SplitReader};
pub use splits::Splits;
pub use system::guess_system;

use crate::chart::LabelledChart;
use crate::error::{Error, Result};
use crate::summary::DataIssue;

use issues::Source;

/// How labelled charts are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldOptions {
    /// The layout; found out where it is [`Layout::Auto`].
    pub layout: Layout,
    /// The notes of a layout that has only their ids: `NOTEEVENTS.csv` of MIMIC-III for MDACE.
    pub notes: Option<PathBuf>,
    /// The system of codes where the source does not say; otherwise [`guess_system`] is asked.
    pub system: Option<String>,
    /// The language, where a layout has texts in several: `es` or `en` for CodiEsp.
    pub lang: Option<String>,
    /// Names of columns, for CSV and tables.
    pub columns: Columns,
}

/// A stream of labelled charts.
pub struct GoldReader {
    layout: Layout,
    source: Box<dyn Source>,
    done: bool,
}

/// Opens labelled charts: a file or a folder, as the layout has it.
///
/// # Errors
/// [`Error::Read`], or [`Error::File`] where the layout cannot be told or does not fit, e.g. for
/// want of a column; [`Error::Request`] for options that the layout cannot meet.
pub fn open(path: &Path, options: &GoldOptions) -> Result<GoldReader> {
    let layout = match options.layout {
        Layout::Auto => Layout::of(path)?,
        layout => layout,
    };
    let system = options.system.as_deref();
    let source: Box<dyn Source> = match layout {
        Layout::Auto | Layout::Jsonl => Box::new(jsonl::Jsonl::open(path, system)?),
        Layout::Csv => Box::new(delimited::Delimited::open(path, options)?),
        Layout::Table => Box::new(table::GoldTable::with(path, options)?),
        Layout::Codiesp => Box::new(codiesp::Codiesp::open(path, options)?),
        Layout::Mdace => Box::new(mdace::Mdace::open(path, options.notes.as_deref())?),
        Layout::MimicIv => Box::new(mimic::Mimic::open(path)?),
        Layout::Cmc => Box::new(cmc::Cmc::open(path, system)?),
    };
    Ok(GoldReader { layout, source, done: false })
}

impl GoldReader {
    /// The layout that is read.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What was seen that no chart shows; all of it once the stream has ended.
    #[must_use]
    pub fn issues(&self) -> Vec<DataIssue> {
        self.source.issues()
    }
}

impl Iterator for GoldReader {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.source.next();
        self.done = !matches!(item, Some(Ok(_) | Err(Error::Record { .. })));
        item
    }
}

impl fmt::Debug for GoldReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoldReader").field("layout", &self.layout).finish_non_exhaustive()
    }
}
