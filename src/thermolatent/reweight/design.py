"""The design matrix in which e(x), c(x) and d(x) are linear, and the estimator's order of the frames.

Columns are the indicators of all named states, then further ones without their mean in each state: given ones (a fixed
plane, SPIB's memberships) and the hidden layer of a network that was trained on the other half of the units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thermolatent.correlation import runs
from thermolatent.reweight.sample import Sample
from thermolatent.rows import HELD_BYTES

#: With fewer units in a stratum the frames are not split in halves, and there are no networks.
LEAST_UNITS = 4
#: A network is trained on at most this many frames, evenly spaced; on fewer where their features do not fit into memory.
_TRAINING_FRAMES = 200_000
#: Columns whose standard deviation within states is below this share of the total are dropped.
_LEAST_SPREAD = 1e-5


@dataclass(frozen=True)
class Half:
    """The frames of one half of the units, or all frames without networks; sorted into cells: by state, unit, temperature and
    Markov state.

    Attributes
    ----------
    frames: numbers in training frame order, ``(n,)``.
    columns: ``(n, C)`` float32.
    places: indices of these columns among the D of both halves, ``(C,)``.
    which, counts: temperature index and count of each frame, ``(n,)``.
    cells: slices of the half's frames, one per cell.
    first_cell: number of the half's first cell among all cells.
    thinned: indices ``(m,)`` of the half's frames in the classification.
    """

    frames: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    which: np.ndarray
    counts: np.ndarray
    cells: list[slice]
    first_cell: int
    thinned: np.ndarray

    @cached_property
    def cell(self) -> np.ndarray:
        """Cell of each frame, ``(n,)``, counted from the half's first."""
        return np.repeat(np.arange(len(self.cells)), [piece.stop - piece.start for piece in self.cells])

    def rows(self, frames: np.ndarray) -> np.ndarray:
        """Values of this half's frames, ``(n, ...)``, from values in training frame order, ``(N, ...)``."""
        return frames[self.frames]


@dataclass(frozen=True)
class Design:
    """The design matrix of all frames.

    Attributes
    ----------
    halves: two, each unit in one of them; one without networks.
    n_states, n_given, n_network: numbers of columns by kind: indicators, given ones (shared by the halves), and those of each
        half's network.
    cell_unit, cell_state, cell_which, cell_chain: of each cell, ``(cells,)``.
    """

    halves: tuple[Half, ...]
    n_states: int
    n_given: int
    n_network: tuple[int, ...]
    cell_unit: np.ndarray
    cell_state: np.ndarray
    cell_which: np.ndarray
    cell_chain: np.ndarray

    @property
    def size(self) -> int:
        """D, the number of columns of all halves."""
        return self.n_states + self.n_given + sum(self.n_network)


def halves_of_units(sample: Sample) -> np.ndarray:
    """Half of each unit, ``(units,)``: in every stratum, by falling length, each unit goes to the half with fewer frames.

    Each half gets at least two units. All units are in one half with fewer than :data:`LEAST_UNITS` units in a stratum, or if
    a half had fewer than two units at a temperature. Units of count 0 are in the first half.
    """
    lengths = np.bincount(sample.unit, sample.counts)
    half, one = np.zeros(len(lengths), int), np.zeros(len(lengths), int)
    counted = lengths > 0
    if np.bincount(sample.stratum[counted]).min() < LEAST_UNITS:
        return one
    for s in np.unique(sample.stratum):
        frames, units = np.zeros(2), np.zeros(2, int)
        members = np.flatnonzero((sample.stratum == s) & counted)
        for u in members[np.argsort(-lengths[members], kind="stable")]:
            half[u] = int(frames[1] < frames[0])
            if units[half[u]] == len(members) - 2:
                half[u] = 1 - half[u]
            frames[half[u]] += lengths[u]
            units[half[u]] += 1
    for k in range(len(sample.temperatures)):
        here = np.unique(sample.unit[(sample.which == k) & (sample.counts > 0)])
        if np.bincount(half[here], minlength=2).min() < 2:
            return one
    return half


def frame_numbers(sample: Sample) -> np.ndarray:
    """Position ``(N,)`` of each frame within its unit at its temperature."""
    group = sample.unit * len(sample.temperatures) + sample.which
    order = np.argsort(group, kind="stable")
    number = np.empty(len(group), int)
    for piece in runs(group[order]):
        number[order[piece]] = np.arange(piece.stop - piece.start)
    return number


