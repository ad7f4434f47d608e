# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "safetensors==0.8.0",
#   "tokenizers==0.23.3",
#   "torch==2.15.0",
#   "transformers==5.23.0",
# ]
# ///
"""Write tests/parity/evidence.json: what classification logits lose without a token.

For a head that takes the first hidden state, the last layer runs once more for each
token with a mask that hides the token from the first one; for a head that takes the
mean, the token's hidden state is left out of the mean. Run after make_parity.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

PARITY = Path(__file__).resolve().parents[2] / "tests" / "parity"
FAMILIES = ["bert", "roberta", "electra", "distilbert", "deberta-v3", "modernbert-cls", "modernbert"]
CHART = "short"

torch.set_num_threads(1)


def layers(model: torch.nn.Module) -> torch.nn.ModuleList:
    """The encoder's layers."""
    base = model.base_model
    return base.layers if hasattr(base, "layers") else getattr(base, "encoder", getattr(base, "transformer", None)).layer


def head(model: torch.nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    """Logits of a window whose last hidden states are these, [1, n, H]."""
    if hasattr(model, "head"):  # ModernBERT
        return model.classifier(model.head(hidden[:, 0]))[0]
    if hasattr(model, "pre_classifier"):  # DistilBERT
        return model.classifier(torch.relu(model.pre_classifier(hidden[:, 0])))[0]
    if hasattr(model, "pooler"):  # DeBERTa
        return model.classifier(model.pooler(hidden))[0]
    if getattr(model.base_model, "pooler", None) is not None:  # BERT
        return model.classifier(model.base_model.pooler(hidden))[0]
    return model.classifier(hidden)[0]


def without_each(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    """Logits [n, L] with each token in turn hidden from the first in the last layer."""
    last = layers(model)[-1]
    seen = {}
    handle = last.register_forward_pre_hook(
        lambda _, args, kwargs: seen.update(args=args, kwargs=kwargs), with_kwargs=True
    )
    model(input_ids=torch.tensor([ids]))
    handle.remove()
    args, kwargs = seen["args"], dict(seen["kwargs"])
    if "attention_mask" not in kwargs:  # given by its place
        args, kwargs["attention_mask"] = (args[0],), args[1] if len(args) > 1 else None
    n, rows = len(ids), []
    for token in range(n):
        if model.config.model_type == "deberta-v2":
            mask = torch.ones(1, 1, n, n, dtype=torch.bool)
            mask[0, 0, 0, token] = False
        else:
            given = kwargs["attention_mask"]
            mask = torch.zeros(1, 1, n, n) if given is None else given.expand(1, 1, n, n).clone()
            if mask.dtype == torch.bool:
                mask[0, 0, 0, token] = False
            else:
                mask[0, 0, 0, token] = float("-inf")
        output = last(*args, **{**kwargs, "attention_mask": mask})
        output = output[0] if isinstance(output, tuple) else output
        if model.config.model_type == "modernbert":
            output = model.base_model.final_norm(output)
        rows.append(head(model, output))
    return torch.stack(rows)


def without_each_of_mean(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    """Logits [n, L] with each token's hidden state left out of the mean."""
    hidden = model.base_model(input_ids=torch.tensor([ids])).last_hidden_state
    rows = [torch.cat([hidden[:, :t], hidden[:, t + 1 :]], dim=1).mean(dim=1) for t in range(len(ids))]
    return torch.stack([model.classifier(model.head(row))[0] for row in rows])


def main() -> None:
    """One entry a family: contributions [tokens][labels] of the short chart, special tokens included."""
    out = {}
    for name in FAMILIES:
        folder = PARITY / name
        golden = json.loads((folder / "golden.json").read_text())
        text = next(chart["text"] for chart in golden["charts"] if chart["id"] == CHART)
        model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval().float()
        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
        with torch.no_grad():
            whole = model(input_ids=torch.tensor([ids])).logits[0]
            mean = getattr(model.config, "classifier_pooling", "cls") == "mean"
            rows = without_each_of_mean(model, ids) if mean else without_each(model, ids)
        lost = whole - rows
        out[name] = {"text": text, "contributions": [[float(f"{v:.7g}") for v in row] for row in lost]}
        print(name, len(ids), float(lost.abs().max()))
    (PARITY / "evidence.json").write_text(json.dumps(out, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
