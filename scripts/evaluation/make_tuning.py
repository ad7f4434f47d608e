# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "scipy==1.17.1", "scikit-learn==1.9.1"]
# ///
"""Write the goldens of thresholds, calibration and error bounds.

    python scripts/evaluation/make_tuning.py

Everything is computed by scikit-learn, scipy and numpy on synthetic charts, and
written to crates/chartcode-eval/tests/golden/tuning.json.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from scipy import optimize, stats
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, precision_score

TARGET = Path(__file__).parents[2] / "crates/chartcode-eval/tests/golden/tuning.json"


def draw(rng, charts: int, labels: int, step: float, slope: float, shift: float):
    """Logits on a grid (so that there are ties) and gold drawn from a sigmoid of them."""
    logits = np.round(rng.normal(-2, 2.5, (charts, labels)) / step) * step
    gold = rng.random((charts, labels)) < expit(slope * logits + shift)
    return logits.astype(np.float32), gold


def smoothed(gold: np.ndarray) -> np.ndarray:
    """Platt's targets."""
    positive, negative = int(gold.sum()), int((~gold).sum())
    return np.where(gold, (positive + 1) / (positive + 2), 1 / (negative + 2))


def softplus_loss(eta: np.ndarray, target: np.ndarray) -> float:
    return float(np.sum(np.logaddexp(0, eta) - target * eta))


def temperature(x: np.ndarray, gold: np.ndarray) -> float:
    """The root of the loss's derivative."""
    target = smoothed(gold)
    return optimize.brentq(lambda s: float(np.sum((expit(s * x) - target) * x)), 1e-6, 50, xtol=1e-14)


def platt(x: np.ndarray, gold: np.ndarray) -> tuple[float, float]:
    """Logistic regression without penalty; soft targets as weighted pairs."""
    target = smoothed(gold)
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    features = np.concatenate([x, x])[:, None]
    classes = np.repeat([1, 0], len(x))
    model.fit(features, classes, sample_weight=np.concatenate([target, 1 - target]))
    fit = float(model.coef_[0, 0]), float(model.intercept_[0])
    check = optimize.minimize(
        lambda p: softplus_loss(p[0] * x + p[1], target), fit, method="Nelder-Mead", options={"xatol": 1e-9}
    )
    assert softplus_loss(fit[0] * x + fit[1], target) <= check.fun + 1e-9
    return fit


def isotonic(x: np.ndarray, gold: np.ndarray) -> tuple[list[float], list[float]]:
    """Centres and values of the blocks, one gold code added at the bottom, one other at the top."""
    x = np.concatenate([x, [x.min(), x.max()]]).astype(float)
    y = np.concatenate([gold, [True, False]]).astype(float)
    fitted = IsotonicRegression().fit(x, y).predict(x)
    values = np.unique(fitted.round(12))
    centres = [float(x[np.isclose(fitted, value, atol=1e-9)].mean()) for value in values]
    return centres, [float(v) for v in values]


def thresholds(x: np.ndarray, gold: np.ndarray, precision: float) -> dict:
    """The best of all thresholds by f1_score, of the published grid, and for a precision."""
    p = expit(x.astype(float))
    cuts = np.unique(p)
    cuts = np.concatenate([[cuts[0] / 2], (cuts[1:] + cuts[:-1]) / 2])[::-1]
    f1 = [f1_score(gold, p > cut) for cut in cuts]
    grid = np.linspace(0, 1, 100)
    grid_f1 = [f1_score(gold, p > t, zero_division=0) for t in grid]
    reach = [cut for cut in cuts if precision_score(gold, p > cut) >= precision]
    return {
        "f1": max(f1), "cut": float(cuts[int(np.argmax(f1))]),
        "grid_f1": max(grid_f1), "grid_cut": float(grid[int(np.argmax(grid_f1))]),
        "precision": precision, "precision_cut": float(min(reach)),
    }


def calibration_error(p: np.ndarray, gold: np.ndarray) -> float:
    """Guo et al. 2017, bins (low, high]."""
    bins = np.clip(np.ceil(p * 15) - 1, 0, 14).astype(int)
    return sum(
        (bins == b).mean() * abs(p[bins == b].mean() - gold[bins == b].mean()) for b in range(15) if (bins == b).any()
    )


def korn_graubard(codes: np.ndarray, errors: np.ndarray, confidence: float) -> dict:
    """Clopper-Pearson at the effective sample size, at most the number of charts."""
    codes, errors = codes[codes > 0].astype(float), errors[codes > 0].astype(float)
    charts, total = len(codes), codes.sum()
    share = errors.sum() / total
    size = math.inf
    variance = np.var(errors - share * codes, ddof=1, mean=np.zeros(1)) * charts / total**2
    if variance > 0:
        ratio = stats.t.ppf(confidence, total - 1) / stats.t.ppf(confidence, charts - 1)
        size = share * (1 - share) / variance * ratio**2
    size = min(size, charts)
    upper = float(stats.beta.ppf(confidence, share * size + 1, size - share * size))
    return {"effective": float(size), "upper": upper}


def main() -> None:
    rng = np.random.default_rng(20)
    sets = []
    for charts, labels, step, slope, shift in [(8, 12, 0.5, 1.0, 0.0), (12, 14, 0.25, 0.6, -0.4), (6, 9, 1.0, 2.0, 1.0)]:
        logits, gold = draw(rng, charts, labels, step, slope, shift)
        x, y = logits.ravel(), gold.ravel()
        scale, shift = platt(x.astype(float), y)
        centres, values = isotonic(x, y)
        p = expit(x.astype(float))
        sets.append({
            "logits": logits.tolist(), "gold": [np.flatnonzero(row).tolist() for row in gold],
            "temperature": temperature(x.astype(float), y), "platt": [scale, shift],
            "isotonic": {"logits": centres, "probabilities": values},
            "threshold": thresholds(x, y, 0.7),
            "log_loss": log_loss(y, p), "brier": float(np.mean((p - y) ** 2)), "ece": float(calibration_error(p, y)),
        })
    pearson = [
        {"errors": e, "size": n, "confidence": c, "upper": float(stats.beta.ppf(c, e + 1, n - e))}
        for e in (0, 0.4, 1, 3.7, 12, 250) for n in (1, 13, 59.5, 1000, 250_000.0) for c in (0.8, 0.95, 0.999) if e < n
    ]
    clustered = []
    for charts, scale in [(5, 3), (60, 4), (200, 8), (150, 1)]:
        codes = rng.poisson(scale, charts)
        q = rng.beta(0.3, 4, charts)
        errors = rng.binomial(codes, q)
        if charts == 150:
            errors[:] = 0
        for confidence in (0.9, 0.95):
            clustered.append({
                "codes": codes.tolist(), "errors": errors.tolist(), "confidence": confidence,
                **korn_graubard(codes, errors, confidence),
            })
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps({"sets": sets, "clopper_pearson": pearson, "clustered": clustered}) + "\n")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
