"""What is fitted for the second look: folds of charts, tables of a fold, trees."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import lightgbm
import numpy as np

import head
from charts import Chart
from projection import Projection, Settings, Trainer
from rerank import MENTION, Reranker
from terms import CodeSet

FOLDS = 5
CANDIDATES = 200
FUNCTION_WORDS = "of the in and with without or a an to by for on at from as due other unspecified not elsewhere classified nos nec".split()


@dataclass(frozen=True)
class Trees:
    objective: str = "binary"
    num_leaves: int = 15
    learning_rate: float = 0.04
    min_data_in_leaf: int = 30
    feature_fraction: float = 0.5
    bagging_fraction: float = 0.8
    bagging_freq: int = 1
    lambda_l2: float = 5.0
    seed: int = 0
    deterministic: bool = True
    force_row_wise: bool = True
    verbose: int = -1


ROUNDS = 400


class Fitter:
    """Code set, vectors of its terms and encoded training charts."""

    def __init__(self, codes: CodeSet, vectors: np.ndarray, charts: list[Chart], tokenizer) -> None:
        self.codes, self.charts = codes, charts
        self.vectors = head.normalise(vectors).astype(np.float32)
        self.owners = np.array([owner for owner, _, _ in codes.terms])
        self.concept = {code: c for code, c in zip(codes.labels, codes.label_concept)}
        self.concept |= {code: c for c, code in enumerate(codes.concepts)}
        self.gold = [sorted({c for code in chart.gold if (c := self.concept_of(code)) is not None}) for chart in charts]
        self.still = self.still_tables(tokenizer)

    def concept_of(self, code: str) -> int | None:
        """W19.XXX is W19: placeholders stand for nothing."""
        while code not in self.concept and code.endswith("X"):
            code = code.removesuffix("X").removesuffix(".")
        return self.concept.get(code)

    def still_tables(self, tokenizer) -> dict[str, np.ndarray]:
        """What does not depend on charts."""
        codes, count = self.codes, len(self.codes.concepts)
        titles = [""] * count
        for owner, kind, text in reversed(codes.terms):
            if kind == "title":
                titles[owner] = text.lower()
        categories = sorted({code[:3] for code in codes.concepts})
        number = {code: i for i, code in enumerate(categories)}
        category = np.array([number[code[:3]] for code in codes.concepts])
        paid = np.zeros(count, bool)
        np.logical_or.at(paid, codes.label_concept, codes.billable)
        end = np.arange(1, count + 1)
        for c, code in enumerate(codes.concepts):
            while end[c] < count and codes.concepts[end[c]].startswith(code):
                end[c] += 1
        traits = np.stack([
            ["unspecified" in t for t in titles], [t.startswith("other") for t in titles],
            [len(c) for c in codes.concepts], paid, [ord(c[0]) - ord("A") for c in codes.concepts],
            np.bincount(self.owners, minlength=count), np.bincount(category)[category],
        ], axis=1).astype(np.float32)
        words = [sorted(set(tokenizer.encode(text, add_special_tokens=False).ids)) for _, _, text in codes.terms]
        return {
            "concept.category": category.astype(np.uint32), "concept.subtree_end": end.astype(np.uint32),
            "concept.traits": traits, "word.weight": self.word_weights(tokenizer, words), "words": words,
        }

    def word_weights(self, tokenizer, words: list[list[int]]) -> np.ndarray:
        """Inverse document frequency among titles; punctuation weighs nothing, function words little."""
        vocabulary = tokenizer.get_vocab()
        seen = np.zeros(len(vocabulary))
        for own, (_, kind, _) in zip(words, self.codes.terms):
            if kind == "title":
                seen[own] += 1
        weight = np.log((len(self.codes.concepts) + 1) / (seen + 1))
        weight[[vocabulary[sign] for sign in ",;:().!?[]-/"]] = 0
        weight[[vocabulary[word] for word in FUNCTION_WORDS if word in vocabulary]] *= 0.15
        return weight.astype(np.float32)

    def projections(self, members: list[int]) -> tuple[Projection, Projection]:
        vectors, concepts = self.passages(members)
        return Trainer(self.vectors, self.owners, vectors, concepts, Settings()).fit()

    def passages(self, members: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors of the marked passages of some charts, and their concepts."""
        marked = [(vector, c) for i in members for code, vector, _ in self.charts[i].passages if (c := self.concept_of(code)) is not None]
        vectors, concepts = zip(*marked)
        return head.normalise(np.stack(vectors)).astype(np.float32), np.array(concepts)

    def tables(self, members: list[int], projected: tuple[Projection, Projection]) -> dict[str, np.ndarray]:
        """The tensors of the head but for the trees, from some of the charts."""
        spans, terms = projected
        passages, concepts = self.passages(members)
        units = np.concatenate([head.project(self.vectors, *terms), head.project(passages, *spans)])
        owners = np.concatenate([self.owners, concepts])
        kinds = np.array([{"title": 0}.get(kind, 1) for _, kind, _ in self.codes.terms] + [MENTION] * len(concepts))
        order = np.argsort(owners, kind="stable")
        words = [*self.still["words"], *[[]] * len(concepts)]
        words = [words[i] for i in order]
        rows, scales = head.quantise_terms(units[order])
        return {
            "projection.weight": spans[0], "projection.bias": spans[1],
            "term.weight": rows, "term.weight_scale": scales, "term.kind": kinds[order].astype(np.uint32),
            "concept.offsets": head.offsets_of(owners[order], len(self.codes.concepts)),
            "term.word_offsets": np.cumsum([0, *map(len, words)]).astype(np.uint32),
            "term.words": np.array([w for own in words for w in own], np.uint32),
            **{k: v for k, v in self.still.items() if k != "words"},
            **self.counts(members),
        }

    def counts(self, members: list[int]) -> dict[str, np.ndarray]:
        count = np.zeros(len(self.codes.concepts))
        for i in members:
            count[self.gold[i]] += 1
        category = self.still["concept.category"]
        size = np.bincount(category)
        log = np.log(0.3 + count)
        shared = np.log(0.3 + (np.bincount(category, weights=count) / np.sqrt(size))[category])
        return {k: v.astype(np.float32) for k, v in {
            "concept.log_count": log, "concept.log_category_count": shared,
            "concept.prior": 0.01 * log, "concept.head_start": 0.02 * log + 0.01 * shared}.items()}

    def fold_tables(self, k: int) -> dict[str, np.ndarray]:
        """The tables without fold k."""
        rest = [i for i in range(len(self.charts)) if i % FOLDS != k]
        return self.tables(rest, self.projections(rest))

    def fold(self, k: int, tables: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(features, right or not, chart) of the candidates of fold k, by tables of the other folds."""
        reranker = Reranker(tables, CANDIDATES)
        rows, right, owner = [], [], []
        for i in range(k, len(self.charts), FOLDS):
            chart = self.charts[i]
            if len(chart.spans):
                units = head.project(chart.vectors, tables["projection.weight"], tables["projection.bias"])
                chosen, values = reranker.features(units, chart.spans, chart.ids)
                rows.append(values)
                right.append(np.isin(chosen, self.gold[i]))
                owner.append(np.full(len(chosen), i))
        return np.concatenate(rows), np.concatenate(right), np.concatenate(owner)


def boost(rows: np.ndarray, right: np.ndarray, rounds: int = ROUNDS) -> lightgbm.Booster:
    """Trees over candidates."""
    return lightgbm.train(asdict(Trees()), lightgbm.Dataset(rows, right.astype(int)), num_boost_round=rounds)


def label_bias(codes: CodeSet, gold: list[set[str]], concept_of) -> tuple[np.ndarray, dict[str, float]]:
    """ln of the share of a concept's charts that have this label: of codes with a seventh character the bare
    form, the first choice (A, else 0, else 9) and all others share by their counts in training charts."""
    of: dict[int, list[str]] = {}
    for code, concept in zip(codes.labels, codes.label_concept):
        of.setdefault(concept, []).append(code)
    first = {c: next((code for last in "A09" for code in own if len(code) == 8 and code.endswith(last)), None) for c, own in of.items()}
    counts = {"bare": 1, "first": 1, "other": 1}
    for code in (code for chart in gold for code in chart):
        concept = concept_of(code)
        if concept is not None and first[concept]:
            counts["first" if code == first[concept] else "other" if len(code) == 8 and not code.endswith("X") else "bare"] += 1
    share = {kind: n / sum(counts.values()) for kind, n in counts.items()}
    bias = np.zeros(len(codes.labels), np.float32)
    for i, (code, concept) in enumerate(zip(codes.labels, codes.label_concept)):
        if first[concept]:
            others = sum(len(c) == 8 for c in of[concept]) - 1
            kind = "first" if code == first[concept] else "other" if len(code) == 8 else "bare"
            bias[i] = np.log(share[kind] / (max(others, 1) if kind == "other" else 1))
    return bias, share
