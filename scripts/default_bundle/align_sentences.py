"""A monotone alignment of a chart's Spanish and English sentences.

The dynamic programme of Gale and Church 1993, "A Program for Aligning Sentences in Bilingual Corpora", over beads of
up to three sentences a side. A bead gains the likeness of its words rather than of its length alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from align_text import Side, Word, cognates
from align_words import Lexicon

BEADS = {(1, 1): 0.0, (1, 0): 0.5, (0, 1): 0.5, (2, 1): 0.5, (1, 2): 0.5, (2, 2): 1.2, (3, 1): 1.0, (1, 3): 1.0, (3, 2): 1.8, (2, 3): 1.8}
CHANCE = 0.12  # likeness that words of unrelated sentences reach
LENGTH = 0.5  # weight of the log-ratio of lengths
WIDEST = 3  # most sentences of a bead's side
BAND = 12  # sentences that the alignment may stray from the chart's diagonal


@dataclass
class Bead:
    """Sentences that translate each other: Spanish [s0, s1), English [e0, e1), and the share of words matched."""

    s0: int
    s1: int
    e0: int
    e1: int
    score: float = 0.0


@dataclass
class Chart:
    """Both sides of a chart and their alignment."""

    id: str
    es: Side
    en: Side
    evidence: list[dict]
    beads: list[Bead]


@dataclass
class Matches:
    """Matched weight by count of other sentences, sentence and first other sentence; and every sentence's weight."""

    es: dict[int, list]
    en: dict[int, list]
    mass_es: np.ndarray
    mass_en: np.ndarray


class Weights:
    """Inverse document frequency of stems over sentences, in [0, 1]; words without meaning weigh nothing."""

    def __init__(self, sentences: list[list[Word]]) -> None:
        self.total = log(len(sentences) + 1)
        self.counts: dict[str, int] = {}
        for words in sentences:
            for form in {w.stem for w in words}:
                self.counts[form] = self.counts.get(form, 0) + 1

    def of(self, word: Word) -> float:
        """The weight of one word."""
        return (1 - log(self.counts.get(word.stem, 0) + 1) / self.total) if word.content else 0.0


def evident(dice: np.ndarray) -> np.ndarray:
    """Likeness by spelling as a probability-like figure: 0 up to Dice 0.4, 1 from 0.8."""
    return np.clip((dice - 0.4) / 0.4, 0, 1)


def likeness(spanish: list[str], english: list[str], lexicon: Lexicon | None) -> np.ndarray:
    """Likeness of stems, [spanish, english]: the better of spelling and lexicon."""
    alike = evident(cognates(spanish, english))
    if lexicon is None:
        return alike
    forward, backward = lexicon.tables(spanish, english)
    return np.maximum(alike, np.sqrt(forward * backward))


class Aligner:
    """Aligns charts with the weights of both languages and, from the second pass on, a lexicon."""

    def __init__(self, weights: tuple[Weights, Weights], lexicon: Lexicon | None) -> None:
        self.weights = weights
        self.lexicon = lexicon

    def beads(self, es: Side, en: Side) -> list[Bead]:
        """The best chain of beads."""
        m, n = len(es.sentences), len(en.sentences)
        table = self.table(es, en)
        ratio = (len(en.text) + 1) / (len(es.text) + 1)
        best = np.full((m + 1, n + 1), -np.inf)
        best[0, 0] = 0.0
        back: dict[tuple[int, int], Bead] = {}
        for i in range(m + 1):
            for j in range(n + 1):
                for (a, b), cost in BEADS.items():
                    if a > i or b > j or best[i - a, j - b] == -np.inf or abs(i * n - j * m) > BAND * max(m, n):
                        continue
                    bead = Bead(i - a, i, j - b, j)
                    gain, bead.score = self.gain(bead, table)
                    value = best[i - a, j - b] + gain - cost - (LENGTH * uneven(bead, es, en, ratio) if a and b else 0)
                    if value > best[i, j]:
                        best[i, j], back[i, j] = value, bead
        chain, at = [], (m, n)
        while at != (0, 0):
            chain.append(back[at])
            at = (back[at].s0, back[at].e0)
        return chain[::-1]

    def table(self, es: Side, en: Side) -> Matches | None:
        """What every sentence has in common with one to three of the other side."""
        lines = [[[w for w in words if w.content] for words in one.words] for one in (es, en)]
        stems = [sorted({w.stem for words in one for w in words}) for one in lines]
        if not stems[0] or not stems[1]:
            return None
        alike = likeness(stems[0], stems[1], self.lexicon)
        places = [{s: k for k, s in enumerate(one)} for one in stems]
        index = [[[at[w.stem] for w in words] for words in one] for at, one in zip(places, lines)]
        weights = [[np.array([of.of(w) for w in words]) for words in one] for of, one in zip(self.weights, lines)]
        mass = [np.array([float(w.sum()) for w in one]) for one in weights]
        return Matches(
            common(alike, index[0], index[1], weights[0]), common(alike.T, index[1], index[0], weights[1]), mass[0], mass[1]
        )

    def gain(self, bead: Bead, table: Matches | None) -> tuple[float, float]:
        """Matched weight above chance, and the matched share."""
        if table is None or bead.s0 == bead.s1 or bead.e0 == bead.e1:
            return 0.0, 0.0
        rows, columns = range(bead.s0, bead.s1), range(bead.e0, bead.e1)
        matched = sum(table.es[len(columns)][k][bead.e0] for k in rows) + sum(table.en[len(rows)][k][bead.s0] for k in columns)
        mass = sum(table.mass_es[k] for k in rows) + sum(table.mass_en[k] for k in columns)
        return matched - CHANCE * mass, matched / mass if mass else 0.0


def common(alike: np.ndarray, own: list[list[int]], others: list[list[int]], weights: list[np.ndarray]) -> dict[int, list]:
    """By count, sentence and first other sentence: the weight that so many sentences of the other side match."""
    best = np.array([alike[:, r].max(1) if r else np.zeros(len(alike)) for r in others]).T
    found: dict[int, list] = {}
    for count in range(1, WIDEST + 1):
        if count > 1:
            best = np.maximum(best[:, :-1], first[:, count - 1 :])
        else:
            first = best
        found[count] = [(weight @ best[r]).tolist() if r else [0.0] * best.shape[1] for r, weight in zip(own, weights)]
        if best.shape[1] < 2:
            break
    return found


def uneven(bead: Bead, es: Side, en: Side, ratio: float) -> float:
    """Absolute log-ratio of a bead's lengths against the chart's own."""
    spanish = es.sentences[bead.s1 - 1][1] - es.sentences[bead.s0][0]
    english = en.sentences[bead.e1 - 1][1] - en.sentences[bead.e0][0]
    return abs(log((english + 10) / (spanish * ratio + 10)))
