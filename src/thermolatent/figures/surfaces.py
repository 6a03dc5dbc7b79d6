"""Latent free-energy surfaces of MD and model at every temperature."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from thermolatent.figures.style import DOUBLE, FREE_ENERGY_MAP, GREY, look, panels, temperature_title
from thermolatent.validate.free_energy import free_energy
from thermolatent.validate.settings import Asked

DATA = ("model", "profiles")
COLUMNS = ("temperature", "z1", "z2", "free_energy_md_kT", "free_energy_model_kT", "half_kT")
#: Maximum of the colour scale and of the axes, kT.
CAP = 8.0
#: Bins are greyed if half of the 95 % interval of their free energy is above this, kT, or unknown.
UNSURE = 2.0
_GREYED = {"color": "0.82", "alpha": 0.85}
#: Temperatures per row.
PER_ROW = 6


def free_energies(mass: np.ndarray) -> np.ndarray:
    """``-ln mass`` of each temperature ``(nT, ...)`` in kT, minimum 0, NaN for empty or unknown bins."""
    return free_energy(mass.reshape(len(mass), -1)).reshape(mass.shape)


def caption(study: Asked, seeds: list[int], model: str) -> tuple[str, str]:
    """Title and caption in the report."""
    grey = (
        "Grey: the model's free energy is uncertain, by the reweighting's interval, its distance from the reweighting, or "
        "missing training frames."
    )
    return (
        f"Latent free-energy surfaces, {model}",
        f"MD above {model} at every temperature, in kT of that temperature, one colour scale; seed {seeds[0]}. "
        + (grey if study.models[model].informed else ""),
    )


def draw(study: Asked, model: str, profiles: dict[str, np.ndarray]) -> Figure:
    """Figure of one model and seed; call it inside ``style()``.

    Parameters
    ----------
    profiles: of the stage validate; its ``latent_md``, ``latent_model`` and ``latent_model_half`` are ``(nT, bins[, bins])``.
        One latent coordinate gives curves in one panel per temperature, two a map for the MD above one for the model, which
        is greyed in bins with wide intervals; nothing is greyed for a model without intervals.
    """
    md, predicted = free_energies(profiles["latent_md"]), free_energies(profiles["latent_model"])
    temperatures, edges = profiles["temperatures"], profiles["edges_latent"]
    columns = min(len(temperatures), PER_ROW)
    blocks = ceil(len(temperatures) / columns)
    width = DOUBLE if columns > 2 else 1.0 + 1.6 * columns
    if len(edges) == 1:
        figure, axes = panels(blocks, columns, (width, 0.6 + 1.45 * blocks), sharex=True, sharey=True)
        _curves(study, model, profiles, md, predicted, axes)
        return figure
    side = (width - 1.0) / columns
    figure, axes = panels(2 * blocks, columns, (width, 0.45 + blocks * (2 * side + 0.35)), sharex=True, sharey=True)
    unsure = unknown(profiles["latent_model"], profiles["latent_model_half"])
    image = _maps(study, model, temperatures, edges, (md, predicted, unsure), axes)
    if unsure.any():
        label = f"95 % interval wider than ± {UNSURE:g} kT, or no training frames"
        figure.legend(handles=[Patch(**_GREYED, label=label)], loc="outside upper center")
    bar = figure.colorbar(image, ax=axes, extend="max", fraction=0.03, pad=0.01, aspect=30)
    bar.set_label("free energy (kT)")
    bar.outline.set_linewidth(0.6)
    dimensions = profiles["edges_marginal"].shape[0]
    more = f"(first two of {dimensions})" if dimensions > 2 else ""
    figure.supxlabel(f"latent coordinate $z_1$ {more}".strip(), fontsize=8)
    figure.supylabel("latent coordinate $z_2$", fontsize=8)
    return figure


def unknown(mass: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Bins of each temperature ``(nT, ...)`` with wide or unknown intervals; none if no bin has an interval."""
    some = np.isfinite(half).any(tuple(range(1, half.ndim)), keepdims=True)
    return (mass > 0) & ~(half <= UNSURE) & some


