"""A small network that classifies frames by temperature; its last hidden layer joins the estimator's basis.

It adds what the named states miss. It is trained on one half of the units and used on the other half only (cross-fitting):
on its training frames it also distinguishes walkers, which would look like a dependence on temperature.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from thermolatent.reweight.temperature_basis import TemperatureBasis
from thermolatent.rows import MappedRows, Rows, picked_at_once

log = logging.getLogger(__name__)

WIDTH = 32
#: These settings had the lowest held-out cross-entropy at LJ7's training temperatures.
_STEPS = 4000
_BATCH = 1024
_EVALUATE_EVERY = 50
_PATIENCE = 8
_EVALUATION_FRAMES = 20_000
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 1e-2
_BLOCK = 100_000


def train_classifier(
    features: np.ndarray,
    which: np.ndarray,
    counts: np.ndarray,
    held_out: np.ndarray,
    inverse_kT: np.ndarray,
    seed: int,
) -> nn.Sequential:
    """Fit logits ln N_k + f_k - A(x, b_k) to the temperature of each frame.

    Parameters
    ----------
    features: ``(N, n)`` float32.
    which, counts: temperature index and count of each frame, ``(N,)``.
    held_out: mask ``(N,)`` of the frames for early stopping.
    inverse_kT: b_k, ``(K,)``.

    Returns
    -------
    nn.Sequential
        Standardisation and hidden layers: ``(m, n)`` to ``(m, WIDTH)``.
    """
    K = len(inverse_kT)
    basis = TemperatureBasis(inverse_kT).values(inverse_kT)[:, : min(K - 1, 2)]
    training, judged = np.flatnonzero(~held_out & (counts > 0)), np.flatnonzero(held_out & (counts > 0))
    if not len(judged) or not len(training):  # all counts of one side are 0
        training = judged = np.flatnonzero(counts > 0)
    judged = judged[:: -(-len(judged) // _EVALUATION_FRAMES)]
    mean, std = features[training].mean(0, dtype=np.float64), features[training].std(0, dtype=np.float64)
    std = np.where(std > 1e-8 * (1 + np.abs(mean)), std, 1.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        hidden = nn.Sequential(
            _Standardise(mean, std), nn.Linear(features.shape[1], WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU()
        )
        out = nn.Linear(WIDTH, basis.shape[1], bias=False)
    at = torch.tensor(basis, dtype=torch.float32)
    total = torch.tensor(np.bincount(which, counts, minlength=K), dtype=torch.float32)
    intercepts = nn.Parameter(total.clamp_min(1e-6).log())
    layers, x, y = hidden[1:], hidden[0](torch.from_numpy(features)), torch.from_numpy(which)
    parameters = [*hidden.parameters(), *out.parameters(), intercepts]
    optimiser = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, fused=True)
    weight = torch.from_numpy(counts[training].astype(np.float64))
    uneven = bool((weight != weight[0]).any())
    rows, held = torch.from_numpy(training), torch.from_numpy(judged)
    held_weight = torch.from_numpy(counts[judged].astype(np.float32))

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        logits = intercepts - out(layers(x[chosen])) @ at.T
        return F.cross_entropy(logits, y[chosen], reduction="none")

    best, best_state, since = float("inf"), None, 0
    for step in range(_STEPS):
        if step % _EVALUATE_EVERY == 0:
            with torch.no_grad():
                judgement = float((loss(held) * held_weight).sum() / held_weight.sum())
            if judgement < best:
                best, since = judgement, 0
                best_state = {name: value.clone() for name, value in hidden.state_dict().items()}
            elif (since := since + 1) >= _PATIENCE:
                break
        if uneven:
            chosen = rows[torch.multinomial(weight, _BATCH, replacement=True, generator=generator)]
        else:
            chosen = rows[torch.randint(len(rows), (_BATCH,), generator=generator)]
        optimiser.zero_grad(set_to_none=True)
        loss(chosen).mean().backward()
        optimiser.step()
    hidden.load_state_dict(best_state)
    log.debug("classifier: held-out cross-entropy %.4f after %d steps", best, step)
    return hidden


class _Standardise(nn.Module):
    def __init__(self, mean: np.ndarray, std: np.ndarray):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


@torch.no_grad()
def hidden_layer(network: nn.Sequential, features: Rows | np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The hidden layer of the frames with these numbers ``(m,)``, ``(m, WIDTH)`` float32, block by block."""
    found = np.empty((len(chosen), WIDTH), np.float32)
    size = picked_at_once(features, _BLOCK) if isinstance(features, MappedRows) else _BLOCK
    for first in range(0, len(chosen), size):
        rows = slice(first, first + size)
        found[rows] = network(torch.as_tensor(features[chosen[rows]])).numpy()
    return found
