"""Places a Spanish mention in the English sentences that translate its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from align_sentences import Bead, Chart, Weights, evident
from align_text import Word, cognates
from align_words import Lexicon, diagonal

EMPTY = 0.02  # weight of no counterpart, against a word's likeness times its place's prior
STRANGE = 0.3  # what a run pays for an English word that translates nothing
OTHER = 0.7  # what it pays more for one that translates words outside the mention
PAUSE = {",": 0.25, ";": 0.8, ":": 0.4, ".": 0.8, "(": 0.15, ")": 0.15}
SURE = 0.35  # least share of a mention's weight that its run must translate
SECOND = 0.15  # the same of a second run
FOUND = 0.2  # least posterior of a link by which a Spanish word counts as found
RUMOUR = 0.05  # likeness in the lexicon below which a link is ignored
NEAR = 2  # words that two runs may enclose and still be one
REACH = 0.6  # the same in a neighbouring bead
FAR = 2  # beads to either side that are searched when its own holds no translation


@dataclass
class Place:
    """Where a mention lies in English: its main sentence and all of them, runs with the best first, weight translated."""

    sentence: tuple[int, int]
    sentences: list[tuple[int, int]]
    runs: list[tuple[int, int]]
    gained: float
    total: float

    @property
    def score(self) -> float:
        """Share of the mention's weight that the runs translate."""
        return min(self.gained / self.total, 1.0) if self.total else 0.0


@dataclass
class Links:
    """A mention's bead: posteriors [spanish, english] of links, which Spanish words it quotes, and their weights."""

    forward: np.ndarray
    both: np.ndarray
    quoted: np.ndarray
    weight: np.ndarray
    column: dict[int, int]  # of an English word, by its place in the text


class Placer:
    """Places mentions with the weights of both languages and a lexicon."""

    def __init__(self, weights: tuple[Weights, Weights], lexicon: Lexicon) -> None:
        self.weights = weights
        self.lexicon = lexicon

    def place(self, chart: Chart, spans: list[list[int]]) -> Place | None:
        """The best place of a mention, or nothing where its sentences have no translation."""
        own = [k for k, bead in enumerate(chart.beads) if any(inside(s, chart, bead) for s in spans)]
        found = [p for k in own if (p := self.within(chart, chart.beads[k], chart.beads[k], spans))]
        good = [p for p in found if p.runs]
        if good:
            return joined(good)
        near = sorted({n for k in own for n in range(k - FAR, k + FAR + 1) if 0 <= n < len(chart.beads)} - set(own))
        tries = [self.within(chart, chart.beads[k], chart.beads[n], spans) for k in own for n in near]
        sure = [p for p in tries if p and p.runs and p.score >= REACH]
        return max(sure or found, key=lambda p: p.gained, default=None)

    def within(self, chart: Chart, source: Bead, target: Bead, spans: list[list[int]]) -> Place | None:
        """The best runs of one English sentence of the target for a mention's words in the source's Spanish."""
        if target.e0 == target.e1:
            return None
        spanish = [w for k in range(source.s0, source.s1) for w in chart.es.words[k] if w.content]
        english = [w for k in range(target.e0, target.e1) for w in chart.en.words[k] if w.content]
        whole = (chart.en.sentences[target.e0][0], chart.en.sentences[target.e1 - 1][1])
        quoted = np.array([any(w.start < b and w.end > a for a, b in spans) for w in spanish], dtype=bool)
        best = Place(whole, [whole], [], 0.0, 0.0)
        if not english or not quoted.any():
            return best
        weight = np.array([self.weights[0].of(w) for w in spanish]) + 0.05
        best.total = float(weight[quoted].sum())
        links = Links(*self.links(spanish, english), quoted, weight, {w.start: j for j, w in enumerate(english)})
        for k in range(target.e0, target.e1):
            place = sentence_place(chart, k, links)
            if place.runs and place.gained > best.gained:
                best = place
        return best

    def links(self, spanish: list[Word], english: list[Word]) -> tuple[np.ndarray, np.ndarray]:
        """Posterior of the Spanish word behind an English one, and its geometric mean with the reverse."""
        left, right = [w.stem for w in spanish], [w.stem for w in english]
        forward, backward = self.lexicon.tables(left, right)
        told = np.where(np.sqrt(forward * backward) >= RUMOUR, 1.0, 0.0)
        alike = 0.9 * evident(cognates(left, right))
        place = diagonal(len(left), len(right))
        down, across = np.maximum(forward * told, alike) * place, np.maximum(backward * told, alike) * place
        down = down / (rivals(down.T, left)[None, :] + EMPTY)
        across = across / (rivals(across, right)[:, None] + EMPTY)
        return down, np.sqrt(down * across)


