"""The command ``init``: check the arguments, propose a study, measure the speed, write the file and check it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import replacing
from thermolatent.files.disk import size_text
from thermolatent.init.composition import Composition, compose
from thermolatent.init.document import write_document
from thermolatent.init.given import (
    columns_section,
    read_assignments,
    read_temperatures,
    study_name,
    system_of,
    system_section,
    trajectories_section,
    with_middle,
    with_solvent,
)
from thermolatent.init.proposal import Proposal, cut_into_walkers, fit_to, length, propose, propose_columns
from thermolatent.parsing import parse
from thermolatent.rates import duration_of_md, short, wall_time
from thermolatent.simulate.settings import Simulate
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.systems.base import System
from thermolatent.yaml_text import flow, load_yaml

#: Days of MD that a proposal may take on this machine.
DAYS = 2.0
#: A GPU is advised where the MD would take so many times as long.
_MUCH = 1.5
#: Duration of the speed measurement, seconds.
PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """Arguments of ``thermolatent init``; its ``--help`` explains them."""

    what: str | None = None
    train: list[float] | None = None
    predict: list[float] | None = None
    topology: str | None = None
    trajectories: list[str] | None = None
    energies: list[str] | None = None
    columns: list[str] | None = None
    frame_interval: float | None = None
    solvent: str | None = None
    system: Sequence[str] = ()
    name: str | None = None
    studies: str = "studies"
    force: bool = False
    no_probe: bool = False

    def target(self, section: Mapping[str, Any]) -> Path:
        """The file to write."""
        path = Path(self.studies) / f"{study_name(self.name, section)}.yaml"
        if path.exists() and not self.force:
            raise ThermolatentError(f"{path}: exists already; write --name another, or --force to overwrite it")
        return path


def run(asked: Request) -> Path:
    """Write ``<studies>/<name>.yaml`` and return its path; raises :class:`ThermolatentError` before anything is written."""
    if asked.trajectories or asked.topology or asked.energies or asked.columns:
        return _from_files(asked)
    if asked.what is None:
        raise ThermolatentError(
            "give a PDB or mmCIF file, a sequence (GYDPETGTWG), a model system's name, --topology with --trajectories, or "
            "--columns"
        )
    if not asked.train:
        raise ThermolatentError("--train: is missing; write the temperatures of the training MD, e.g. --train 340 440")
    temperatures = read_temperatures(asked.train, asked.predict)
    section = system_section(asked.what, asked.solvent, read_assignments(asked.system))
    path = asked.target(section)
    system = _checked(system_of(section), temperatures)
    composition = None
    if system.molecular:
        _say(f"{asked.what}: building it")
        plain = section if "solvent" in section else section | {"solvent": "vacuum"}
        composition = compose(system_of(plain))
        section = with_solvent(section, composition.nucleotides > 0, composition.amino_acids)
        system = system_of(section)
        _say(_what(composition, section))
        if section["solvent"] == "explicit" and len(set(temperatures["train"])) == 2:
            temperatures = read_temperatures(with_middle(temperatures["train"]), asked.predict)
            _say(
                f"three training temperatures, {flow(temperatures['train'])}: water leaves two undecided (docs/choosing.md)"
            )
    from thermolatent.systems.platforms import gpu_platform

    on_gpu = system.molecular and gpu_platform() is not None
    proposal = propose(system, composition, [t for ts in temperatures.values() for t in ts], on_gpu)
    cost = ["The cost of the MD was not measured (--no-probe)."]
    if not asked.no_probe:
        cost = _cost(system, composition, proposal, temperatures["train"])
    text = write_document(path.stem, _command(), section, temperatures, proposal, cost)
    return _write(path, text)


def _from_files(asked: Request) -> Path:
    if asked.what is not None:
        raise ThermolatentError(
            f"'{asked.what}' cannot be combined with --topology and --trajectories, or --columns; leave it out"
        )
    keys = read_assignments(asked.system)
    if asked.columns:
        if other := [o for o in ("topology", "trajectories", "energies") if getattr(asked, o)]:
            raise ThermolatentError(f"--{other[0]}: is not for --columns, whose files have all columns; leave it out")
        section = columns_section(asked.columns, asked.frame_interval, keys)
    elif not (asked.topology and asked.trajectories):
        missing = "--trajectories 340=a.xtc,b.xtc 440=c.xtc" if asked.topology else "--topology my.pdb"
        raise ThermolatentError(f"existing MD needs --topology and --trajectories; add {missing}")
    else:
        section = trajectories_section(asked.topology, asked.trajectories, asked.energies, asked.frame_interval, keys)
    train = asked.train or list(section["files"])
    if wrong := [t for t in train if t not in section["files"]]:
        raise ThermolatentError(f"--train: there are no files at {wrong[0]:g}; add them, or leave it out")
    temperatures = read_temperatures(train, asked.predict)
    temperatures["reference"] = [t for t in temperatures["predict"] if t in section["files"]]
    path = asked.target(section)
    system = _checked(system_of(section), temperatures)
    if not asked.columns and "atoms" not in section and any(residue.is_water for residue in system.all_atoms.residues):
        section["atoms"] = "protein" if any(r.is_protein for r in system.all_atoms.residues) else "not water"
        system = system_of(section)
        _say(f"water in the topology: only '{section['atoms']}' is kept (system.atoms)")
    from thermolatent.imported.examination import times_of, with_interval

    used, system = temperatures["train"] + temperatures["reference"], with_interval(system)
    lengths = {t: [times_of(system, p).frames for p in section["files"][t]] for t in used}
    if asked.columns:
        proposal = propose_columns(system)
    else:
        composition = compose(system)
        _say(_what(composition, section))
        proposal = propose(system, composition, used, False)
    cuts = [cut_into_walkers(n) for n in lengths.values()]
    proposal.simulate = {key: min(cut[key] for cut in cuts) for key in ("walkers", "frames")}
    proposal.lag = max(1, min(proposal.lag, proposal.simulate["frames"] // 20))
    if system.stretch is not None:
        proposal.lag = max(1, min(proposal.lag, ceil(system.stretch) - 1))
    frames = ", ".join(f"{sum(n)} at {t:g}" for t, n in lengths.items())
    smoke = min(60, proposal.simulate["frames"])
    text = write_document(path.stem, _command(), section, temperatures, proposal, [f"Frames: {frames}."], smoke)
    return _write(path, text)


def _checked(system: System, temperatures: Mapping[str, list[float]]) -> System:
    """The system, after a check of its temperatures."""
    step = {"frames": 2, "time_step": 1e-6}
    system.check_simulate(Simulate(**step), [t for ts in temperatures.values() for t in ts])
    return system


def _what(composition: Composition, section: Mapping[str, Any]) -> str:
    parts = [
        f"{count} {name}{'s' * (count != 1)}"
        for count, name in ((composition.amino_acids, "amino acid"), (composition.nucleotides, "nucleotide"))
        if count
    ]
    around = {"implicit": "implicit solvent", "explicit": "explicit water", "vacuum": "vacuum"}.get(
        section.get("solvent", "")
    )
    return f"{', '.join(parts) or 'no amino acids'}, {composition.atoms} atoms{f', in {around}' if around else ''}"


def _cost(system: System, composition: Composition | None, proposal: Proposal, train: list[float]) -> list[str]:
    """Lines about the cost of the MD on this machine; shortens MD that would take longer than :data:`DAYS`."""
    from thermolatent.simulate.speed import measure

    _say(f"measuring the speed for {PROBE_SECONDS:g} seconds")
    speed = measure(system, parse(Simulate, proposal.simulate, "simulate"), min(train), PROBE_SECONDS)
    rounds = -(-len(train) // min(speed.jobs, len(train)))  # temperatures run in parallel, one per core
    where = f"{speed.platform}, {'one core' if speed.jobs > 1 or speed.share < 1 else 'one job'} per temperature"
    if composition is None:
        simulate = proposal.simulate
        steps = simulate["walkers"] * (simulate["frames"] * simulate["save_every"] + simulate["equilibration"])
        lines = [
            f"MD: {wall_time(steps / speed.walker_steps_per_second / 86400 * rounds)} for all of train on this machine "
            f"({where}: {short(speed.walker_steps_per_second)} walker-steps/s)."
        ]
    else:
        wanted, days = length(proposal.simulate), _days(proposal, speed.ns_per_day, rounds)
        if days > DAYS:
            fit_to(proposal, DAYS / rounds * speed.ns_per_day)
        cut = _days(proposal, speed.ns_per_day, rounds)
        lines = [f"MD: {wall_time(cut)} for all of train on this machine ({where}: {short(speed.ns_per_day)} ns/day)."]
        if days > DAYS:
            lines.append(
                f"It was shortened to {DAYS:g} days here, {duration_of_md(length(proposal.simulate))} per temperature; this "
                f"molecule needs about {duration_of_md(wanted)} ({wall_time(days)} here)."
            )
        if days > _MUCH * DAYS:
            lines.append("So use a GPU (thermolatent doctor); the report says whether this is enough.")
        simulate = proposal.simulate
        size = 12 * composition.atoms * simulate["walkers"] * simulate["frames"]
        lines.append(f"Disk: {size_text(size)} of trajectories per temperature.")
    if speed.share < 0.7:
        lines.append(f"(The measurement got {speed.share:.0%} of a core; times are for idle cores.)")
    return lines


def _days(proposal: Proposal, ns_per_day: float, rounds: int) -> float:
    simulate = proposal.simulate
    relax = simulate["walkers"] * simulate["equilibration"] * simulate["time_step"] / 1000
    return rounds * (length(simulate) + relax) / ns_per_day


def _write(path: Path, text: str) -> Path:
    """Write a study file after checking it, at both its scales."""
    content = load_yaml(text)
    scales = content.pop("scales")
    parse(Study, {**content, "name": path.stem}, str(path))
    with replacing(path) as temporary:
        temporary.write_text(text)
    load_study(f"{path.stem}@{next(iter(scales))}", path.parent)
    return path


def _command() -> str:
    return shlex.join(["thermolatent", *sys.argv[1:]])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
