"""A word lexicon from aligned sentences: IBM model 1 in both directions, with a prior for the diagonal.

Brown et al. 1993, "The Mathematics of Statistical Machine Translation"; the prior is that of Dyer et al. 2013,
"A Simple, Fast, and Effective Reparameterization of IBM Model 2", with its strength held fixed.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

DIAGONAL = 4.0  # strength of the prior for equal relative positions
NULL = 0.08  # prior weight of the empty word
ROUNDS = 6
Pairs = list[tuple[list[str], list[str]]]


class Lexicon:
    """t(english | spanish) and t(spanish | english) of stems."""

    def __init__(self, pairs: Pairs) -> None:
        self.forward = nested(learn(pairs))
        self.backward = nested({(s, e): p for (e, s), p in learn([(e, s) for s, e in pairs]).items()})

    def tables(self, spanish: list[str], english: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """t(english | spanish) and t(spanish | english), both [spanish, english]."""
        columns: dict[str, list[int]] = defaultdict(list)
        for j, word in enumerate(english):
            columns[word].append(j)
        found = []
        for rows in (self.forward, self.backward):
            table = np.zeros((len(spanish), len(english)))
            for i, word in enumerate(spanish):
                for other, chance in rows.get(word, {}).items():
                    for j in columns.get(other, ()):
                        table[i, j] = chance
            found.append(table)
        return found[0], found[1]


def nested(table: dict[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    """A table by Spanish stem, then English stem."""
    rows: dict[str, dict[str, float]] = defaultdict(dict)
    for (s, e), chance in table.items():
        rows[s][e] = chance
    return rows


def diagonal(rows: int, columns: int) -> np.ndarray:
    """exp(-DIAGONAL · difference of relative positions), [rows, columns]."""
    i = (np.arange(rows) + 0.5) / max(rows, 1)
    j = (np.arange(columns) + 0.5) / max(columns, 1)
    return np.exp(-DIAGONAL * np.abs(i[:, None] - j[None, :]))


def learn(pairs: Pairs) -> dict[tuple[str, str], float]:
    """t(target | source) by expectation maximisation over all pairs at once."""
    sources: dict[str, int] = defaultdict(lambda: len(sources))
    targets: dict[str, int] = defaultdict(lambda: len(targets))
    left, right, prior, slot, slots = [], [], [], [], 0
    for source, target in pairs:
        if not source or not target:
            continue
        s = np.array([sources[""]] + [sources[w] for w in source])
        t = np.array([targets[w] for w in target])
        place = diagonal(len(source), len(target))
        place = (1 - NULL) * place / place.sum(0)
        left.append(np.repeat(s, len(t)))
        right.append(np.tile(t, len(s)))
        prior.append(np.vstack([np.full((1, len(t)), NULL), place]).ravel())
        slot.append(np.tile(np.arange(slots, slots + len(t)), len(s)))
        slots += len(t)
    source, target, weight, place = (np.concatenate(x) for x in (left, right, prior, slot))
    keys, pair = np.unique(source.astype(np.int64) * len(targets) + target, return_inverse=True)
    owner = keys // len(targets)
    table = np.full(len(keys), 1.0)
    for _ in range(ROUNDS):
        mass = table[pair] * weight
        mass /= np.bincount(place, mass, minlength=slots)[place]
        counts = np.bincount(pair, mass, minlength=len(keys))
        table = counts / np.bincount(owner, counts, minlength=len(sources))[owner]
    names, words = list(sources), list(targets)
    kept = np.flatnonzero(table > 1e-3)
    return {(names[keys[k] // len(targets)], words[keys[k] % len(targets)]): float(table[k]) for k in kept}
