//! Step 0: what some training pipelines did to a text before its tokenizer, with the way back.

mod tables;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::span::Span;
use tables::{NUMERIC, WORD};

/// What a model's training did to texts before tokenisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocess {
    /// Nothing.
    #[default]
    None,
    /// Lower case, ASCII letters and digits only, numbers between white space dropped: the rules
    /// that medical-coding-reproducibility calls Mullenbach's.
    Mullenbach,
    /// Lower case, runs of word characters only, numbers dropped: the rules of CAML's own code,
    /// with Unicode's letters and numbers as Python knows them.
    Caml,
}

impl Preprocess {
    /// The text that the model's tokenizer is to see.
    pub(crate) fn apply(self, raw: &str) -> Prepared<'_> {
        match self {
            Self::None => Prepared { raw, text: Cow::Borrowed(raw), anchors: Vec::new() },
            Self::Mullenbach => mullenbach(raw),
            Self::Caml => caml(raw),
        }
    }
}

/// A text as the tokenizer sees it, with the way back: 16 bytes for each place where the distance
/// between the two texts changes, at most two a word but for letters that change their length.
///
/// `Debug` shows lengths, never the text.
pub(crate) struct Prepared<'a> {
    raw: &'a str,
    text: Cow<'a, str>,
    /// Where the distance between the two texts changes, and both ends. From one anchor to the next
    /// bytes stand for bytes one to one, and the last takes what is left of the raw text. Empty
    /// where the texts are the same.
    anchors: Vec<Anchor>,
}

/// The byte at `text` in the prepared text came from the byte at `raw`.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    text: usize,
    raw: usize,
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("raw_bytes", &self.raw.len())
            .field("bytes", &self.text.len())
            .field("anchors", &self.anchors.len())
            .finish_non_exhaustive()
    }
}

impl Prepared<'_> {
    /// The prepared text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Bytes of the raw text that bytes of the prepared text came from, on character boundaries.
    /// What is not empty stays so; a space stands for all that was dropped between two words.
    pub(crate) fn to_raw(&self, span: Span) -> Span {
        let end = span.end().min(self.text.len());
        let start = span.start().min(end);
        let first = self.origin(start).start();
        if start == end {
            return Span::new(first, first);
        }
        Span::new(first, self.origin(end - 1).end())
    }

    /// The characters of the raw text that one byte of the prepared text came from. Behind the
    /// last there is nothing left.
    fn origin(&self, at: usize) -> Span {
        let behind = self.anchors.partition_point(|anchor| anchor.text <= at);
        let here = behind.checked_sub(1).and_then(|here| self.anchors.get(here));
        let (start, end) = match (here, self.anchors.get(behind)) {
            (Some(here), Some(next)) => {
                let start = (here.raw + (at - here.text)).min(next.raw.saturating_sub(1));
                let is_last = at + 1 == next.text;
                (start, if is_last { next.raw } else { (start + 1).min(next.raw) })
            }
            (Some(last), None) => (last.raw, last.raw),
            (None, _) => (at, at + 1),
        };
        Span::new(self.raw.floor_char_boundary(start), self.raw.ceil_char_boundary(end))
    }
}

/// Puts a prepared text together, word by word.
struct Builder<'a> {
    raw: &'a str,
    text: String,
    anchors: Vec<Anchor>,
    /// Where the last word ends in the raw text.
    end: usize,
}

impl<'a> Builder<'a> {
    fn new(raw: &'a str) -> Self {
        Self { raw, text: String::with_capacity(raw.len()), anchors: Vec::new(), end: 0 }
    }

    /// Says where the next byte comes from.
    fn anchor(&mut self, raw: usize) {
        let text = self.text.len();
        let goes_on = |last: &Anchor| raw.checked_sub(last.raw) == text.checked_sub(last.text);
        if !self.anchors.last().is_some_and(goes_on) {
            self.anchors.push(Anchor { text, raw });
        }
    }

    /// Starts a word: behind the last there is a space, for all that lies between the two.
    fn start_word(&mut self) {
        if !self.text.is_empty() {
            self.anchor(self.end);
            self.text.push(' ');
        }
    }

