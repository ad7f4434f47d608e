"""Writes the bundle's files: weights, labels, manifest and model card."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from terms import CodeSet

DATA = [
    {"name": "all-MiniLM-L6-v2", "use": "encoder", "licence": "Apache-2.0"},
    {"name": "ICD-10-CM titles, inclusion terms and alphabetic index (CDC/NCHS, CMS)", "use": "labels and descriptions", "licence": "US public domain"},
    {"name": "CodiEsp train and dev, English, with the Spanish evidence of train", "use": "projections, passages, counts, trees (train); threshold and calibration (dev)", "licence": "CC BY 4.0"},
]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_tokenizer(source: Path, target: Path) -> None:
    """The package's tokenizer without truncation and padding."""
    tokenizer = json.loads(source.read_text(encoding="utf-8"))
    tokenizer["truncation"] = None
    tokenizer["padding"] = None
    target.write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def write_labels(codes: CodeSet, target: Path) -> None:
    rows = ["code\ttitle\tconcept\tbillable"]
    for code, title, concept, billable in zip(codes.labels, codes.titles, codes.label_concept, codes.billable):
        rows.append(f"{code}\t{title}\t{codes.concepts[concept]}\t{billable:d}")
    text = ("\n".join(rows) + "\n").encode("utf-8")
    with open(target, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(text)


def write_head(tensors: dict[str, np.ndarray], target: Path) -> None:
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, target)


def write_json(value: dict, target: Path) -> None:
    target.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def manifest(codes: CodeSet, constants: dict, files: dict[str, str]) -> dict:
    return {
        "format": 1,
        "id": "icd10cm-minilm",
        "version": "3",
        "description": "Every ICD-10-CM code: retrieved by its official descriptions and training passages with a small sentence encoder, weighed by boosted trees",
        "architecture": "bert",
        "licence": "Apache-2.0 (weights); label text is US public domain; fitted on CodiEsp, CC BY 4.0",
        "windows": {"kind": "sentence", **constants["windows"]},
        "preprocess": "none",
        "padding_mode": "none",
        "head": {"kind": "description", **constants["head"]},
        "labels": {"file": "labels.tsv.gz", "system": "icd10cm", "code_set": codes.edition, "effective": codes.effective},
        "thresholds": constants["thresholds"],
        "calibration": {"kind": "none"},
        "profile": "exhaustive",
        "profiles": constants["profiles"],
        "data": DATA,
        "files": files,
    }


def write(out: Path, package: Path, encoder: Path, codes: CodeSet, tensors: dict, constants: dict, shares: dict) -> None:
    """Writes all files of the bundle; the manifest last, with the others' sums."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package / "config.json", out / "config.json")
    write_tokenizer(package / "tokenizer.json", out / "tokenizer.json")
    shutil.copyfile(encoder, out / "model.safetensors")
    write_head(tensors, out / "head.safetensors")
    write_labels(codes, out / "labels.tsv.gz")
    (out / "README.md").write_text(card(codes, tensors, shares), encoding="utf-8")
    for file in out.iterdir():
        file.chmod(0o644)
    names = ["config.json", "tokenizer.json", "model.safetensors", "head.safetensors", "labels.tsv.gz", "README.md"]
    files = {name: sha256(out / name) for name in names}
    write_json(manifest(codes, constants, files), out / "manifest.json")


def card(codes: CodeSet, tensors: dict, shares: dict) -> str:
    """The model card."""
    template = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    kinds = tensors["term.kind"]
    values = {
        "EDITION": codes.edition,
        "SOURCE": codes.source,
        "LABELS": f"{len(codes.labels):,}",
        "BILLABLE": f"{sum(codes.billable):,}",
        "CONCEPTS": f"{len(codes.concepts):,}",
        "TERMS": f"{(kinds != 2).sum():,}",
        "PASSAGES": f"{(kinds == 2).sum():,}",
        "DIM": str(tensors["term.weight"].shape[1]),
        "TREES": f"{len(tensors['tree.roots']):,}",
        "BILLING_TREES": f"{len(tensors['billing.roots']):,}",
        "BARE": f"{100 * shares['bare']:.1f}",
        "FIRST": f"{100 * shares['first']:.1f}",
    }
    for key, value in values.items():
        template = template.replace("{" + key + "}", value)
    return template
