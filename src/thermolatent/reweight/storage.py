"""The file of a fitted :class:`~thermolatent.reweight.estimator.ConditionalReweighting`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import REMEDY, load_model, require_suffix, save_model
from thermolatent.reweight.design import Design, Half
from thermolatent.reweight.fitness import Soundness
from thermolatent.reweight.fitting import Summary
from thermolatent.reweight.influence import Partition
from thermolatent.reweight.solution import Solution, Solved

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting

KIND = "reweighting"
_HALF = ("frames", "columns", "places", "which", "counts", "thinned")
_DESIGN = ("cell_unit", "cell_state", "cell_which", "cell_chain")
_PARTITION = ("stratum", "home", "frames", "visit", "response")
_SOLVED = ("theta", "hessian", "precision", "scores")


def save(reweighting: ConditionalReweighting, path: str | Path) -> None:
    """Write it; raises :class:`ThermolatentError` for a name that does not end in ``.safetensors``."""
    import torch

    solution = reweighting._fitted
    require_suffix(path, ".safetensors")
    design, found = solution.design, solution.solved
    arrays: dict[str, np.ndarray] = {}
    for h, half in enumerate(design.halves):
        arrays |= {f"half{h}.{name}": getattr(half, name) for name in _HALF}
        arrays[f"half{h}.cells"] = np.array([piece.start for piece in half.cells])
    arrays |= {f"design.{name}": getattr(design, name) for name in _DESIGN}
    arrays |= {f"partition.{name}": getattr(solution.partition, name) for name in _PARTITION}
    arrays |= {f"solved.{name}": getattr(found, name) for name in _SOLVED}
    keys = sorted(found.unvisited)
    arrays["solved.unvisited_keys"] = np.array(keys, int).reshape(-1, 2)
    arrays["solved.unvisited"] = np.array([found.unvisited[key] for key in keys]).reshape(len(keys), len(found.theta))
    spec = {
        "heat_capacity": reweighting.heat_capacity,
        "network": reweighting.network,
        "seed": reweighting.seed,
        "temperatures": list(reweighting.temperatures),
        "k": reweighting.k,
        "state_names": list(reweighting.state_names),
        "shared_units": reweighting.shared_units,
        "summary": asdict(reweighting.summary),
        "energies": found.energies,
        "columns": [design.n_states, design.n_given, *design.n_network],
        "assessments": reweighting.assessments.to_dict("list"),
        "soundness": reweighting.soundness.table.to_dict("list"),
        "doubts": list(reweighting.soundness.doubts),
    }
    # Whole numbers in four bytes: there are fewer than 2^31 frames.
    small = {k: np.asarray(a, np.int32 if np.asarray(a).dtype.kind in "iu" else None) for k, a in arrays.items()}
    save_model(path, KIND, spec, {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in small.items()})


def load(cls: type[ConditionalReweighting], path: str | Path) -> ConditionalReweighting:
    """Read it; raises :class:`ArtifactError` for another file or version."""
    spec, arrays = load_model(path, KIND, framework="numpy")
    try:
        return _restored(cls, spec, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{path}: not a complete reweighting file of this thermolatent ({error}); {REMEDY}"
        ) from error


def _restored(
    cls: type[ConditionalReweighting], spec: dict[str, Any], arrays: dict[str, np.ndarray]
) -> ConditionalReweighting:
    halves, first = [], 0
    for h in range(len(spec["columns"]) - 2):
        own = {name: arrays[f"half{h}.{name}"] for name in _HALF}
        starts = arrays[f"half{h}.cells"].tolist()
        ends = [*starts[1:], len(own["frames"])]
        cells = [slice(a, b) for a, b in zip(starts, ends, strict=True)]
        own |= {name: own[name].astype(np.int64) for name in ("frames", "places", "which", "thinned")}
        halves.append(Half(**own, cells=cells, first_cell=first))
        first += len(cells)
    n_states, n_given, *n_network = spec["columns"]
    of_cells = {name: arrays[f"design.{name}"].astype(np.int64) for name in _DESIGN}
    design = Design(tuple(halves), n_states, n_given, tuple(n_network), **of_cells)
    partition = Partition(
        *(of_cells[name] for name in _DESIGN),
        *(arrays[f"partition.{name}"].astype(np.int64) for name in ("stratum", "home")),
        *(arrays[f"partition.{name}"] for name in ("frames", "visit", "response")),
    )
    keys = arrays["solved.unvisited_keys"].tolist()
    unvisited = {(k, s): score for (k, s), score in zip(keys, arrays["solved.unvisited"], strict=True)}
    found = Solved(
        **{name: arrays[f"solved.{name}"] for name in _SOLVED}, unvisited=unvisited, energies=spec["energies"]
    )
    result = cls(spec["heat_capacity"], spec["network"], spec["seed"])
    result.temperatures, result.k = tuple(spec["temperatures"]), spec["k"]
    result.state_names, result.shared_units = tuple(spec["state_names"]), spec["shared_units"]
    result.summary = Summary(**spec["summary"])
    result.assessments = pd.DataFrame(spec["assessments"])
    result.soundness = Soundness(pd.DataFrame(spec["soundness"]), tuple(spec["doubts"]))
    result._solution = Solution(1 / (result.k * np.asarray(result.temperatures)), design, partition, found)
    return result