def rivals(table: np.ndarray, words: list[str]) -> np.ndarray:
    """Row sums over distinct words: repeats of a word do not compete, the best counts."""
    names = {w: k for k, w in enumerate(dict.fromkeys(words))}
    best = np.zeros((len(table), len(names)))
    np.maximum.at(best, (slice(None), [names[w] for w in words]), table)
    return best.sum(1)


def joined(parts: list[Place]) -> Place:
    """A mention of several sentences: the one that holds the most of it comes first."""
    parts = sorted(parts, key=lambda p: -p.gained)
    runs = [run for p in parts for run in p.runs]
    return Place(parts[0].sentence, [p.sentence for p in parts], runs, sum(p.gained for p in parts), sum(p.total for p in parts))


def inside(span: list[int], chart: Chart, bead: Bead) -> bool:
    """Whether a Spanish span touches a bead's sentences."""
    return any(span[0] < b and span[1] > a for a, b in chart.es.sentences[bead.s0 : bead.s1])


def sentence_place(chart: Chart, k: int, links: Links) -> Place:
    """The best run in English sentence `k`, and a second one for the words that it leaves."""
    words, text = chart.en.words[k], chart.en.text
    runs: list[tuple[int, int]] = []
    left, gained, total = links.quoted.copy(), 0.0, float(links.weight[links.quoted].sum())
    for _ in range(2):
        run = best_run(text, words, links, left)
        if run is None:
            break
        inner = [links.column[w.start] for w in words[run[0] : run[1]] if w.content]
        cover = links.both[:, inner].max(1)
        gain = float((cover * left * links.weight).sum())
        if gain / total < (SECOND if runs else 0.0):
            break
        gained += gain
        left = left & (cover < FOUND)
        runs.append(widen(text, words, run, 0 if runs else int(left.sum()), links))
        if not left.any():
            break
    if gained / total < SURE:
        runs = []
    pieces = [(words[a].start, words[b - 1].end) for a, b in merged(text, words, runs)]
    return Place(chart.en.sentences[k], [chart.en.sentences[k]], pieces, gained, total)


def merged(text: str, words: list[Word], runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Two runs as one where no more than NEAR words of meaning and no punctuation lie between them."""
    if len(runs) < 2:
        return runs
    first, second = sorted(runs)
    if first[1] > second[0]:
        return [(first[0], max(first[1], second[1]))]
    between = [j for j in range(first[1], second[0]) if words[j].content]
    quiet = not any(gap(text, words, j) for j in range(first[1], second[0] + 1))
    return [(first[0], second[1])] if quiet and len(between) <= NEAR else runs


def best_run(text: str, words: list[Word], links: Links, left: np.ndarray) -> tuple[int, int] | None:
    """The run of words whose links to the mention outweigh the rest (maximum subarray), from and to a linked word."""
    best, top = None, 0.0
    total, start = 0.0, 0
    for j, word in enumerate(words):
        total -= gap(text, words, j)
        if total <= 0:
            total, start = 0.0, j
        total += worth(word, links, left)
        if total > top + 1e-9 and word.content:
            best, top = (start, j + 1), total
    return best


def gap(text: str, words: list[Word], j: int) -> float:
    """What a run pays for the punctuation before word `j`."""
    between = text[words[j - 1].end : words[j].start] if j else ""
    return sum(PAUSE.get(c, 0.0) for c in between)


def worth(word: Word, links: Links, left: np.ndarray) -> float:
    """What a run gains or pays for one word; a mention's weightier words count up to twice."""
    if not word.content:
        return -0.02
    j = links.column[word.start]
    share = 0.5 + 0.5 * links.weight / links.weight[links.quoted].max()
    mine = float((links.both[:, j] * left * share).sum())
    own, other = float(links.forward[links.quoted, j].sum()), float(links.forward[~links.quoted, j].sum())
    return mine - STRANGE - (OTHER * other if other > own else 0.0)


def widen(text: str, words: list[Word], run: tuple[int, int], missing: int, links: Links) -> tuple[int, int]:
    """Adds up to `missing` neighbours that translate nothing, for words of the mention that were not found."""
    a, b = run
    while missing and b < len(words) and not gap(text, words, b) and free(words[b], links):
        b, missing = b + 1, missing - 1
    while missing and a > 0 and not gap(text, words, a) and free(words[a - 1], links):
        a, missing = a - 1, missing - 1
    return a, b


def free(word: Word, links: Links) -> bool:
    """Whether a word carries meaning but translates no Spanish word."""
    return word.content and float(links.forward[:, links.column[word.start]].sum()) < 0.4
