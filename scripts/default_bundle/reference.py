# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "safetensors>=0.5", "tokenizers>=0.20", "torch>=2.4"]
# ///
"""Reference answers of a built bundle for a few invented charts.

    python reference.py --bundle models/icd10cm-minilm --out tests/golden/icd10cm-minilm.json

Reads nothing but the bundle, as the engine does. For each chart: the text, the
token ids and span ranges of each window, and the 50 best labels with their
logits. Labels that tie keep label order.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer

import charts
import head
from encoder import Encoder
from rerank import FEATURES, Reranker
from windows import Spanner, SpanRule

CHARTS = {
    "discharge": (
        "DISCHARGE DIAGNOSES:\n1. Acute on chronic systolic heart failure.\n2. Type 2 diabetes mellitus with "
        "polyneuropathy.\n3. Essential hypertension\n4. Acute kidney injury\n5. Hypokalemia\n\nHOSPITAL COURSE: "
        "A 71-year-old woman came with progressive dyspnea and leg swelling. She denied chest pain, and there was "
        "no fever or cough. Chest x-ray showed pulmonary edema. She was diuresed with IV furosemide. Creatinine "
        "rose to 2.1 mg/dL, then recovered. Potassium was repleted."
    ),
    "respiratory": (
        "68 yo man with COPD, active smoker, admitted for acute exacerbation of COPD due to pneumonia of the right "
        "lower lobe. Hypoxic on arrival; required 2 L oxygen. Also treated for E. coli urinary tract infection. "
        "No evidence of pulmonary embolism. Past history: atrial fibrillation on apixaban, hyperlipidemia."
    ),
    "injury": (
        "A 9-year-old boy fell off his bicycle. Closed fracture of the lower end of the right radius, "
        "laceration of the left knee without foreign body. Immunized. Père present. T 37.1°C."
    ),
    "carriage-returns": (
        "Señora Nuñez, 54 años – café worker.\r\nNo fever, chills or night sweats.\r\n\r\n"
        "Assessment:\r\n- Ménière's disease, left ear\r\n- Sjögren syndrome\r\n- Iron deficiency anæmia\r\n"
        "Plan: betahistine, ferrous sulfate\rReview in 6 weeks\r\n"
    ),
    "denials": (
        "He denies chest pain, fever, chills or cough but has ankle swelling. Negative for rash, and he reports "
        "nausea. No headache or neck stiffness, back pain since Monday."
    ),
    "one-long-sentence": (
        "Patient with " + "stable angina and chronic obstructive bronchitis, gout of the right big toe, "
        "primary open-angle glaucoma of both eyes, moderate persistent asthma with mucus plugging, " * 5
        + "now presenting with acute cholecystitis"
    ),
}


def load_rule(spans: dict) -> SpanRule:
    words = {key: tuple(spans[key]) for key in ("breaks", "carries", "negations", "denials", "denial_carries", "affirms")}
    return SpanRule(**words, grams=tuple(tuple(g) for g in spans["grams"]))


class Judge:
    """The bundle in Python."""

    def __init__(self, bundle: Path) -> None:
        self.manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        self.encoder = Encoder.load(bundle / "model.safetensors", bundle / "config.json")
        self.tensors = load_file(bundle / "head.safetensors")
        self.window = {key: self.manifest["windows"][key] for key in ("max_tokens", "overlap")}
        self.spanner = Spanner(load_rule(self.manifest["head"]["spans"]), self.tokenizer.get_vocab())
        second = self.manifest["head"]["rerank"]
        if second["features"] != list(FEATURES):
            raise SystemExit("the bundle's features are not those of rerank.py")
        self.floor = second["floor"]
        self.reranker = Reranker(self.tensors, second["candidates"])

    def logits(self, chart: charts.Chart) -> np.ndarray:
        """One a label."""
        t = self.tensors
        units = head.project(chart.vectors, t["projection.weight"], t["projection.bias"])
        _, scores = self.reranker.similarities(units)
        concepts = self.floor + scores.max(axis=1) + t["concept.head_start"]
        chosen, rows = self.reranker.features(units, chart.spans, chart.ids)
        concepts[chosen] = self.reranker.forest(rows)
        return concepts[t["label.concept"]] + t["label.bias"]


def answer(judge: Judge, text: str, labels: list[list[str]]) -> dict:
    chart, windows = charts.encode([text], judge.tokenizer, judge.encoder, judge.spanner, judge.window)
    logits = judge.logits(chart[0])
    first = np.argsort(-logits, kind="stable")[:50]
    return {
        "text": text,
        "windows": [{"ids": i, "spans": judge.spanner.spans(i)} for i in windows],
        "labels": [{"code": labels[i][0], "title": labels[i][1], "logit": float(logits[i])} for i in first],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/icd10cm-minilm"))
    parser.add_argument("--out", type=Path, default=Path("reference.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    judge = Judge(options.bundle)
    with gzip.open(options.bundle / "labels.tsv.gz", "rt", encoding="utf-8") as lines:
        labels = [line.rstrip("\n").split("\t") for line in lines][1:]
    answers = {name: answer(judge, text, labels) for name, text in CHARTS.items()}
    options.out.write_text(json.dumps(answers, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
