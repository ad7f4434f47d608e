"""Short PyTorch equations of the word-level models.

Module names give the published tensor names. `Caml` and `Laat` follow caml-mimic and LAAT's own
code, the classes ending in 2023 follow medical-coding-reproducibility.
"""

from __future__ import annotations

import torch
from torch import nn

LABELS = 12
EMBEDDING, FILTERS, HIDDEN, PROJECTION = 6, 4, 5, 7


class CamlAttention(nn.Module):
    """Label attention of medical-coding-reproducibility; the first bias takes no part."""

    tanh = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_linear = nn.Linear(width, LABELS)
        self.second_linear = nn.Linear(width, LABELS)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.tanh(x) if self.tanh else x
        alpha = torch.softmax(self.first_linear.weight.matmul(x), dim=2)
        mixed = alpha @ x.transpose(1, 2)
        return self.second_linear.weight.mul(mixed).sum(dim=2).add(self.second_linear.bias), alpha


class Caml(nn.Module):
    """caml-mimic: U's bias takes no part."""

    kernel = 9

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, EMBEDDING, padding_idx=0)
        self.conv = nn.Conv1d(EMBEDDING, FILTERS, kernel_size=self.kernel, padding=self.kernel // 2)
        self.U = nn.Linear(FILTERS, LABELS)
        self.final = nn.Linear(FILTERS, LABELS)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.tanh(self.conv(self.embed(ids).transpose(1, 2)).transpose(1, 2))
        alpha = torch.softmax(self.U.weight.matmul(x.transpose(1, 2)), dim=2)
        mixed = alpha.matmul(x)
        return self.final.weight.mul(mixed).sum(dim=2).add(self.final.bias), alpha


class Caml2023(nn.Module):
    """An even kernel: one row more than words."""

    kernel = 10

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, EMBEDDING, padding_idx=0)
        self.conv = nn.Conv1d(EMBEDDING, FILTERS, kernel_size=self.kernel, padding=self.kernel // 2)
        self.attention = CamlAttention(FILTERS)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.attention(self.conv(self.embed(ids).transpose(1, 2)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a narrow one."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.left = nn.Sequential(
            nn.Conv1d(EMBEDDING, FILTERS, kernel, padding=kernel // 2, bias=False), nn.BatchNorm1d(FILTERS), nn.Tanh(),
            nn.Conv1d(FILTERS, FILTERS, kernel, padding=kernel // 2, bias=False), nn.BatchNorm1d(FILTERS),
        )  # fmt: skip
        self.shortcut = nn.Sequential(nn.Conv1d(EMBEDDING, FILTERS, 1, bias=False), nn.BatchNorm1d(FILTERS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.left(x) + self.shortcut(x))


class MultiResCnn2023(nn.Module):
    """Channels of several kernels side by side."""

    kernels = (3, 5, 9)

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, EMBEDDING, padding_idx=0)
        self.convs = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(EMBEDDING, EMBEDDING, kernel, padding=kernel // 2, bias=False), nn.Tanh(),
                ResidualBlock(kernel),
            )
            for kernel in self.kernels
        )  # fmt: skip
        self.attention = CamlAttention(FILTERS * len(self.kernels))

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.embed(ids).transpose(1, 2)
        return self.attention(torch.cat([conv(x) for conv in self.convs], dim=1))


def laat(x: torch.Tensor, maps: list[nn.Linear]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [1, L] and attention [1, L, N]."""
    first, second, third = maps
    alpha = torch.softmax(second(torch.tanh(first(x))), dim=1).transpose(1, 2)
    return third.weight.mul(alpha @ x).sum(dim=2).add(third.bias), alpha


class LaatAttention(nn.Module):
    """The three maps of medical-coding-reproducibility."""

    def __init__(self) -> None:
        super().__init__()
        self.first_linear = nn.Linear(2 * HIDDEN, PROJECTION, bias=False)
        self.second_linear = nn.Linear(PROJECTION, LABELS, bias=False)
        self.third_linear = nn.Linear(2 * HIDDEN, LABELS)


class Laat2023(nn.Module):
    """One layer of LSTM in both directions."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, EMBEDDING, padding_idx=0)
        self.rnn = nn.LSTM(EMBEDDING, HIDDEN, bidirectional=True, batch_first=True)
        self.attention = LaatAttention()

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, _ = self.rnn(self.embed(ids))
        maps = self.attention
        return laat(x, [maps.first_linear, maps.second_linear, maps.third_linear])


class LevelAttention(nn.Module):
    """Lists of maps, one a level, and a map that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * HIDDEN, 2 * HIDDEN, bias=False)
        self.first_linears = nn.ModuleList([nn.Linear(2 * HIDDEN, PROJECTION, bias=False)])
        self.second_linears = nn.ModuleList([nn.Linear(PROJECTION, LABELS, bias=False)])
        self.third_linears = nn.ModuleList([nn.Linear(2 * HIDDEN, LABELS)])


class Laat(nn.Module):
    """LAAT's own code, here with two layers of LSTM."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, EMBEDDING, padding_idx=0)
        self.rnn = nn.LSTM(EMBEDDING, HIDDEN, num_layers=2, bidirectional=True, batch_first=True)
        self.attention = LevelAttention()

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, _ = self.rnn(self.embedding(ids))
        maps = self.attention
        return laat(x, [maps.first_linears[0], maps.second_linears[0], maps.third_linears[0]])
