"""The stage ``featurize``: features, fixed plane and energies of one temperature, frame by frame aligned."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.featurize.base import NamedColumns, Particles, check_features, columns_on
from thermolatent.featurize.bath import bath_energies, coupled_degrees, coupling_log_weights
from thermolatent.featurize.settings import Inputs, Settings
from thermolatent.files.artifacts import load_array, load_json, new_array, replacing, save_array, save_json
from thermolatent.files.dcd import read_boxes, stream_positions
from thermolatent.files.paths import FrameFiles, MdFiles
from thermolatent.markov import Chains
from thermolatent.progress import progress
from thermolatent.systems.topologies import load_topology
from thermolatent.temperatures import format_temperature

if TYPE_CHECKING:
    import mdtraj

log = logging.getLogger(__name__)

#: Log-weight of a frame that counts nothing: its exponential is 0.
_NEVER = -1e3


def run(settings: Settings, inputs: Inputs, outputs: FrameFiles) -> None:
    """Compute ``features (walkers, frames, n)``, ``plane (walkers, frames, 2)`` and ``observables (walkers, frames, k)``, k
    may be 0, all float32, ``energies (walkers, frames)`` float64, kJ/mol, of weighted frames ``log_weights`` like them, and
    of reseeded MD the Markov states ``chains`` (of other frames, no numbers).

    Raises :class:`ArtifactError` if a trajectory is missing or truncated, or does not belong to the study.
    """
    md, temperature = inputs.md, settings.temperature
    protocol = load_json(md.protocol, "protocol of the MD")
    _check_protocol(settings, md.protocol, protocol)
    walkers, saved, frames = settings.walkers, settings.saved, settings.frames
    energies = load_array(md.energies, "energies of the MD")
    if energies.shape != (walkers, saved):
        raise ArtifactError(
            f"{md.energies}: has shape {energies.shape}, must be {(walkers, saved)}; "
            "delete it and run the stage simulate again"
        )
    section, topology = settings.featurize, settings.bare or load_topology(md.topology)
    if settings.bare is None:
        topology.molecules = protocol.get("molecules")
    check_features(section, topology)
    wanted = (section.features, section.plane, section.observables)
    features, plane, observables = kinds = [columns_on(f, topology) for f in wanted]
    with ExitStack() as renames:
        arrays = [
            new_array(renames.enter_context(replacing(path)), (walkers, frames, columns))
            for path, columns in (
                (outputs.features, len(features.names)),
                (outputs.plane, len(plane.names)),
                (outputs.observables, len(observables.names)),
            )
        ]
        what = f"features at T={format_temperature(temperature)}"
        for walker in progress(range(walkers), what):
            path, boxes, parts = _frames_of(md, walker, saved, frames, topology)
            for first, positions in parts:
                rows = slice(first, first + len(positions))
                for array, columns in zip(arrays, kinds, strict=True):
                    array[walker, rows] = columns.of(positions, None if boxes is None else boxes[rows])
                    if len(wrong := np.argwhere(~np.isfinite(array[walker, rows]))):
                        frame, column = wrong[0]
                        raise ArtifactError(
                            f"{path}: '{columns.names[column]}' of frame {first + frame} (from 0) is not a finite number; look "
                            "at that frame, or leave the feature out"
                        )
        for array in arrays:
            array.flush()
        energies = energies[:, :frames].astype(np.float64)
        log_weights = _md_log_weights(md.log_weights, protocol, frames)
        if (bath := section.bath) is not None:
            coupled = coupled_degrees(bath, plane.names, arrays[1])
            energies = energies + bath_energies(bath.degrees + coupled, temperature, protocol["kT"])
            if bath.coupled is not None:
                more = coupling_log_weights(coupled, temperature, bath.coupled.neutral)
                log_weights = more if log_weights is None else log_weights + more
        save_array(outputs.energies, energies)
        chains = Chains.of(arrays[0]) if settings.reseeded else None
        if chains is not None:
            log_weights = np.where(chains.counts > 0, np.log(np.maximum(chains.counts, 1e-300)), _NEVER)
            _tell(chains, what)
        save_array(outputs.chains, np.empty(0, np.int32) if chains is None else chains.states.astype(np.int32))
        save_array(outputs.log_weights, np.empty(0) if log_weights is None else log_weights)
    save_json(
        outputs.header,
        {
            "names": features.names,
            "periodic": list(features.periodic),
            "plane_names": plane.names,
            "plane_periodic": list(plane.periodic),
            "observable_names": observables.names,
            "observable_labels": [f.label for f in section.observables for _ in f.on(topology).names],
            "temperature": temperature,
            "kT": protocol["kT"],
            "walkers": walkers,
            "frames": frames,
            "frame_interval": protocol["save_every"] * protocol["time_step"],
            "heavy_atoms": _heavy_atoms(topology),
            **_continuity(settings, protocol),
            **({} if chains is None else {"chains_lag": chains.lag}),
        },
    )


def _tell(chains: Chains, what: str) -> None:
    """Log the Markov model; warn of frames that are not connected with the others."""
    lost = float((chains.counts[:, chains.lag :] == 0).mean())
    text = "%s: Markov model of %d states at a lag of %d frames, slowest timescale %.3g frames (%.3g at twice the lag)"
    log.info(text, what, len(chains.model.stationary), chains.lag, *chains.timescales())
    if lost > 0:
        log.warning("%s: %.2g of the frames have no way back to the others, and count nothing", what, lost)


def _continuity(settings: Settings, protocol: dict) -> dict:
    """Places of the walkers of imported MD in its files, and the number of frames between exchanges of replicas."""
    told = {}
    if settings.stride is not None:
        files, stride = list(dict.fromkeys(protocol["starts"])), settings.stride
        places = zip(protocol["starts"], protocol["first_frames"], strict=True)
        told["pieces"] = [[files.index(file), first // stride] for file, first in places]
        if settings.stretch is not None:
            told["stretch"] = settings.stretch
    elif protocol.get("continuous") is False:  # our own replica exchange tries after every saved frame
        told["stretch"] = 1
    return told


def _frames_of(
    md: MdFiles, walker: int, saved: int, frames: int, topology: Particles | NamedColumns | mdtraj.Topology
) -> tuple[str, np.ndarray | None, Iterable[tuple[int, np.ndarray]]]:
    """File of a walker, its boxes where it has any, and ``(first frame, positions or columns)`` of its first ``frames``."""
    if isinstance(topology, NamedColumns):
        columns = load_array(md.columns, "columns of the MD", mmap=True)
        if columns.shape[1:] != (saved, len(topology.names)):
            raise ArtifactError(
                f"{md.columns}: has shape {columns.shape}, must be walkers x {(saved, len(topology.names))}; delete it and run "
                "the stage simulate again"
            )
        return md.columns, None, [(0, columns[walker, :frames])]
    path = md.trajectories[walker]
    return path, read_boxes(path), stream_positions(path, saved, topology.n_atoms, most=frames)


def _heavy_atoms(topology: Particles | NamedColumns | mdtraj.Topology) -> int:
    """Number of heavy atoms of the solute; 0 without a topology. Water and single atoms (ions) are not solute."""
    if isinstance(topology, Particles | NamedColumns):
        return 0
    solute = [r for r in topology.residues if not r.is_water and r.n_atoms > 1]
    return sum(atom.element.symbol not in ("H", "D", "VS") for residue in solute for atom in residue.atoms)


def _md_log_weights(path: str, protocol: dict, frames: int) -> np.ndarray | None:
    """Log-weights of biased MD, ``(walkers, frames)`` float64; None for unbiased MD."""
    if not protocol.get("weighted", False):
        return None
    shape = (protocol["walkers"], protocol["frames"])
    found = load_array(path, "log-weights of the MD")
    if found.shape != shape or not np.isfinite(found).all():
        raise ArtifactError(
            f"{path}: must be {shape} finite numbers; delete the folder and run the stage simulate again"
        )
    return found[:, :frames].astype(np.float64)


def _check_protocol(settings: Settings, path: str, protocol: dict) -> None:
    wanted = {"system": settings.system, "walkers": settings.walkers, "frames": settings.saved}
    wanted["reseeded"] = settings.reseeded
    for key, value in wanted.items():
        if protocol.get(key, False) != value:
            raise ArtifactError(
                f"{path}: MD was run with {key} {protocol.get(key)}, the study says {value}; run the stage simulate again"
            )
