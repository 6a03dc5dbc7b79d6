"""Free energy along each latent coordinate: the model, and the MD and the reweighting with error bands."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np
from matplotlib.figure import Figure

from thermolatent.figures.style import DOUBLE, look, panels, temperature_title
from thermolatent.figures.surfaces import CAP, PER_ROW, band, legend_above, say_no_md
from thermolatent.reweight.influence import NORMAL
from thermolatent.validate.settings import Asked

_CURVES = {
    "marginal_md": "free_energy_md_kT",
    "marginal_md_stderr": "stderr_kT",
    "marginal_model": "free_energy_model_kT",
    "marginal_reweighting": "free_energy_reweighting_kT",
    "marginal_reweighting_half": "half_reweighting_kT",
}
DATA = ("model", "profiles")
COLUMNS = ("temperature", "coordinate", "z", *_CURVES.values())


def caption(study: Asked, seeds: list[int], model: str) -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        f"Free energy along each latent coordinate, {model}",
        f"{model} on the MD{' and the reweighting' if study.models[model].informed else ''}, with bands of 95 % "
        f"intervals, in kT; seed {seeds[0]}.",
    )


def draw(study: Asked, model: str, profiles: dict[str, np.ndarray]) -> Figure:
    """Figure of one model and seed, a row per latent coordinate and a column per temperature; inside ``style()``.

    Parameters
    ----------
    profiles: as ``validate`` writes them; its ``marginal_md``, ``marginal_md_stderr``, ``marginal_model``,
        ``marginal_reweighting`` and ``marginal_reweighting_half`` are ``(nT, d, bins)``.
    """
    temperatures = profiles["temperatures"]
    d = profiles["marginal_model"].shape[1]
    columns = min(len(temperatures), PER_ROW)
    blocks = ceil(len(temperatures) / columns)
    width = DOUBLE if columns > 2 else 1.0 + 1.6 * columns
    figure, axes = panels(
        blocks * d,
        columns,
        (width, 0.55 + blocks * (1.15 * d + 0.35)),
        sharey=True,
        sharex="row" if blocks == 1 else False,
    )
    for k, T in enumerate(temperatures):
        block, column = divmod(k, columns)
        for j in range(d):
            panel = axes[block * d + j, column]
            _curves(study, model, profiles, k, j, panel)
            if column == 0:
                panel.set_ylabel("F (kT)")
            if j == 0:
                panel.set_title(temperature_title(study, float(T)))
    for panel in axes[-d:, len(temperatures) - (blocks - 1) * columns :].flat:
        panel.set_visible(False)
    axes[0, 0].set_ylim(-0.4, _ceiling(profiles))
    legend_above(axes[0, 0])
    return figure


def _curves(study: Asked, model: str, profiles, k: int, j: int, panel) -> None:
    edges = profiles["edges_marginal"][j]
    centers = (edges[1:] + edges[:-1]) / 2
    md, error = profiles["marginal_md"][k, j], profiles["marginal_md_stderr"][k, j]
    own = look(study, model)
    panel.fill_between(
        centers, md - NORMAL * error, md + NORMAL * error, color="0.75", linewidth=0, label="MD, 95 % interval"
    )
    band(study, panel, centers, profiles["marginal_reweighting"][k, j], profiles["marginal_reweighting_half"][k, j])
    panel.plot(centers, md, color="black", linewidth=0.9, label="MD")
    panel.plot(centers, profiles["marginal_model"][k, j], color=own.color, label=own.label, linewidth=1.1)
    if not np.isfinite(md).any():
        say_no_md(panel)
    panel.set_xlabel(f"$z_{{{j + 1}}}$", labelpad=1)


def _ceiling(profiles: dict[str, np.ndarray]) -> float:
    """Upper limit of the axis: the highest finite value, at most a little above the cap of the maps."""
    highest = max(np.nanmax(profiles["marginal_model"]), np.nanmax(profiles["marginal_md"], initial=0.0))
    return float(min(np.ceil(highest), CAP + 2))


def rows(study: Asked, model: str, profiles: dict[str, np.ndarray]) -> Iterator[tuple]:
    """Rows of the CSV, one per temperature, coordinate and bin; empty bins and missing MD give empty cells."""
    for k, T in enumerate(profiles["temperatures"]):
        for j, edges in enumerate(profiles["edges_marginal"]):
            centers = (edges[1:] + edges[:-1]) / 2
            curves = [profiles[name][k, j] for name in _CURVES]
            for z, *values in zip(centers, *curves, strict=True):
                yield (float(T), j + 1, float(z), *(float(v) if np.isfinite(v) else "" for v in values))
