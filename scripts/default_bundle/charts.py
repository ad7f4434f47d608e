"""CodiEsp charts: tokens, spans with their pooled hidden states, passages that coders marked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from encoder import Encoder
from rerank import Span
from windows import Spanner, tokenise, windows

CHARTS = "data/charts"
LEAST_PLACED = 0.4  # share of a mention's words that its English place must have


@dataclass
class Chart:
    """A chart as the head sees it."""

    ids: np.ndarray  # token ids, special tokens left out
    spans: list[Span]
    vectors: np.ndarray  # [spans, hidden], mean hidden states
    gold: set[str]  # dotted, upper case
    passages: list[tuple[str, np.ndarray]] = field(default_factory=list)  # code, mean hidden state


def read(file: Path) -> list[tuple[str, str, set[str]]]:
    """(id, text, gold ICD-10-CM codes) of every chart of a file."""
    with open(file, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(r["id"], r["text"], {c["code"].upper() for c in r["codes"] if c["system"] == "icd10cm"}) for r in rows]


def read_mentions(file: Path) -> dict[str, list[tuple[str, int, int]]]:
    """By chart: (code, start, end) of each placed mention, in code points."""
    found = {}
    with open(file, encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            found[row["id"]] = [
                (m["code"].upper(), start, end)
                for m in row["mentions"] if m["system"] == "icd10cm" and m["score"] >= LEAST_PLACED
                for start, end in m["clauses"]
            ]
    return found


def load(file: Path, mentions: Path | None, tokenizer, encoder: Encoder, spanner: Spanner, window: dict) -> list[Chart]:
    """Every chart of a file, encoded."""
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    marked = read_mentions(mentions) if mentions else {}
    charts, flat, places = [], [], []
    for name, text, gold in read(file):
        tokens = tokenise(tokenizer, text)
        ids = np.array([t.id for t in tokens], np.int64)
        charts.append((ids, gold, [], [], []))
        for start, end in windows(text, tokens, **window):
            flat.append([cls, *ids[start:end].tolist(), sep])
            inside = []
            for code, left, right in marked.get(name, []):
                touched = [i for i in range(start, end) if tokens[i].start < right and tokens[i].end > left]
                if touched and tokens[touched[0]].start <= left + 1:
                    inside.append((code, touched[0], touched[-1] + 1))
            places.append((len(charts) - 1, start, end, inside))
    order: list = [None] * len(flat)
    for index, states in encoder.run(flat):
        order[index] = states
    for (owner, start, end, inside), ids, states in zip(places, flat, order):
        _, _, spans, vectors, passages = charts[owner]
        for a, b in spanner.spans(ids):
            spans.append(Span(start + a - 1, start + b - 1, start, end))
            vectors.append(states[a:b].mean(axis=0))
        passages += [(code, states[a - start + 1 : b - start + 1].mean(axis=0)) for code, a, b in inside]
    hidden = order[0].shape[1]
    return [
        Chart(ids, spans, np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, hidden), np.float32), gold, passages)
        for ids, gold, spans, vectors, passages in charts
    ]
