# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "pyarrow==26.0.0"]
# ///
"""Compute the metrics of an evaluation again with scikit-learn, from all scores.

    chartcode eval --gold charts.jsonl --save-scores scores.parquet --format json > metrics.json
    python scripts/evaluation/check.py charts.jsonl scores.parquet metrics.json

Every figure of the variants `all`, `present` and `honest` must agree within 1e-6.
Rankings break ties by label order, as a stable sort does.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

TOLERANCE = 1e-6


def read_scores(path: Path) -> tuple[list[str], np.ndarray, dict[str, int]]:
    """Ids, logits [charts, labels], and the column of each code."""
    table = pq.read_table(path)
    labels = json.loads(table.schema.metadata[b"labels"])
    logits = np.stack(table.column("logits").to_numpy())
    columns = {(label["system"], label["code"]): i for i, label in enumerate(labels)}
    return table.column("id").to_pylist(), logits.astype(np.float32), columns


def read_gold(path: Path, systems: set[str]) -> dict[str, set[tuple[str, str]]]:
    """The codes of each chart, in the systems that are evaluated."""
    gold = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        gold.setdefault(row["id"], {(c["system"], c["code"]) for c in row["codes"] if c["system"] in systems})
    return gold


def rankings(logits: np.ndarray, truth: np.ndarray, missing: np.ndarray, ks: list[int]) -> dict[str, float]:
    """Means over charts with gold; `missing` gold codes are ranked behind everything."""
    rows = []
    for scores, gold, absent in zip(logits, truth, missing):
        total = gold.sum() + absent
        if total == 0:
            continue
        hits = gold[np.argsort(-scores, kind="stable")]
        found = np.cumsum(hits)
        row = {"map": (found / np.arange(1, len(hits) + 1))[hits].sum() / total}
        row["r_precision"] = hits[:total].sum() / total
        for k in ks:
            row[f"precision_at_{k}"] = hits[:k].sum() / k
            row[f"recall_at_{k}"] = hits[:k].sum() / total
        rows.append(row)
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def sets(truth: np.ndarray, predicted: np.ndarray, missing: np.ndarray, extra: int) -> dict[str, float]:
    """Metrics of suggested sets; `extra` classes are gold somewhere and never suggested."""
    options = {"zero_division": 0}
    tp = int((truth & predicted).sum())
    out = {"micro_precision": tp / max(int(predicted.sum()), 1)}
    out["micro_recall"] = tp / (int(truth.sum()) + int(missing.sum()))
    out["micro_f1"] = 2 * tp / (int(predicted.sum()) + int(truth.sum()) + int(missing.sum()))
    columns = truth.shape[1] + extra
    share = truth.shape[1] / columns
    precision = precision_score(truth, predicted, average="macro", **options) * share
    recall = recall_score(truth, predicted, average="macro", **options) * share
    out |= {"macro_precision": precision, "macro_recall": recall}
    out["macro_f1"] = f1_score(truth, predicted, average="macro", **options) * share
    out["exact_match_ratio"] = float(((truth == predicted).all(axis=1) & (missing == 0)).mean())
    return out


def areas(truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Areas under the ROC curves; labels with one class only are skipped."""
    usable = truth.any(axis=0) & ~truth.all(axis=0)
    macro = [roc_auc_score(truth[:, i], logits[:, i]) for i in np.flatnonzero(usable)]
    return {"micro_auc": roc_auc_score(truth.ravel(), logits.ravel()), "macro_auc": float(np.mean(macro))}


def compare(name: str, reference: dict[str, float], found: dict) -> float:
    """The largest difference; each that is too large is named."""
    worst = 0.0
    for key, value in reference.items():
        off = abs(found[key]["value"] - value)
        worst = max(worst, off)
        if off > TOLERANCE:
            print(f"{name} {key}: {found[key]['value']} is not {value}", file=sys.stderr)
    print(f"{name}: {len(reference)} metrics, largest difference {worst:.1e}")
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("scores", type=Path, help="written by chartcode eval --save-scores")
    parser.add_argument("metrics", type=Path, help="written by chartcode eval --format json")
    args = parser.parse_args()
    metrics = json.loads(args.metrics.read_text(encoding="utf-8"))
    variants = {variant["name"]: variant["metrics"] for variant in metrics["variants"]}
    ks = [int(key.removeprefix("recall_at_")) for key in metrics["metrics"] if key.startswith("recall_at_")]
    threshold = float(metrics["run"]["threshold"].removeprefix("probability > "))
    ids, logits, columns = read_scores(args.scores)
    gold = read_gold(args.gold, set(metrics["run"]["systems"]))
    truth = np.zeros(logits.shape, dtype=bool)
    missing = np.zeros(len(ids), dtype=int)
    outside = set()
    for row, chart in enumerate(ids):
        for code in gold[chart]:
            if code in columns:
                truth[row, columns[code]] = True
            else:
                missing[row] += 1
                outside.add(code)
    predicted = 1 / (1 + np.exp(-logits.astype(np.float64))) > threshold
    none = np.zeros(len(ids), dtype=int)
    some = truth.any(axis=1)
    present = truth.any(axis=0)
    worst = []
    t, p, z, n = truth[some], predicted[some], logits[some], none[some]
    worst.append(compare("all", sets(t, p, n, 0) | rankings(z, t, n, ks) | areas(t, z), variants["all"]))
    t, p, z = t[:, present], p[:, present], z[:, present]
    worst.append(compare("present", sets(t, p, n, 0) | rankings(z, t, n, ks) | areas(t, z), variants["present"]))
    reference = sets(truth, predicted, missing, len(outside)) | rankings(logits, truth, missing, ks)
    worst.append(compare("honest", reference, variants["honest"]))
    sys.exit(max(worst) > TOLERANCE)


if __name__ == "__main__":
    main()
