# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1"]
# ///
"""Score a bundle against labelled charts, all labels open.

    chartcode scores --bundle BUNDLE charts.jsonl | python scripts/evaluate.py charts.jsonl --review 0.2

GOLD holds one JSON object a line: id, text, codes: [{system, code}]. The scores
come from standard input, so that the figures are those of the engine itself.
Document-wise means over charts; gold codes that are not among the labels count
as missed; charts without a gold code of the system are left out, and counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

ABSENT = -1e9  # the logit of a gold code that is no label: ranked behind everything


def read_gold(path: Path, system: str) -> dict[str, set[str]]:
    """The codes of each chart."""
    gold = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        gold[row["id"]] = {entry["code"] for entry in row["codes"] if entry["system"] == system}
    return gold


class Tally:
    """Sums over charts."""

    def __init__(self) -> None:
        self.ranked: list[tuple[float, float, float]] = []
        self.logits: list[np.ndarray] = []
        self.hits: list[np.ndarray] = []
        self.positives = 0

    def add(self, labels: list[str], logits: np.ndarray, gold: set[str]) -> None:
        index = {code: i for i, code in enumerate(labels)}
        found = [index[code] for code in gold if code in index]
        truth = np.zeros(len(labels) + len(gold) - len(found), dtype=bool)
        truth[found] = True
        truth[len(labels):] = True
        scores = np.concatenate([logits, np.full(len(truth) - len(labels), ABSENT)])
        order = np.argsort(-scores, kind="stable")
        r_precision = truth[order[: len(gold)]].mean()
        recall = truth[order[:200]].sum() / len(gold)
        self.ranked.append((average_precision_score(truth, scores), r_precision, recall))
        self.positives += len(gold)
        best = order[:500]  # no threshold worth reporting suggests more than 500 codes a chart
        self.logits.append(scores[best])
        self.hits.append(truth[best])

    def f1_by_threshold(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits in falling order, and the micro-F1 of suggesting all codes down to each."""
        logits, hits = np.concatenate(self.logits), np.concatenate(self.hits)
        order = np.argsort(-logits, kind="stable")
        true = np.cumsum(hits[order])
        return logits[order], 2 * true / (np.arange(1, len(order) + 1) + self.positives)


def report(tally: Tally, left_out: int, review: float) -> None:
    ap, r_precision, recall = np.mean(tally.ranked, axis=0)
    logits, f1 = tally.f1_by_threshold()
    cut = np.log(review / (1 - review))
    suggested = int((logits > cut).sum())
    best = int(np.argmax(f1))
    print(f"charts           {len(tally.ranked)} ({left_out} without gold left out)")
    print(f"MAP              {ap:.4f}")
    print(f"R-precision      {r_precision:.4f}")
    print(f"recall@200       {recall:.4f}")
    print(f"micro-F1         {f1[suggested - 1]:.4f} at threshold {review}, {suggested / len(tally.ranked):.1f} codes a chart")
    print(f"best micro-F1    {f1[best]:.4f} at threshold {1 / (1 + np.exp(-logits[best])):.3f} (chosen on these charts)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--system", default="icd10cm")
    parser.add_argument("--review", type=float, required=True, help="the bundle's review threshold")
    args = parser.parse_args()
    gold = read_gold(args.gold, args.system)
    tally, left_out = Tally(), 0
    for line in sys.stdin:
        scores = json.loads(line)
        codes = gold[scores["id"]]
        if codes:
            tally.add(scores["labels"], np.array(scores["logits"]), codes)
        else:
            left_out += 1
    report(tally, left_out, args.review)


if __name__ == "__main__":
    main()
