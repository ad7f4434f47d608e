# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "torch==2.15.0", "transformers==5.23.0"]
# ///
"""Times a training step of an encoder in PyTorch: forward, backward, clipping and AdamW.

The counterpart of crates/chartcode-train/examples/step_speed.rs: the same configuration, the same lengths of
windows (padded to the longest, with a mask), dropout 0.1, f32, the same number of threads.

    python scripts/training/step_speed.py models/icd10cm-minilm --threads 2 --rounds 5
"""

from __future__ import annotations

import argparse
import time

import torch
from transformers import AutoConfig, AutoModel

SHAPES = [("128 x 12", 128, 12), ("32 x 30", 32, 30), ("8 x 128", 8, 128)]


def lengths(count: int, middle: int) -> list[int]:
    """From three quarters to five quarters of the middle, in turn."""
    spread = max(middle // 4, 1)
    return [middle - spread + (i * 7) % (2 * spread + 1) for i in range(count)]


def batch(count: int, middle: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of a padded batch."""
    sizes = lengths(count, middle)
    ids = torch.zeros(count, max(sizes), dtype=torch.long)
    mask = torch.zeros(count, max(sizes), dtype=torch.long)
    for row, size in enumerate(sizes):
        ids[row, :size] = torch.tensor([1000 + (row * 131 + place * 37) % 20000 for place in range(size)])
        mask[row, :size] = 1
    return ids, mask


def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, ids: torch.Tensor, mask: torch.Tensor) -> None:
    """One step over a loss of the windows' means."""
    optimizer.zero_grad(set_to_none=True)
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(2).float()
    pooled = (states * weights).sum(1) / weights.sum(1)
    loss = torch.nn.functional.normalize(pooled, dim=1).sin().sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def main() -> None:
    """Prints tokens a second, the best of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(arguments.model)
    model = AutoModel.from_config(config, add_pooling_layer=False).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01)
    for name, count, middle in SHAPES:
        ids, mask = batch(count, middle)
        step(model, optimizer, ids, mask)
        best = float("inf")
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            step(model, optimizer, ids, mask)
            best = min(best, time.perf_counter() - start)
        tokens = int(mask.sum())
        print(f"{name:9} {tokens:5} tokens {best * 1e3:8.1f} ms {tokens / best:9.0f} tokens/s")


if __name__ == "__main__":
    main()
