# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1", "statsmodels==0.14.6"]
# ///
"""Write crates/chartcode-eval/tests/golden/metrics.json: metrics, intervals and tests by
scikit-learn, scipy and statsmodels on random matrices.

    uv run scripts/evaluation/make_metrics.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    f1_score,
    multilabel_confusion_matrix,
    precision_score,
    recall_score,
)
from statsmodels.stats.multitest import multipletests

OUT = Path(__file__).parents[2] / "crates/chartcode-eval/tests/golden/metrics.json"
RANKS = [5, 8, 10, 15]


def ranking(scores: np.ndarray) -> np.ndarray:
    """Distinct scores in the same order; of equal ones the first label ranks first."""
    order = np.argsort(-scores, axis=1, kind="stable")
    distinct = np.empty(scores.shape)
    np.put_along_axis(distinct, order, -np.arange(scores.shape[1], dtype=float)[None], axis=1)
    return distinct


def ranked(gold: np.ndarray, scores: np.ndarray, outside: np.ndarray) -> dict[str, np.ndarray]:
    """Ranking metrics of each chart with gold; gold outside the labels is never found."""
    figures: dict[str, list[float]] = {}
    for truth, row, extra in zip(gold, ranking(scores), outside):
        total = truth.sum() + extra
        if total == 0:
            continue
        hits = truth[np.argsort(-row)].cumsum()
        upto = lambda k: hits[min(k, len(hits)) - 1]
        mine = {f"precision_at_{k}": upto(k) / k for k in RANKS}
        mine |= {f"recall_at_{k}": upto(k) / total for k in RANKS}
        mine["r_precision"] = upto(total) / total
        found = average_precision_score(truth, row) if truth.any() else 0.0
        mine["map"] = found * truth.sum() / total
        for key, value in mine.items():
            figures.setdefault(key, []).append(value)
    return {key: np.array(values) for key, values in figures.items()}


def labelled(gold: np.ndarray, suggested: np.ndarray) -> dict[str, float]:
    """Metrics of 0/1 matrices."""
    figures = {}
    for mean in ("micro", "macro"):
        for score in (precision_score, recall_score, f1_score):
            name = score.__name__.removesuffix("_score")
            figures[f"{mean}_{name}"] = score(gold, suggested, average=mean, zero_division=0)
    tn, fp = (multilabel_confusion_matrix(gold, suggested)[:, 0, at] for at in (0, 1))
    figures["micro_fpr"] = fp.sum() / (fp.sum() + tn.sum())
    figures["macro_fpr"] = np.mean(fp / np.maximum(fp + tn, 1))
    figures["exact_match_ratio"] = (gold == suggested).all(axis=1).mean()
    return figures


def harmonic(gold: np.ndarray, suggested: np.ndarray) -> float:
    """Macro F1 by the definition of Mullenbach et al. 2018."""
    p = precision_score(gold, suggested, average="macro", zero_division=0)
    r = recall_score(gold, suggested, average="macro", zero_division=0)
    return 2 * p * r / (p + r) if p + r else 0.0


def evaluate(gold: np.ndarray, scores: np.ndarray, outside: np.ndarray, threshold: int) -> dict:
    """The metrics by each rule; `outside` has a column for each distinct outside code."""
    suggested = (scores > threshold).astype(int)
    none = np.zeros(len(gold), int)
    kept = gold.any(axis=1)
    present = gold.any(axis=0)
    g, s, p = gold[kept], suggested[kept], scores[kept]
    rules = {}
    mean = lambda figures: {key: values.mean() for key, values in figures.items()}
    rules["all"] = labelled(g, s) | mean(ranked(g, p, none))
    rules["all"]["macro_f1_mullenbach"] = harmonic(g, s)
    only = np.ix_(np.ones(len(g), bool), present)
    rules["present"] = labelled(g[only], s[only]) | mean(ranked(g[only], p[only], none))
    rules["present"]["macro_f1_mullenbach"] = harmonic(g, np.where(present, s, 0))
    wide = np.hstack([gold, outside]), np.hstack([suggested, np.zeros_like(outside)])
    rules["honest"] = labelled(*wide) | mean(ranked(gold, scores, outside.sum(axis=1)))
    rules["honest"]["macro_f1_mullenbach"] = harmonic(gold, suggested)
    return rules


def case(seed: int, charts: int, labels: int, step: int, beyond: int) -> dict:
    """A random case; gold is likelier where scores are high, and rarer for later labels."""
    random = np.random.default_rng(seed)
    truth = random.random((charts, labels)) ** 1.5
    gold = (truth > np.linspace(0.6, 1.02, labels)).astype(int)
    noisy = lambda share: share * truth + (1 - share) * random.random((charts, labels))
    rounded = lambda p: np.clip(np.round(p * 100 / step) * step, 0, 100).astype(int)
    scores = [rounded(noisy(share)) for share in (0.8, 0.6)]
    outside = (random.random((charts, beyond)) < 0.08).astype(int)
    threshold = 60
    return {
        "labels": labels,
        "threshold": threshold,
        "outside_labels": beyond,
        "gold": [np.flatnonzero(row).tolist() for row in gold],
        "outside": outside.sum(axis=1).tolist(),
        "scores": scores[0].tolist(),
        "second": scores[1].tolist(),
        "expected": evaluate(gold, scores[0], outside, threshold),
        "expected_second": evaluate(gold, scores[1], outside, threshold),
        "ece_suggested": calibration(gold, scores[0], threshold),
        "micro_f1_interval": interval(gold, scores[0] > threshold),
        "map_p_randomization": randomization(gold, *scores),
    }


def calibration(gold: np.ndarray, scores: np.ndarray, threshold: int) -> float:
    """Expected calibration error of suggested codes, 15 bins; probabilities in single precision."""
    shown = scores > threshold
    p, y = (scores[shown] / 100).astype(np.float32).astype(float), gold[shown]
    bins = np.digitize(p, np.linspace(0, 1, 16)[1:-1], right=True)
    gaps = [(bins == b).mean() * abs(p[bins == b].mean() - y[bins == b].mean()) for b in set(bins)]
    return float(sum(gaps))


def interval(gold: np.ndarray, suggested: np.ndarray) -> list[float]:
    """Percentile interval of micro F1 over charts with gold, all labels."""
    kept = gold.any(axis=1)
    g, s = gold[kept].astype(bool), suggested[kept]
    tp, either = (g & s).sum(axis=1), g.sum(axis=1) + s.sum(axis=1)
    f1 = lambda tp, either, axis: 2 * tp.sum(axis=axis) / either.sum(axis=axis)
    found = stats.bootstrap(
        (tp, either), f1, paired=True, method="percentile", n_resamples=20000, rng=1
    ).confidence_interval
    return [found.low, found.high]


def randomization(gold: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value of the difference of MAP under random exchange of the two runs."""
    none = np.zeros(len(gold), int)
    runs = [ranked(gold, scores, none)["map"] for scores in (first, second)]
    mean = lambda a, b, axis: (b - a).mean(axis=axis)
    found = stats.permutation_test(
        runs, mean, permutation_type="samples", n_resamples=20000, vectorized=True, rng=1
    )
    return float(found.pvalue)


