"""Windows and spans of a chart. The engine repeats this exactly.

The chart is tokenised once, whole, without special tokens; token i covers the
characters [start_i, end_i) of the text.

Windows
-------
1. A sentence ends before token i (i > 0) when the characters between token
   i-1 and token i, text[end_{i-1} : start_i], hold a line feed or a carriage
   return; or when they are not empty, the last character of token i-1 is one of
   . ? ! and the first character of token i is upper-case (Unicode Uppercase) or
   an ASCII digit.
2. A sentence of n <= cap tokens (cap = max_tokens - 2) is one window; a longer
   one is cut at 0, cap - overlap, 2 (cap - overlap), ... into pieces of cap
   tokens; the last piece is the first that reaches the sentence's end.
3. A window is [CLS] + its tokens + [SEP]. Each is encoded alone, unpadded.

Spans
-----
A span is a range [start, end) of a window's tokens, [CLS] at 0 and [SEP] at
n-1 never in it; its vector is the mean of the hidden states of its tokens.
Below, "token is in a list" means its vocabulary string equals an entry and the
next token does not begin with "##": the word "or", not the head of "orthopnea".

1. Clauses. Start with s = 1 and reach = 0. For i = 1 .. n-1, when i is n-1 or
   token i is in `breaks`:
   - if s < i: when token s is in `affirms`, reach = 0; then, when any token of
     [s, i) is in `denials`, reach = 2; otherwise, when any is in `negations`,
     reach = max(reach, 1); when reach is 0, [s, i) is a clause (a negated one
     is left out);
   - if i < n-1: when token i is in `negations`, reach = 2 if i = 1 (it heads the
     sentence: "No fever, chills or cough"), else 1; otherwise reach stays
     when it is 2 and token i is in `denial_carries`, or when token i is in
     `carries`; else reach = 0;
   - s = i + 1.
2. Words of a clause [a, e). A word starts at a and at every later token whose
   vocabulary string does not begin with "##"; it ends where the next starts,
   the last at e.
3. The spans, in this order clause by clause: the clause; then for every
   (length, stride) in `grams`: if the clause has more than `length` words, the
   runs of `length` words that start at word 0, stride, 2 stride, ... and fit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    id: int
    start: int
    end: int


def tokenise(tokenizer, text: str) -> list[Token]:
    """The chart's tokens without special tokens (truncation and padding off)."""
    encoded = tokenizer.encode(text, add_special_tokens=False)
    return [Token(i, s, e) for i, (s, e) in zip(encoded.ids, encoded.offsets)]


def ends_sentence(text: str, before: Token, after: Token) -> bool:
    gap = text[before.end : after.start]
    if "\n" in gap or "\r" in gap:
        return True
    first = text[after.start]
    opens = first.isupper() or first in "0123456789"
    return bool(gap) and text[before.end - 1] in ".?!" and opens


def sentences(text: str, tokens: list[Token]) -> list[tuple[int, int]]:
    """Token ranges [start, end) of the sentences."""
    cuts = [i for i in range(1, len(tokens)) if ends_sentence(text, tokens[i - 1], tokens[i])]
    bounds = [0, *cuts, len(tokens)]
    return [(a, b) for a, b in zip(bounds, bounds[1:]) if b > a]


def windows(text: str, tokens: list[Token], max_tokens: int, overlap: int) -> list[tuple[int, int]]:
    """Token ranges [start, end) of the windows, special tokens not counted."""
    cap = max_tokens - 2
    out = []
    for start, end in sentences(text, tokens):
        while end - start > cap:
            out.append((start, start + cap))
            start += cap - overlap
        out.append((start, end))
    return out


@dataclass(frozen=True)
class SpanRule:
    """The constants of the span rule; words are single vocabulary tokens."""

    breaks: tuple[str, ...]
    carries: tuple[str, ...]
    negations: tuple[str, ...]
    denials: tuple[str, ...]
    denial_carries: tuple[str, ...]
    affirms: tuple[str, ...]
    grams: tuple[tuple[int, int], ...]  # (length, stride) in words


class Spanner:
    """The span rule with its words looked up in a vocabulary."""

    def __init__(self, rule: SpanRule, vocabulary: dict[str, int]) -> None:
        self.breaks = {vocabulary[word] for word in rule.breaks}
        self.carries = {vocabulary[word] for word in rule.carries}
        self.negations = {vocabulary[word] for word in rule.negations}
        self.denials = {vocabulary[word] for word in rule.denials}
        self.denial_carries = {vocabulary[word] for word in rule.denial_carries}
        self.affirms = {vocabulary[word] for word in rule.affirms}
        self.grams = rule.grams
        self.inside = {i for token, i in vocabulary.items() if token.startswith("##")}

    def clauses(self, window: list[int]) -> list[tuple[int, int]]:
        found, start, reach, last = [], 1, 0, len(window) - 1
        window = self.whole_words(window)
        for i in range(1, last + 1):
            if i < last and window[i] not in self.breaks:
                continue
            if start < i:
                reach = self.reach_within(window[start:i], reach)
                if reach == 0:
                    found.append((start, i))
            if i < last:
                reach = self.reach_behind(window[i], reach, heads=i == 1)
            start = i + 1
        return found

    def reach_within(self, clause: list[int], reach: int) -> int:
        """How far the negation reaches that holds of a clause: 0 none, 1, or 2 a denial's list."""
        if clause[0] in self.affirms:
            reach = 0
        if any(token in self.denials for token in clause):
            return 2
        return max(reach, 1) if any(token in self.negations for token in clause) else reach

    def whole_words(self, window: list[int]) -> list[int]:
        """The window with -1 in place of tokens that are only the head of a word."""
        return [-1 if after in self.inside else token for token, after in zip(window, [*window[1:], -1])]

    def reach_behind(self, token: int, reach: int, heads: bool) -> int:
        """What is left of it behind a break, which may head the sentence."""
        if token in self.negations:
            return 2 if heads else 1
        carried = token in self.carries or (reach == 2 and token in self.denial_carries)
        return reach if carried else 0

    def spans(self, window: list[int]) -> list[tuple[int, int]]:
        found = []
        for start, end in self.clauses(window):
            found.append((start, end))
            edges = [i for i in range(start, end) if i == start or window[i] not in self.inside]
            words = len(edges)
            edges.append(end)
            for length, stride in self.grams:
                if words > length:
                    starts = range(0, words - length + 1, stride)
                    found += [(edges[i], edges[i + length]) for i in starts]
        return found


def focus_spans(spanner: Spanner, ids: list[int], window: tuple[int, int, int], focus: tuple[str, list] | None) -> list[tuple[int, int]]:
    """The spans of a window (first token, end, first token that no window before holds) that are looked at."""
    start, end, fresh = window
    kind, runs = focus or ("all", [])
    if kind == "problems":
        return [(a - start + 1, min(b, end) - start + 1) for a, b in runs if max(start, fresh) <= a < end]
    found = spanner.spans(ids)
    if kind == "within":
        return [(a, b) for a, b in found if any(first <= a + start - 1 < last for first, last in runs)]
    return found
