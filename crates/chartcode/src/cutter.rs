//! Charts as an encoder reads them, for what trains one.

use crate::bundle::{Bundle, Manifest};
use crate::chart::Chart;
use crate::error::{Error, Result};
use crate::padding::PaddingMode;
use crate::prepare::Preparation;
use crate::windows::WindowRule;

/// Cuts charts into windows as an engine with the bundle's tokenizer, preprocessing and reading
/// limit does, without padding.
#[derive(Debug)]
pub struct ChartCutter<'b> {
    bundle: &'b Bundle,
    manifest: Manifest,
}

/// A chart's windows.
#[derive(Clone, PartialEq, Eq)]
pub struct ChartWindows {
    /// Vocabulary ids of each window in reading order, special tokens included.
    pub windows: Vec<Vec<u32>>,
    /// Tokens of the chart that were read, special ones left out.
    pub tokens: usize,
    /// Tokens behind the bundle's limit, which were not read.
    pub unread: usize,
}

impl std::fmt::Debug for ChartWindows {
    /// Ids can be turned back into text: only counts are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChartWindows")
            .field("windows", &self.windows.len())
            .field("tokens", &self.tokens)
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}

impl Bundle {
    /// What cuts charts into windows by `rule`, the bundle's own or another.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] where the encoder has no positions for such windows, or where they
    /// have no room beside special tokens and overlap.
    pub fn cutter(&self, rule: WindowRule) -> Result<ChartCutter<'_>> {
        let special = match rule {
            WindowRule::Document { .. } => 0,
            _ => self.tokenizer.prefix().len() + self.tokenizer.suffix().len(),
        };
        let (length, longest) = (rule.max_tokens(), self.config.longest_window());
        if length > longest || length <= special + rule.overlap() {
            let problem = format!(
                "windows of {length} tokens with an overlap of {} do not fit: {special} special \
                 tokens are in each, and the encoder has positions for {longest}",
                rule.overlap()
            );
            return Err(Error::Inconsistent { path: self.path().to_owned(), problem });
        }
        let manifest =
            Manifest { windows: rule, padding_mode: PaddingMode::None, ..self.manifest.clone() };
        Ok(ChartCutter { bundle: self, manifest })
    }
}

impl ChartCutter<'_> {
    /// The chart's windows.
    ///
    /// # Errors
    /// [`Error::NoTokens`], [`Error::Tokenize`].
    pub fn cut(&self, chart: &Chart) -> Result<ChartWindows> {
        let config = &self.bundle.config;
        let preparation = Preparation {
            manifest: &self.manifest,
            tokenizer: &self.bundle.tokenizer,
            head: None,
            padding: config.pad_token_id,
            extra_rows: config.extra_rows(),
        };
        let prepared = preparation.prepare(chart)?;
        Ok(ChartWindows {
            windows: prepared.windows.into_iter().map(|window| window.ids).collect(),
            tokens: prepared.tokens.len(),
            unread: prepared.unread,
        })
    }
}
