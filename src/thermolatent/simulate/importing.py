"""Import of existing MD as walkers: the stage simulate of ``system: {kind: trajectories}`` and ``{kind: colvar}``.

Each file is cut into contiguous blocks of ``simulate.frames`` frames; a walker is one block. Of more blocks than the study has
walkers, evenly spaced ones are taken.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from thermolatent.errors import ArtifactError, reason
from thermolatent.files.artifacts import FORMAT_VERSION, new_array, save_array, save_json
from thermolatent.files.dcd import box_vectors, write_trajectories
from thermolatent.files.paths import MdFiles, in_ascii
from thermolatent.imported.by_system import energy_function
from thermolatent.imported.examination import with_interval
from thermolatent.imported.volumes import pV_of_boxes
from thermolatent.progress import progress
from thermolatent.simulate.contents import Contents
from thermolatent.simulate.convergence import compare_starts, not_compared, warn_if_unconverged
from thermolatent.simulate.settings import Settings, Simulate
from thermolatent.simulate.topology import write_topology
from thermolatent.systems.bonds import molecules_of
from thermolatent.systems.existing import ExistingMd
from thermolatent.systems.trajectories import Trajectories
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Bytes of positions read at once.
_CHUNK_BYTES = 32 * 2**20
#: Frames of each file that ``check`` looks at.
SAMPLED = 100


@dataclass(frozen=True)
class _Arrays:
    """Positions ``(walkers, frames, particles, 3)`` in angstrom, unit cells ``(walkers, frames, 6)`` in angstrom and degrees, and
    energies ``(walkers, frames)`` in kJ/mol."""

    positions: np.ndarray
    cells: np.ndarray
    energies: np.ndarray


def run(settings: Settings, outputs: MdFiles, identity: dict[str, Any]) -> None:
    """Write trajectories and topology, or columns; energies (NaN if unknown), log-weights of biased MD, protocol.

    Raises :class:`ThermolatentError` for files that contradict each other, or have too few frames.
    """
    system, started = with_interval(settings.system), time.monotonic()
    simulate, temperature = settings.simulate, settings.temperature
    if not system.columns:
        _check_atoms(system)
    contents = Contents.of(system, simulate, temperature)
    if contents.columns is None:
        about = _import_positions(system, simulate, temperature, contents, outputs)
        write_topology(system, outputs.topology)
    else:
        about = {"periods": contents.periods}
        save_array(outputs.columns, contents.columns)
    save_array(outputs.energies, contents.energies)
    if contents.log_weights is not None:
        save_array(outputs.log_weights, contents.log_weights)
    starts = [block.label for block in contents.blocks]
    told = {
        **identity,
        "starts": starts,
        "first_frames": [block.first for block in contents.blocks],
        **about,
        "time_step": system.saved_interval,
        "convergence": _convergence(system, contents.energies, starts, temperature),
        "steps": simulate.frames,
        "walker_steps_per_second": 0,
        "wall_seconds": round(time.monotonic() - started, 3),
    }
    save_json(outputs.protocol, told)


def _check_atoms(system: Trajectories) -> None:
    """Refuse an invalid selection, and warn of water."""
    if len(system.kept) == system.all_atoms.n_atoms and any(r.is_water for r in system.all_atoms.residues):
        log.warning("water is kept, which makes large files; write system.atoms: not water")


def _import_positions(
    system: Trajectories, simulate: Simulate, temperature: float, contents: Contents, outputs: MdFiles
) -> dict[str, Any]:
    """Write the walkers' trajectories, and complete ``contents.energies``; returns what the protocol says of them."""
    paths, blocks, energies = system.at(temperature), contents.blocks, contents.energies
    partial = Path(f"{outputs.folder}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    shape = (simulate.walkers, simulate.frames, system.n_particles, 3)
    positions = new_array(partial / "angstrom.npy", shape)
    cells = new_array(partial / "cells.npy", (*shape[:2], 6))
    arrays = _Arrays(positions, cells, energies)
    compute = _energy_function(system)
    for index in progress(range(len(paths)), f"files at T={format_temperature(temperature)}"):
        mine = {walker: block.first for walker, block in enumerate(blocks) if block.file == index}
        _import_file(system, paths[index], contents.totals[index], mine, arrays, compute)
    has_cell = _have_cells(cells, temperature)
    if system.energies is not None:
        volumes = _volumes(cells) if has_cell else np.zeros(energies.shape)
        energies += pV_of_boxes(system.energies, volumes, contents.volumes_seen, temperature)
    begins = [round(time / system.saved_interval) for time in contents.begins]
    write_trajectories(
        outputs.trajectories,
        positions.swapaxes(0, 1),
        1,
        system.saved_interval,
        begins,
        cells.swapaxes(0, 1) if has_cell else None,
    )
    shutil.rmtree(partial)
    return {"molecules": molecules_of(system.all_atoms)[system.kept].tolist()} if has_cell else {}


def import_identity(system: ExistingMd, settings: Simulate, temperature: float) -> dict[str, Any]:
    """Everything that determines the frames, including sizes and times of the files."""
    return {
        "format": FORMAT_VERSION,
        "system": system.model_dump(mode="json"),
        "temperature": temperature,
        "kT": system.kT(temperature),
        "walkers": settings.walkers,
        "frames": settings.frames,
        "save_every": 1,
        "platform": "imported",
        "openmm": "not used",
        "energies": system.has_energies,
        "weighted": system.weighted,
        **({"columns": list(system.columns)} if system.columns else {}),
        "centroid_removed": False,
        "residue_numbers": "of the files",
        "inputs": [
            [path, Path(path).stat().st_size, Path(path).stat().st_mtime_ns] for path in system.input_files(temperature)
        ],
    }


def _import_file(
    system: Trajectories,
    path: str,
    total: int,
    blocks: dict[int, int],
    arrays: _Arrays,
    compute: Callable[[mdtraj.Trajectory], np.ndarray] | None,
) -> None:
    """Check one file's frames and copy its blocks, ``{walker: first frame}``, into ``arrays``; compute energies where asked."""
    length, read = arrays.energies.shape[1], system.read
    kept = np.searchsorted(read, system.kept)
    walker_of, first_of = np.full(total, -1), np.zeros(total, int)
    for walker, first in blocks.items():
        used = first + system.stride * np.arange(length)
        walker_of[used], first_of[used] = walker, first
    for start, part in _chunks(system, path, total, None if compute is not None else read):
        index = start + np.flatnonzero(walker_of[start : start + len(part)] >= 0)
        place = walker_of[index], (index - first_of[index]) // system.stride
        whole = system.checked(path, start, part if compute is None else part.atom_slice(read))
        if compute is not None and len(index):
            arrays.energies[place] = compute(part[index - start])
        arrays.positions[place] = whole.xyz[(index - start)[:, None], kept] * np.float32(10.0)
        if whole.unitcell_lengths is not None:
            arrays.cells[(*place, slice(0, 3))] = whole.unitcell_lengths[index - start] * np.float32(10.0)
            arrays.cells[(*place, slice(3, 6))] = whole.unitcell_angles[index - start]


def _energy_function(system: Trajectories) -> Callable[[mdtraj.Trajectory], np.ndarray] | None:
    """The function that recomputes energies, if the study asks for it."""
    return energy_function(system) if system.energies is not None and system.energies.system_xml else None


def sampled_positions(system: Trajectories, temperature: float, most: int = SAMPLED) -> np.ndarray:
    """Positions ``(n, n_particles, 3)`` in nm of frames spread over each file, ``most`` of each, checked as the import does.

    Raises :class:`ArtifactError` for a frame that the import would refuse, or whose energy cannot be computed.
    """
    read, found = system.read, []
    kept = np.searchsorted(read, system.kept)
    compute = _energy_function(system)
    for path in system.at(temperature):
        for number, frame in _sampled(system, path, most):
            if compute is not None and number == 0:
                compute(frame)
            found.append(system.checked(path, number, frame.atom_slice(read)).xyz[:, kept])
    return np.concatenate(found)


def _sampled(system: Trajectories, path: str, most: int) -> Iterator[tuple[int, mdtraj.Trajectory]]:
    """``(number, frame)`` of the first, the last and frames evenly between them, ``most`` in all, with all their atoms.

    Raises :class:`ArtifactError` for a file that cannot be read, or ends before its last frame.
    """
    number = 0
    try:
        with in_ascii(path) as name, mdtraj.open(name) as file:
            total = len(file)
            for number in np.unique(np.linspace(0, total - 1, min(most, total)).round().astype(int)).tolist():
                file.seek(number)
                # to the end of the file, where the rest of a truncated frame would be
                frame = file.read_as_traj(system.all_atoms, n_frames=None if number == total - 1 else 1)
                if len(frame) != 1:
                    raise EOFError("the file ends")
                yield number, frame
    except (OSError, RuntimeError, EOFError) as error:
        raise ArtifactError(
            f"{path}: frame {number} (from 0) cannot be read ({reason(error)}); is it cut off?"
        ) from None


def _chunks(
    system: Trajectories, path: str, total: int, atoms: np.ndarray | None
) -> Iterator[tuple[int, mdtraj.Trajectory]]:
    """``(first frame, frames)`` of a file, of these atoms or of all."""
    chunk = max(1, _CHUNK_BYTES // (12 * system.all_atoms.n_atoms))
    seen = 0
    try:
        with in_ascii(path) as name:
            for part in mdtraj.iterload(name, top=system.all_atoms, chunk=chunk, atom_indices=atoms):
                yield seen, part
                seen += len(part)
    except (OSError, RuntimeError, EOFError) as error:
        raise ArtifactError(f"{path}: cannot be read after frame {seen} ({reason(error)}); is it cut off?") from None
    if seen != total:
        raise ArtifactError(f"{path}: has {seen} frames, its header promises {total}; is it cut off?")


def _have_cells(cells: np.ndarray, temperature: float) -> bool:
    """Whether the frames have unit cells; raises :class:`ArtifactError` if only some have."""
    has = cells[..., 0] > 0
    if has.any() and not has.all():
        raise ArtifactError(
            f"system.files: of those at {format_temperature(temperature)} some have unit cells and some have not; write files "
            "that all have them, or none"
        )
    return bool(has.any())


def _volumes(cells: np.ndarray) -> np.ndarray:
    """Volumes ``(walkers, frames)`` in nm^3 of unit cells."""
    rows = np.reshape(cells, (-1, 6)).astype(np.float64)
    boxes = box_vectors(0.1 * rows[:, :3], np.cos(np.radians(rows[:, 3:])))
    return boxes.diagonal(axis1=1, axis2=2).astype(np.float64).prod(axis=1).reshape(cells.shape[:2])


def _convergence(system: ExistingMd, energies: np.ndarray, starts: list[str], temperature: float) -> dict[str, Any]:
    """Comparison of the mean energies of the files; unknown without energies, or of frames that do not count alike."""
    if system.has_energies and not system.weighted:
        result = compare_starts(energies, starts)
        warn_if_unconverged(result, format_temperature(temperature))
        return result
    if not system.has_energies:
        log.warning(
            "no energies: the curvature of free energies in temperature is left to the prior of heat capacities; intervals are "
            "wider"
        )
    return not_compared(starts)
