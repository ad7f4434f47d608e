"""Learns the two projections: spans of charts and terms of codes, to one space.

A passage that a coder marked (`align.py` carries it over to the English text) is
drawn to the terms of its code, away from hard and random ones:

    loss = -log  sum over terms k of the code  exp(p . d_k / T)
                 -------------------------------------------------
                 sum over all candidate terms  exp(p . d_k / T)

Terms stand in for passages too, each drawn to the other terms of its code. The
encoder stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Settings:
    width: int = 128
    steps: int = 400
    warm_up: int = 20
    rate: float = 2e-3
    temperature: float = 0.05
    passages: int = 192  # a step
    terms: int = 64  # a step, standing in for passages
    hard: int = 48  # nearest terms of each passage, found anew every 100 steps
    random: int = 6000  # terms a step
    seed: int = 0


Projection = tuple[np.ndarray, np.ndarray]


class Trainer:
    """Terms (unit vectors, sorted by concept) and passages with their concepts."""

    def __init__(self, terms: np.ndarray, owners: np.ndarray, passages: np.ndarray, concepts: np.ndarray, settings: Settings) -> None:
        self.s = settings
        self.terms, self.owners = torch.from_numpy(terms), torch.from_numpy(owners)
        self.passages, self.concepts = torch.from_numpy(passages), concepts
        count = int(owners.max()) + 1
        self.starts = np.searchsorted(owners, np.arange(count + 1))
        self.several = np.flatnonzero(np.diff(self.starts)[owners] > 1)
        # A code that is marked a hundred times does not count a hundred times as much as another.
        weight = 1 / np.sqrt(np.bincount(concepts, minlength=count)[concepts])
        self.weight = weight / weight.sum()
        self.random = np.random.default_rng(settings.seed)

    def start(self) -> list[torch.nn.Linear]:
        """Both begin as the terms' principal components."""
        mean = self.terms.mean(0)
        _, _, axes = torch.linalg.svd(self.terms[::8] - mean, full_matrices=False)
        layers = [torch.nn.Linear(self.terms.shape[1], self.s.width) for _ in range(2)]
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(axes[: self.s.width])
                layer.bias.copy_(-axes[: self.s.width] @ mean)
        return layers

    def fit(self) -> tuple[Projection, Projection]:
        """(of spans, of terms), each weight and bias."""
        spans, terms = layers = self.start()
        optimiser = torch.optim.AdamW([p for layer in layers for p in layer.parameters()], lr=self.s.rate, weight_decay=0.01)
        for step in range(self.s.steps):
            for group in optimiser.param_groups:
                group["lr"] = self.s.rate * min(1, (step + 1) / self.s.warm_up) * max(0.02, 1 - step / self.s.steps)
            if step % 100 == 0:
                hard = self.nearest(spans, terms)
            loss = self.loss(spans, terms, hard)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return tuple((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers)

    @torch.no_grad()
    def nearest(self, spans: torch.nn.Linear, terms: torch.nn.Linear) -> torch.Tensor:
        rows = F.normalize(terms(self.terms), dim=1)
        units = F.normalize(spans(self.passages), dim=1)
        return torch.cat([(part @ rows.T).topk(self.s.hard, dim=1).indices for part in units.split(512)])

    def loss(self, spans: torch.nn.Linear, terms: torch.nn.Linear, hard: torch.Tensor) -> torch.Tensor:
        passage = self.random.choice(len(self.concepts), self.s.passages, p=self.weight)
        term = torch.from_numpy(self.random.choice(self.several, self.s.terms))
        units = F.normalize(spans(torch.cat([self.passages[passage], self.terms[term]])), dim=1)
        own = torch.cat([torch.from_numpy(self.concepts[passage]), self.owners[term]])
        positive = [np.arange(self.starts[c], self.starts[c + 1]) for c in np.unique(own.numpy())]
        drawn = self.random.integers(0, len(self.terms), self.s.random)
        candidates = torch.from_numpy(np.unique(np.concatenate([*positive, hard[passage].numpy().ravel(), drawn])))
        scores = units @ F.normalize(terms(self.terms[candidates]), dim=1).T / self.s.temperature
        # A term is no match of its own.
        place = torch.searchsorted(candidates, term)
        scores[torch.arange(self.s.passages, len(units)), place] = -1e4
        matches = own[:, None] == self.owners[candidates][None]
        return (torch.logsumexp(scores, 1) - torch.logsumexp(scores.masked_fill(~matches, -1e4), 1)).mean()
