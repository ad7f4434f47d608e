//! The words of a chart, in order, with the section that each stands in.

use crate::span::Span;

/// Longest heading of a section, in bytes.
const LONGEST_HEADING: usize = 42;

/// Shortest heading of a section, in bytes.
const SHORTEST_HEADING: usize = 3;

/// Something that is read in a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item<'t> {
    /// A line begins with this heading; it holds for what follows.
    Heading(&'t str),
    /// A run of letters or of digits.
    Word(Span),
    /// Any other sign that is not white space.
    Sign(char),
}

/// Reads a chart item by item, in one pass.
pub(super) fn items(text: &str) -> impl Iterator<Item = Item<'_>> {
    let mut at = 0;
    let mut at_line_start = true;
    std::iter::from_fn(move || {
        loop {
            let rest = &text[at..];
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                at_line_start |= first == '\n' || first == '\r';
                at += first.len_utf8();
                continue;
            }
            if std::mem::take(&mut at_line_start)
                && let Some(heading) = heading(rest)
            {
                at += heading.len() + 1;
                return Some(Item::Heading(heading));
            }
            let length = run(rest, first);
            let start = at;
            at += length.unwrap_or(first.len_utf8());
            return Some(match length {
                Some(_) => Item::Word(Span::new(start, at)),
                None => Item::Sign(first),
            });
        }
    })
}

/// Bytes of the run of letters or digits that begins with `first`.
fn run(text: &str, first: char) -> Option<usize> {
    let kind = if first.is_alphabetic() {
        char::is_alphabetic
    } else if first.is_numeric() {
        char::is_numeric
    } else {
        return None;
    };
    Some(text.find(|c: char| !kind(c)).unwrap_or(text.len()))
}

/// The heading that a line begins with, without its colon: `Clinical history: …`.
fn heading(line: &str) -> Option<&str> {
    let head = &line.as_bytes()[..line.len().min(LONGEST_HEADING)];
    let end = head.iter().position(|&byte| byte == b':')?;
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || b" /&-".contains(byte);
    let is_heading =
        end >= SHORTEST_HEADING && head[0].is_ascii_uppercase() && head[..end].iter().all(is_part);
    is_heading.then(|| &line[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<String> {
        items(text)
            .map(|item| match item {
                Item::Heading(heading) => format!("[{heading}]"),
                Item::Word(span) => text[span.range()].to_owned(),
                Item::Sign(sign) => format!("<{sign}>"),
            })
            .collect()
    }

    #[test]
    fn headings_are_at_the_start_of_lines() {
        assert_eq!(
            read("HISTORY: 3-year old\n Impression: Note: fever.\nat 10:30 pain"),
            [
                "[HISTORY]",
                "3",
                "<->",
                "year",
                "old",
                "[Impression]",
                "Note",
                "<:>",
                "fever",
                "<.>",
                "at",
                "10",
                "<:>",
                "30",
                "pain"
            ]
        );
        assert_eq!(read("ab: x"), ["ab", "<:>", "x"]);
        assert_eq!(read("é10mg"), ["é", "10", "mg"]);
    }

    proptest! {
        #[test]
        fn every_letter_is_in_one_word_or_heading(text in "[A-Ca-c1éß:. \n/]{0,60}") {
            let mut letters = String::new();
            for item in items(&text) {
                match item {
                    Item::Heading(heading) => letters.push_str(heading),
                    Item::Word(span) => letters.push_str(&text[span.range()]),
                    Item::Sign(_) => {}
                }
            }
            let kept = |text: &str| -> String {
                text.chars().filter(|c| c.is_alphanumeric()).collect()
            };
            prop_assert_eq!(kept(&letters), kept(&text));
        }
    }
}
