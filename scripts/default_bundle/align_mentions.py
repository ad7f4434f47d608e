"""Places a Spanish mention in the English sentences that translate its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from align_sentences import Bead, Chart, Weights, evident
from align_text import Word, cognates
from align_words import NULL, Lexicon, diagonal

STRANGE = 0.3  # what a run pays for an English word that translates nothing
OTHER = 0.7  # what it pays more for one that translates words outside the mention
PAUSE = {",": 0.25, ";": 0.8, ":": 0.4, ".": 0.8, "(": 0.15, ")": 0.15}
SURE = 0.35  # least share of a mention's weight that its run must translate
REACH = 0.6  # the same in a neighbouring bead
FAR = 2  # beads to either side that are searched when its own holds no translation


@dataclass
class Place:
    """Where a mention lies in the English text: sentence, runs with the best first, share of weight translated."""

    sentence: tuple[int, int]
    runs: list[tuple[int, int]]
    score: float


class Placer:
    """Places mentions with the weights of both languages and a lexicon."""

    def __init__(self, weights: tuple[Weights, Weights], lexicon: Lexicon) -> None:
        self.weights = weights
        self.lexicon = lexicon

    def place(self, chart: Chart, spans: list[list[int]]) -> Place | None:
        """The best place of a mention, or nothing where its sentences have no translation."""
        own = [k for k, bead in enumerate(chart.beads) if any(inside(s, chart, bead) for s in spans)]
        found = [self.within(chart, chart.beads[k], chart.beads[k], spans) for k in own]
        good = [p for p in found if p and p.runs]
        if good:
            return max(good, key=lambda p: p.score)
        near = sorted({n for k in own for n in range(k - FAR, k + FAR + 1) if 0 <= n < len(chart.beads)} - set(own))
        tries = [self.within(chart, chart.beads[k], chart.beads[n], spans) for k in own for n in near]
        sure = [p for p in tries if p and p.runs and p.score >= REACH]
        rest = [p for p in found if p]
        return max(sure or rest, key=lambda p: p.score, default=None)

    def within(self, chart: Chart, source: Bead, target: Bead, spans: list[list[int]]) -> Place | None:
        """The best run of the target's English for the words of a mention in the source's Spanish."""
        if target.e0 == target.e1:
            return None
        spanish = [w for k in range(source.s0, source.s1) for w in chart.es.words[k] if w.content]
        english = [w for k in range(target.e0, target.e1) for w in chart.en.words[k] if w.content]
        whole = (chart.en.sentences[target.e0][0], chart.en.sentences[target.e1 - 1][1])
        quoted = np.array([any(w.start < b and w.end > a for a, b in spans) for w in spanish], dtype=bool)
        if not english or not quoted.any():
            return Place(whole, [], 0.0)
        forward, both = self.links(spanish, english)
        weight = np.array([self.weights[0].of(w) for w in spanish]) + 0.05
        best = Place(whole, [], 0.0)
        for k in range(target.e0, target.e1):
            place = sentence_place(chart, k, english, (forward, both, quoted, weight), spans)
            if place.runs and place.score > best.score:
                best = place
        return best

    def links(self, spanish: list[Word], english: list[Word]) -> tuple[np.ndarray, np.ndarray]:
        """Posterior of the Spanish word behind an English one, and its geometric mean with the reverse."""
        left, right = [w.stem for w in spanish], [w.stem for w in english]
        alike = 0.9 * evident(cognates(left, right))
        forward, backward = self.lexicon.tables(left, right)
        place = diagonal(len(left), len(right))
        down, across = np.maximum(forward, alike) * place, np.maximum(backward, alike) * place
        down = down / (down.sum(0, keepdims=True) + NULL / 2)
        across = across / (across.sum(1, keepdims=True) + NULL / 2)
        return down, np.sqrt(down * across)


def inside(span: list[int], chart: Chart, bead: Bead) -> bool:
    """Whether a Spanish span touches a bead's sentences."""
    return any(span[0] < b and span[1] > a for a, b in chart.es.sentences[bead.s0 : bead.s1])


def sentence_place(chart: Chart, k: int, english: list[Word], links: tuple, spans: list[list[int]]) -> Place:
    """The best run, and for a broken mention a second one, in English sentence `k`."""
    forward, both, quoted, weight = links
    column = {w.start: j for j, w in enumerate(english)}
    words = chart.en.words[k]
    runs: list[tuple[int, int]] = []
    left, share = quoted.copy(), 0.0
    for _ in range(2 if len(spans) > 1 else 1):
        run = best_run(chart.en.text, words, column, (forward, left, quoted))
        if run is None:
            break
        inner = [column[w.start] for w in words[run[0] : run[1]] if w.content]
        cover = both[:, inner].max(1) * left
        gained = float((cover * weight).sum() / weight[quoted].sum())
        if gained < (SURE if not runs else 0.2) * (1 if len(spans) == 1 else 0.7):
            break
        share += gained
        missing = int((left & (both[:, inner].max(1) < 0.2)).sum())
        run = widen(chart.en.text, words, run, missing if not runs else 0, forward, column)
        piece = (words[run[0]].start, words[run[1] - 1].end)
        if all(piece[1] <= a or piece[0] >= b for a, b in runs):
            runs.append(piece)
        left = left & (both[:, inner].max(1) < 0.2)
        if not left.any():
            break
    return Place(chart.en.sentences[k], runs, min(share, 1.0))


def best_run(text: str, words: list[Word], column: dict[int, int], links: tuple) -> tuple[int, int] | None:
    """The run of words whose links to the mention outweigh the rest (maximum subarray), from and to a linked word."""
    forward, left, quoted = links
    best, top = None, 0.0
    total, start = 0.0, 0
    for j, word in enumerate(words):
        total -= gap(text, words, j)
        if total <= 0:
            total, start = 0.0, j
        total += worth(word, column, forward, left, quoted)
        if total > top + 1e-9 and word.content:
            best, top = (start, j + 1), total
    return best


def gap(text: str, words: list[Word], j: int) -> float:
    """What a run pays for the punctuation before word `j`."""
    between = text[words[j - 1].end : words[j].start] if j else ""
    return sum(PAUSE.get(c, 0.0) for c in between)


def worth(word: Word, column: dict[int, int], forward: np.ndarray, left: np.ndarray, quoted: np.ndarray) -> float:
    """What a run gains or pays for one word."""
    if not word.content:
        return -0.02
    links = forward[:, column[word.start]]
    mine, other = float(links[left].sum()), float(links[~quoted].sum())
    return mine - STRANGE - OTHER * other


def widen(text: str, words: list[Word], run: tuple[int, int], missing: int, forward: np.ndarray, column: dict[int, int]) -> tuple[int, int]:
    """Adds up to `missing` neighbours that translate nothing, for words of the mention that were not found."""
    a, b = run
    while missing and b < len(words) and not gap(text, words, b) and free(words[b], forward, column):
        b, missing = b + 1, missing - 1
    while missing and a > 0 and not gap(text, words, a) and free(words[a - 1], forward, column):
        a, missing = a - 1, missing - 1
    return a, b


def free(word: Word, forward: np.ndarray, column: dict[int, int]) -> bool:
    """Whether a word carries meaning but translates no Spanish word."""
    return word.content and float(forward[:, column[word.start]].sum()) < 0.4
