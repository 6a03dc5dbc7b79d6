"""Proposals for a new study: features, plane, states, walkers, lengths, with the reasons for the comments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.init.composition import Composition, clusters, in_plane, sampled
from thermolatent.systems.base import System

#: Highest temperature (K) at which 4 fs with heavy hydrogens were stable in this project's runs; above, 3 fs.
_HOT = 500.0
#: By maximum number of residues: MD per temperature (ns), ps between frames, lag in frames.
_SAMPLING = ((1, 100.0, 1.0, 2), (5, 1000.0, 10.0, 10), (math.inf, 6400.0, 100.0, 20))
#: Equilibration, ns per walker: heating and the first relaxation.
_EQUILIBRATION = 1.0
#: Walkers: copies in one Context of a GPU; in explicit solvent; on cores.
_WALKERS = {"together": 64, "explicit": 16, "cores": 32}
#: Shortened MD keeps so many walkers: intervals need independent pieces.
_LEAST_WALKERS = 16
#: Approximate minimum of frames per walker of shortened MD.
_FRAMES = 2000
#: The states of a dipeptide in (phi, psi), radians.
_RAMACHANDRAN = {"beta": (-2.5, 2.7), "PII": (-1.25, 2.6), "alpha_R": (-1.2, -0.5), "alpha_L": (1.0, 0.7)}
#: Radii of gyration (nm) of N residues: folded (0.22 N^0.38, Skolnick, Kolinski and Ortiz, J. Mol. Biol. 265, 217, 1997) and
#: denatured (0.193 N^0.598, Kohn et al., PNAS 101, 12491, 2004).
_FOLDED, _DENATURED = (0.22, 0.38), (0.193, 0.598)
#: eRMSD of a folded state with thermal motion, and of a state without common pairs, as in studies/rna_tetraloop.yaml.
_THERMAL_ERMSD, _OPEN_ERMSD = 0.5, 1.5
#: Overlap of two unrelated structures of a chain, for an estimate of their RMSD.
_OVERLAP = 0.5


@dataclass
class Proposal:
    """Sections of a study; ``notes`` are the comments by key."""

    simulate: dict[str, Any]
    features: list[Any]
    plane: list[Any]
    observables: list[Any]
    lag: int
    states: dict[str, Any]
    initial: str = "plane"
    melting: str | None = None
    notes: dict[str, str] = field(default_factory=dict)


def propose(system: System, composition: Composition | None, temperatures: list[float], on_gpu: bool) -> Proposal:
    """A proposal for a system; ``composition`` is of a molecule. It does not depend on the machine's speed yet."""
    if composition is None:
        return _model_system(system)
    proposal = _features(system, composition)
    if system.kind != "trajectories":
        _lengths(proposal, system, composition, max(temperatures), on_gpu)
    return proposal


def _model_system(system: System) -> Proposal:
    """The settings of studies/lj7.yaml and three_hole.yaml, which explain them."""
    simulate: dict[str, Any] = {"walkers": 32, "frames": 6000, "save_every": 100, "equilibration": 50000}
    if system.kind == "three_hole":
        simulate |= {"walkers": 64, "frames": 15625, "save_every": 50, "equilibration": 40000, "time_step": 0.02}
        minima = {name: _rounded(positions[0, :2], 4) for name, positions in system.starts().items()}
        states = {"kind": "basins", "minima": minima}
        proposal = Proposal(simulate, ["position_xy"], ["position_xy"], [], 1, states)
        proposal.notes["states"] = "steepest descent in (x, y)"
        return proposal
    simulate["time_step"] = 0.005
    plane: list[Any] = ["coordination_moments"]
    centers = {name: _rounded(point, 3) for name, point in in_plane(system, plane).items()}
    proposal = Proposal(simulate, ["sorted_coordination"], plane, [], 1, {"kind": "nearest", "centers": centers})
    proposal.notes["states"] = "nearest of the starting structures in the plane; name those that matter to you"
    return proposal


