"""Energies and weights of existing trajectories: out of column files, or computed anew with the user's System."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mdtraj
import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.simulate.columns import KCAL, read_column
from thermolatent.systems.trajectories import ColumnFiles, Trajectories


def energy_rows(system: Trajectories, temperature: float, totals: list[int]) -> list[np.ndarray]:
    """Energies of the frames used of each file, kJ/mol; NaN where there are none, or none yet.

    ``totals`` counts the frames in each trajectory file. Raises :class:`ArtifactError` for another number of energies.
    """
    if system.energies is None or system.energies.system_xml:
        return [np.full(n, np.nan)[:: system.stride] for n in totals]
    return _rows(system, system.energies, "energies", temperature, totals)


def log_weight_rows(system: Trajectories, temperature: float, totals: list[int]) -> list[np.ndarray] | None:
    """bias / kT of the frames used of each file, the largest being 0; None of MD without a bias."""
    if (source := system.log_weights) is None:
        return None
    kT = system.kT(temperature)
    per_kT = {"kJ/mol": 1 / kT, "kcal/mol": KCAL / kT, "kT": 1.0}[source.unit]
    rows = [per_kT * values for values in _rows(system, source, "log_weights", temperature, totals)]
    highest = max(values.max() for values in rows)
    return [values - highest for values in rows]


def _rows(system: Trajectories, source: ColumnFiles, key: str, T: float, totals: list[int]) -> list[np.ndarray]:
    found = []
    for path, trajectory, total in zip(system.at(T, key), system.at(T), totals, strict=True):
        values = read_column(path, source.column)
        fitting = values[source.skip :: source.every]
        if len(fitting) != total:
            raise ArtifactError(
                f"{path}: has {len(values)} rows, {len(fitting)} of them with skip: {source.skip} and every: {source.every}, "
                f"for {total} frames of {trajectory}; {_suggestion(len(values), total, f'system.{key}')}"
            )
        found.append(fitting[:: system.stride])
    return found


def _suggestion(rows: int, frames: int, where: str) -> str:
    for skip in (0, 1):
        every = max(1, round((rows - skip) / frames))
        if len(range(skip, rows, every)) == frames:
            return f"write {where}.skip: {skip} and {where}.every: {every}"
    return (
        f"write {where}.skip (rows before the first frame) and {where}.every (rows per frame), or the file of this run"
    )


def energy_function(system: Trajectories) -> Callable[[mdtraj.Trajectory], np.ndarray]:
    """Potential energies (kJ/mol) of frames with all atoms, by the study's System on the fastest platform."""
    import openmm as mm

    from thermolatent.systems.platforms import gpu_platform

    path = system.energies.system_xml
    try:
        made = mm.XmlSerializer.deserialize(Path(path).read_text())
    except (mm.OpenMMException, ValueError, TypeError) as error:
        raise ArtifactError(
            f"{path}: is no OpenMM System ({error}); write the XML of XmlSerializer.serialize(system)"
        ) from None
    if not isinstance(made, mm.System) or made.getNumParticles() != system.all_atoms.n_atoms:
        count = made.getNumParticles() if isinstance(made, mm.System) else "no"
        raise ArtifactError(f"{path}: has {count} particles, system.topology has {system.all_atoms.n_atoms} atoms")
    name = gpu_platform() or ("CPU" if made.getNumParticles() > 200 else "Reference")
    platform = mm.Platform.getPlatformByName(name)
    properties = {"Precision": "double"} if "Precision" in platform.getPropertyNames() else {}
    context = mm.Context(made, mm.VerletIntegrator(0.001), platform, properties)

    def energies(part: mdtraj.Trajectory) -> np.ndarray:
        if made.usesPeriodicBoundaryConditions() and part.unitcell_vectors is None:
            raise ArtifactError(f"{path}: is periodic, the trajectories have no box; write files that have one")
        found = np.empty(len(part))
        for i in range(len(part)):
            if part.unitcell_vectors is not None:
                context.setPeriodicBoxVectors(*part.unitcell_vectors[i].astype(float))
            context.setPositions(part.xyz[i].astype(np.float64))
            found[i] = context.getState(energy=True).getPotentialEnergy()._value
        return found

    return energies