def build_design(sample: Sample, stride: int, network: bool, seed: int) -> Design:
    """Train the networks and build the design matrix.

    Parameters
    ----------
    stride: of the frames of each unit in the classification.
    network: whether networks are trained; never with one temperature.
    """
    K = len(sample.temperatures)
    half = halves_of_units(sample) if network and K > 1 else np.zeros(len(sample.stratum), int)
    n_halves = int(half.max()) + 1
    number = frame_numbers(sample)
    given = _within_states(sample.columns, sample, np.ones(len(sample.which), bool))
    side = half[sample.unit]
    chain = np.zeros(len(sample.which), int) if sample.chain is None else sample.chain
    own: list[np.ndarray] = []
    for h in range(n_halves):
        columns = np.empty((int((side == h).sum()), 0), np.float32)
        if n_halves == 2:
            trained = _train(sample, side != h, number, stride, seed + h)
            from thermolatent.reweight.classifier import hidden_layer  # imports torch, which predictions do not need

            columns = hidden_layer(trained, sample.features, np.flatnonzero(side == h))
            columns = _within_states(columns, sample, side == h)
        own.append(columns)
    S, L = len(sample.state_names), given.shape[1]
    widths = tuple(columns.shape[1] for columns in own)
    halves, cells, first = [], [], 0
    for h in range(n_halves):
        members = np.flatnonzero(side == h)
        cell = (sample.states[members] * (sample.unit.max() + 1) + sample.unit[members]) * K + sample.which[members]
        cell = cell * (chain.max() + 1) + chain[members]
        order = np.argsort(cell, kind="stable")
        frames = members[order]
        indicators = np.eye(S, dtype=np.float32)[sample.states[frames]]
        start = S + L + sum(widths[:h])
        pieces = runs(cell[order])
        halves.append(
            Half(
                frames=frames,
                columns=np.concatenate([indicators, given[frames], own[h][order]], axis=1),
                places=np.concatenate([np.arange(S + L), np.arange(start, start + widths[h])]),
                which=sample.which[frames],
                counts=sample.counts[frames],
                cells=pieces,
                first_cell=first,
                thinned=np.flatnonzero(number[frames] % stride == 0),
            )
        )
        cells += [frames[piece.start] for piece in pieces]
        first += len(pieces)
    at = np.array(cells)
    return Design(tuple(halves), S, L, widths, sample.unit[at], sample.states[at], sample.which[at], chain[at])


def _train(sample: Sample, mask: np.ndarray, number: np.ndarray, stride: int, seed: int):
    """A network trained on the masked frames; a quarter of their units in each stratum is held out for early stopping."""
    used = np.flatnonzero(mask & (number % stride == 0))
    held = np.zeros(len(used), bool)
    for s in np.unique(sample.stratum):
        frames = np.bincount(sample.unit[used], sample.counts[used], minlength=len(sample.stratum))
        held |= np.isin(sample.unit[used], np.flatnonzero((sample.stratum == s) & (frames > 0))[1::4])
    most = min(_TRAINING_FRAMES, max(1, HELD_BYTES // (4 * max(1, sample.features.shape[1]))))
    if len(used) > most:
        kept = np.arange(0, len(used), -(-len(used) // most))
        used, held = used[kept], held[kept]
    features = np.asarray(sample.features[used], np.float32)
    from thermolatent.reweight.classifier import train_classifier

    return train_classifier(features, sample.which[used], sample.counts[used], held, sample.inverse_kT, seed)


def _within_states(columns: np.ndarray, sample: Sample, mask: np.ndarray) -> np.ndarray:
    """Columns ``(m, n)`` of the masked frames minus their mean in each state, scaled to unit root mean square."""
    states, counts = sample.states[mask], sample.counts[mask]
    centred = columns.astype(np.float64)
    whole = np.sqrt(np.average((centred - centred.mean(0)) ** 2, axis=0, weights=counts)) if len(centred) else 0
    for s in np.unique(states):
        own = states == s
        if counts[own].sum() > 0:
            centred[own] -= np.average(centred[own], axis=0, weights=counts[own])
    spread = np.sqrt(np.average(centred**2, axis=0, weights=counts))
    kept = spread > _LEAST_SPREAD * np.maximum(whole, 1e-12)
    return (centred[:, kept] / spread[kept]).astype(np.float32)
