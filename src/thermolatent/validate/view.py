"""The reference MD of a study, and the planes in which samples are compared with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from thermolatent.artifacts import load_array, load_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.layout import Layout
from thermolatent.learn.dataset import draw, drawn_frames
from thermolatent.validate.divergence import Bins
from thermolatent.validate.uncertainty import halves


def require_finite(values: np.ndarray, path: str, what: str) -> None:
    """Raise :class:`ArtifactError` with the number of non-finite rows of ``values`` ``(n, ...)``."""
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise ArtifactError(f"{path}: {int(bad.sum())} of {len(bad)} {what} are not finite; run its stage again")


@dataclass
class Reference:
    """MD frames of every simulated temperature; where they carry weights, as many drawn with those.

    Attributes
    ----------
    temperatures: simulated ones, ascending.
    training: training temperatures in the study's order, which is the order of all frame weights.
    in_time: features per temperature, memory maps ``(walkers, frames, columns)`` as the MD wrote them, none drawn.
    plane, observables: per temperature ``(walkers, frames, columns)``.
    observable_names: one per column of the observables.
    half: which walkers are in half A, ``(walkers,)`` bool.
    drawn: which frame of the MD each frame is, ``(walkers * frames,)`` int64.
    """

    temperatures: list[float]
    training: list[float]
    in_time: dict[float, np.ndarray]
    plane: dict[float, np.ndarray]
    plane_periodic: list[bool]
    half: dict[float, np.ndarray]
    observables: dict[float, np.ndarray] = field(default_factory=dict)
    observable_names: list[str] = field(default_factory=list)
    drawn: dict[float, np.ndarray] = field(default_factory=dict)

    @classmethod
    def load(cls, study: Study, layout: Layout) -> Reference:
        """Open the features and protocols; raises :class:`ArtifactError` for what is missing or does not fit."""
        in_time, plane, observables, half, periodic, names = {}, {}, {}, {}, [False, False], []
        drawn = {}
        for T in study.temperatures.simulated:
            header = load_json(layout.features_header(T), "features' header")
            starts = load_json(layout.protocol(T), "protocol of the MD")["starts"]
            in_time[T], drawn[T] = load_array(layout.features(T), "features", mmap=True), drawn_frames(layout, T)
            plane[T] = draw(load_array(layout.plane(T), "fixed plane", mmap=True), drawn[T])
            if names := header["observable_names"]:
                observables[T] = draw(load_array(layout.observables(T), "observables", mmap=True), drawn[T])
            shape = (header["walkers"], header["frames"])
            for path, array in ((layout.features(T), in_time[T]), (layout.plane(T), plane[T])):
                if array.shape[:2] != shape or len(starts) != shape[0]:
                    raise ArtifactError(
                        f"{path}: holds {array.shape[0]} walkers of {array.shape[1]} frames, its header says "
                        f"{shape[0]} of {shape[1]}; delete it and run featurize again"
                    )
            require_finite(plane[T].reshape(-1, 2), layout.plane(T), "points")
            half[T], periodic = halves(starts), header["plane_periodic"]
        return cls(
            *(study.temperatures.simulated, list(study.temperatures.train), in_time, plane, list(periodic), half),
            *(observables, names, drawn),
        )

    @cached_property
    def features(self) -> dict[float, np.ndarray]:
        """Features of the frames that count, per temperature ``(walkers, frames, columns)``; drawn ones are in memory."""
        return {T: draw(array, self.drawn[T]) for T, array in self.in_time.items()}

    def multiplicity(self, temperature: float) -> np.ndarray:
        """How often each frame of the MD was drawn, ``(walkers, frames)`` int64; once each where none carries a weight."""
        shape = self.plane[temperature].shape[:2]
        return np.bincount(self.drawn[temperature], minlength=shape[0] * shape[1]).reshape(shape)

    @cached_property
    def training_walkers(self) -> np.ndarray:
        """Walker of every training frame, ``(N,)``, counted through over the training temperatures."""
        counts = [self.plane[T].shape[:2] for T in self.training]
        first = np.cumsum([0, *(w for w, _ in counts)])
        return np.concatenate([f0 + np.repeat(np.arange(w), n) for f0, (w, n) in zip(first, counts, strict=False)])

    @cached_property
    def training_strata(self) -> np.ndarray:
        """Training temperature (its index) of every training walker, ``(walkers,)``."""
        return np.repeat(np.arange(len(self.training)), [self.plane[T].shape[0] for T in self.training])

    @cached_property
    def training_observables(self) -> np.ndarray:
        """Observables of every training frame, ``(N, k)``."""
        return np.concatenate([self.observables[T].reshape(-1, len(self.observable_names)) for T in self.training])

    @property
    def training_frames(self) -> int:
        return len(self.training_walkers)

    def nearest_weights(self, temperature: float) -> np.ndarray:
        """Equal weights ``(N,)`` on the frames of the training temperature with the smallest ``|ln(T_k / T)|``."""
        nearest = int(np.argmin([abs(np.log(T / temperature)) for T in self.training]))
        chosen = self.training_strata[self.training_walkers] == nearest
        return chosen / chosen.sum()


@dataclass
class View:
    """One plane: reference points at every simulated temperature, the same bins at each of them.

    Attributes
    ----------
    name: the ``plane`` column of the scores.
    points: per temperature ``(walkers, frames, d)``.
    periodic: per coordinate.
    most: points compared at the most (the number of generated samples), None for no limit.
    """

    name: str
    reference: Reference
    points: dict[float, np.ndarray]
    periodic: list[bool]
    n_bins: int
    most: int | None = None
    bins: Bins = field(init=False)

    def __post_init__(self):
        flat = [p.reshape(-1, p.shape[-1]) for p in self.points.values()]
        self.bins = Bins.spanning(flat, self.n_bins, self.periodic)

    @property
    def js_name(self) -> str:
        return "js_plane" if self.name == "fixed" else "js_latent"

    @cached_property
    def training(self) -> np.ndarray:
        """Training frames in the one order, ``(N, d)``."""
        return np.concatenate([self.points[T].reshape(-1, self.points[T].shape[-1]) for T in self.reference.training])
