"""The constants of the head, fitted on CodiEsp train: projection, prior, scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize

import head


@dataclass(frozen=True)
class Training:
    """How the projection is trained."""

    dim: int = 128
    whiten: float = 0.5
    epochs: int = 3
    rate: float = 1e-3
    hard: int = 400  # best-scored wrong concepts of a chart
    random: int = 400  # and random ones
    synonyms: int = 256  # concepts of the synonym loss a step
    synonym_weight: float = 2.0


def start(vectors: np.ndarray, dim: int, whiten: float) -> tuple[np.ndarray, np.ndarray]:
    """Centred, partly whitened PCA: (weight [dim, hidden], bias [dim])."""
    mean = vectors.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov((vectors - mean).T))
    best = np.argsort(-values)[:dim]
    weight = (axes[:, best] / values[best] ** (whiten / 2)).T
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)


class Prior:
    """Smoothed log frequency of a concept in the training charts.

    A concept that is rare borrows from its category: with n charts of its own
    and m of its category's other concepts, log((n + (m + 0.2) / (2 (size + 5))))
    minus the same with n = m = 0 and size = 1. An unseen concept of an unseen
    category is at or a little below 0.
    """

    def __init__(self, concepts: list[str], gold: list[list[int]]) -> None:
        self.own = np.zeros(len(concepts))
        for chart in gold:
            self.own[chart] += 1
        _, self.category = np.unique([c[:3] for c in concepts], return_inverse=True)
        self.size = np.bincount(self.category)
        self.total = np.bincount(self.category, weights=self.own)

    def __call__(self, concepts: np.ndarray, without: np.ndarray | int = 0) -> np.ndarray:
        """The prior of some concepts, with `without` charts of each left out."""
        own = self.own[concepts] - without
        category = self.category[concepts]
        others = np.maximum(self.total[category] - self.own[concepts], 0)
        rate = own + 0.5 * (others + 0.2) / (self.size[category] + 5)
        return (np.log(rate) - np.log(0.5 * 0.2 / 6)).astype(np.float32)


class Trainer:
    """Trains the projection that spans and terms share.

    Two losses: the chart loss ranks each gold concept above sampled wrong ones
    (best span, best term, plus the log prior so that the projection need not
    learn it); the synonym loss brings two terms of one concept together, away
    from other concepts' terms and from the neighbours' in the code book.
    """

    def __init__(self, terms: np.ndarray, owners: np.ndarray, prior: Prior, rule: Training, seed: int = 0) -> None:
        self.terms = torch.from_numpy(terms)
        self.concepts = int(owners[-1]) + 1
        self.offsets = head.offsets_of(owners, self.concepts).astype(np.int64)
        self.several = np.flatnonzero(np.diff(self.offsets) >= 2)
        self.prior, self.rule = prior, rule
        self.random = np.random.default_rng(seed)

    def fit(self, weight: np.ndarray, bias: np.ndarray, spans: list[np.ndarray], gold: list[list[int]], hard: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        self.weight = torch.nn.Parameter(torch.from_numpy(weight.copy()))
        self.bias = torch.nn.Parameter(torch.from_numpy(bias.copy()))
        self.log_scale = torch.nn.Parameter(torch.tensor(float(np.log(20.0))))
        self.prior_weight = torch.nn.Parameter(torch.tensor(1.0))
        rate = self.rule.rate
        shared = [self.weight, self.bias, self.log_scale]
        optimiser = torch.optim.Adam([{"params": shared, "lr": rate}, {"params": [self.prior_weight], "lr": 3 * rate}])
        decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, self.rule.epochs * len(spans))
        for _ in range(self.rule.epochs):
            for chart in self.random.permutation(len(spans)):
                if len(gold[chart]) and len(spans[chart]):
                    loss = self.chart_loss(spans[chart], np.array(gold[chart]), hard[chart])
                    loss = loss + self.rule.synonym_weight * self.synonym_loss()
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                decay.step()
        return self.weight.detach().numpy(), self.bias.detach().numpy()

    def units(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x @ self.weight.T + self.bias, dim=1)

    def chart_loss(self, spans: np.ndarray, gold: np.ndarray, hard: np.ndarray) -> torch.Tensor:
        others = self.random.integers(0, self.concepts, self.rule.random)
        wrong = np.setdiff1d(np.concatenate([hard, others]), gold)
        concepts = np.concatenate([gold, wrong])
        counts = self.offsets[concepts + 1] - self.offsets[concepts]
        rows = np.concatenate([np.arange(self.offsets[c], self.offsets[c + 1]) for c in concepts])
        best = (self.units(self.terms[rows]) @ self.units(torch.from_numpy(spans)).T).amax(1)
        owner = torch.from_numpy(np.repeat(np.arange(len(concepts)), counts))
        score = torch.full((len(concepts),), -1.0).scatter_reduce(0, owner, best, "amax")
        own_chart = (np.arange(len(concepts)) < len(gold)).astype(float)
        prior = torch.from_numpy(self.prior(concepts, own_chart))
        logits = self.log_scale.exp() * score + self.prior_weight * prior
        return F.softplus(torch.logsumexp(logits[len(gold) :], 0) - logits[: len(gold)]).mean()

    def synonym_loss(self) -> torch.Tensor:
        count = self.rule.synonyms
        concepts = self.random.choice(self.several, count, replace=False)
        first, width = self.offsets[concepts], np.diff(self.offsets)[concepts]
        one = first + (self.random.random(count) * width).astype(int)
        two = first + (self.random.random(count) * width).astype(int)
        near = np.concatenate([concepts + 1, concepts + self.random.integers(2, 8, count)]) % self.concepts
        against = np.concatenate([two, self.offsets[near]])
        logits = self.units(self.terms[one]) @ self.units(self.terms[against]).T * self.log_scale.exp()
        loss = F.cross_entropy(logits, torch.arange(count), reduction="none")
        return loss[torch.from_numpy(one != two)].mean()


def fit_logistic(scores: np.ndarray, gold: list[list[int]], best: int = 100) -> tuple[float, float]:
    """(scale, bias) of P(concept) = sigmoid(scale u + bias), over each chart's best concepts.

    The other concepts, nearly all of them wrong, would bend the fit away from
    the probabilities that matter.
    """
    kept = np.argpartition(-scores, best, axis=1)[:, :best]
    right = np.stack([np.isin(row, concepts) for row, concepts in zip(kept, gold)]).ravel().astype(float)
    u = np.take_along_axis(scores, kept, axis=1).ravel().astype(float)
    middle, spread = u.mean(), u.std()
    design = np.stack([(u - middle) / spread, np.ones(len(u))], axis=1)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        z = design @ theta
        value = np.logaddexp(0, z).sum() - right @ z
        return value / right.sum(), design.T @ (1 / (1 + np.exp(-z)) - right) / right.sum()

    slope, level = minimize(loss, [1.0, -3.0], jac=True, method="L-BFGS-B", options={"ftol": 1e-13}).x
    return float(slope / spread), float(level - slope * middle / spread)


def seventh_bias(labels: list[str], label_concept: np.ndarray, gold: list[set[str]]) -> tuple[np.ndarray, float]:
    """log P(seventh character | concept) of each label, and the first choice's share.

    The first choice is A (initial encounter), else 0, else 9 (unspecified);
    its share is counted in the training charts, the others split the rest.
    """
    members: dict[int, list[int]] = {}
    for label, concept in enumerate(label_concept):
        members.setdefault(int(concept), []).append(label)
    first = np.zeros(len(labels), bool)
    for group in members.values():
        ends = {labels[i][-1]: i for i in group}
        choice = next((ends[c] for c in "A09" if c in ends), None)
        if choice is not None:
            first[choice] = True
    shared = {i for group in members.values() if len(group) > 1 for i in group}
    index = {code: i for i, code in enumerate(labels)}
    seen = [index[c] for chart in gold for c in chart if index.get(c) in shared]
    share = (sum(first[i] for i in seen) + 1) / (len(seen) + 2)
    bias = np.zeros(len(labels), np.float32)
    for group in members.values():
        if len(group) > 1:
            chosen = any(first[i] for i in group)
            for i in group:
                rest = (1 - share) / (len(group) - 1) if chosen else 1 / len(group)
                bias[i] = np.log(share if first[i] else rest)
    return bias, float(share)
