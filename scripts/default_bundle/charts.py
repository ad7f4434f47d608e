"""CodiEsp charts: tokens, spans with their pooled hidden states, passages that coders marked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from encoder import Encoder
from problems import Problems
from rerank import Span
from windows import Spanner, focus_spans, tokenise, windows

CHARTS = "data/charts"
LEAST_PLACED = 0.4  # share of a mention's words that its English place must have


@dataclass
class Chart:
    """A chart as the head sees it."""

    ids: np.ndarray  # token ids, special tokens left out
    spans: list[Span]
    vectors: np.ndarray  # [spans, hidden], mean hidden states
    gold: set[str] = field(default_factory=set)  # dotted, upper case
    passages: list[tuple[str, np.ndarray, Span]] = field(default_factory=list)  # code, mean hidden state, place


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
    """Every chart of a file, encoded, with the passages that coders marked."""
    rows = read(file)
    marked = read_mentions(mentions) if mentions else {}
    places = [marked.get(name, []) for name, _, _ in rows]
    charts, _ = encode([text for _, text, _ in rows], tokenizer, encoder, spanner, window, places)
    for chart, (_, _, gold) in zip(charts, rows):
        chart.gold = gold
    return charts


def encode(texts: list[str], tokenizer, encoder: Encoder, spanner: Spanner, window: dict, marked: list | None = None, problems: Problems | None = None) -> tuple[list[Chart], list[list[int]]]:
    """The charts of some texts, and the token ids of all their windows, [CLS] and [SEP] included.

    With a rule for problems, the spans are those that it looks at.
    """
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    charts: list[Chart] = []
    flat, places = [], []
    for number, text in enumerate(texts):
        tokens = tokenise(tokenizer, text)
        ids = np.array([t.id for t in tokens], np.int64)
        charts.append(Chart(ids, [], np.zeros((0, 0), np.float32)))
        focus = problems.focus(text, tokens) if problems else None
        fresh = 0
        for start, end in windows(text, tokens, **window):
            flat.append([cls, *ids[start:end].tolist(), sep])
            inside = []
            for code, left, right in marked[number] if marked else []:
                touched = [i for i in range(start, end) if tokens[i].start < right and tokens[i].end > left]
                if touched and tokens[touched[0]].start <= left + 1:
                    inside.append((code, touched[0], touched[-1] + 1))
            places.append((number, start, end, inside, focus_spans(spanner, flat[-1], (start, end, fresh), focus)))
            fresh = max(fresh, end)
    order: list = [None] * len(flat)
    for index, states in encoder.run(flat):
        order[index] = states
    vectors: list[list[np.ndarray]] = [[] for _ in charts]
    for (number, start, end, inside, spans), states in zip(places, order):
        for a, b in spans:
            charts[number].spans.append(Span(start + a - 1, start + b - 1, start, end))
            vectors[number].append(states[a:b].mean(axis=0))
        for code, a, b in inside:
            charts[number].passages.append((code, states[a - start + 1 : b - start + 1].mean(axis=0), Span(a, b, start, end)))
    for chart, own in zip(charts, vectors):
        chart.vectors = np.array(own, np.float32).reshape(len(own), order[0].shape[1])
    return charts, flat
