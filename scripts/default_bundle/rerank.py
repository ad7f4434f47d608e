"""The second look: features of the best concepts of a chart, and boosted trees over them.

The engine repeats this exactly; `tables` are the tensors of head.safetensors.

Retrieval. With unit vectors p_t of spans and d_k of terms, s[t,c] is the maximum of
p_t . d_k over the terms k of concept c; a_c = max over t. The candidates are the
concepts with the highest a_c + head_start_c; of equal ones the first.

Features. A span's best concept is judged by s[t,c] + prior_c. Shares of words are
weighed by word.weight; a term's words are its vocabulary entries, each once.
A candidate's best span is the first with the highest s[t,c], its best term the
first description (no mention) with the highest similarity to that span.

For billing, concepts that hold no code that can be billed are no candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

TITLE, DESCRIPTION, MENTION = 0, 1, 2
LEAST_MASS = np.float32(1e-6)
LEAF = 0xFFFFFFFF
TREE = ("roots", "feature", "threshold", "left", "right", "value")
TRAITS = ("unspecified", "other", "code_length", "billable", "letter", "descriptions", "category_size")
FEATURES = (
    "similarity", "second_similarity", "described", "mentioned", "most_described", "most_mentioned", "titled",
    "margin", "rank", "best_rank", "spans_first", "spans_third", "log_count", "log_category_count",
    *TRAITS, "sibling_rank", "siblings", "sibling_lead", "finer_similarity", "place", "spans", "chart_tokens",
    "highest", "words_in_span", "words_in_window", "words_in_chart", "words_of_any_term", "span_covered",
    "word_mass", "position", "span_tokens",
)


@dataclass(frozen=True)
class Span:
    """Tokens of the chart: the span's and its window's."""

    start: int
    end: int
    window_start: int
    window_end: int


class Reranker:
    """The tensors, ready to compute with."""

    def __init__(self, tables: dict[str, np.ndarray], candidates: int, billable: bool = False) -> None:
        self.tables, self.candidates = tables, candidates
        paid = tables["concept.traits"][:, TRAITS.index("billable")] > 0
        self.barred = ~paid if billable else np.zeros(len(paid), bool)
        rows = tables["term.weight"].astype(np.float32) * tables["term.weight_scale"][:, None]
        self.terms = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
        self.offsets = tables["concept.offsets"].astype(np.int64)
        self.kinds = tables["term.kind"]
        self.word = tables["word.weight"]
        starts = tables["term.word_offsets"].astype(np.int64)
        self.words = [tables["term.words"][a:b].astype(np.int64) for a, b in zip(starts, starts[1:])]
        self.mass = np.array([self.word[w].sum(dtype=np.float32) for w in self.words], np.float32)

    def similarities(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of every term, and of every concept, with every span."""
        products = (self.terms @ torch.from_numpy(units).T).numpy()
        return products, np.maximum.reduceat(products, self.offsets[:-1], axis=0)

    def best(self, scores: np.ndarray) -> np.ndarray:
        """The candidates, best first."""
        rank = scores.max(axis=1) + self.tables["concept.head_start"]
        rank[self.barred] = -np.inf
        return np.lexsort((np.arange(len(rank)), -rank))[: min(self.candidates, (~self.barred).sum())]

    def features(self, units: np.ndarray, spans: list[Span], ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(candidates, their features [n, FEATURES]) of a chart with token ids `ids`."""
        products, scores = self.similarities(units)
        chosen = self.best(scores)
        columns = self.seen(products, scores, chosen, len(spans))
        span = columns.pop("span")
        columns |= {k: self.tables[f"concept.{k}"][chosen] for k in ("log_count", "log_category_count")}
        columns |= {name: self.tables["concept.traits"][chosen, i] for i, name in enumerate(TRAITS)}
        columns |= self.siblings(chosen, columns["similarity"])
        columns |= self.overlaps(chosen, products, span, spans, ids)
        count = len(chosen)
        columns |= {
            "place": np.arange(count), "spans": np.full(count, len(spans)), "chart_tokens": np.full(count, len(ids)),
            "highest": np.full(count, columns["similarity"].max()),
            "position": np.array([spans[t].start / len(ids) for t in span]),
            "span_tokens": np.array([spans[t].end - spans[t].start for t in span]),
        }
        return chosen, np.stack([columns[name].astype(np.float32) for name in FEATURES], axis=1)

    def seen(self, products: np.ndarray, scores: np.ndarray, chosen: np.ndarray, spans: int) -> dict[str, np.ndarray]:
        """How each candidate stands to the spans."""
        prior = self.tables["concept.prior"]
        own, rows = scores[chosen], np.arange(len(chosen))
        span = own.argmax(axis=1)
        others = own.copy()
        others[rows, span] = -1
        kind = {k: np.full_like(own, -1) for k in (TITLE, DESCRIPTION, MENTION)}
        for i, concept in enumerate(chosen):
            for term in range(self.offsets[concept], self.offsets[concept + 1]):
                of = kind[int(self.kinds[term])]
                of[i] = np.maximum(of[i], products[term])
        described = np.maximum(kind[TITLE], kind[DESCRIPTION])
        rank = (-(own + prior[chosen, None])).argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        highest = (scores + prior[:, None]).max(axis=0)
        return {
            "span": span, "similarity": own[rows, span], "second_similarity": others.max(axis=1),
            "described": described[rows, span], "mentioned": kind[MENTION][rows, span],
            "most_described": described.max(axis=1), "most_mentioned": kind[MENTION].max(axis=1),
            "titled": kind[TITLE].max(axis=1), "margin": own[rows, span] + prior[chosen] - highest[span],
            "rank": rank[rows, span], "best_rank": rank.min(axis=1),
            "spans_first": (rank == 0).sum(axis=1), "spans_third": (rank < 3).sum(axis=1),
        }

    def siblings(self, chosen: np.ndarray, similarity: np.ndarray) -> dict[str, np.ndarray]:
        """How each candidate stands among those of its category."""
        category, end = self.tables["concept.category"][chosen], self.tables["concept.subtree_end"]
        score = similarity + self.tables["concept.head_start"][chosen]
        rank, count, lead, finer = (np.zeros(len(chosen), np.float32) for _ in range(4))
        for one in np.unique(category):
            members = np.flatnonzero(category == one)
            members = members[np.argsort(-score[members], kind="stable")]
            rank[members], count[members] = np.arange(len(members)), len(members)
            for place, k in enumerate(members):
                if len(members) > 1:
                    lead[k] = score[k] - score[members[1 if place == 0 else 0]]
                below = [similarity[o] for o in members if chosen[k] < chosen[o] < end[chosen[k]]]
                finer[k] = max(below, default=0)
        return {"sibling_rank": rank, "siblings": count, "sibling_lead": lead, "finer_similarity": finer}

    def overlaps(self, chosen: np.ndarray, products: np.ndarray, best: np.ndarray, spans: list[Span], ids: np.ndarray) -> dict[str, np.ndarray]:
        """How the words of each candidate's terms lie in the chart."""
        names = ("words_in_span", "words_in_window", "words_in_chart", "words_of_any_term", "span_covered", "word_mass")
        out = np.zeros((len(chosen), len(names)), np.float32)
        chart = np.isin(np.arange(len(self.word)), ids)
        windows: dict[tuple[int, int], np.ndarray] = {}
        for i, (concept, t) in enumerate(zip(chosen, best)):
            span = spans[t]
            key = (span.window_start, span.window_end)
            if key not in windows:
                windows[key] = np.isin(np.arange(len(self.word)), ids[key[0] : key[1]])
            window, own = windows[key], np.unique(ids[span.start : span.end])
            terms = [k for k in range(self.offsets[concept], self.offsets[concept + 1]) if self.kinds[k] != MENTION]
            out[i, 3] = max((self.share(k, window) for k in terms), default=0)
            if not terms:
                continue
            term = max(terms, key=lambda k: products[k, t])
            words = self.words[term]
            inside = self.word[words[np.isin(words, own)]].sum(dtype=np.float32)
            out[i, 0] = inside / (self.mass[term] + LEAST_MASS)
            out[i, 1], out[i, 2] = self.share(term, window), self.share(term, chart)
            out[i, 4] = inside / (self.word[own].sum(dtype=np.float32) + LEAST_MASS)
            out[i, 5] = self.mass[term] + LEAST_MASS
        return dict(zip(names, out.T))

    def share(self, term: int, marks: np.ndarray) -> np.float32:
        words = self.words[term]
        return self.word[words[marks[words]]].sum(dtype=np.float32) / (self.mass[term] + LEAST_MASS)

    def forest(self, rows: np.ndarray, name: str = "tree") -> np.ndarray:
        """The sum of the named trees for each row."""
        t = {f"tree.{part}": self.tables[f"{name}.{part}"] for part in TREE}
        out = np.zeros(len(rows))
        for root in t["tree.roots"]:
            node = np.full(len(rows), root, np.int64)
            while (inner := t["tree.feature"][node] != LEAF).any():
                at = node[inner]
                left = rows[inner, t["tree.feature"][at]] <= t["tree.threshold"][at]
                node[inner] = np.where(left, t["tree.left"][at], t["tree.right"][at])
            out += t["tree.value"][node]
        return out


def tree_tensors(model: dict, name: str = "tree") -> dict[str, np.ndarray]:
    """LightGBM's `dump_model()` as one list of nodes, each tree's children behind their parent."""
    rows: list[list] = []

    def add(node: dict) -> int:
        at = len(rows)
        if "leaf_value" in node:
            rows.append([LEAF, 0.0, 0, 0, node["leaf_value"]])
            return at
        if node["decision_type"] != "<=":
            raise ValueError(f"a split of type {node['decision_type']}")
        rows.append([node["split_feature"], float32_below(node["threshold"]), 0, 0, 0.0])
        rows[at][2], rows[at][3] = add(node["left_child"]), add(node["right_child"])
        return at

    roots = [add(tree["tree_structure"]) for tree in model["tree_info"]]
    feature, threshold, left, right, value = zip(*rows)
    single, whole = np.float32, np.uint32
    parts = zip(TREE, (roots, feature, threshold, left, right, value), (whole, whole, single, whole, whole, single))
    return {f"{name}.{part}": np.array(values, kind) for part, values, kind in parts}


def float32_below(value: float) -> np.float32:
    """The highest f32 that is not above: f32 features compare to it as they do to `value`."""
    single = np.float32(value)
    return single if float(single) <= value else np.nextafter(single, np.float32(-np.inf))
