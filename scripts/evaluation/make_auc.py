# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1"]
# ///
"""Write the reference values of areas under ROC curves and of histograms.

    python scripts/evaluation/make_auc.py crates/chartcode-eval/tests/golden

Areas by scikit-learn over random charts: all scores distinct, many of them
tied, only some labels listed (the others tied behind them), a mixture. The
influence of a chart is the central difference of scikit-learn's weighted area.
Brier score and precision-recall curve by scikit-learn, calibration error by numpy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    precision_recall_curve,
    roc_auc_score,
)

STEP = 1e-3


def micro(scores: np.ndarray, gold: np.ndarray, weights: np.ndarray) -> float:
    """The area over all pairs."""
    return roc_auc_score(gold.ravel(), scores.ravel(), sample_weight=np.repeat(weights, gold.shape[1]))


def by_label(scores: np.ndarray, gold: np.ndarray, weights: np.ndarray) -> dict[int, float]:
    """The area of each label that has positives and negatives."""
    return {
        label: roc_auc_score(gold[:, label], scores[:, label], sample_weight=weights)
        for label in range(gold.shape[1])
        if 0 < gold[:, label].sum() < len(gold)
    }


def macro(scores: np.ndarray, gold: np.ndarray, weights: np.ndarray) -> float:
    """Their mean."""
    return float(np.mean(list(by_label(scores, gold, weights).values())))


def influence(area, scores: np.ndarray, gold: np.ndarray) -> list[float]:
    """The derivative of the area by the weight of each chart."""
    values = []
    for chart in range(len(gold)):
        step = np.zeros(len(gold))
        step[chart] = STEP
        values.append((area(scores, gold, 1 + step) - area(scores, gold, 1 - step)) / (2 * STEP))
    return values


def case(name: str, scores: np.ndarray, listed: np.ndarray, gold: np.ndarray) -> dict:
    """One set of charts; unlisted scores are null."""
    filled = np.where(listed, scores.astype(np.float64), scores.min() - 1.0)
    ones = np.ones(len(gold))
    present = gold.any(axis=0)
    # Ranks with equal scores in label order.
    order = np.argsort(-filled, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, gold.shape[1] + 1)[None, :], axis=1)
    return {
        "name": name,
        "scores": [[float(s) if k else None for s, k in zip(*row)] for row in zip(scores, listed)],
        "gold": [np.flatnonzero(row).tolist() for row in gold],
        "micro": micro(filled, gold, ones),
        "micro_present": micro(filled[:, present], gold[:, present], ones),
        "macro": macro(filled, gold, ones),
        "by_label": list(by_label(filled, gold, ones).items()),
        "micro_influence": influence(micro, filled, gold),
        "macro_influence": influence(macro, filled, gold),
        "average_precision": [
            average_precision_score(g, -r) if g.any() else None for g, r in zip(gold, ranks)
        ],
    }


def areas() -> list[dict]:
    """All cases."""
    random = np.random.default_rng(20240607)
    charts, labels = 24, 14
    cases = []
    for name, decimals, share in (
        ("distinct", None, 1.0),
        ("tied", 0, 1.0),
        ("listed", 1, 0.4),
        ("mixed", 0, 0.6),
    ):
        # The first label has no positives; but for one case, the last one no negatives.
        gold = random.random((charts, labels)) < np.linspace(0.0, 0.45, labels)
        gold[:, -1] = True
        gold[:2] = name != "mixed"
        gold[:2, :-1] = False
        scores = random.normal(-1, 2, gold.shape) + 2 * gold
        scores = (scores if decimals is None else scores.round(decimals)).astype(np.float32)
        listed = random.random(gold.shape) < share
        if name == "mixed":
            listed[::2] = True
        cases.append(case(name, scores, listed, gold))
    return cases


def histogram() -> dict:
    """Probabilities with their calibration error, Brier score and curve."""
    random = np.random.default_rng(5)
    logits = random.normal(-2, 3, (20, 30)).astype(np.float32)
    p = (1 / (1 + np.exp(-logits))).astype(np.float32)
    gold = random.random(p.shape) < p**1.5
    flat, truth = p.ravel().astype(np.float64), gold.ravel()
    bins = np.digitize(flat, np.arange(1, 15) / 15, right=True)
    counts = np.bincount(bins, minlength=15)
    gaps = np.bincount(bins, flat, 15) - np.bincount(bins, truth, 15)
    precision, recall, thresholds = precision_recall_curve(truth, flat)
    return {
        "probabilities": [[float(value) for value in row] for row in p],
        "gold": [np.flatnonzero(row).tolist() for row in gold],
        "counts": counts.tolist(),
        "ece": float(np.abs(gaps).sum() / flat.size),
        "brier": float(brier_score_loss(truth, flat)),
        "curve": list(zip(thresholds.tolist(), precision.tolist(), recall.tolist())),
    }


def main() -> None:
    """Write both files."""
    folder = Path(sys.argv[1])
    for name, values in (("auc", areas()), ("histogram", histogram())):
        (folder / f"{name}.json").write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