def _maps(study: Asked, model: str, temperatures, edges, shown, axes) -> Any:
    (md, predicted, unsure), columns, image = shown, axes.shape[1], None
    for k, T in enumerate(temperatures):
        block, column = divmod(k, columns)
        above, below = axes[2 * block, column], axes[2 * block + 1, column]
        above.set_title(temperature_title(study, float(T)))
        for panel, F in ((above, md[k]), (below, predicted[k])):
            panel.spines[["top", "right"]].set_visible(True)
            if not np.isfinite(F).any():
                say_no_md(panel)
                continue
            image = panel.pcolormesh(
                *edges, np.minimum(F, CAP).T, cmap=FREE_ENERGY_MAP, vmin=0, vmax=CAP, rasterized=True, linewidth=0
            )
        grey = np.ma.masked_equal(unsure[k].T, False)
        if unsure[k].any():
            paint = {"cmap": ListedColormap([_GREYED["color"]]), "alpha": _GREYED["alpha"]}
            below.pcolormesh(*edges, grey, **paint, rasterized=True, linewidth=0)
        if column == 0:
            above.set_ylabel("MD")
            below.set_ylabel(model)
    used = len(temperatures) - (len(axes) // 2 - 1) * columns
    for panel in axes[-2:, used:].flat:
        panel.set_visible(False)
    return image


def _curves(study: Asked, model: str, profiles: dict[str, np.ndarray], md, predicted, axes) -> None:
    temperatures, (edges,) = profiles["temperatures"], profiles["edges_latent"]
    centers = (edges[1:] + edges[:-1]) / 2
    own = look(study, model)
    for k, (T, panel) in enumerate(zip(temperatures, axes.flat, strict=False)):
        panel.set_title(temperature_title(study, float(T)))
        band(study, panel, centers, profiles["marginal_reweighting"][k, 0], profiles["marginal_reweighting_half"][k, 0])
        panel.plot(centers, md[k], color="black", linewidth=2.2, alpha=0.45, label="MD")
        panel.plot(centers, predicted[k], color=own.color, label=own.label)
        if not np.isfinite(md[k]).any():
            say_no_md(panel)
        panel.set_ylim(-0.3, CAP)
        if k >= len(temperatures) - axes.shape[1]:
            panel.set_xlabel("$z_1$")
            panel.xaxis.set_tick_params(labelbottom=True)
    for panel in axes[:, 0]:
        panel.set_ylabel("free energy (kT)")
    for panel in axes.flat[len(temperatures) :]:
        panel.set_visible(False)
    legend_above(axes.flat[0])


def legend_above(panel: Axes) -> None:
    """The legend of one panel above the figure."""
    panel.figure.legend(*panel.get_legend_handles_labels(), loc="outside upper center", ncols=4)


def band(study: Asked, panel: Axes, centers: np.ndarray, F: np.ndarray, half: np.ndarray) -> None:
    """The reweighting's 95 % interval of a curve; nothing for a model that is not informed, whose intervals are NaN."""
    own = look(study, "reweighting")
    if np.isfinite(half).any():
        label = f"{own.label}, 95 % interval"
        panel.fill_between(centers, F - half, F + half, color=own.color, alpha=0.3, linewidth=0, label=label)


def say_no_md(panel: Axes) -> None:
    """Write "no MD" into an empty panel."""
    panel.text(0.5, 0.5, "no MD", transform=panel.transAxes, ha="center", va="center", color=GREY)


def rows(study: Asked, model: str, profiles: dict[str, np.ndarray]) -> Iterator[tuple]:
    """Rows of the CSV: temperature, bin centres, F of MD and model in kT, half of the model's 95 % interval.

    Bins that are empty in both are left out; z2 is empty with one latent coordinate.
    """
    md, predicted = free_energies(profiles["latent_md"]), free_energies(profiles["latent_model"])
    centers = [(e[1:] + e[:-1]) / 2 for e in profiles["edges_latent"]]
    for k, T in enumerate(profiles["temperatures"]):
        for cell in np.argwhere(np.isfinite(md[k]) | np.isfinite(predicted[k])):
            values = (F[k][tuple(cell)] for F in (md, predicted, profiles["latent_model_half"]))
            position = [float(c[i]) for c, i in zip(centers, cell, strict=True)] + [""] * (2 - len(centers))
            yield (float(T), *position, *(float(v) if np.isfinite(v) else "" for v in values))
