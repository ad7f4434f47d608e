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
from problems import ProblemRule, Problems
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


VISITS = {
    "visit": (
        "CHIEF COMPLAINT\n\nBack pain.\n\nHISTORY OF PRESENT ILLNESS\n\nMs. Ortiz is a 52-year-old woman with hypertension, "
        "gout and migraines. She fell on the stairs. She denies fever.\n\nASSESSMENT AND PLAN\n\nMs. Ortiz came for back "
        "pain.\n\n1. Acute lumbar strain.\n• Medical Reasoning: x-ray is normal.\n• Medical Treatment: ibuprofen.\n\n"
        "2. Diabetes type 2 - not controlled\n\n3) Status post renal transplant: stable\n\nCOPD\n\nINSTRUCTIONS\n\nReturn in two weeks."
    ),
    "plan-only": "Right knee pain since May.\nPlan:\r\n- Right knee osteoarthritis\r- We will order an x-ray\r\n- gout; stable",
    "prose": "IMPRESSION: He has acute bronchitis, and his asthma is worse.\nFAMILY HISTORY\nBreast cancer in his mother.",
    "nothing": "Sore throat and fever since Monday. No cough.",
    "one-line": "Impression: " + "chronic kidney disease stage 3 with anemia of the chronic kind " * 2 + "\nAssessment: Señora has Ménière's disease",
}


class Judge:
    """The bundle in Python, under one of its profiles."""

    def __init__(self, bundle: Path, profile: str | None = None) -> None:
        self.manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        self.encoder = Encoder.load(bundle / "model.safetensors", bundle / "config.json")
        self.tensors = load_file(bundle / "head.safetensors")
        self.window = {key: self.manifest["windows"][key] for key in ("max_tokens", "overlap")}
        self.spanner = Spanner(load_rule(self.manifest["head"]["spans"]), self.tokenizer.get_vocab())
        own = self.manifest["profiles"][profile] if profile else self.manifest["head"]
        second, rule = own["rerank"], own.get("problems")
        self.problems = Problems(ProblemRule(**{field: tuple(words) for field, words in rule.items()})) if rule else None
        self.columns = [FEATURES.index(name) for name in second["features"]]
        self.floor, self.forest = second["floor"], second.get("forest", "tree")
        with gzip.open(bundle / "labels.tsv.gz", "rt", encoding="utf-8") as lines:
            self.labels = [line.rstrip("\n").split("\t") for line in lines][1:]
        self.bias, self.barred = self.tensors["label.bias"], np.zeros(len(self.labels), bool)
        if second.get("billable"):
            self.barred = np.array([row[3] == "0" for row in self.labels])
            self.bias = self.shared_bias()
        self.reranker = Reranker(self.tensors, second["candidates"], second.get("billable", False))

    def shared_bias(self) -> np.ndarray:
        """Shares of a concept's charts, as logarithms, among the labels that can be billed."""
        concept, share = self.tensors["label.concept"], np.exp(self.bias.astype(np.float64)) * ~self.barred
        whole = np.bincount(concept, share)[concept]
        return np.where(self.barred, self.bias, self.bias - np.log(np.where(self.barred, 1, whole))).astype(np.float32)

    def logits(self, chart: charts.Chart) -> np.ndarray:
        """One a label."""
        t = self.tensors
        units = head.project(chart.vectors, t["projection.weight"], t["projection.bias"])
        _, scores = self.reranker.similarities(units)
        concepts = self.floor + scores.max(axis=1) + t["concept.head_start"]
        floor = concepts[t["label.concept"]]
        chosen, rows = self.reranker.features(units, chart.spans, chart.ids)
        concepts[chosen] = self.reranker.forest(rows[:, self.columns], self.forest)
        return np.where(self.barred, floor, concepts[t["label.concept"]] + self.bias)


def answer(judge: Judge, text: str) -> dict:
    found, windows = charts.encode([text], judge.tokenizer, judge.encoder, judge.spanner, judge.window, problems=judge.problems)
    logits = judge.logits(found[0])
    first = np.argsort(-logits, kind="stable")[:50]
    seen = {"spans": [[s.start, s.end] for s in found[0].spans]} if judge.problems else {"windows": [{"ids": i, "spans": judge.spanner.spans(i)} for i in windows]}
    labels = [{"code": judge.labels[i][0], "title": judge.labels[i][1], "logit": float(logits[i])} for i in first]
    return {"text": text, **seen, "labels": labels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/icd10cm-minilm"))
    parser.add_argument("--profile", help="another profile than the bundle's own")
    parser.add_argument("--out", type=Path, default=Path("reference.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    judge = Judge(options.bundle, options.profile)
    answers = {name: answer(judge, text) for name, text in (VISITS if options.profile else CHARTS).items()}
    options.out.write_text(json.dumps(answers, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
