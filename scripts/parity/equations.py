"""Short PyTorch equations of two encoders that are published with their own code.

`NomicBert` follows nomic-ai/nomic-bert-2048, `New` follows Alibaba-NLP/new-impl.
Module names give the published tensor names.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn
from torch.nn.functional import gelu, silu

HIDDEN, HEADS, INNER, LAYERS, POSITIONS = 32, 4, 48, 2, 64
HEAD = HIDDEN // HEADS
EPS = 1e-12
NOMIC_BASE = 1000
NEW_BASE, NEW_FACTOR = 500000, 2.0

NOMIC_FIELDS = {
    "activation_function": "swiglu", "architectures": ["NomicBertForSequenceClassification"], "attn_pdrop": 0.0,
    "bos_token_id": None, "causal": False, "dense_seq_output": True, "embd_pdrop": 0.0, "eos_token_id": None,
    "fused_bias_fc": True, "fused_dropout_add_ln": True, "initializer_range": 0.02, "layer_norm_epsilon": EPS,
    "mlp_fc1_bias": False, "mlp_fc2_bias": False, "model_type": "nomic_bert", "n_embd": HIDDEN, "n_head": HEADS,
    "n_inner": INNER, "n_layer": LAYERS, "n_positions": POSITIONS, "pad_vocab_size_multiple": 1,
    "parallel_block": False, "parallel_block_tied_norm": False, "prenorm": False, "qkv_proj_bias": False,
    "reorder_and_upcast_attn": False, "resid_pdrop": 0.0, "rotary_emb_base": NOMIC_BASE, "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "rotary_scaling_factor": None,
    "scale_attn_by_inverse_layer_idx": False, "scale_attn_weights": True, "torch_dtype": "float32",
    "type_vocab_size": 2, "use_cache": True, "use_flash_attn": True, "use_rms_norm": False, "use_xentropy": True,
}  # fmt: skip
NEW_FIELDS = {
    "architectures": ["NewForSequenceClassification"], "attention_probs_dropout_prob": 0.0,
    "classifier_dropout": None, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": HIDDEN,
    "initializer_range": 0.02, "intermediate_size": INNER, "layer_norm_eps": EPS, "layer_norm_type": "layer_norm",
    "logn_attention_clip1": False, "logn_attention_scale": False, "max_position_embeddings": POSITIONS,
    "model_type": "new", "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "pack_qkv": True,
    "pad_token_id": 0, "position_embedding_type": "rope", "rope_scaling": {"factor": NEW_FACTOR, "type": "ntk"},
    "rope_theta": NEW_BASE, "torch_dtype": "float32", "type_vocab_size": 1, "unpad_inputs": False,
    "use_memory_efficient_attention": False,
}  # fmt: skip


def nomic_frequencies() -> torch.Tensor:
    """Plain rotary frequencies."""
    return 1.0 / NOMIC_BASE ** (torch.arange(0, HEAD, 2).float() / HEAD)


def new_frequencies() -> torch.Tensor:
    """NTK scaling: a larger base, then every frequency divided by factor^(2/d)."""
    plain = 1.0 / (NEW_BASE * NEW_FACTOR) ** (torch.arange(0, HEAD, 2).float() / HEAD)
    return plain / NEW_FACTOR ** (2 / HEAD)


def rotate(x: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Rotary positions on [..., tokens, d], the two halves of d as pairs."""
    angle = torch.arange(x.shape[-2]).float()[:, None] * frequencies
    cos, sin = torch.cat([angle.cos()] * 2, dim=-1), torch.cat([angle.sin()] * 2, dim=-1)
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin


