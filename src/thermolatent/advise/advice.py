"""Advice for a study: its present error by part, the options with their costs, and which is the cheapest that reaches a goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermolatent.advise.expected import Expectation
from thermolatent.advise.options import Md, Option, check_new, interval_of, new_temperatures, options
from thermolatent.advise.want import Want, read_want
from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.artifacts import load_json
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.influence import Parts
from thermolatent.study.jobs import training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

#: Factor from the training temperatures beyond which a temperature has another unit, and expected errors mean nothing.
_FAR = 10.0


@dataclass(frozen=True)
class Advice:
    """What is known, and what could be done.

    Attributes
    ----------
    want, within: the share, and how far the ends of its 95 % interval may be from the value.
    value, half, farther: the share, half of its interval, and its farther end's distance.
    parts: half of the interval by each cause alone, largest first.
    doubts: why the state is not assessable so far; empty if it is.
    options: in ascending order of cost; none if the goal is reached.
    """

    want: Want
    within: float
    value: float
    half: float
    farther: float
    parts: dict[str, float]
    doubts: list[str]
    options: list[Option]

    @property
    def cheapest(self) -> Option | None:
        """The cheapest option that reaches the goal."""
        return next((option for option in self.options if option.farther <= self.within), None)


def advise(
    study: Study, layout: Layout, want: str, within: float, temperatures: Sequence[float] | None = None
) -> Advice:
    """Advice from the files of the stages ``featurize`` and ``reweight``.

    Parameters
    ----------
    want: ``STATE at TEMPERATURE``.
    temperatures: new ones to consider; default: the asked one, and the middles between it and the training ones.

    Raises :class:`ThermolatentError` for an unknown state, one that no frame visits, a temperature that is trained, and
    :class:`ArtifactError` if ``reweight`` has not run at all training temperatures.
    """
    files = training_frames(study, layout)
    if missing := [p for p in (*(one.header for one in files.values()), layout.reweighting) if not Path(p).is_file()]:
        raise ArtifactError(f"{missing[0]}: is missing; write it: thermolatent run {study.name} --until reweight")
    frames = load_frames(files)
    reweighting = ConditionalReweighting.load(layout.reweighting, frames)
    wanted = read_want(want, reweighting.state_names, study.temperatures)
    s = reweighting.state_names.index(wanted.state)
    if not (reweighting.states == s).any():
        raise ThermolatentError(
            f"--want: no frame of the training MD is in '{wanted.state}', so what more MD is worth cannot be known; start "
            "walkers in it, or look at validate.states"
        )
    trained = reweighting.temperatures
    if not min(trained) / _FAR <= wanted.temperature <= max(trained) * _FAR:
        raise ThermolatentError(
            f"--want: {wanted.temperature:g} is far from the MD, at {min(trained):g} to {max(trained):g}; is it in the same unit?"
        )
    reduced = study.system.temperature_unit == "reduced"
    check_new(temperatures or [], trained)
    energies = frames.flat(frames.energies) if frames.has_energies else None
    expectation = Expectation(reweighting, energies)
    values, parts = expectation.present(wanted.temperature)
    half, farther = interval_of(values, parts, s)
    failed = reweighting.assessments.query("state == @wanted.state and not assessable")
    doubts = [f"{row.reason}: {row.remedy}" for row in failed.itertuples()]
    found = []
    if farther > within:
        judges = study.temperatures.reference  # they stay what predictions are judged by, unless named
        new = temperatures or [T for T in new_temperatures(trained, wanted.temperature, reduced) if T not in judges]
        found = options(expectation, wanted, within, _md(study, layout, frames), new)
    causes = _causes(parts, s, trained, expectation.solution.partition.home)
    return Advice(wanted, within, float(values[s]), half, farther, causes, doubts, found)


def _causes(parts: Parts, s: int, trained: Sequence[float], home: np.ndarray) -> dict[str, float]:
    """Half of the s-th interval by each cause alone, sampling by temperature."""
    quantile, found = float(np.broadcast_to(parts.quantile, parts.form.shape)[s]), {}
    for k, T in enumerate(trained):
        found[f"sampling at {T:g}"] = quantile * float(parts.sampling[home == k, s].sum()) ** 0.5
    found["temperature form"] = quantile * float(parts.form[s]) ** 0.5
    found["few visits"] = quantile * float(parts.visits[s]) ** 0.5
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _md(study: Study, layout: Layout, frames: Frames) -> Md:
    """How the study's MD is run, and how fast, by the protocols of the training temperatures."""
    header = load_json(layout.features_header(frames.temperatures[0]), "features' header")
    speeds = []
    for T in frames.temperatures:
        try:
            protocol = load_json(layout.protocol(T), "protocol of the MD")
        except ArtifactError:
            continue
        if rate := protocol.get("walker_steps_per_second"):
            speeds.append(rate / protocol["save_every"])
    simulate = study.simulate
    return Md(
        walkers=frames.n_walkers,
        frames={T: frames.shape(T)[1] for T in frames.temperatures},
        interval=header["frame_interval"],
        equilibration=simulate.equilibration / simulate.save_every,
        frames_per_second=float(np.median(speeds)) if speeds else None,
        reseedable=getattr(study.system, "surroundings", "") != "explicit",
    )
