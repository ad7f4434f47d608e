# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy==2.4.6", "pyarrow==26.0.0"]
# ///
"""Make a large synthetic evaluation: gold as JSONL, probabilities of every label as Parquet.

    python scripts/evaluation/make_large.py --charts 100000 --labels 8000 --out DIR
    chartcode eval --gold DIR/gold.jsonl --predictions DIR/predictions.parquet

Codes are as frequent as in hospital data (a power law), about 15 a chart, and the
scores know something of them, so that every figure is away from its ends. With
--jsonl the predictions are JSON lines, as `chartcode scores` writes them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 500  # charts a row group


def codes(labels: int) -> list[dict[str, str]]:
    """Codes that look like ICD-10-CM's."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [
        {"system": "icd10cm", "code": f"{letters[i // 1000 % 26]}{i // 10 % 100:02d}.{i % 10}{i // 26000}"}
        for i in range(labels)
    ]


def block(rng: np.random.Generator, charts: int, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gold and probabilities of some charts, each [charts, labels]."""
    gold = rng.random((charts, len(frequency)), dtype=np.float32) < frequency
    logits = rng.standard_normal((charts, len(frequency)), dtype=np.float32) * 2
    logits += np.log(frequency).astype(np.float32) - 1 + 4 * gold
    return gold, 1 / (1 + np.exp(-logits))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--charts", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=8_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jsonl", action="store_true", help="predictions as JSON lines")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    names = codes(args.labels)
    frequency = 1 / (np.arange(args.labels) + 20.0)
    frequency *= 15 / frequency.sum()
    field = pa.field("probabilities", pa.list_(pa.float32(), args.labels))
    schema = pa.schema([("id", pa.string()), field], metadata={"labels": json.dumps(names)})
    path = args.out / ("predictions.jsonl" if args.jsonl else "predictions.parquet")
    writer = open(path, "w", encoding="ascii") if args.jsonl else pq.ParquetWriter(path, schema, compression="none", use_dictionary=False)
    with writer, open(args.out / "gold.jsonl", "w", encoding="ascii") as gold_file:
        for start in range(0, args.charts, BLOCK):
            count = min(BLOCK, args.charts - start)
            ids = [f"chart-{start + i}" for i in range(count)]
            gold, probabilities = block(rng, count, frequency)
            for name, row in zip(ids, gold):
                line = {"id": name, "codes": [names[i] for i in np.flatnonzero(row)]}
                gold_file.write(json.dumps(line) + "\n")
            if args.jsonl:
                for place, (name, row) in enumerate(zip(ids, probabilities)):
                    line = {"id": name, "probabilities": [round(float(p), 6) for p in row]}
                    if start + place == 0:
                        line["labels"] = [code["code"] for code in names]
                    writer.write(json.dumps(line) + "\n")
                continue
            values = pa.array(probabilities.reshape(-1), pa.float32())
            lists = pa.FixedSizeListArray.from_arrays(values, args.labels)
            writer.write_table(pa.table([pa.array(ids), lists], schema=schema), row_group_size=BLOCK)


if __name__ == "__main__":
    main()
