"""Document-wise ranking metrics, thresholds and calibration error.

Gold codes outside the label space count as missed everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta


@dataclass
class Ranked:
    """The best-scored labels of one chart."""

    probability: np.ndarray  # descending
    hit: np.ndarray  # bool, of the same labels
    gold_ranks: np.ndarray  # 1-based ranks of the gold labels that exist, ascending
    gold: int  # gold codes, those outside the label space included


def rank(logits: np.ndarray, gold_labels: list[int], gold: int, keep: int = 1000) -> Ranked:
    """Ranks labels by logit, ties in label order."""
    top = np.argpartition(-logits, keep)[:keep]
    top = top[np.lexsort((top, -logits[top]))]
    ranks = sorted(int((logits > logits[g]).sum() + (logits[:g] == logits[g]).sum()) + 1 for g in gold_labels)
    hit = np.isin(top, gold_labels)
    return Ranked(1 / (1 + np.exp(-logits[top])), hit, np.array(ranks), gold)


def summary(charts: list[Ranked]) -> dict[str, float]:
    """MAP, R-precision, recall@200 and micro-F1 at the best single threshold."""
    charts = [c for c in charts if c.gold]
    precision = [sum((i + 1) / r for i, r in enumerate(c.gold_ranks)) / c.gold for c in charts]
    r_precision = [c.hit[: c.gold].sum() / c.gold for c in charts]
    recall = [c.hit[:200].sum() / c.gold for c in charts]
    f1, threshold = best_f1(charts)
    return {
        "charts": len(charts), "map": float(np.mean(precision)),
        "r_precision": float(np.mean(r_precision)), "recall_200": float(np.mean(recall)),
        "micro_f1": f1, "threshold": threshold, "ece": calibration_error(charts),
    }


def pooled(charts: list[Ranked]) -> tuple[np.ndarray, np.ndarray, int]:
    """All kept (probability, hit) pairs by falling probability, and the gold count."""
    probability = np.concatenate([c.probability for c in charts])
    hit = np.concatenate([c.hit for c in charts])
    order = np.argsort(-probability, kind="stable")
    return probability[order], hit[order], sum(c.gold for c in charts)


def best_f1(charts: list[Ranked]) -> tuple[float, float]:
    """The highest micro-F1 of one threshold, and that threshold."""
    probability, hit, gold = pooled(charts)
    f1 = 2 * np.cumsum(hit) / (np.arange(1, len(hit) + 1) + gold)
    best = int(f1.argmax())
    return float(f1[best]), float(probability[best])


def f1_at(charts: list[Ranked], threshold: float) -> float:
    """Micro-F1 at a given threshold."""
    probability, hit, gold = pooled(charts)
    said = probability >= threshold
    return float(2 * hit[said].sum() / (said.sum() + gold))


def suggested(charts: list[Ranked], threshold: float) -> float:
    """Mean number of codes a chart at or above a threshold."""
    return float(np.mean([(c.probability >= threshold).sum() for c in charts]))


def accept(charts: list[Ranked], precision: float = 0.95, least: int = 50) -> dict | None:
    """The lowest threshold above which enough codes are right often enough."""
    probability, hit, _ = pooled(charts)
    right = np.cumsum(hit)
    said = np.arange(1, len(hit) + 1)
    good = np.flatnonzero((right / said >= precision) & (said >= least))
    if not len(good):
        return None
    k, n = int(right[good[-1]]), int(said[good[-1]])
    lower = float(beta.ppf(0.05, k, n - k + 1))
    return {"threshold": float(probability[good[-1]]), "right": k, "said": n, "lower_bound_95": lower}


def calibration_error(charts: list[Ranked], above: float = 0.05, bins: int = 10) -> float:
    """Expected calibration error over pairs with probability > above (equal-count bins)."""
    probability, hit, _ = pooled(charts)
    keep = probability > above
    error, total = 0.0, int(keep.sum())
    for p, h in zip(np.array_split(probability[keep], bins), np.array_split(hit[keep], bins)):
        if len(p):
            error += len(p) / total * abs(p.mean() - h.mean())
    return float(error) if total else 0.0
