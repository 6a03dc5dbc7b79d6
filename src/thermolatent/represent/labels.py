"""State labels: the initial ones, and SPIB's refinement."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from thermolatent.errors import TrainingError
from thermolatent.frames import Frames
from thermolatent.represent.spib import Spib
from thermolatent.represent.tica import fit_tica
from thermolatent.rows import Rows, over_blocks

#: k-means is fitted to at most this many frames; the others are only assigned.
_KMEANS_FRAMES = 50_000
#: Labels have converged when a smaller share of the frames changes.
SETTLED = 1e-3


def order_parameters(data: Frames, kind: str, lag: int, walkers: np.ndarray) -> np.ndarray:
    """Coordinates for the clustering of the initial labels, ``(N, m)``, in training frame order.

    ``kind`` "plane": the fixed plane, angles as sin and cos. "tica": the two slowest components of the features at ``lag``,
    from the walkers of the mask. Raises :class:`TrainingError` for features that do not vary.
    """
    if kind == "plane":
        plane = data.flat(data.plane)
        columns = [(np.sin(c), np.cos(c)) if p else (c,) for c, p in zip(plane.T, data.plane_periodic, strict=True)]
        return np.stack([part for parts in columns for part in parts], axis=1)
    model = fit_tica(data, lag, walkers, 2, "representation.initial: write plane, since tica")
    transform = over_blocks(lambda block: torch.from_numpy(model.transform(block.double().numpy())), data.rows())
    return transform.numpy()


def initial_labels(order_parameters: np.ndarray, n_labels: int, seed: int) -> np.ndarray:
    """k-means labels ``(N,)`` int64, numbered from 0 without gaps, on order parameters ``(N, m)``."""
    from deeptime.clustering import KMeans

    spread = order_parameters.std(0)
    scaled = (order_parameters - order_parameters.mean(0)) / np.where(spread > 0, spread, 1)
    scaled = np.ascontiguousarray(scaled, np.float64)
    stride = -(-len(scaled) // _KMEANS_FRAMES)
    n_labels = min(n_labels, len(np.unique(scaled[::stride], axis=0)))
    estimator = KMeans(n_labels, max_iter=50, fixed_seed=seed + 1, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # initial labels need no converged k-means
        labels = estimator.fit(scaled[::stride]).fetch_model().transform(scaled)
    return np.unique(labels, return_inverse=True)[1]


@torch.no_grad()
def predicted_states(spib: Spib, x: Rows) -> Tensor:
    """Hard state of each frame, argmax_y p(y|mu(x)), ``(N,)``."""
    return over_blocks(lambda part: spib.decoder(spib.encoder(part)).argmax(1), x)


@torch.no_grad()
def place_representatives(spib: Spib, x: Rows, labels: Tensor, counts: Tensor | None = None) -> None:
    """Set each state's representative to the frame nearest to the state's centroid in latent space.

    ``counts`` ``(N,)``: weight of each frame in the centroid; None for equal weights.
    """
    means = over_blocks(spib.encoder, x)
    for state in range(spib.n_states):
        members = torch.nonzero(labels == state).squeeze(1)
        distance = (means[members] - _centroid(means, members, counts)).square().sum(1)
        spib.representatives[state] = x[members[distance.argmin()]]


def _centroid(means: Tensor, members: Tensor, counts: Tensor | None) -> Tensor:
    if counts is None or not counts[members].any():
        return means[members].mean(0)
    each = counts[members].to(means.dtype)
    return each @ means[members] / each.sum()


def refine(spib: Spib, x: Rows, where: str, counts: Tensor | None = None) -> tuple[Spib, Tensor]:
    """Relabel every frame by its predicted state; empty states are removed, the others keep their decoder rows.

    Raises :class:`TrainingError` when fewer than two states are left. The result has new parameters, which need a new
    optimiser.
    """
    states = predicted_states(spib, x)
    kept, labels = torch.unique(states, return_inverse=True)
    if len(kept) < 2:
        raise TrainingError(f"{where}: only one state is left; lower the lag or beta_ib, or raise initial_labels")
    spib = spib.with_states(kept)
    place_representatives(spib, x, labels, counts)
    return spib, labels


def order_by_population(spib: Spib, x: Rows, at_T_ref: Tensor, counts: Tensor | None = None) -> Spib:
    """Number the states by falling population among the frames with the numbers ``at_T_ref`` and weights ``counts``."""
    population = torch.bincount(predicted_states(spib, x)[at_T_ref], counts, minlength=spib.n_states)
    return spib.with_states(torch.argsort(population, descending=True, stable=True))
