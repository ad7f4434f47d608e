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
    {"name": "CodiEsp train and dev, English", "use": "projection, biases, scale (train); thresholds (dev)", "licence": "CC BY 4.0"},
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
    rows = ["code\ttitle\tconcept"]
    for code, title, concept in zip(codes.labels, codes.titles, codes.label_concept):
        rows.append(f"{code}\t{title}\t{codes.concepts[concept]}")
    text = ("\n".join(rows) + "\n").encode("utf-8")
    with open(target, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(text)


def write_head(tensors: dict[str, np.ndarray], target: Path) -> None:
    kinds = {
        "projection.weight": np.float32, "projection.bias": np.float32,
        "term.weight": np.int8, "term.weight_scale": np.float32,
        "concept.offsets": np.uint32, "concept.prior": np.float32, "label.concept": np.uint32, "label.bias": np.float32,
    }
    save_file({key: np.ascontiguousarray(tensors[key], dtype=kind) for key, kind in kinds.items()}, target)


def write_json(value: dict, target: Path) -> None:
    target.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def manifest(codes: CodeSet, windows: dict, head: dict, thresholds: dict, files: dict[str, str]) -> dict:
    return {
        "format": 1,
        "id": "icd10cm-minilm",
        "version": "1",
        "description": "Every billable ICD-10-CM code, scored by its official descriptions with a small sentence encoder",
        "architecture": "bert",
        "licence": "Apache-2.0 (weights); label text is US public domain; fitted on CodiEsp, CC BY 4.0",
        "windows": {"kind": "sentence", **windows},
        "preprocess": "none",
        "padding_mode": "none",
        "head": {"kind": "description", **head},
        "labels": {"file": "labels.tsv.gz", "system": "icd10cm", "code_set": codes.edition, "effective": codes.effective},
        "thresholds": thresholds,
        "calibration": {"kind": "none"},
        "data": DATA,
        "files": files,
    }


def write(out: Path, package: Path, encoder: Path, codes: CodeSet, tensors: dict, constants: dict, figures: dict) -> None:
    """Writes all files of the bundle; the manifest last, with the others' sums."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package / "config.json", out / "config.json")
    write_tokenizer(package / "tokenizer.json", out / "tokenizer.json")
    shutil.copyfile(encoder, out / "model.safetensors")
    write_head(tensors, out / "head.safetensors")
    write_labels(codes, out / "labels.tsv.gz")
    (out / "README.md").write_text(card(codes, tensors, constants, figures), encoding="utf-8")
    for file in out.iterdir():
        file.chmod(0o644)
    names = ["config.json", "tokenizer.json", "model.safetensors", "head.safetensors", "labels.tsv.gz", "README.md"]
    files = {name: sha256(out / name) for name in names}
    write_json(manifest(codes, constants["windows"], constants["head"], constants["thresholds"], files), out / "manifest.json")


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def figure_row(name: str, figures: dict) -> str:
    keys = ("map", "r_precision", "recall_200", "micro_f1", "ece")
    return f"| {name} | {figures['charts']} | " + " | ".join(percent(figures[key]) for key in keys) + f" | {figures['suggested']:.1f} |"


def card(codes: CodeSet, tensors: dict, constants: dict, figures: dict) -> str:
    """The model card."""
    template = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    accept = constants["thresholds"]["accept"]
    values = {
        "EDITION": codes.edition,
        "SOURCE": codes.source,
        "LABELS": f"{len(codes.labels):,}",
        "CONCEPTS": f"{len(codes.concepts):,}",
        "TERMS": f"{len(tensors['term.weight']):,}",
        "DIM": str(tensors["term.weight"].shape[1]),
        "PRIOR_WEIGHT": f"{figures['prior_weight']:g}",
        "FIRST_SHARE": percent(figures["first_choice_share"]),
        "COMPETITION": f"{constants['head']['competition'] / constants['head']['scale']:.2g}",
        "REVIEW": f"{constants['thresholds']['review']:.3f}",
        "REVIEW_F1": percent(figures["review_f1_cross"]),
        "ACCEPT": "none: no threshold reaches 95 % on dev with at least 50 codes" if accept is None
        else f"{accept:.4f} ({figures['accept']['right']} of {figures['accept']['said']} dev codes right; one-sided 95 % lower bound {percent(figures['accept']['lower_bound_95'])} %)",
        "ROWS": "\n".join(figure_row(name, figures[name]) for name in figures["sets"]),
    }
    for key, value in values.items():
        template = template.replace("{" + key + "}", value)
    return template
