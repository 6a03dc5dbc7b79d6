"""The fixed plane of the training MD with proposed states, of ``thermolatent states``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from thermolatent.figures.style import FREE_ENERGY_MAP, SINGLE, panels
from thermolatent.figures.surfaces import CAP
from thermolatent.states.minima import Minimum
from thermolatent.validate.divergence import Bins


def draw(names: Sequence[str], bins: Bins, counts: np.ndarray, states: Mapping[str, Minimum]) -> Figure:
    """-ln of the pooled frames ``counts`` (bins, bins), kT, with the name and the place of each state."""
    with np.errstate(divide="ignore"):
        F = -np.log(counts / counts.max())
    figure, axes = panels(1, 1, (SINGLE + 0.5, SINGLE))
    panel = axes.flat[0]
    image = panel.pcolormesh(*bins.edges, np.where(np.isfinite(F), F, np.nan).T, cmap=FREE_ENERGY_MAP, vmin=0, vmax=CAP)
    for name, one in states.items():
        panel.plot(*one.point, "o", mfc="white", mec="black", markersize=5)
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
        panel.annotate(name, one.point, xytext=(4, 4), textcoords="offset points", fontsize=7, bbox=box)
    panel.set_xlabel(names[0])
    panel.set_ylabel(names[1])
    figure.colorbar(image, ax=panel, label="-ln frames, all training temperatures (kT)")
    return figure
