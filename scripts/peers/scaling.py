"""How chartcode's cost grows with tokens, labels, charts and threads: measures and plots.

    python scripts/peers/scaling.py --work DIR --plot benches/scaling.svg

DIR is the folder that compare.py has filled (its venv holds what this needs). Cost in tokens and in
charts is that of a PLM-ICD of 7,942 labels, cost in labels that of the head's stage alone over
3,072 tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import torch
import workloads

PRECISIONS = ["f32", "bf16", "int8"]
TOKENS = [128, 512, 1024, 3072, 6144, 12288]
LABELS = [1000, 4000, 16000, 64000]
CHARTS = [1, 2, 4, 8, 16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--chartcode", type=Path, default=workloads.ROOT / "target" / "release" / "chartcode")
    parser.add_argument("--plot", type=Path, required=True, help="an SVG file")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    workloads.prepare("plm-icd", arguments.work / "plm-icd", arguments.chartcode)
    found = measure(arguments)
    (arguments.work / "scaling.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    plot(found, arguments.plot)


def measure(arguments: argparse.Namespace) -> dict:
    """For each question and precision, pairs of size and seconds."""
    found: dict = {name: {precision: [] for precision in PRECISIONS} for name in ["tokens", "labels", "charts", "threads"]}
    folder = arguments.work / "scaling"
    folder.mkdir(exist_ok=True)
    bundle = arguments.work / "plm-icd" / "bundle"
    text = (arguments.work / "plm-icd" / "note.txt").read_text(encoding="utf-8")
    note = folder / "note.txt"
    for precision in PRECISIONS:
        def add(question: str, size: int, run: dict, stage: str | None = None) -> None:
            seconds = run["stages"][stage] if stage else statistics.median(run["seconds"])
            found[question][precision].append((size, seconds))
            print(f"{precision}: {size} {question}, {seconds:.4g} s", flush=True)

        for tokens in TOKENS:
            note.write_text((text * 4)[: len(text) * tokens // 3072], encoding="utf-8")
            run = bench(arguments, bundle, precision, note)
            add("tokens", run["tokens"], run)
        for charts in CHARTS:
            lines = [json.dumps({"id": str(at), "text": text[: len(text) // 6]}) for at in range(charts)]
            (folder / "charts.jsonl").write_text("\n".join(lines), encoding="utf-8")
            add("charts", charts, bench(arguments, bundle, precision, folder / "charts.jsonl"))
        for threads in range(1, (os.cpu_count() or 1) + 1):
            note.write_text(text, encoding="utf-8")
            add("threads", threads, bench(arguments, bundle, precision, note, "--threads", threads))
        for labels in LABELS:
            place = folder / f"labels-{labels}"
            add("labels", labels, bench(arguments, head(place, labels, arguments), precision, note), "head")
    return found


def head(folder: Path, labels: int, arguments: argparse.Namespace) -> Path:
    """A bundle whose time goes into its label head."""
    if not (folder / "bundle").is_dir():
        folder.mkdir(exist_ok=True)
        torch.manual_seed(1)
        workloads.draw_plm_icd(folder, labels, tokens=3072, layers=1, intermediate=64)
        source = [folder / "best_model.pt", "--encoder", folder / "encoder", "--preprocess", "none", "--out", folder / "bundle"]
        workloads.run([arguments.chartcode, "import", "-q", *source])
    return folder / "bundle"


def bench(arguments: argparse.Namespace, bundle: Path, precision: str, charts: Path, *more: object) -> dict:
    options = ["-q", "--bundle", bundle, "--precision", precision, "--rounds", arguments.rounds, "--format", "json", *more]
    return json.loads(workloads.run([arguments.chartcode, "bench", *options, charts]))


def plot(found: dict, path: Path) -> None:
    plt.rcParams.update({"svg.hashsalt": "chartcode", "font.size": 9})
    figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    titles = {
        "tokens": "tokens of one chart", "charts": "charts of 512 tokens, together",
        "labels": "labels, the head alone over 3,072 tokens", "threads": "threads, one chart of 3,072 tokens",
    }  # fmt: skip
    for axis, (question, title) in zip(axes.flat, titles.items(), strict=True):
        for precision, colour in zip(PRECISIONS, ["#1b5e8a", "#c46210", "#3b7a3b"], strict=True):
            sizes, seconds = zip(*found[question][precision], strict=True)
            axis.plot(sizes, seconds, marker="o", color=colour, label=precision)
        axis.set(xlabel=title, ylabel="seconds")
        if question == "threads":
            axis.set_xticks(sorted({size for size, _ in found[question]["f32"]}))
            axis.set_ylim(bottom=0)
        else:
            axis.set(xscale="log", yscale="log")
        axis.grid(alpha=0.3, which="both")
    axes.flat[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
