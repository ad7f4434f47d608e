"""The three label-attention heads: random tensors and plain equations."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import layer_norm

HIDDEN, LABELS, GKI_ROWS = 32, 12, 15
EPS = 1e-5
SEED = 20260302
STORED = [0, 5, 11]  # labels whose attention is stored
Tensors = dict[str, torch.Tensor]

SHAPES = {
    "laat": {
        "first_linear.weight": ((HIDDEN, HIDDEN), 0.3),
        "second_linear.weight": ((LABELS, HIDDEN), 0.8),
        "third_linear.weight": ((LABELS, HIDDEN), 0.35),
        "third_linear.bias": ((LABELS,), 0.5),
    },
    "ca": {
        "label_wise_attention.weights_k.weight": ((HIDDEN, HIDDEN), 0.3),
        "label_wise_attention.weights_v.weight": ((HIDDEN, HIDDEN), 0.3),
        "label_wise_attention.weights_v.bias": ((HIDDEN,), 0.2),
        "label_wise_attention.label_representations": ((LABELS, HIDDEN), 0.6),
        "label_wise_attention.layernorm.weight": ((HIDDEN,), 0.2),
        "label_wise_attention.layernorm.bias": ((HIDDEN,), 0.2),
        "label_wise_attention.output_linear.weight": ((1, HIDDEN), 0.3),
        "label_wise_attention.output_linear.bias": ((1,), 0.5),
    },
    "gki": {
        "retrieve_embedding": ((GKI_ROWS, HIDDEN), 0.35),
        "classify_embedding": ((LABELS, HIDDEN), 0.3),
        "cross_attention.w_k.weight": ((HIDDEN, HIDDEN), 0.3),
        "cross_attention.w_v.weight": ((HIDDEN, HIDDEN), 0.3),
        "cross_attention.w_v.bias": ((HIDDEN,), 0.2),
        "cross_attention.layer_norm.weight": ((HIDDEN,), 0.2),
        "cross_attention.layer_norm.bias": ((HIDDEN,), 0.2),
        "classifier.bias": ((LABELS,), 0.5),
    },
}


def make(kind: str) -> Tensors:
    """The head's tensors; norms are around one."""
    generator = torch.Generator().manual_seed(SEED + list(SHAPES).index(kind))
    drawn = {name: width * torch.randn(shape, generator=generator) for name, (shape, width) in SHAPES[kind].items()}
    return {name: value + 1.0 if name.endswith("norm.weight") else value for name, value in drawn.items()}


def save(folder: Path) -> None:
    """One safetensors file for each head."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in SHAPES:
        path = folder / f"{kind}.safetensors"
        save_file(make(kind), path, metadata={"format": "pt"})
        path.chmod(0o644)


def laat(head: Tensors, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits [L], attention [N, L] and the contribution of each token [N, L] of PLM-ICD's head."""
    alpha = (torch.tanh(x @ head["first_linear.weight"].T) @ head["second_linear.weight"].T).softmax(dim=0)
    given = alpha * (x @ head["third_linear.weight"].T)
    logits = (head["third_linear.weight"] * (alpha.T @ x)).sum(dim=1) + head["third_linear.bias"]
    return logits, alpha, given


def ca(head: Tensors, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, attention and contributions of PLM-CA's head."""
    part = {name.removeprefix("label_wise_attention."): value for name, value in head.items()}
    values = x @ part["weights_v.weight"].T + part["weights_v.bias"]
    alpha = (x @ part["weights_k.weight"].T @ part["label_representations"].T).softmax(dim=0)
    mixed = alpha.T @ values
    gain, shift, out = part["layernorm.weight"], part["layernorm.bias"], part["output_linear.weight"][0]
    logits = layer_norm(mixed, (HIDDEN,), gain, shift, EPS) @ out + part["output_linear.bias"]
    sigma = (mixed.var(dim=1, correction=0) + EPS).sqrt()
    given = alpha * ((values - values.mean(dim=1, keepdim=True)) @ (out * gain))[:, None] / sigma
    assert torch.allclose(given.sum(dim=0) + out @ shift + part["output_linear.bias"], logits, atol=1e-4)
    return logits, alpha, given


def gki(head: Tensors, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
    """Logits and attention of the GKI head; its first rows of retrieve_embedding belong to the labels."""
    values = x @ head["cross_attention.w_v.weight"].T + head["cross_attention.w_v.bias"]
    query = head["retrieve_embedding"][:LABELS]
    alpha = (x @ head["cross_attention.w_k.weight"].T @ query.T).softmax(dim=0)
    gain, shift = head["cross_attention.layer_norm.weight"], head["cross_attention.layer_norm.bias"]
    mixed = layer_norm(alpha.T @ values, (HIDDEN,), gain, shift, EPS)
    return (head["classify_embedding"] * mixed).sum(dim=1) + head["classifier.bias"], alpha, None


HEADS = {"laat": laat, "ca": ca, "gki": gki}
