"""The description head: spans against the descriptions of every concept.

    p_t     = normalise(W x_t + b)            x_t the mean hidden state of span t
    s[t,c]  = max over the terms k of concept c of p_t . d_k
    alpha_t = softmax over t of (temperature * s[t,c])
    a_c     = sum_t alpha_t s[t,c]            (no temperature: the maximum over t)
    t*(c)   = the first span t with the highest s[t,c]
    b_t     = max over all concepts c of (s[t,c] + q_c)     q_c: concept.prior
    m_c     = s[t*(c),c] + q_c - b_t*(c)      <= 0: how far c is behind the concept
                                              that suits its best passage most
    logit_l = scale * a_c(l) + competition * m_c(l) + bias_l
A chart without spans has a_c = -1 and m_c = 0 for every concept.
"""

from __future__ import annotations

import numpy as np
import torch

BLOCK = 128  # spans scored at a time


def normalise(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def project(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Unit vectors of spans or terms."""
    return normalise(x @ weight.T + bias).astype(np.float32)


def quantise_terms(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 rows, each with the scale that makes it a unit vector again."""
    peak = np.abs(units).max(axis=1, keepdims=True)
    rows = np.clip(np.rint(units / peak * 127), -127, 127).astype(np.int8)
    return rows, (1 / np.linalg.norm(rows.astype(np.float32), axis=1)).astype(np.float32)


def offsets_of(owners: np.ndarray, concepts: int) -> np.ndarray:
    """Term rows of concept c are offsets[c] .. offsets[c+1]; owners are sorted."""
    return np.searchsorted(owners, np.arange(concepts + 1)).astype(np.uint32)


def without_twins(units: np.ndarray, owners: np.ndarray, limit: float) -> np.ndarray:
    """Rows to keep: of terms of one concept closer than `limit`, the first."""
    keep = np.ones(len(units), bool)
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    for start, end in zip(starts, np.r_[starts[1:], len(owners)]):
        if end - start > 1:
            close = np.triu(units[start:end] @ units[start:end].T, 1) > limit
            for i in range(end - start):
                if keep[start + i]:
                    keep[start : end] &= ~close[i]
    return keep


def match(units: np.ndarray, terms: np.ndarray, offsets: np.ndarray, prior: np.ndarray, temperature: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(a_c, m_c) of one chart; spans (units) and terms are unit vectors."""
    if not len(units):
        return np.full(len(prior), -1, np.float32), np.zeros(len(prior), np.float32)
    matrix, queries = torch.from_numpy(terms), torch.from_numpy(units)
    starts = offsets[:-1].astype(np.int64)
    blocks = [(matrix @ queries[at : at + BLOCK].T).numpy() for at in range(0, len(units), BLOCK)]
    scores = np.concatenate([np.maximum.reduceat(b, starts) for b in blocks], axis=1)
    span = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), span]
    margin = best + prior - (scores + prior[:, None]).max(axis=0)[span]
    if temperature is None:
        return best, margin
    attention = torch.softmax(temperature * torch.from_numpy(scores), dim=1).numpy()
    return (attention * scores).sum(axis=1), margin
