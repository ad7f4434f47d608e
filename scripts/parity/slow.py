"""The older files of two tokenizers: vocab.json with merges.txt, and vocab.txt."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer


def model_of(tokenizer: Tokenizer) -> dict:
    """The "model" part of tokenizer.json."""
    return json.loads(tokenizer.to_str())["model"]


def write_json(path: Path, value: dict | list) -> None:
    """Indented JSON with a final newline."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_bytes_model(tokenizer: Tokenizer, folder: Path) -> None:
    """vocab.json and merges.txt of a byte-level BPE."""
    folder.mkdir(parents=True, exist_ok=True)
    model = model_of(tokenizer)
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False), encoding="utf-8")
    merges = ["#version: 0.2", *map(" ".join, model["merges"])]
    (folder / "merges.txt").write_text("\n".join(merges) + "\n", encoding="utf-8")


def write_roberta(tokenizer: Tokenizer, folder: Path) -> None:
    """The slow form of the roberta tokenizer."""
    write_bytes_model(tokenizer, folder)
    write_json(folder / "tokenizer_config.json", {
        "add_prefix_space": False, "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>",
        "errors": "replace", "mask_token": "<mask>", "model_max_length": 64, "pad_token": "<pad>",
        "sep_token": "</s>", "tokenizer_class": "RobertaTokenizer", "unk_token": "<unk>",
    })  # fmt: skip


def write_mpnet(tokenizer: Tokenizer, folder: Path) -> None:
    """The slow form of the mpnet tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    vocab = model_of(tokenizer)["vocab"]
    (folder / "vocab.txt").write_text("".join(f"{p}\n" for p in sorted(vocab, key=vocab.get)), encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {
        "bos_token": "<s>", "cls_token": "<s>", "do_lower_case": True, "eos_token": "</s>",
        "mask_token": "<mask>", "model_max_length": 64, "pad_token": "<pad>", "sep_token": "</s>",
        "strip_accents": None, "tokenize_chinese_chars": True, "tokenizer_class": "MPNetTokenizer",
        "unk_token": "[UNK]",
    })  # fmt: skip
