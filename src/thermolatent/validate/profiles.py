"""Histograms and free-energy curves of one model and the MD, for the figures."""

from __future__ import annotations

import numpy as np

from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.influence import NORMAL
from thermolatent.reweight.verdict import surface
from thermolatent.states.sets import state_counts
from thermolatent.validate.divergence import Bins
from thermolatent.validate.free_energy import align, free_energy, free_energy_error
from thermolatent.validate.uncertainty import bootstrap_masses, stream
from thermolatent.validate.view import View


class Profiles:
    """Collects the arrays of ``profiles.npz`` temperature by temperature, so that frame weights need not be kept.

    Parameters
    ----------
    reweighting: the estimator, for an informed model; None for others, which have no intervals.
    """

    def __init__(
        self, fixed: View, latent: View, replicates: int, seed: int, reweighting: ConditionalReweighting | None = None
    ):
        self.fixed, self.latent, self.replicates, self.seed = fixed, latent, replicates, seed
        self.reweighting = reweighting
        self._flat = {T: p.reshape(-1, p.shape[-1]) for T, p in latent.points.items()}
        d, visited = latent.training_points.shape[1], latent.visited()
        self._axes = [Bins.spanning([p[:, k : k + 1] for p in visited], latent.n_bins) for k in range(d)]
        self._temperatures: list[float] = []
        self._arrays: dict[str, list[np.ndarray]] = {}

    def add(self, T: float, weights: np.ndarray, latents: np.ndarray) -> None:
        """Add a temperature, in ascending order: frame weights ``(N,)`` and generated latents ``(n, d)``."""
        fixed, latent, known = self.fixed, self.latent, T in self._flat
        plane = fixed.points[T].reshape(-1, 2) if known else None
        counts = fixed.counts(T) if known else None
        md, stderr, model, own, half = np.full((5, len(self._axes), latent.n_bins), np.nan)
        for k, bins in enumerate(self._axes):
            own[k], half[k] = self._answer(bins, latent.training_points[:, k : k + 1], T)
            zero = np.nanmin(own[k], initial=np.inf)
            model[k] = free_energy(bins.mass(latents[:, k : k + 1])[:-1])
            if known:
                mass, stderr[k] = _md_curve(bins, latent, T, k, self.replicates, stream(self.seed, T, k))
                md[k], zero = free_energy(mass), -np.log(mass.max())
            own[k] -= zero
            model[k] = align(model[k], md[k] if known else own[k])
        F, half_latent = self._answer(latent.bins, latent.training_points, T)
        mass = _on_grid(latent, latents)
        found = {
            "latent_md": _on_grid(latent, self._flat[T], counts) if known else np.full(latent.bins.shape, np.nan),
            "latent_model": mass,
            "latent_model_half": np.hypot(half_latent, NORMAL * (_logarithm(mass) + F)),
            "plane_md": _on_grid(fixed, plane, counts) if known else np.full(fixed.bins.shape, np.nan),
            "plane_model": _on_grid(fixed, fixed.training_points, weights),
            "plane_model_half": self._answer(fixed.bins, fixed.training_points, T)[1],
            "marginal_md": md,
            "marginal_md_stderr": stderr,
            "marginal_model": model,
            "marginal_reweighting": own,
            "marginal_reweighting_half": half,
        }
        self._temperatures.append(T)
        for name, array in found.items():
            self._arrays.setdefault(name, []).append(array)

    def _answer(self, bins: Bins, points: np.ndarray, T: float) -> tuple[np.ndarray, np.ndarray]:
        """-ln of each bin's share by the reweighting, kT, and half of its 95 % interval, on the bins' grid."""
        if self.reweighting is None:
            return np.full((2, *bins.shape), np.nan)
        table = surface(self.reweighting, T, bins.assign(points), bins.cells)[:-1]
        return tuple(x.to_numpy().reshape(bins.shape) for x in (table.value, (table.high - table.low) / 2))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of ``profiles.npz``.

        Returns
        -------
        temperatures ``(nT,)``; edges_latent ``(min(d, 2), bins + 1)``; edges_plane ``(2, bins + 1)``; latent_md and
        latent_model ``(nT, bins[, bins])``, plane_md and plane_model ``(nT, bins, bins)``: probability mass per bin (the rest
        to 1 is outside), md NaN without a reference; edges_marginal ``(d, bins + 1)``; marginal_md, marginal_md_stderr and
        marginal_model ``(nT, d, bins)``: F in kT along each latent coordinate, minimum 0, NaN in empty bins; the model is
        aligned to the MD by the mean over bins where both are finite.

        For an informed model (NaN for others, in bins without training frames and in states that are not assessable):
        marginal_reweighting and marginal_reweighting_half ``(nT, d, bins)``: F by the reweighting, with the zero of the MD,
        and half of the 95 % interval of -ln p; without MD its minimum is 0, and the model is aligned to it.
        plane_model_half ``(nT, bins, bins)``: the same half. latent_model_half ``(nT, bins[, bins])``: that combined with the
        distance of the model from the reweighting in the bin.
        """
        return {
            "temperatures": np.asarray(self._temperatures, float),
            "training": np.asarray(self.fixed.training.temperatures, float),
            "edges_latent": np.stack(self.latent.bins.edges),
            "edges_plane": np.stack(self.fixed.bins.edges),
            "edges_marginal": np.stack([b.edges[0] for b in self._axes]),
            **{name: np.stack(values) for name, values in self._arrays.items()},
        }


def _logarithm(mass: np.ndarray) -> np.ndarray:
    """ln, NaN for mass 0."""
    return np.log(np.where(mass > 0, mass, np.nan))


def _on_grid(view: View, points: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    return view.bins.on_grid(view.bins.mass(points, weights))


def _md_curve(bins: Bins, view: View, T: float, column: int, replicates: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Mass and standard error of F in kT, ``(bins,)``, of the MD at one temperature along one coordinate."""
    points, unit = view.points[T].reshape(-1, view.points[T].shape[-1]), view.reference.unit_at(T).ravel()
    each, cells = view.reference.counts[T].ravel(), bins.assign(points[:, column, None])
    counts = state_counts(cells, unit, int(unit.max()) + 1, bins.cells, each)
    mass = counts.sum(0) / counts.sum()
    boot = bootstrap_masses(counts, np.zeros(len(counts), int), replicates, rng)
    return mass[:-1], free_energy_error(mass[:-1], boot[:, :-1])