def agreement() -> dict:
    """Two coders of 40 charts."""
    random = np.random.default_rng(5)
    codes = ["E11.9", "E11.65", "I10", "I50.9", "I50.22", "N18.3", "N18.4", "Z79.4", "J44.9"]
    first = random.random((40, len(codes))) < 0.3
    second = np.where(random.random(first.shape) < 0.2, random.random(first.shape) < 0.3, first)
    first[3] = second[3] = False
    categories = sorted({code[:3] for code in codes})
    within = np.array([[code.startswith(category) for category in categories] for code in codes])
    return {
        "first": [[codes[i] for i in np.flatnonzero(row)] for row in first],
        "second": [[codes[i] for i in np.flatnonzero(row)] for row in second],
        "codes": agree(first, second),
        "categories": agree(first.astype(int) @ within > 0, second.astype(int) @ within > 0),
    }


def agree(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    kappas = [cohen_kappa_score(a, b) for a, b in zip(first.T, second.T)]
    either = (first | second).sum(axis=1)
    jaccard = np.where(either == 0, 1, (first & second).sum(axis=1) / np.maximum(either, 1))
    return {
        "kappa": cohen_kappa_score(first.ravel(), second.ravel()),
        "mean_kappa": np.average(kappas, weights=first.sum(axis=0) + second.sum(axis=0)),
        "micro_f1": f1_score(first, second, average="micro"),
        "exact": (first == second).all(axis=1).mean(),
        "jaccard": jaccard.mean(),
    }


def main() -> None:
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    golden = {
        "cases": [
            case(seed=1, charts=30, labels=18, step=1, beyond=0),
            case(seed=2, charts=80, labels=24, step=1, beyond=3),
            case(seed=3, charts=50, labels=9, step=10, beyond=2),
        ],
        "agreement": agreement(),
        "holm": [p_values, multipletests(p_values, method="holm")[1].tolist()],
    }
    text = json.dumps(golden, default=float, separators=(",", ":"))
    OUT.write_text(text.replace('"labels"', '\n"labels"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
