//! Steps 2 and 3 for one chart: tokens, and the windows that the encoder reads.

use crate::batch::Window;
use crate::bundle::Manifest;
use crate::chart::Chart;
use crate::error::{Error, Result};
use crate::head::{Cut, Focus, Head};
use crate::tokens::{Tokenizer, Tokens};
use crate::windows::WindowRule;

/// A chart on its way: its tokens, and the windows they were cut into.
pub(crate) struct Prepared {
    pub(crate) tokens: Tokens,
    /// Tokens behind the bundle's limit, which were not read.
    pub(crate) unread: usize,
    pub(crate) windows: Vec<Window>,
}

impl Prepared {
    /// The part of a chart's text that was read: all of it, but for what lies behind a limit.
    pub(crate) fn read<'t>(&self, text: &'t str) -> &'t str {
        match self.tokens.spans.last() {
            Some(last) if self.unread > 0 => &text[..text.ceil_char_boundary(last.end())],
            _ => text,
        }
    }
}

/// What turns a chart into windows.
pub(crate) struct Preparation<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) head: Option<&'a Head>,
    /// The padding token.
    pub(crate) padding: u32,
    /// Rows of hidden states behind those of the tokens.
    pub(crate) extra_rows: usize,
}

impl Preparation<'_> {
    /// Tokens of a chart, each with its span of the chart's own text, and how many were cut off.
    pub(crate) fn tokens(&self, chart: &Chart) -> Result<(Tokens, usize)> {
        self.tokenizer.encode_with(chart, self.manifest.preprocess, self.manifest.limit)
    }

    pub(crate) fn prepare(&self, chart: &Chart) -> Result<Prepared> {
        let (tokens, unread) = self.tokens(chart)?;
        if tokens.is_empty() {
            return Err(Error::NoTokens { id: chart.id().to_owned() });
        }
        let windows = match self.manifest.windows {
            WindowRule::Document { max_tokens } => self.document(&tokens, max_tokens),
            rule => self.windows(chart, &tokens, rule),
        };
        Ok(Prepared { tokens, unread, windows })
    }

    /// Windows with special tokens of their own.
    fn windows(&self, chart: &Chart, tokens: &Tokens, rule: WindowRule) -> Vec<Window> {
        let (prefix, suffix) = (self.tokenizer.prefix(), self.tokenizer.suffix());
        let focus = self.head.map_or(Focus::All, |head| head.focus(chart.text(), tokens));
        let mut fresh = 0;
        rule.cut(chart.text(), tokens, prefix.len() + suffix.len())
            .into_iter()
            .map(|window| {
                let ids = [prefix, &tokens.ids[window.clone()], suffix].concat();
                let lead = prefix.len();
                let cut = Cut { ids: &ids, window: window.clone(), lead, fresh };
                let spans = self.head.map_or_else(Vec::new, |head| head.spans(&cut, &focus));
                fresh = fresh.max(window.end);
                Window { keys: ids.len(), lead, tokens: window, spans, ids }
            })
            .collect()
    }

    /// Windows of a chart that has special tokens around all of it, and padding behind them.
    fn document(&self, tokens: &Tokens, length: usize) -> Vec<Window> {
        let (prefix, suffix) = (self.tokenizer.prefix(), self.tokenizer.suffix());
        let mut ids = [prefix, &tokens.ids, suffix].concat();
        let read = ids.len();
        let mode = self.manifest.padding_mode;
        ids.resize(read + mode.count(read, length) + self.extra_rows, self.padding);
        let own = prefix.len()..prefix.len() + tokens.len();
        ids.chunks(length)
            .enumerate()
            .map(|(number, ids)| {
                let start = number * length;
                let clip = |at: usize| at.clamp(own.start, own.end);
                let tokens = clip(start) - own.start..clip(start + ids.len()) - own.start;
                let lead = clip(start) - start.min(clip(start));
                // Behind a chart's last token everything is padding, which may be masked.
                let visible = read.saturating_sub(start).min(ids.len());
                let keys = if mode.is_seen_by_tokens() { ids.len() } else { visible };
                let cut = Cut { ids, window: tokens.clone(), lead, fresh: 0 };
                let spans = self.head.map_or_else(Vec::new, |head| head.spans(&cut, &Focus::All));
                Window { ids: ids.to_vec(), keys, lead, tokens, spans }
            })
            .collect()
    }
}
