# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "safetensors==0.8.0", "torch==2.15.0", "transformers==5.23.0"]
# ///
"""Gradients and AdamW steps of tiny encoders as PyTorch computes them in f64.

Writes crates/chartcode-train/tests/golden/gradients.json: for each family the loss of a few windows of
unequal length, the gradient of every parameter (its norm, its sum, its first values), and the parameters
after three steps with clipped gradients. Run it at the repository's root: python scripts/training/make_gradients.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import AutoModel

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/chartcode-train/tests/golden/gradients.json"
FAMILIES = ["bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"]
WINDOWS = [[2, 17, 30, 45, 3], [2, 9, 3], [2, 40, 41, 17, 17, 60, 71, 101, 5, 5, 90, 33, 3], [2, 77, 30, 8, 3]]
FIRST = 6
LEARNING_RATE, WEIGHT_DECAY, EPSILON, MAX_NORM, STEPS = 1e-3, 0.01, 1e-6, 0.5, 3


def weights(rows: int, width: int) -> torch.Tensor:
    """Fixed numbers that the states are multiplied with."""
    places = torch.arange(rows * width, dtype=torch.float64)
    return torch.cos(places * 0.7).reshape(rows, width)


def loss_of(model: torch.nn.Module) -> torch.Tensor:
    """Half the mean over tokens of the squared sum of the weighted state."""
    states = torch.cat([model(input_ids=torch.tensor([ids])).last_hidden_state[0] for ids in WINDOWS])
    return 0.5 * ((states * weights(*states.shape)).sum(dim=1) ** 2).mean()


def summary(value: torch.Tensor) -> dict:
    """Enough of a tensor to tell it from others."""
    flat = value.detach().flatten()
    first = [float(f"{float(x):.9g}") for x in flat[:FIRST]]
    last = [float(f"{float(x):.9g}") for x in flat[-FIRST:]]
    return {"norm": float(flat.norm()), "sum": float(flat.sum()), "first": first, "last": last}


def run(family: str) -> dict:
    """The golden of one family."""
    model = AutoModel.from_pretrained(ROOT / "tests/parity" / family, dtype=torch.float64, attn_implementation="eager")
    model.eval()  # no dropout
    named = [(n, p) for n, p in model.named_parameters() if "pooler" not in n]
    decayed = [p for _, p in named if p.dim() >= 2]
    others = [p for _, p in named if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, eps=EPSILON)
    out: dict = {"windows": WINDOWS, "losses": [], "norms": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        if step == 0:
            out["gradients"] = {n: summary(p.grad) for n, p in named}
        out["losses"].append(float(loss))
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], MAX_NORM)
        out["norms"].append(float(norm))
        optimizer.step()
    out["parameters"] = {n: summary(p) for n, p in named}
    return out


def main() -> None:
    """Writes the golden."""
    golden = {
        "torch": torch.__version__,
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "epsilon": EPSILON,
        "max_norm": MAX_NORM,
        "families": {family: run(family) for family in FAMILIES},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(golden) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
