"""Style of the figures: sizes, colours, markers, and files whose bytes depend on the data only.

Figures are made without pyplot, and the style holds only inside :func:`style`, so that notebooks keep theirs.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from thermolatent.files.artifacts import replacing
from thermolatent.temperatures import format_temperature
from thermolatent.validate.settings import BASELINES, Asked

#: Widths of a journal's single and double column, inches.
SINGLE, DOUBLE = 3.3, 6.9
#: Maximum side of a PNG, pixels, and its resolution up to that.
MAX_PIXELS, DPI = 1600, 300
#: Colour map of free energies.
FREE_ENERGY_MAP = "viridis"
GREY = "0.45"
#: A logarithmic axis is used where the largest value is this many times the smallest.
LOG_FROM = 15.0

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "errorbar.capsize": 1.5,
    "pdf.fonttype": 42,  # text can be edited in a vector editor
    "svg.hashsalt": "thermolatent",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.axisbelow": True,
}


class Look(NamedTuple):
    """Legend entry, colour, marker and line of a series, the same in every figure."""

    label: str
    color: str
    marker: str
    line: str


# Okabe and Ito's palette for colour-blind readers; models have the strongest contrasts.
_MODEL_COLORS = ("#0072B2", "#D55E00", "#CC79A7", "#882255", "#332288", "#117733")
_MODEL_MARKERS = "osDhp*"
_MEASURED_MARKERS = "D^vs<>"
_FIXED = {
    "md": Look("MD", "black", "o", "none"),
    "exact": Look("exact", "black", "_", "none"),
    "floor": Look("MD half against half (floor)", GREY, "", "-"),
    "nearest": Look("nearest training T", "#8C8C8C", "^", ":"),
    "mbar": Look("MBAR", "#E69F00", "v", "--"),
    "which_t": Look("which T (no energies)", "#56B4E9", "P", "--"),
    "conditional": Look("conditional reweighting", "#009E73", "X", "-"),
}
_FIXED["reweighting"] = _FIXED["conditional"]  # its name as a predictor


def look(study: Asked, name: str) -> Look:
    """The look of a model, a baseline, ``md``, ``exact``, or the label of measured values."""
    if name in _FIXED:
        return _FIXED[name]
    if name in (labels := [data.label for data in study.validate_.experiment]):
        return Look(name, GREY, _MEASURED_MARKERS[labels.index(name) % len(_MEASURED_MARKERS)], "none")
    # After the last colour the markers are shifted by one: 36 models have different looks.
    lap, k = divmod(list(study.models).index(name), len(_MODEL_COLORS))
    return Look(name, _MODEL_COLORS[k], _MODEL_MARKERS[(k + lap) % len(_MODEL_MARKERS)], "-")


def series_names(study: Asked, floor: bool = False) -> list[str]:
    """Baselines, then models, which are drawn on top."""
    return [*(b for b in BASELINES if floor or b != "floor"), *study.models]


@contextmanager
def style() -> Iterator[None]:
    """The project's matplotlib settings inside of the context."""
    subsetting = logging.getLogger("fontTools.subset")
    level = subsetting.level
    subsetting.setLevel(logging.WARNING)  # it logs every glyph
    with matplotlib.rc_context():
        matplotlib.rcParams.update(matplotlib.rcParamsDefault)
        matplotlib.rcParams.update(_RC)
        try:
            yield
        finally:
            subsetting.setLevel(level)


def panels(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, Any]:
    """A figure of ``size`` inches and its axes ``(rows, columns)``; call it inside :func:`style`."""
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def logarithmic(axes: Axes) -> None:
    """Logarithmic y axis with plain numbers at 1, 2 and 5, for one to three decades."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axes.yaxis.set_minor_locator(LogLocator(subs="all", numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def log_ticks(axis: Axis, most: float) -> None:
    """Plain numbers on a logarithmic axis with its limits set: at 1, 2 and 5 for a span up to a factor ``most``, else at 1."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < most * low else (1.0,), numticks=9))
    axis.set_minor_locator(LogLocator(subs="all", numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


#: Formats of a figure, with the entries that hold a date or a version: without them equal figures are equal files.
FORMATS = {"pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None}}


def save_figure(figure: Figure, folder: str, name: str, formats: Sequence[str] = ("pdf", "png")) -> list[str]:
    """Write ``<name>.<format>`` into a folder. Returns the paths."""
    width, height = figure.get_size_inches()
    # The layout, which takes longer than the drawing, is computed once for both files.
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")
    paths = []
    for extension in formats:
        path = f"{folder}/{name}.{extension}"
        dpi = min(DPI, MAX_PIXELS / max(width, height)) if extension == "png" else DPI
        with replacing(path) as temporary:
            figure.savefig(temporary, format=extension, dpi=dpi, metadata=FORMATS[extension])
        paths.append(path)
    return paths


def save_data(folder: str, name: str, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> str:
    """Write the data of a figure as CSV, numbers with six digits. Returns the path."""
    path = f"{folder}/{name}.csv"
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    return path


def temperature_title(study: Asked, temperature: float) -> str:
    """``"T = 0.3"``, or ``"T = 340 K"``, with its role (training, ...) in a second line."""
    return f"T = {format_temperature(temperature)}{study.unit}\n({study.temperatures.role(temperature)})"


def temperature_axis(axes: Axes, study: Asked, measured: bool = False) -> None:
    """Label and range of a temperature axis; training temperatures marked, extrapolation shaded.

    ``measured``: with room for measured values.
    """
    train, asked = study.temperatures.train, study.temperatures.generated
    if measured:
        points = [point for data in study.validate_.experiment for point in data.points]
        reach = max(asked) - min(asked)
        near = (min(asked) - reach, max(asked) + reach)  # a value far off must not shrink all others
        asked = [*asked, *(p.temperature for p in points if p.temperature and near[0] <= p.temperature <= near[1])]
    margin = 0.06 * (max(asked) - min(asked)) or 0.1 * asked[0]
    low, high = min(asked) - margin, max(asked) + margin
    shade = {"color": "0.95", "linewidth": 0, "zorder": -2, "label": "extrapolation"}
    if min(asked) < min(train):
        axes.axvspan(low, min(train), **shade)
        shade.pop("label")
    if max(asked) > max(train):
        axes.axvspan(max(train), high, **shade)
    for k, T in enumerate(train):
        axes.axvline(T, color="0.75", linewidth=0.7, zorder=-1, label=None if k else "training temperature")
    axes.set_xlim(low, high)
    axes.set_xlabel("temperature (K)" if study.unit else "temperature T (reduced)")
