"""The profile for billing: the same retrieval over the problems of an assessment, with trees of its own.

No chart that was coded for billing may be learnt from. Instead, problem lists are made
up from CodiEsp's marked passages: each list names one to four of a chart's passages and,
now and then, a clause that no coder marked. The trees see what a passage and a code have
in common, not how often CodiEsp has a code, nor how its coders write.
"""

from __future__ import annotations

import numpy as np

import fit
import head
from charts import Chart
from rerank import FEATURES, Reranker, Span

CANDIDATES = 100
ROUNDS = 300
LISTS = 4  # of each chart
LONGEST = 4  # passages in a list
STRAY = 0.3  # share of the lists with a clause that is not marked
SEED = 0
LEFT_OUT = {
    "place", "spans", "chart_tokens", "highest", "position", "spans_first", "spans_third",
    "log_count", "log_category_count", "mentioned", "most_mentioned",
}
USED = tuple(name for name in FEATURES if name not in LEFT_OUT)


def column(rows: np.ndarray) -> np.ndarray:
    return rows[:, [FEATURES.index(name) for name in USED]]


class Lists:
    """Problem lists of the training charts."""

    def __init__(self, fitter: fit.Fitter) -> None:
        self.fitter = fitter
        self.paid = fitter.still["concept.traits"][:, 3] > 0
        self.titles = {c: text.lower() for c, kind, text in reversed(fitter.codes.terms) if kind == "title"}

    def billed(self, code: str) -> int | None:
        """The concept that is billed for a code: its own, or the only one, or only unspecified one, below it."""
        concept = self.fitter.concept_of(code)
        if concept is None or self.paid[concept]:
            return concept
        below = [c for c in range(concept + 1, self.fitter.still["concept.subtree_end"][concept]) if self.paid[c]]
        if len(below) > 1:
            below = [c for c in below if "unspecified" in self.titles[c]]
        return int(below[0]) if len(below) == 1 else None

    def marked(self, chart: Chart) -> list[tuple[Span, np.ndarray, set[int]]]:
        """The marked passages of a chart, each once with all its concepts."""
        found: dict[Span, tuple[Span, np.ndarray, set[int]]] = {}
        for code, vector, span in chart.passages:
            if (concept := self.billed(code)) is not None:
                found.setdefault(span, (span, vector, set()))[2].add(concept)
        return list(found.values())

    def draw(self, number: int) -> list[tuple[list[Span], np.ndarray, set[int]]]:
        """(spans, vectors, right concepts) of the lists of one chart."""
        chart, random = self.fitter.charts[number], np.random.default_rng([SEED, number])
        marked = self.marked(chart)
        lists = []
        for _ in range(LISTS if marked else 0):
            size = min(len(marked), int(random.integers(1, LONGEST + 1)))
            picked = [marked[i] for i in random.choice(len(marked), size, replace=False)]
            if random.random() < STRAY:
                i = int(random.integers(len(chart.spans)))
                span = chart.spans[i]
                meant = {c for other, _, own in marked if other.start < span.end and other.end > span.start for c in own}
                picked.append((span, chart.vectors[i], meant))
            spans, vectors, right = zip(*picked)
            lists.append((list(spans), np.stack(vectors), set().union(*right)))
        return lists

    def fold(self, k: int, tables: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """(features, right or not, list) of the candidates of fold k's lists, and how many concepts are right."""
        reranker = Reranker(tables, CANDIDATES, billable=True)
        rows, right, owner, sought, count = [], [], [], 0, 0
        for number in range(k, len(self.fitter.charts), fit.FOLDS):
            for spans, vectors, gold in self.draw(number):
                units = head.project(vectors, tables["projection.weight"], tables["projection.bias"])
                chosen, values = reranker.features(units, spans, self.fitter.charts[number].ids)
                rows.append(column(values))
                right.append(np.isin(chosen, sorted(gold)))
                owner.append(np.full(len(chosen), count))
                sought, count = sought + len(gold), count + 1
        return np.concatenate(rows), np.concatenate(right), np.concatenate(owner), sought


def threshold(folds: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]]) -> tuple[float, float]:
    """(probability above which a code is suggested, micro F1 there) on lists that the trees have not seen."""
    probability = [
        fit.boost(*(np.concatenate([other[i] for j, other in enumerate(folds) if j != k]) for i in (0, 1)), ROUNDS).predict(own[0])
        for k, own in enumerate(folds)
    ]
    order = np.argsort(-np.concatenate(probability), kind="stable")
    right = np.concatenate([own[1] for own in folds])[order].cumsum()
    f1 = 2 * right / (np.arange(1, len(order) + 1) + sum(own[3] for own in folds))
    best = int(f1.argmax())
    return float(np.round(np.concatenate(probability)[order][best], 3)), float(f1[best])