def attend(qkv: torch.Tensor, mask: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Softmax attention of the packed projections [batch, tokens, 3 * HIDDEN]."""
    q, k, v = (part.unflatten(-1, (HEADS, HEAD)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
    scores = rotate(q, frequencies) @ rotate(k, frequencies).transpose(-1, -2) / HEAD**0.5
    scores = scores + (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(-2)


def named(**parts: nn.Module) -> nn.Module:
    """A module whose only purpose is the tensor names."""
    module = nn.Module()
    for name, part in parts.items():
        module.add_module(name, part)
    return module


def norm() -> nn.LayerNorm:
    """LayerNorm over the hidden size."""
    return nn.LayerNorm(HIDDEN, eps=EPS)


class NomicLayer(nn.Module):
    """Attention, then a SwiGLU, each followed by a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = named(Wqkv=nn.Linear(HIDDEN, 3 * HIDDEN, bias=False))
        self.attn.out_proj = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.mlp = named(**{name: nn.Linear(HIDDEN, INNER, bias=False) for name in ("fc11", "fc12")})
        self.mlp.fc2 = nn.Linear(INNER, HIDDEN, bias=False)
        self.norm1, self.norm2 = norm(), norm()

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm1(x + self.attn.out_proj(attend(self.attn.Wqkv(x), mask, nomic_frequencies())))
        return self.norm2(x + self.mlp.fc2(self.mlp.fc11(x) * silu(self.mlp.fc12(x))))


class NewLayer(nn.Module):
    """Attention, then a gated GELU, each followed by a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = named(qkv_proj=nn.Linear(HIDDEN, 3 * HIDDEN), o_proj=nn.Linear(HIDDEN, HIDDEN))
        self.mlp = named(up_gate_proj=nn.Linear(HIDDEN, 2 * INNER, bias=False), down_proj=nn.Linear(INNER, HIDDEN))
        self.attn_ln, self.mlp_ln = norm(), norm()

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.attn_ln(x + self.attention.o_proj(attend(self.attention.qkv_proj(x), mask, new_frequencies())))
        up, gate = self.mlp.up_gate_proj(x).chunk(2, dim=-1)
        return self.mlp_ln(x + self.mlp.down_proj(gelu(gate) * up))


class NomicEncoder(nn.Module):
    """Token and type embeddings, layers, pooler."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.embeddings = named(
            word_embeddings=nn.Embedding(vocab, HIDDEN), token_type_embeddings=nn.Embedding(2, HIDDEN)
        )
        self.emb_ln = norm()
        self.encoder = named(layers=nn.ModuleList(NomicLayer() for _ in range(LAYERS)))
        self.pooler = named(dense=nn.Linear(HIDDEN, HIDDEN))

    def forward(self, ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        tables = self.embeddings
        x = self.emb_ln(tables.word_embeddings(ids) + tables.token_type_embeddings(torch.zeros_like(ids)))
        for layer in self.encoder.layers:
            x = layer(x, attention_mask)
        return SimpleNamespace(last_hidden_state=x, pooler_output=torch.tanh(self.pooler.dense(x[:, 0])))


class NewEncoder(nn.Module):
    """Token and type embeddings, layers, pooler."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.embeddings = named(
            word_embeddings=nn.Embedding(vocab, HIDDEN), token_type_embeddings=nn.Embedding(1, HIDDEN), LayerNorm=norm()
        )
        self.encoder = named(layer=nn.ModuleList(NewLayer() for _ in range(LAYERS)))
        self.pooler = named(dense=nn.Linear(HIDDEN, HIDDEN))

    def forward(self, ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        tables = self.embeddings
        x = tables.LayerNorm(tables.word_embeddings(ids) + tables.token_type_embeddings(torch.zeros_like(ids)))
        for layer in self.encoder.layer:
            x = layer(x, attention_mask)
        return SimpleNamespace(last_hidden_state=x, pooler_output=torch.tanh(self.pooler.dense(x[:, 0])))


class Classifier(nn.Module):
    """The pooled first token through one linear layer."""

    prefix: str
    body: type[nn.Module]
    fields: dict

    def __init__(self, vocab: int, codes: list[str]) -> None:
        super().__init__()
        self.add_module(self.prefix, self.body(vocab))
        self.classifier = nn.Linear(HIDDEN, len(codes))
        self.config_fields = {
            **self.fields, "vocab_size": vocab, "problem_type": "multi_label_classification",
            "id2label": {str(index): code for index, code in enumerate(codes)},
            "label2id": {code: index for index, code in enumerate(codes)},
        }  # fmt: skip

    @property
    def encoder(self) -> nn.Module:
        """The part without the classification layer."""
        return getattr(self, self.prefix)

    def forward(self, ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.classifier(self.encoder(ids, attention_mask).pooler_output))


class NomicBert(Classifier):
    """nomic-ai/nomic-bert-2048 with a classification layer."""

    prefix, body, fields = "bert", NomicEncoder, NOMIC_FIELDS


class New(Classifier):
    """Alibaba-NLP/new-impl with a classification layer."""

    prefix, body, fields = "new", NewEncoder, NEW_FIELDS
