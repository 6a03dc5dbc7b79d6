"""Training histories: losses by step with their held-out curves, a panel per stage."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.figures.style import DOUBLE, LOG_FROM, SINGLE, logarithmic, panels
from thermolatent.layout import Layout

#: Curves by column of a history file: legend entry, colour, line. Other columns are in the CSV only.
CURVES = {
    "loss": ("training loss", "#0072B2", "-"),
    "held_out": ("held-out objective", "#D55E00", "-"),
    "held_out_neg_log_r": ("held-out $-\\log r(z|T)$", "#E69F00", "--"),
    "cross_entropy": ("cross-entropy", "#56B4E9", "-"),
    "held_out_cross_entropy": ("held-out cross-entropy", "#CC79A7", "-"),
    "energy_residual": ("energy residual", "#009E73", "-"),
}
#: Curves that get a panel of their own in a model's history: they are flat on the scale of the others.
_APART = ("cross_entropy", "held_out_cross_entropy")
COLUMNS = ("training", "seed", "stage", "step", "seconds", "loss", "value")


@dataclass
class Run:
    """One history file.

    Parameters
    ----------
    training: what was trained, as the panel's title says it.
    rows: ``(stage, step, seconds, {loss: value})``.
    started: seconds on the file's clock when it began.
    """

    training: str
    seed: int
    rows: list[tuple[str, int, float, dict[str, float]]] = field(default_factory=list)
    started: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.rows[-1][2] - self.started if self.rows else 0.0


def load_runs(study: Study, layout: Layout, seeds: list[int]) -> list[Run]:
    """Every history of a study; the two networks of ``reweight`` are two runs. Raises :class:`ArtifactError`."""
    runs = []
    for seed in seeds:
        runs.append(_load(layout.history(layout.spib(seed)), "representation (SPIB)", seed))
        both = _load(layout.history(layout.reweighting(seed)), "reweighting", seed)
        started = 0.0
        for method in dict.fromkeys(row[0] for row in both.rows):
            own = [row for row in both.rows if row[0] == method]
            runs.append(Run(f"reweighting: {method}", seed, own, started))
            started = own[-1][2]
        runs += [_load(layout.history(layout.model(model, seed)), f"model {model}", seed) for model in study.models]
    order = list(dict.fromkeys(run.training for run in runs))
    return sorted(runs, key=lambda run: order.index(run.training))


def _load(path: str, training: str, seed: int) -> Run:
    try:
        with open(path, newline="") as file:
            found = list(csv.DictReader(file))
        run = Run(training, seed)
        for row in found:
            losses = {k: float(v) for k, v in row.items() if k not in ("stage", "step", "seconds") and v}
            run.rows.append((row["stage"], int(row["step"]), float(row["seconds"]), losses))
    except OSError as error:
        raise ArtifactError(f"{path}: training history is missing; run the stage that writes it") from error
    except (KeyError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: is not a training history ({error}); delete it and train again") from error
    return run


def draw(runs: list[Run]) -> Figure:
    """Figure of all runs, seeds on top of each other; call it inside ``style()``."""
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
        _mark_refinements(panel, own[0])
        panel.set_xlabel("epoch" if _refines(own[0]) else "step")
    for panel in axes[:, 0]:
        panel.set_ylabel("loss (nats)")
    for panel in axes.flat[len(shown) :]:
        panel.set_visible(False)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def _panels(runs: list[Run]) -> Iterator[tuple[str, list[str], list[Run]]]:
    """Title, columns and runs of each panel."""
    for training in dict.fromkeys(run.training for run in runs):
        own = [run for run in runs if run.training == training]
        if not training.startswith("model "):
            yield training, list(CURVES), own
            continue
        # With a frozen encoder the held-out objective is -log r and the cross-entropy cannot change: one curve says all.
        joint = any("cross_entropy" in losses for run in own for *_, losses in run.rows)
        yield training, [c for c in CURVES if c not in _APART and (joint or c != "held_out_neg_log_r")], own
        if joint:
            yield f"{training}, encoder", list(_APART), own


def _curve(panel: Axes, run: Run, name: str) -> dict:
    points = [(step, losses[name]) for _, step, _, losses in run.rows if name in losses]
    if not points or (name == "energy_residual" and not any(value for _, value in points)):
        return {}  # the energy-free network has no energy residual
    label, color, line = CURVES[name]
    (drawn,) = panel.plot(
        *zip(*points, strict=True), color=color, linestyle=line, linewidth=0.9, alpha=0.8, label=label
    )
    return {label: drawn}


def _refines(run: Run) -> bool:
    return any(stage.startswith("refinement") for stage, *_ in run.rows)


def _mark_refinements(panel: Axes, run: Run) -> None:
    """A line where frames were relabelled, for the first seed."""
    previous = None
    for stage, step, *_ in run.rows:
        if previous is not None and stage != previous:
            panel.axvline(step - 0.5, color="0.85", linewidth=0.6, zorder=-1)
        previous = stage


def rows(runs: list[Run]) -> Iterator[tuple]:
    """Rows of the CSV."""
    for run in runs:
        for stage, step, seconds, losses in run.rows:
            for name, value in losses.items():
                yield (run.training, run.seed, stage, step, seconds, name, value)