def _features(system: System, composition: Composition) -> Proposal:
    n = composition.amino_acids
    if composition.nucleotides:
        return _nucleic(system)
    if n == 0:  # neither protein nor nucleic acid
        plane = [{"kind": "rmsd", "atoms": "all"}, "radius_of_gyration"]
        features: list[Any] = [{"kind": "distances", "pairs": [["not element H", "not element H"]]}]
        proposal = Proposal({}, features, plane, [], 2, {}, initial="tica")
        proposal.notes["features"] = (
            "all distances of heavy atoms; torsions by name are mostly better: docs/features.md"
        )
    elif n == 1:
        proposal = Proposal({}, ["backbone_torsions"], [{"kind": "backbone_torsions", "form": "angle"}], [], 2, {})
        proposal.notes["features"] = "sin and cos of phi and psi"
        proposal.notes["plane"] = "phi and psi, radians"
        proposal.states = {"kind": "nearest", "centers": {k: list(v) for k, v in _RAMACHANDRAN.items()}}
        proposal.notes["states"] = "nearest in (phi, psi), radians: the usual regions of the Ramachandran plot"
        proposal.observables = ["radius_of_gyration"]
        return proposal
    else:
        features = ["backbone_torsions", *(["ca_distances"] if n > 4 else [])]
        plane = [{"kind": "rmsd", "atoms": "name CA"} if n > 5 else "rmsd", "radius_of_gyration"]
        proposal = Proposal({}, features, plane, ["radius_of_gyration", "end_to_end"], 20, {}, initial="tica")
    where = "the structure in the topology file" if system.kind == "trajectories" else "the first starting structure"
    proposal.notes["plane"] = f"RMSD from {where}, and radius of gyration, both in nm"
    _shape_states(proposal, system, composition)
    return proposal


def propose_columns(system: System) -> Proposal:
    """A proposal for MD of which only columns are there, whose first two are the plane."""
    names = system.features[:2]
    angles = [name in system.periodic for name in names]
    if angles == [False]:
        raise ThermolatentError(f"system.features: {names[0]} is one column, the fixed plane needs two; add a column")
    angles = angles if len(names) == 2 else [False, False]  # sin and cos of the only one
    form = {"form": "angle"} if any(angles) else {}
    own = {} if names == system.features else {"names": names}
    plane = [{"kind": "columns", **own, **form}] if own or form else ["columns"]
    proposal = Proposal({}, ["columns"], plane, [], 2, {})
    proposal.notes["features"] = "all of system.features, periodic ones as sin and cos"
    _clustered_states(proposal, system, angles)
    return proposal


def _clustered_states(proposal: Proposal, system: System, periodic: Sequence[bool] = (False, False)) -> None:
    """States of existing MD: clusters of some of its frames."""
    centres = clusters(in_plane(system, proposal.plane, sampled(system)), periodic)
    distinct = dict.fromkeys(tuple(_rounded(centre, 3)) for centre in centres)
    named = {f"state_{letter}": list(centre) for letter, centre in zip("ABC", distinct, strict=False)}
    proposal.states = {"kind": "nearest", "centers": named}
    proposal.notes["states"] = "nearest in the plane: clusters of some frames of all temperatures, to be named by you"


def _nucleic(system: System) -> Proposal:
    first = next(iter(system.starts()))
    folded = first != "extended"  # for a sequence the fold is not known
    plane: list[Any] = ["ermsd", "radius_of_gyration"] if folded else ["radius_of_gyration", "end_to_end"]
    proposal = Proposal({}, ["g_vectors"], plane, ["radius_of_gyration", "end_to_end"], 20, {}, "tica")
    proposal.notes["features"] = "positions of the bases to each other"
    points = {name: point.astype(float) for name, point in in_plane(system, plane).items()}
    a, b = points[first]
    if folded:
        proposal.notes["plane"] = (
            "eRMSD from the first start (below 0.7: the same pairs and stacking), radius of gyration in nm"
        )
        name, centers = "folded", {"folded": [_THERMAL_ERMSD, b]}
        other, guess = "open", [_OPEN_ERMSD, 1.3 * b]
    else:
        proposal.notes["plane"] = "radius of gyration and distance of the ends, nm"
        name, centers = "extended", {"extended": [a, b]}
        other, guess = "compact", [0.6 * a, 0.4 * b]
    centers |= {k: list(p) for k, p in points.items() if k != first}
    if len(points) == 1:
        centers[other] = guess
    proposal.states = {"kind": "nearest", "centers": {k: _rounded(v, 2) for k, v in centers.items()}}
    _note_states(proposal, list(points) if len(points) > 1 else [name], other)
    proposal.melting = "folded" if folded else None
    return proposal


_GUESSED = (
    "nearest in the plane. {} Edit after the first MD: 'thermolatent states' proposes the minima of the plane; new centers "
    "repeat no MD and no training"
)


