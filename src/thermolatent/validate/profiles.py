"""Histograms and free-energy curves of one model beside the MD, for the figures."""

from __future__ import annotations

import numpy as np

from thermolatent.validate.divergence import Bins
from thermolatent.validate.free_energy import align, free_energy, free_energy_error
from thermolatent.validate.reference import View
from thermolatent.validate.uncertainty import bootstrap_masses, stream


def profiles(
    temperatures: list[float],
    fixed: View,
    latent: View,
    weights: dict[float, np.ndarray],
    latents: dict[float, np.ndarray],
    replicates: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Arrays of ``profiles.npz``.

    Parameters
    ----------
    temperatures: every generated one, ascending.
    weights: frame weights ``(N,)`` by temperature.
    latents: generated latents ``(n, d)`` by temperature.

    Returns
    -------
    temperatures ``(nT,)``; edges_latent ``(min(d, 2), bins + 1)``; edges_plane ``(2, bins + 1)``; latent_md and
    latent_model ``(nT, bins[, bins])``, plane_md and plane_model ``(nT, bins, bins)``: probability mass per bin (what
    is missing from 1 lies outside), md NaN without a reference; edges_marginal ``(d, bins + 1)``; marginal_md,
    marginal_md_stderr and marginal_model ``(nT, d, bins)``: F in kT along each latent coordinate, minimum 0, the
    model aligned to the MD by the mean where both are finite, NaN where empty.
    """
    d = next(iter(latents.values())).shape[1]
    flat = {T: p.reshape(-1, d) for T, p in latent.points.items()}
    axes = [Bins.spanning([p[:, k : k + 1] for p in flat.values()], latent.n_bins) for k in range(d)]
    reference = fixed.reference

    def on_grid(view: View, points, by_weight=None) -> np.ndarray:
        return view.bins.on_grid(view.bins.mass(points, by_weight))

    out = {name: [] for name in ("latent_md", "latent_model", "plane_md", "plane_model")}
    curves = {name: [] for name in ("marginal_md", "marginal_md_stderr", "marginal_model")}
    for T in temperatures:
        known = T in flat
        out["latent_model"].append(on_grid(latent, latents[T]))
        out["plane_model"].append(on_grid(fixed, fixed.training, weights[T]))
        out["latent_md"].append(on_grid(latent, flat[T]) if known else np.full(latent.bins.shape, np.nan))
        plane = fixed.points[T].reshape(-1, 2) if known else None
        out["plane_md"].append(on_grid(fixed, plane) if known else np.full(fixed.bins.shape, np.nan))
        md, stderr, model = np.full((3, d, latent.n_bins), np.nan)
        for k, bins in enumerate(axes):
            model[k] = free_energy(bins.mass(latents[T][:, k : k + 1])[:-1])
            if known:
                md[k], stderr[k] = _md_curve(bins, latent.points[T][:, :, k : k + 1], replicates, stream(seed, T, k))
                model[k] = align(model[k], md[k])
        for name, value in zip(curves, (md, stderr, model), strict=True):
            curves[name].append(value)
    return {
        "temperatures": np.asarray(temperatures, float),
        "training": np.asarray(reference.training, float),
        "edges_latent": np.stack(latent.bins.edges),
        "edges_plane": np.stack(fixed.bins.edges),
        "edges_marginal": np.stack([b.edges[0] for b in axes]),
        **{name: np.stack(value) for name, value in (out | curves).items()},
    }


def _md_curve(bins: Bins, points: np.ndarray, replicates: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """F and its standard error ``(bins,)`` of one coordinate ``(walkers, frames, 1)``."""
    walkers = len(points)
    counts = np.stack([np.bincount(bins.assign(p), minlength=bins.cells) for p in points]).astype(float)
    mass = counts.sum(0) / counts.sum()
    boot = bootstrap_masses(counts, np.zeros(walkers, int), replicates, rng)
    return free_energy(mass[:-1]), free_energy_error(mass[:-1], boot[:, :-1])