    /// Adds to the word what became of the raw characters at `start..end`.
    fn push(&mut self, start: usize, end: usize, text: &str) {
        self.anchor(start);
        self.text.push_str(text);
        self.end = end;
    }

    fn finish(mut self) -> Prepared<'a> {
        if !self.text.is_empty() {
            self.anchors.push(Anchor { text: self.text.len(), raw: self.end });
        }
        self.anchors.shrink_to_fit();
        Prepared { raw: self.raw, text: Cow::Owned(self.text), anchors: self.anchors }
    }
}

/// `re.sub(r"[^A-Za-z0-9]+", " ", text.lower())`, then `(\s\d+)+\s` to a space, then the white space
/// collapsed and stripped.
///
/// After the first step the words lie between single spaces, and there is a space before the first
/// and behind the last if the text has anything there. The second drops runs of numbers with a
/// space before and behind: a run is as long as can be, so that the word behind it, whose space it
/// has taken, is no number, or is the last and has no space behind it. So a number is dropped
/// wherever it lies, but at the very start and the very end of the text.
fn mullenbach(raw: &str) -> Prepared<'_> {
    let mut builder = Builder::new(raw);
    let mut characters = raw.char_indices().peekable();
    while let Some(&(start, _)) = characters.peek() {
        let mut end = start;
        let mut is_number = true;
        while let Some(&(at, c)) = characters.peek()
            && let Some(lower) = lower_ascii(c)
        {
            is_number &= lower.is_ascii_digit();
            end = at + c.len_utf8();
            characters.next();
            if c == DOTTED_I {
                break;
            }
        }
        if start == end {
            characters.next();
        } else if !is_number || start == 0 || end == raw.len() {
            push_ascii(&mut builder, start, end);
        }
    }
    builder.finish()
}

/// Its lower case is an i and a dot above; the dot is no letter, and ends the word.
const DOTTED_I: char = 'İ';
/// Its lower case is the ASCII k.
const KELVIN: char = '\u{212a}';

/// The ASCII letter or digit that a character's lower case begins with. Of all characters that are
/// not ASCII only two have one.
fn lower_ascii(c: char) -> Option<char> {
    match c {
        DOTTED_I => Some('i'),
        KELVIN => Some('k'),
        c => c.is_ascii_alphanumeric().then(|| c.to_ascii_lowercase()),
    }
}

fn push_ascii(builder: &mut Builder, start: usize, end: usize) {
    builder.start_word();
    for (at, c) in builder.raw[start..end].char_indices() {
        if let Some(lower) = lower_ascii(c) {
            let at = start + at;
            builder.push(at, at + c.len_utf8(), lower.encode_utf8(&mut [0; 4]));
        }
    }
}

/// `" ".join(t.lower() for t in re.findall(r"\w+", text) if not t.isnumeric())`.
fn caml(raw: &str) -> Prepared<'_> {
    let mut builder = Builder::new(raw);
    let mut rest = 0;
    while let Some(skipped) = raw[rest..].find(is_word) {
        let start = rest + skipped;
        let end = raw[start..].find(|c| !is_word(c)).map_or(raw.len(), |length| start + length);
        let word = &raw[start..end];
        if !word.chars().all(|c| is_in(&NUMERIC, c)) {
            builder.start_word();
            push_lower(&mut builder, start, word);
        }
        rest = end;
    }
    builder.finish()
}

/// Adds a word's lower case. The word is lowered as a whole, since a sigma at its end has a form of
/// its own, which is as long as the other.
fn push_lower(builder: &mut Builder, start: usize, word: &str) {
    let lower = word.to_lowercase();
    let mut taken = 0;
    for (at, c) in word.char_indices() {
        let length: usize = c.to_lowercase().map(char::len_utf8).sum();
        let at = start + at;
        builder.push(at, at + c.len_utf8(), &lower[taken..taken + length]);
        taken += length;
    }
}

/// Whether Python's `\w` takes the character: letters, numbers and `_`, but no combining marks.
fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { is_in(&WORD, c) }
}

fn is_in(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let behind = ranges.partition_point(|&(first, _)| first <= c);
    behind > 0 && c <= ranges[behind - 1].1
}

#[cfg(test)]
mod tests;
