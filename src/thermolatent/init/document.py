"""The text of a new study file: the proposal, with comments on the reasons for each choice and on when to change it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from thermolatent.init.proposal import Proposal, length
from thermolatent.rates import duration_of_md
from thermolatent.systems.kinds import EXISTING
from thermolatent.yaml_text import dump_yaml, flow

#: The whole workflow in minutes for any molecule: few frames, no relabelling, tiny networks.
_SMOKE = """\
scales:
  smoke: # the whole workflow in minutes, before days are spent; its numbers mean nothing
    {simulate}
    representation: {{lag: 1, epochs: 5, refinements: 0, initial_labels: 6, batch_size: 64, learning_rate: 5.0e-3}}
    learn: {{steps: 100, evaluate_every: 50, batch_size: 128}}
    generate: {{samples: 1000, {structures}grid: 3}}
    validate: {{bins: 20, bootstrap: 10}}
"""
_MODEL = """\
models:
  # benchmarks/results/comparison.md says which density to choose; several models are compared
  latf:
    density: {kind: flow, transform: spline, base: tilted, tau: 2.0, couplings: 6, width: 32, bins: 16}
    temperature: [steer, condition]
    informed: true # by reweighted frames between the training temperatures
    encoder: frozen
"""


def write_document(
    name: str,
    command: str,
    section: Mapping[str, Any],
    temperatures: Mapping[str, list[float]],
    proposal: Proposal,
    cost: list[str],
    smoke_frames: int = 60,
) -> str:
    """YAML with comments; ``cost``: lines about time and disk; ``smoke_frames``: frames of a walker at scale smoke."""
    notes = proposal.notes
    existing = section["kind"] in EXISTING
    reduced = section["kind"] in ("lj_cluster", "three_hole")
    solvated = section.get("solvent") in ("implicit", "explicit")
    unit = "reduced units" if reduced else "kelvin"
    train, predict = temperatures["train"], temperatures["predict"]
    out = [f"# Written by: {command}", "# Check it: thermolatent check " + name]
    out += [f"# Try it: thermolatent run {name} --scale smoke"]
    out += [f"# Run it: thermolatent run {name}"]
    out += [f"description: {_description(section, train, unit)}", *_system(section)]
    out += ["temperatures:", f"  train: {flow(train)} # {unit}: {'the MD' if existing else 'MD'} to learn from"]
    if solvated and len(train) < 3:
        middle = round(sum(train) / len(train))
        out.append(f"  # three are worth their cost for anything solvated, e.g. with {middle}:")
        out.append("  # benchmarks/results/extrapolation.md")
    out.append(f"  predict: {flow(predict)} # the ensembles you want")
    judged = temperatures.get("reference", [])
    why = "where there are trajectories" if existing else "where MD is run as well, each at the cost of one of train"
    out.append(f"  reference: {flow(judged)} # those of predict {why}, to judge by")
    out += [f"# {line}" for line in cost]
    out += ["simulate:", *_simulate(proposal, existing, reduced)]
    out += ["featurize:", _noted(f"  features: {flow(proposal.features)}", notes.get("features"))]
    out.append(_noted(f"  plane: {flow(proposal.plane)}", notes.get("plane")))
    out.append(
        f"  observables: {flow(proposal.observables)} # their means at every temperature; all features: docs/features.md"
    )
    out.append(
        "# lag in frames: longer than motions inside a state, shorter than the states live; edit after the first MD"
    )
    out.append(f"representation: {{latent_dim: 2, lag: {proposal.lag}, beta_ib: 1.0e-4, initial: {proposal.initial}}}")
    out.append(_MODEL.rstrip("\n"))
    out += ["validate:", *_states(proposal)]
    if proposal.melting and len(train) + len(predict) >= 3:
        out.append(f"  melting: {proposal.melting} # two-state fit of this state's population: Tm, dH, dS")
    walkers = 2 if section.get("solvent") == "explicit" else max(2, min(4, proposal.simulate["walkers"]))
    smoke: dict[str, Any] = {"walkers": walkers, "frames": smoke_frames}
    if not existing:
        smoke |= {"save_every": 2 if not reduced else proposal.simulate["save_every"], "equilibration": 20}
    structures = "" if section["kind"] == "colvar" else "structures: 10, "
    out.append(_SMOKE.format(simulate=f"simulate: {flow(smoke)}", structures=structures).rstrip("\n"))
    return "\n".join(out) + "\n"


def _description(section: Mapping[str, Any], train: list[float], unit: str) -> str:
    names = ", ".join(map(str, section.get("features", [])))
    what = section.get("sequence") or section.get("file") or section.get("topology") or names or section["kind"]
    around = {"implicit": " in implicit solvent", "explicit": " in explicit water", "vacuum": " in vacuum"}
    at = " and ".join(f"{t:g}" for t in train) if len(train) == 2 else ", ".join(f"{t:g}" for t in train)
    tail = "T = " + at if unit == "reduced units" else f"{at} K"
    return dump_yaml(f"{what}{around.get(section.get('solvent', ''), '')}, learned at {tail}", width=1000).splitlines()[
        0
    ]


def _system(section: Mapping[str, Any]) -> list[str]:
    """The section ``system``: one line, or one line per temperature for existing MD."""
    if section["kind"] not in EXISTING:
        line = f"system: {flow(dict(section))}"
        return [f"{line} # keys: docs/systems.md", *_solvent_note(section)]
    out, notes = ["system:"], {"frame_interval": "ps between frames", "periodic": "see that these are the angles"}
    for key, value in section.items():
        if key == "files":
            out += ["  files:", *(f"    {t:g}: {flow(paths)}" for t, paths in value.items())]
        else:
            out.append(_noted(f"  {key}: {flow(value)}", notes.get(key)))
    if "energies" not in section and section["kind"] == "trajectories":
        out.append("  # with potential energies reweighting is exact where they overlap, and models learn from them:")
        out += ["  # energies: {files: {...}}, one file per trajectory (docs/trajectories.md)"]
    return out


def _solvent_note(section: Mapping[str, Any]) -> list[str]:
    if section.get("solvent") == "implicit":
        return [
            "# Implicit solvent is quick but makes salt bridges too strong; for water: init with --solvent explicit"
        ]
    return []


def _simulate(proposal: Proposal, existing: bool, reduced: bool) -> list[str]:
    simulate = proposal.simulate
    if existing:
        return [
            f"  {flow(simulate)[1:-1]}".replace(", ", "\n  ")
            + " # the files are cut into so many blocks of so many frames"
        ]
    interval = simulate["save_every"] * simulate["time_step"]
    ps = f"{interval:g} time units" if reduced else f"{interval / 1000:g} ns" if interval >= 100 else f"{interval:g} ps"
    relax = simulate["equilibration"] * simulate["time_step"]
    notes = {
        "walkers": "independent copies, a trajectory each",
        "frames": "per walker" + ("" if reduced else f"; {duration_of_md(length(simulate))} of MD per temperature"),
        "save_every": f"steps, {ps}",
        "equilibration": f"steps, {relax:g} time units"
        if reduced
        else f"steps, {relax / 1000:g} ns, heating among them",
        "pressure": "bar, constant: reweighting uses U + pV; or 'volume: NM3' in its place, the same at all temperatures",
        "friction": "1/ps",
    } | proposal.notes
    return [_noted(f"  {key}: {flow(value)}", notes.get(key)) for key, value in simulate.items()]


def _states(proposal: Proposal) -> list[str]:
    key = "minima" if proposal.states["kind"] == "basins" else "centers"
    out = [f"  # {line}" for line in textwrap.wrap(proposal.notes.get("states", ""), 110)]
    out += ["  states:", f"    kind: {proposal.states['kind']}", f"    {key}:"]
    return out + [f"      {name}: {flow(point)}" for name, point in proposal.states[key].items()]


def _noted(line: str, note: str | None) -> str:
    return f"{line} # {note}" if note else line
