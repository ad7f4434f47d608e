"""What a family's model computes for every chart, as golden.json."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

import families
import heads

TEXTS = Path(__file__).resolve().parent / "texts.jsonl"
WINDOW, ROW = 64, 16
FULL = {"bert", "roberta"}  # these have the padding modes, every offset, and attention up to LARGE tokens
SMALL, LARGE = 64, 450  # the other families keep attention up to SMALL tokens
LONG = {"note", "long"}  # the other families keep no offsets of these
PADDED = {"short", "exact-bert", "exact-roberta"}  # charts that keep the attention of the padding modes
CONTRIBUTIONS = {"roberta"}
MODES = ["head", "encoder_and_head", "head_extra_window"]
HIDDEN_CHARTS = {"short", "word"}


def texts() -> list[dict]:
    """Lines of {"id", "text"}."""
    return [json.loads(line) for line in TEXTS.read_text(encoding="ascii").splitlines()]


def rounded(value: torch.Tensor, digits: int = 8) -> list | float:
    """Nested lists of floats with that many significant digits."""
    if value.dim() == 0:
        return float(f"{float(value):.{digits}g}")
    return [rounded(item, digits) for item in value]


def places(value: torch.Tensor) -> list[float]:
    """Six digits after the point: attention is compared within 1e-5."""
    return [round(float(item), 6) for item in value]


def tokenise(tokenizer: Tokenizer, text: str) -> dict:
    """Ids and byte offsets of the whole text without special tokens."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    at = [0, *itertools.accumulate(len(c.encode("utf-8")) for c in text)]
    return {"ids": encoding.ids, "offsets_bytes": [[at[start], at[end]] for start, end in encoding.offsets]}


def classification(model: torch.nn.Module, tokenizer: Tokenizer, ids: list[int], keep_hidden: bool) -> dict:
    """Logits of every window and their maximum."""
    prefix, suffix = families.special_ids(tokenizer)
    body = WINDOW - len(prefix) - len(suffix)
    windows = [[*prefix, *ids[at : at + body], *suffix] for at in range(0, len(ids), body)]
    rows = torch.stack([families.logits(model, window) for window in windows])
    out = {"windows": rounded(rows), "logits": rounded(rows.amax(dim=0))}
    if keep_hidden:
        states = families.hidden(model, windows[0], **global_first(model, windows[0]))
        out["hidden_positions"] = sorted({*range(min(4, len(states))), len(states) - 1})
        out["hidden"] = rounded(states[out["hidden_positions"]])
    return out


def global_first(model: torch.nn.Module, row: list[int]) -> dict:
    """Longformer: global attention on the first token, as its classification class has it."""
    if type(model).__name__ != "LongformerForSequenceClassification":
        return {}
    mask = torch.zeros(1, len(row), dtype=torch.long)
    mask[0, 0] = 1
    return {"global_attention_mask": mask}


def document(model: torch.nn.Module, ids: list[int], mode: str, pad: int) -> torch.Tensor:
    """Hidden states of the document, cut into rows that are encoded one by one."""
    real = len(ids)
    if mode == "local_only":
        return torch.cat([families.hidden(model, ids[at : at + ROW]) for at in range(0, real, ROW)])
    if mode == "none":
        rows = [ids[at : at + ROW] for at in range(0, real, ROW)]
        return torch.cat([families.hidden(model, row, **global_first(model, row)) for row in rows])
    length = -(-real // ROW) * ROW
    if mode == "head_extra_window" and real == length:
        length += ROW
    padded = ids + [pad] * (length - real)
    mask = [1] * length if mode == "encoder_and_head" else [1] * real + [0] * (length - real)
    parts = [families.hidden(model, padded[at : at + ROW], mask[at : at + ROW]) for at in range(0, length, ROW)]
    return torch.cat(parts)


def label_attention(kind: str, x: torch.Tensor, keep: bool, shares: bool) -> dict:
    """Logits of one head, and attention and contributions of a few labels."""
    logits, alpha, given = heads.HEADS[kind](heads.make(kind), x)
    out = {"logits": rounded(logits)}
    if keep:
        out["attention"] = {str(label): places(alpha[:, label]) for label in heads.STORED}
    if shares and given is not None:
        out["contributions"] = {str(label): places(given[:, label]) for label in heads.STORED}
    return out


def modes(name: str) -> list[str]:
    """The padding modes stored for a family; "none" comes first and has no suffix."""
    return ["none", *(MODES if name in FULL else ["local_only"] if name == "longformer" else [])]


def chart(name: str, model: torch.nn.Module, tokenizer: Tokenizer, text: dict) -> dict:
    """Everything about one chart."""
    out = {"id": text["id"], "text": text["text"], **tokenise(tokenizer, text["text"])}
    if text["id"] in LONG and name not in FULL:
        del out["offsets_bytes"]
    out["classification"] = classification(model, tokenizer, out["ids"], text["id"] in HIDDEN_CHARTS)
    prefix, suffix = families.special_ids(tokenizer)
    ids = [*prefix, *out["ids"], *suffix]
    for mode in modes(name):
        x = document(model, ids, mode, families.pad_id(tokenizer))
        for kind in heads.HEADS:
            key = kind if mode == "none" else f"{kind}:{mode}"
            keep = len(ids) <= (LARGE if name in FULL else SMALL) and (mode == "none" or text["id"] in PADDED)
            shares = name in CONTRIBUTIONS and mode == "none" and len(ids) <= 2 * SMALL
            out[key] = label_attention(kind, x, keep, shares)
    return out


def write(name: str, model: torch.nn.Module, tokenizer: Tokenizer, folder: Path) -> None:
    """golden.json: ASCII, one chart a line."""
    prefix, suffix = families.special_ids(tokenizer)
    top = {
        "format": 1, "name": name, "codes": families.CODES, "window": WINDOW, "document_row": ROW,
        "prefix": prefix, "suffix": suffix, "pad": families.pad_id(tokenizer),
        "model_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
    }  # fmt: skip
    charts = [chart(name, model, tokenizer, text) for text in texts()]
    if name in FULL:
        exact = [c["id"] for c in charts if (len(c["ids"]) + len(prefix) + len(suffix)) % ROW == 0]
        assert f"exact-{name}" in exact, (exact, [len(c["ids"]) for c in charts])
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in charts)
    text = json.dumps(top, separators=(",", ":"))[:-1] + f',"charts":[\n{lines}\n]}}\n'
    (folder / "golden.json").write_text(text, encoding="ascii")
