//! Passages that a source marks: checked against the text.

use crate::chart::{GoldEvidence, Span};
use crate::code::Code;

use super::issues::{EMPTY_EVIDENCE, EMPTY_SPAN, Issues, QUOTE_DIFFERS};

/// Where the code points of a text stand.
pub(super) struct CodePoints<'a> {
    text: &'a str,
    /// Byte offset of each code point, and the text's length; empty where every code point is a
    /// byte.
    offsets: Vec<usize>,
}

impl<'a> CodePoints<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut offsets = Vec::new();
        if !text.is_ascii() {
            offsets.extend(text.char_indices().map(|(offset, _)| offset));
            offsets.push(text.len());
        }
        Self { text, offsets }
    }

    pub(super) fn len(&self) -> usize {
        if self.offsets.is_empty() { self.text.len() } else { self.offsets.len() - 1 }
    }

    fn byte(&self, point: usize) -> Option<usize> {
        if self.offsets.is_empty() { Some(point) } else { self.offsets.get(point).copied() }
    }

    /// The text of a span, where it lies within.
    fn slice(&self, span: Span) -> Option<&'a str> {
        self.text.get(self.byte(span.start)?..self.byte(span.end)?)
    }
}

/// A passage as a source marks it.
pub(super) struct Marked<'a> {
    pub(super) code: Code,
    pub(super) spans: Vec<Span>,
    /// What the source says stands there.
    pub(super) quote: Option<&'a str>,
}

impl Marked<'_> {
    /// The passage as it is kept, or none where it has no character. Spans without any are left
    /// out and counted; CodiEsp has some among the parts of discontinuous mentions.
    ///
    /// # Errors
    /// A problem, where a span ends before it starts or behind the text.
    pub(super) fn check(
        self,
        text: Option<&CodePoints<'_>>,
        id: &str,
        issues: &mut Issues,
    ) -> Result<Option<GoldEvidence>, String> {
        let Self { code, mut spans, quote } = self;
        for &Span { start, end } in &spans {
            if start > end {
                return Err(format!("span {start} to {end} ends before it starts"));
            }
            if let Some(n) = text.map(CodePoints::len).filter(|&n| end > n) {
                return Err(format!(
                    "span {start} to {end} ends behind the text's {n} code points"
                ));
            }
        }
        let marked = spans.len();
        spans.retain(|span| span.start < span.end);
        if spans.is_empty() {
            issues.note(EMPTY_EVIDENCE, id);
            return Ok(None);
        }
        for _ in spans.len()..marked {
            issues.note(EMPTY_SPAN, id);
        }
        if let (Some(text), Some(quote)) = (text, quote)
            && !quotes(text, &spans, quote)
        {
            issues.note(QUOTE_DIFFERS, id);
        }
        Ok(Some(GoldEvidence { code, spans }))
    }
}

/// Whether the quotation is what stands at the spans, white space left out of account.
fn quotes(text: &CodePoints<'_>, spans: &[Span], quote: &str) -> bool {
    let solid = |c: &char| !c.is_whitespace();
    let marked = spans.iter().filter_map(|&span| text.slice(span)).flat_map(str::chars);
    marked.filter(solid).eq(quote.chars().filter(solid))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(
        text: Option<&str>,
        spans: &[(usize, usize)],
        quote: Option<&str>,
    ) -> (String, Issues) {
        let mut issues = Issues::default();
        let spans = spans.iter().map(|&(start, end)| Span { start, end }).collect();
        let marked = Marked { code: Code::new("icd10cm", "N20.0"), spans, quote };
        let text = text.map(CodePoints::new);
        let kept = match marked.check(text.as_ref(), "a", &mut issues) {
            Ok(kept) => kept.map_or("none".to_owned(), |kept| format!("{}", kept.spans.len())),
            Err(problem) => problem,
        };
        (kept, issues)
    }

    #[test]
    fn spans_are_code_points() {
        let (kept, issues) = check(Some("dolor año ñ"), &[(6, 9), (10, 11)], Some("año ñ"));
        assert_eq!(kept, "2");
        assert!(issues.list().is_empty());
        let (kept, _) = check(Some("año"), &[(0, 4)], None);
        assert_eq!(kept, "span 0 to 4 ends behind the text's 3 code points");
        assert_eq!(check(None, &[(0, 4)], None).0, "1");
    }

    #[test]
    fn empty_spans_are_counted_and_inverted_ones_refused() {
        let (kept, issues) = check(Some("kidney stone"), &[(0, 6), (6, 6)], Some("kidney"));
        assert_eq!((kept.as_str(), issues.list()[0].kind.as_str()), ("1", "empty_span"));
        let (kept, issues) = check(Some("kidney stone"), &[(6, 6)], None);
        assert_eq!((kept.as_str(), issues.list()[0].kind.as_str()), ("none", "empty_evidence"));
        assert_eq!(check(None, &[(5, 4)], None).0, "span 5 to 4 ends before it starts");
    }

    #[test]
    fn a_wrong_quotation_is_counted() {
        let (kept, issues) = check(Some("kidney stone"), &[(0, 6)], Some("stone"));
        assert_eq!((kept.as_str(), issues.list()[0].kind.as_str()), ("1", "quote_differs"));
    }

    proptest! {
        #[test]
        fn slices_are_those_of_the_code_points(text in "[a-cñ\u{1f600}]{0,12}", start in 0..14_usize, end in 0..14_usize) {
            let points: Vec<char> = text.chars().collect();
            let naive = points.get(start..end).map(|slice| slice.iter().collect::<String>());
            let checked = CodePoints::new(&text);
            prop_assert_eq!(checked.len(), points.len());
            prop_assert_eq!(checked.slice(Span { start, end }), naive.as_deref());
        }
    }
}
