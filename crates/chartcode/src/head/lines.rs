//! Lines of a note, with where they stand in it.

use crate::span::Span;

/// What marks an entry of a list, before white space.
const BULLETS: &str = "•-–—*·▪●";
/// What may stand between a phrase and what is said of it, between white space.
const DASHES: [char; 3] = ['-', '–', '—'];

/// A part of a line, stripped of white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Offset of its first byte.
    pub(super) start: usize,
    pub(super) text: &'t str,
}

/// The lines that are not empty; each ends at a line feed or a carriage return.
pub(super) fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split(['\n', '\r']).filter_map(move |line| {
        let found = Line::new(start, line);
        start += line.len() + 1;
        (!found.text.is_empty()).then_some(found)
    })
}

impl<'t> Line<'t> {
    pub(super) fn new(start: usize, text: &'t str) -> Self {
        let stripped = text.trim_start();
        Self { start: start + text.len() - stripped.len(), text: stripped.trim_end() }
    }

    pub(super) fn bytes(&self) -> Span {
        Span::new(self.start, self.start + self.text.len())
    }

    /// What is behind the bullets and numbers at its front.
    pub(super) fn without_bullets(mut self) -> Self {
        while let Some(rest) = unmarked(self.text)
            && rest.starts_with(char::is_whitespace)
        {
            self = Self::new(self.start + self.text.len() - rest.len(), rest);
        }
        self
    }

    /// What is before the first full stop, colon or semicolon at a word's end, or dash between
    /// words.
    pub(super) fn first_phrase(self) -> Self {
        let mut before = None;
        let mut rest = self.text.char_indices().peekable();
        let mut end = self.text.len();
        while let Some((at, sign)) = rest.next() {
            let next = rest.peek().map(|&(_, next)| next);
            let ends_word = next.is_none_or(char::is_whitespace);
            let stands_alone =
                before.is_some_and(char::is_whitespace) && next.is_some_and(char::is_whitespace);
            if (".:;".contains(sign) && ends_word) || (DASHES.contains(&sign) && stands_alone) {
                end = at;
                break;
            }
            before = Some(sign);
        }
        Self::new(self.start, &self.text[..end])
    }
}

/// What is behind one bullet or number: "•", "1.", "2)", "#", "#3".
fn unmarked(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix(|sign| BULLETS.contains(sign)) {
        return Some(rest);
    }
    let numbered = line.strip_prefix('#');
    let from = numbered.unwrap_or(line);
    let digits = from.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let rest = &from[digits..];
    let marked = rest.strip_prefix(['.', ')']);
    if numbered.is_some() || (digits > 0 && marked.is_some()) {
        return Some(marked.unwrap_or(rest));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_place() {
        let text = " one\r\n\n  two \n";
        let found: Vec<Line<'_>> = of(text).collect();
        assert_eq!(found, [Line { start: 1, text: "one" }, Line { start: 9, text: "two" }]);
        assert!(found.iter().all(|line| text[line.start..].starts_with(line.text)));
    }

    #[test]
    fn bullets_and_numbers_are_left_out() {
        for line in ["• gout", "- • gout", "1. gout", "12) gout", "#3 gout", "#3. gout", "# gout"]
        {
            let found = Line::new(5, line).without_bullets();
            assert_eq!((found.text, found.start), ("gout", 5 + line.len() - 4), "{line}");
        }
        for line in ["1.5 mg", "-gout", "123. gout", "1 gout", ".", "#"] {
            assert_eq!(Line::new(0, line).without_bullets().text, line);
        }
    }

    #[test]
    fn a_phrase_ends_where_something_is_said_of_it() {
        for (line, phrase) in [
            ("Gout.", "Gout"),
            ("Gout: stable", "Gout"),
            ("Gout - stable", "Gout"),
            ("Gout – stable", "Gout"),
            ("C5-6 pain of 1.5 cm", "C5-6 pain of 1.5 cm"),
            ("Gout; anemia", "Gout"),
            ("- gout", "- gout"),
            (".", ""),
        ] {
            assert_eq!(Line::new(0, line).first_phrase().text, phrase);
        }
    }
}
