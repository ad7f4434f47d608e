# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "numpy==2.4.6"]
# ///
"""Write the goldens of the losses and of label attention, with their gradients.

    python scripts/training/make_losses.py

Everything is computed by PyTorch in f64 on values that f32 holds exactly, and written to
crates/chartcode-train/tests/golden/losses.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch.nn import functional as F

TARGET = Path(__file__).parents[2] / "crates/chartcode-train/tests/golden/losses.json"
torch.manual_seed(7)


def draw(*shape: int, scale: float = 1.0) -> torch.Tensor:
    """Normal numbers that f32 holds exactly, as variables in f64."""
    return (torch.randn(*shape) * scale).to(torch.float64).requires_grad_()


def flat(tensor: torch.Tensor) -> list[float]:
    return tensor.detach().flatten().tolist()


def case(loss: torch.Tensor, inputs: dict[str, torch.Tensor], **more) -> dict:
    grads = torch.autograd.grad(loss, list(inputs.values()))
    return {
        "inputs": {name: flat(value) for name, value in inputs.items()},
        "loss": loss.item(),
        "gradients": {name: flat(grad) for name, grad in zip(inputs, grads)},
        **more,
    }


def bce(smoothing: float) -> dict:
    logits = draw(12, scale=4.0)
    with torch.no_grad():
        logits[3] = 0.0
        logits[4], logits[5] = 60.0, -60.0
    targets = (torch.arange(12) % 3 == 0).to(torch.float64)
    smooth = targets * (1 - smoothing) + smoothing / 2
    loss = F.binary_cross_entropy_with_logits(logits, smooth)
    return case(loss, {"logits": logits}, targets=flat(targets), smoothing=smoothing)


def r_drop() -> dict:
    first, second = draw(12, scale=2.0), draw(12, scale=2.0)
    p, q = torch.sigmoid(first), torch.sigmoid(second)

    def kl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        pair = lambda x: torch.stack([x, 1 - x])  # noqa: E731
        return F.kl_div(pair(b).log(), pair(a), reduction="none").sum(0).mean()

    return case((kl(p, q) + kl(q, p)) / 2, {"first": first, "second": second})


def info_nce(hard: int, temperature: float) -> dict:
    count, width = 4, 5
    raw = {"anchors": draw(count, width), "positives": draw(count, width)}
    if hard:
        raw["hard"] = draw(hard, width)
    same = torch.zeros(count, count + hard)
    same[0, 2] = same[2, 0] = 1
    if hard:
        same[1, count] = 1
    unit = {name: F.normalize(value, dim=1) for name, value in raw.items()}
    hard_rows = [unit["hard"]] if hard else []

    def one_way(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        scores = rows @ torch.cat([columns, *hard_rows]).T / temperature
        scores = scores.masked_fill(same.bool(), float("-inf"))
        return F.cross_entropy(scores, torch.arange(count))

    loss = (one_way(unit["anchors"], unit["positives"]) + one_way(unit["positives"], unit["anchors"])) / 2
    return case(loss, raw, same=flat(same), hard=hard, width=width, temperature=temperature)


def laat() -> dict:
    tokens, width, inner, labels = 7, 6, 4, 3
    inputs = {
        "states": draw(tokens, width),
        "first": draw(inner, width),
        "second": draw(labels, inner),
        "third": draw(labels, width),
        "bias": draw(labels),
    }
    states, first, second, third, bias = inputs.values()
    attention = torch.softmax(second @ torch.tanh(states @ first.T).T, dim=1)
    logits = ((attention @ states) * third).sum(1) + bias
    sizes = {"tokens": tokens, "width": width, "inner": inner, "labels": labels}
    return case(logits.square().sum(), inputs, logits=flat(logits), sizes=sizes)


def main() -> None:
    golden = {
        "binary_cross_entropy": [bce(0.0), bce(0.1)],
        "r_drop": r_drop(),
        "info_nce": [info_nce(0, 0.05), info_nce(3, 0.5)],
        "laat": laat(),
    }
    TARGET.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
