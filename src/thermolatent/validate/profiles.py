"""Histograms and free-energy curves of one model beside the MD, for the figures."""

from __future__ import annotations

import numpy as np

from thermolatent.states.sets import state_counts
from thermolatent.validate.divergence import Bins
from thermolatent.validate.free_energy import align, free_energy, free_energy_error
from thermolatent.validate.uncertainty import bootstrap_masses, stream
from thermolatent.validate.view import View


class Profiles:
    """Collects the arrays of ``profiles.npz``, temperature by temperature, so that no frame weights are kept."""

    def __init__(self, fixed: View, latent: View, replicates: int, seed: int):
        self.fixed, self.latent, self.replicates, self.seed = fixed, latent, replicates, seed
        self._flat = {T: p.reshape(-1, p.shape[-1]) for T, p in latent.points.items()}
        d, visited = latent.training_points.shape[1], latent.visited()
        self._axes = [Bins.spanning([p[:, k : k + 1] for p in visited], latent.n_bins) for k in range(d)]
        self._temperatures: list[float] = []
        names = ("latent_md", "latent_model", "plane_md", "plane_model")
        self._arrays: dict[str, list[np.ndarray]] = {
            name: [] for name in (*names, "marginal_md", "marginal_md_stderr", "marginal_model")
        }

    def add(self, T: float, weights: np.ndarray, latents: np.ndarray) -> None:
        """One temperature, in ascending order: frame weights ``(N,)`` and generated latents ``(n, d)``."""
        fixed, latent, known = self.fixed, self.latent, T in self._flat
        plane = fixed.points[T].reshape(-1, 2) if known else None
        counts = fixed.counts(T) if known else None
        md, stderr, model = np.full((3, len(self._axes), latent.n_bins), np.nan)
        for k, bins in enumerate(self._axes):
            model[k] = free_energy(bins.mass(latents[:, k : k + 1])[:-1])
            if known:
                md[k], stderr[k] = _md_curve(bins, latent, T, k, self.replicates, stream(self.seed, T, k))
                model[k] = align(model[k], md[k])
        found = {
            "latent_md": _on_grid(latent, self._flat[T], counts) if known else np.full(latent.bins.shape, np.nan),
            "latent_model": _on_grid(latent, latents),
            "plane_md": _on_grid(fixed, plane, counts) if known else np.full(fixed.bins.shape, np.nan),
            "plane_model": _on_grid(fixed, fixed.training_points, weights),
            "marginal_md": md,
            "marginal_md_stderr": stderr,
            "marginal_model": model,
        }
        self._temperatures.append(T)
        for name, array in found.items():
            self._arrays[name].append(array)

    def arrays(self) -> dict[str, np.ndarray]:
        """What was collected.

        Returns
        -------
        temperatures ``(nT,)``; edges_latent ``(min(d, 2), bins + 1)``; edges_plane ``(2, bins + 1)``; latent_md and
        latent_model ``(nT, bins[, bins])``, plane_md and plane_model ``(nT, bins, bins)``: probability mass per bin (what
        is missing from 1 lies outside), md NaN without a reference; edges_marginal ``(d, bins + 1)``; marginal_md,
        marginal_md_stderr and marginal_model ``(nT, d, bins)``: F in kT along each latent coordinate, minimum 0, the
        model aligned to the MD by the mean where both are finite, NaN where empty.
        """
        return {
            "temperatures": np.asarray(self._temperatures, float),
            "training": np.asarray(self.fixed.training.temperatures, float),
            "edges_latent": np.stack(self.latent.bins.edges),
            "edges_plane": np.stack(self.fixed.bins.edges),
            "edges_marginal": np.stack([b.edges[0] for b in self._axes]),
            **{name: np.stack(values) for name, values in self._arrays.items()},
        }


def _on_grid(view: View, points: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    return view.bins.on_grid(view.bins.mass(points, weights))


def _md_curve(bins: Bins, view: View, T: float, column: int, replicates: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """F and its standard error ``(bins,)`` of the MD at one temperature along one coordinate."""
    cells, each = (
        bins.assign(view.points[T].reshape(-1, view.points[T].shape[-1])[:, column, None]),
        view.reference.counts[T],
    )
    unit = view.reference.unit_at(T).ravel()
    counts = state_counts(cells, unit, int(unit.max()) + 1, bins.cells, each.ravel())
    mass = counts.sum(0) / counts.sum()
    boot = bootstrap_masses(counts, np.zeros(len(counts), int), replicates, rng)
    return free_energy(mass[:-1]), free_energy_error(mass[:-1], boot[:, :-1])
