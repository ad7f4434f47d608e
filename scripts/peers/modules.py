"""The models as PyTorch modules, by the published equations: what every peer runs or is exported from."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from torch import nn

CHUNK = 128


class LabelAttention(nn.Module):
    """LAAT as medical-coding-reproducibility has it, for one chart: hidden states [T, H] to logits [L]."""

    def __init__(self, hidden: int, labels: int) -> None:
        super().__init__()
        self.first_linear = nn.Linear(hidden, hidden, bias=False)
        self.second_linear = nn.Linear(hidden, labels, bias=False)
        self.third_linear = nn.Linear(hidden, labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attention = self.second_linear(torch.tanh(self.first_linear(x))).softmax(dim=0).transpose(0, 1)
        return (self.third_linear.weight * (attention @ x)).sum(dim=1) + self.third_linear.bias

    def in_blocks(self, x: torch.Tensor, size: int) -> torch.Tensor:
        """The same, `size` labels at a time, so that the scores take less memory."""
        keys, logits = torch.tanh(self.first_linear(x)), []
        third = self.third_linear
        for labels in torch.arange(third.out_features).split(size):
            block = slice(int(labels[0]), int(labels[-1]) + 1)
            attention = (keys @ self.second_linear.weight[block].T).softmax(dim=0).transpose(0, 1)
            logits.append((third.weight[block] * (attention @ x)).sum(dim=1) + third.bias[block])
        return torch.cat(logits)


class PlmIcd(nn.Module):
    """Token ids [windows, CHUNK] of one chart to logits [L]; no padding, hence no mask."""

    def __init__(self, config: transformers.RobertaConfig, labels: int) -> None:
        super().__init__()
        self.roberta = transformers.RobertaModel(config, add_pooling_layer=False)
        self.attention = LabelAttention(config.hidden_size, labels)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states = self.roberta(input_ids=ids).last_hidden_state
        return self.attention(states.flatten(0, 1))


class Classifier(nn.Module):
    """Token ids [charts, tokens] to logits [charts, L]; no padding, hence no mask."""

    def __init__(self, config: transformers.BertConfig) -> None:
        super().__init__()
        self.model = transformers.BertForSequenceClassification(config)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids).logits


class Encoder(nn.Module):
    """Token ids and mask [windows, tokens] to each window's mean hidden state [windows, H]."""

    def __init__(self, config: transformers.BertConfig) -> None:
        super().__init__()
        self.model = transformers.BertModel(config, add_pooling_layer=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(2).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)
