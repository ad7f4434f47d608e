# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.*", "scikit-learn==1.9.1"]
# ///
"""Logistic regressions solved by scikit-learn, for the solver of `chartcode fit` to equal.

    python scripts/fit/logistic.py > crates/chartcode-train/tests/golden/logistic.json
"""

import json

import numpy as np
from sklearn.linear_model import LogisticRegression


def problem(seed: int, charts: int, columns: int, width: int) -> dict:
    rng = np.random.default_rng(seed)
    present = rng.random((charts, columns)) < 0.3
    scale = np.round(rng.normal(size=columns), 3)
    dense = np.round(rng.normal(size=(charts, width)), 3).astype(np.float32)
    dense_scale = 2.0
    inputs = np.hstack([present * scale, dense.astype(np.float64) * dense_scale])
    truth = rng.normal(size=inputs.shape[1])
    gold = inputs @ truth + rng.normal(size=charts) > 0.5
    solutions = []
    for strength in (0.05, 1.0, 20.0):
        model = LogisticRegression(C=strength, tol=1e-12, max_iter=100_000, solver="newton-cholesky")
        weights = model.fit(inputs, gold).coef_[0]
        solutions.append({
            "strength": strength,
            "sparse": [round(float(x), 9) for x in weights[:columns] * scale],
            "dense": [round(float(x), 9) for x in weights[columns:] * dense_scale],
            "bias": round(float(model.intercept_[0]), 9),
        })
    return {
        "rows": [np.flatnonzero(row).tolist() for row in present],
        "scale": scale.tolist(),
        "dense": [[round(float(x), 3) for x in row] for row in dense],
        "dense_scale": dense_scale,
        "gold": gold.tolist(),
        "solutions": solutions,
    }


print(json.dumps([problem(1, 40, 12, 0), problem(2, 60, 8, 3), problem(3, 25, 40, 2)]))