def _shape_states(proposal: Proposal, system: System, composition: Composition) -> None:
    """States by RMSD and radius of gyration: of known structures, and estimates from the theory of chains."""
    if system.kind == "trajectories":
        _clustered_states(proposal, system)
        return
    starts = {name: point.astype(float) for name, point in in_plane(system, proposal.plane).items()}
    first, (_, size) = next(iter(starts.items()))
    n = max(composition.amino_acids, 2)
    thermal = 0.1 if n <= 20 else 0.2
    folded, denatured = (a * n**b for a, b in (_FOLDED, _DENATURED))
    if first == "extended":  # for a sequence the fold is not known
        name, other, radius = "extended", "compact", folded
    else:
        name, other, radius = (
            "start",
            "unfolded",
            max(denatured, 1.2 * size),
        )  # whether it is folded is the user's to say
    centers = {name: [thermal, size]} | {k: list(p) for k, p in starts.items() if k != first}
    away = math.sqrt(max(radius**2 + size**2 - 2 * _OVERLAP * radius * size, 0.01))
    if len(starts) == 1:
        centers[other] = [away, radius]
    proposal.states = {"kind": "nearest", "centers": {k: _rounded(v, 2) for k, v in centers.items()}}
    _note_states(proposal, list(starts) if len(starts) > 1 else [name], other)
    proposal.melting = name if name == "start" and composition.amino_acids else None


def _note_states(proposal: Proposal, known: list[str], guessed: str) -> None:
    """The comment on the states: known structures, and the estimated one."""
    guess = f" '{guessed}' is a guess from the size of the chain." if len(known) == 1 else ""
    names = "', '".join(known)
    proposal.notes["states"] = _GUESSED.format(f"'{names}': structures that MD starts from.{guess}")


def _lengths(proposal: Proposal, system: System, composition: Composition, hottest: float, on_gpu: bool) -> None:
    explicit = system.surroundings == "explicit"
    size = composition.amino_acids or composition.residues
    total, interval, lag = next(row[1:] for row in _SAMPLING if size <= row[0])
    walkers = _WALKERS["explicit" if explicit else "together" if on_gpu else "cores"]
    time_step = min(0.003 if hottest > _HOT else 0.004, system.longest_time_step)
    proposal.lag = lag
    proposal.simulate = {
        "walkers": walkers,
        "frames": _nice(1000 * total / interval / walkers),
        "save_every": round(interval / time_step),
        "equilibration": round(1000 * _EQUILIBRATION / time_step),
        "time_step": time_step,
        "friction": 1.0,
    }
    if explicit:
        proposal.simulate["pressure"] = 1.0
    proposal.notes["time_step"] = (
        f"ps; 3 fs because of {hottest:g} K" if hottest > _HOT else "ps; the heavy hydrogens allow 4 fs"
    )


def length(simulate: dict[str, Any]) -> float:
    """Saved MD per temperature, ns."""
    return simulate["walkers"] * simulate["frames"] * simulate["save_every"] * simulate["time_step"] / 1000


def fit_to(proposal: Proposal, ns: float) -> None:
    """Shorten the MD to ``ns`` per temperature, with fewer walkers, a shorter frame interval and an adapted lag."""
    simulate = proposal.simulate
    walkers = min(simulate["walkers"], _LEAST_WALKERS)
    each = ns / walkers
    equilibration = min(simulate["equilibration"] * simulate["time_step"] / 1000, each / 10)
    wanted = simulate["save_every"] * simulate["time_step"]  # ps between frames
    interval = min(wanted, 1000 * each / _FRAMES)
    save_every = max(1, _nice(interval / simulate["time_step"]))
    frames = max(100, _nice(1000 * each / (save_every * simulate["time_step"])))
    proposal.simulate = simulate | {
        "walkers": walkers,
        "frames": frames,
        "save_every": save_every,
        "equilibration": _nice(1000 * equilibration / simulate["time_step"]),
    }
    proposal.lag = max(1, min(round(proposal.lag * wanted / interval), frames // 20))


def cut_into_walkers(lengths: list[int]) -> dict[str, int]:
    """Walkers and frames of existing MD, about 20 blocks, from the ``lengths`` of its files at a temperature."""
    total = sum(lengths)
    walkers = max(len(lengths), min(20, total // 100), 2)
    frames = min(total // walkers, max(lengths))
    while frames > 2 and sum(n // frames for n in lengths) < walkers:
        frames -= max(1, frames // 100)
    return {"walkers": walkers, "frames": frames}


def _nice(value: float) -> int:
    """Two significant digits."""
    value = max(1.0, value)
    digits = 1 - math.floor(math.log10(value))
    return int(round(value, digits))


def _rounded(values: Any, digits: int) -> list[float]:
    return [round(float(v), digits) + 0.0 for v in np.asarray(values, float)]
