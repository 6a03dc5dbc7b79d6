"""Training histories: training and held-out losses by step, a panel per stage."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thermolatent.errors import ArtifactError
from thermolatent.figures.settings import Histories
from thermolatent.figures.style import DOUBLE, LOG_FROM, SINGLE, logarithmic, panels
from thermolatent.validate.settings import Asked

#: Curves by column of a history file: legend entry, colour, line. Other columns are in the CSV only.
CURVES = {
    "loss": ("training loss", "#0072B2", "-"),
    "held_out": ("held-out objective", "#D55E00", "-"),
    "held_out_neg_log_r": ("held-out $-\\log r(z|T)$", "#E69F00", "--"),
    "cross_entropy": ("cross-entropy", "#56B4E9", "-"),
    "held_out_cross_entropy": ("held-out cross-entropy", "#CC79A7", "-"),
    "energy_residual": ("energy residual", "#009E73", "-"),
}
#: Curves of a model's density, and of its encoder in joint training; they differ in scale, so each has its panel.
_DENSITY = ("loss", "held_out_neg_log_r")
_ENCODER = ("cross_entropy", "held_out_cross_entropy")
#: Stages that continue each other. Any other stage of a file is a separate training.
_MAIN = ("joint", "density")
DATA = ("histories",)
COLUMNS = ("training", "seed", "stage", "step", "seconds", "loss", "value")


@dataclass
class Training:
    """One training.

    Parameters
    ----------
    training: title of the panel.
    rows: ``(stage, step, seconds, {loss: value})``.
    started: its beginning on the clock of the file, seconds.
    """

    training: str
    seed: int
    rows: list[tuple[str, int, float, dict[str, float]]] = field(default_factory=list)
    started: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.rows[-1][2] - self.started

    @property
    def refines(self) -> bool:
        """Whether it is the training of a representation, whose steps are epochs between relabellings."""
        return self.rows[0][0].startswith("refinement")


def load_runs(histories: Mapping[int, Histories]) -> list[Training]:
    """All trainings of a study, the seeds of a training one after another. Raises :class:`ArtifactError`."""
    runs = []
    for seed, files in histories.items():
        for name, path in files.spibs.items():
            of = "" if name == "baselines" else f" of {name}"
            runs += _load(path, f"representation (SPIB){of}", seed)
        for model, path in files.models.items():
            runs += _load(path, f"model {model}", seed)
    order = list(dict.fromkeys(run.training for run in runs))
    return sorted(runs, key=lambda run: order.index(run.training))


def _load(path: str, title: str, seed: int) -> list[Training]:
    """The trainings of one file in their order."""
    runs: dict[str, Training] = {}
    clock = 0.0
    try:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                stage, losses = row["stage"], {k: float(v) for k, v in row.items() if v and k not in COLUMNS[2:5]}
                training = title if stage.startswith("refinement") or stage in _MAIN else f"{title}: {stage}"
                run = runs.setdefault(training, Training(training, seed, started=clock))
                clock = float(row["seconds"])
                run.rows.append((stage, int(row["step"]), clock, losses))
    except OSError as error:
        raise ArtifactError(f"{path}: training history is missing; run the stage that writes it") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: is not a training history ({error}); delete it and train again") from error
    return list(runs.values())


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Training history",
        "Losses on training and held-out walkers; vertical lines mark relabelling or a new stage.",
    )


def draw(study: Asked, runs: list[Training]) -> Figure:
    """Figure of all runs, all seeds in the same panel; call it inside ``style()``."""
    shown = list(_panels(runs))
    columns = min(len(shown), 3)
    rows = ceil(len(shown) / columns)
    figure, axes = panels(rows, columns, (DOUBLE if columns > 1 else SINGLE, 0.6 + 1.7 * rows))
    handles = {}
    for (title, names, own), panel in zip(shown, axes.flat, strict=False):
        panel.set_title(title)
        for run in own:
            for name in names:
                handles |= _curve(panel, run, name)
        values = [value for line in panel.lines for value in line.get_ydata()]
        if values and max(values) > LOG_FROM * min(values) > 0:
            logarithmic(panel)
        _mark_stages(panel, own[0])
        panel.set_xlabel("epoch" if own[0].refines else "step")
    for panel in axes[:, 0]:
        panel.set_ylabel("loss (nats)")
    for panel in axes.flat[len(shown) :]:
        panel.set_visible(False)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def _panels(runs: list[Training]) -> Iterator[tuple[str, Iterable[str], list[Training]]]:
    """Title, columns and runs of each panel."""
    for training in dict.fromkeys(run.training for run in runs):
        own = [run for run in runs if run.training == training]
        stages = {row[0] for run in own for row in run.rows}
        if not stages & set(_MAIN):
            yield training, CURVES, own
            continue
        yield training, _DENSITY, own
        if "joint" in stages:
            yield f"{training}, encoder", _ENCODER, own


def _curve(panel: Axes, run: Training, name: str) -> dict:
    points = [(step, losses[name]) for _, step, _, losses in run.rows if name in losses]
    if not points or (name == "energy_residual" and not any(value for _, value in points)):
        return {}  # the energy-free network has no energy residual
    label, color, line = CURVES[name]
    (drawn,) = panel.plot(
        *zip(*points, strict=True), color=color, linestyle=line, linewidth=0.9, alpha=0.8, label=label
    )
    return {label: drawn}


def _mark_stages(panel: Axes, run: Training) -> None:
    """Lines where frames were relabelled or the encoder was frozen, for the first seed."""
    previous = None
    for stage, step, *_ in run.rows:
        if previous is not None and stage != previous:
            panel.axvline(step - 0.5, color="0.85", linewidth=0.6, zorder=-1)
        previous = stage


def rows(study: Asked, runs: list[Training]) -> Iterator[tuple]:
    """Rows of the CSV."""
    for run in runs:
        for stage, step, seconds, losses in run.rows:
            for name, value in losses.items():
                yield (run.training, run.seed, stage, step, seconds, name, value)
