"""CodiEsp charts: reading, windows, hidden states and pooled span vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encoder import Encoder
from windows import Spanner, tokenise, windows

CHARTS = "data/charts"


@dataclass
class Charts:
    """Raw span vectors of each chart, and its gold codes (dotted, upper case)."""

    spans: list[np.ndarray]  # [spans, hidden] a chart
    gold: list[set[str]]


def read(file: Path) -> list[tuple[str, set[str]]]:
    """(text, gold ICD-10-CM codes) of every chart of a file."""
    rows = []
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            codes = {c["code"].upper() for c in row["codes"] if c["system"] == "icd10cm"}
            rows.append((row["text"], codes))
    return rows


def window_ids(tokenizer, text: str, max_tokens: int, overlap: int) -> list[list[int]]:
    """Token ids of a chart's windows, [CLS] and [SEP] included."""
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokens = tokenise(tokenizer, text)
    ranges = windows(text, tokens, max_tokens, overlap)
    return [[cls, *(t.id for t in tokens[a:b]), sep] for a, b in ranges]


def pool(states: np.ndarray, spans: list[tuple[int, int]]) -> np.ndarray:
    """Mean hidden state of each span."""
    return np.stack([states[a:b].mean(axis=0) for a, b in spans])


def embed(texts: list[str], tokenizer, encoder: Encoder, spanner: Spanner, max_tokens: int, overlap: int) -> list[np.ndarray]:
    """Raw span vectors of every chart, in window and span order."""
    flat, owner = [], []
    for chart, text in enumerate(texts):
        for ids in window_ids(tokenizer, text, max_tokens, overlap):
            flat.append(ids)
            owner.append(chart)
    parts: list[np.ndarray | None] = [None] * len(flat)
    hidden = 0
    for index, states in encoder.run(flat):
        hidden = states.shape[1]
        spans = spanner.spans(flat[index])
        if spans:
            parts[index] = pool(states, spans)
    charts: list[list[np.ndarray]] = [[] for _ in texts]
    for index, part in enumerate(parts):
        if part is not None:
            charts[owner[index]].append(part)
    empty = np.zeros((0, hidden), np.float32)
    return [np.concatenate(c).astype(np.float32) if c else empty for c in charts]
