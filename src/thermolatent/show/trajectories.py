"""Trajectories and structures, with the topology that opens them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thermolatent.errors import ArtifactError
from thermolatent.show.places import header_beside, size_text, temperature_text, titled


def show_trajectory(path: Path) -> list[str]:
    """A DCD file: frames, atoms, and how to open it."""
    import mdtraj

    try:
        with _silent(), mdtraj.open(str(path)) as file:
            frames = len(file)
            xyz = file.read(n_frames=1)[0]
    except Exception as error:  # mdtraj's readers raise many kinds
        raise ArtifactError(
            f"{path}: cannot be read as a DCD trajectory ({error}); delete it and run its stage again"
        ) from None
    generated = path.parent.parent.parent.name == "generate"
    what = (
        "frames of the training MD, drawn by their weight at this temperature"
        if generated
        else "trajectory of one walker"
    )
    lines = [
        titled(path, what),
        f"  {_count(frames, 'frame')} of {_count(xyz.shape[1], 'atom')}, angstrom, {size_text(path.stat().st_size)}",
    ]
    header = header_beside(path, "protocol.json")
    if header:
        interval = header["save_every"] * header["time_step"]
        unit = "time units" if header["kT"] == header["temperature"] else "ps"
        lines.append(f"  at {temperature_text(header)}, frames {interval:g} {unit} apart")
        if frames != header["frames"]:
            raise ArtifactError(
                f"{path}: has {frames} frames, its protocol says {header['frames']}; run simulate again"
            )
    topology = _topology(path)
    if topology is None:
        return [*lines, "  no topology.pdb found for it"]
    found = mdtraj.load_topology(str(topology))
    if found.n_atoms != xyz.shape[1]:
        raise ArtifactError(f"{path}: has {xyz.shape[1]} atoms, {topology} has {found.n_atoms}; run its stage again")
    return [*lines, f"  open it: mdtraj.load('{path}', top='{topology}'), or vmd {topology} {path}"]


def show_structure(path: Path) -> list[str]:
    """A PDB file: models, residues, atoms."""
    import mdtraj

    try:
        loaded = mdtraj.load(str(path))
    except Exception as error:  # mdtraj's readers raise many kinds
        raise ArtifactError(f"{path}: cannot be read as a PDB file ({error})") from None
    names = [residue.name for residue in loaded.topology.residues]
    shown = "-".join(names[:20]) + ("-..." if len(names) > 20 else "")
    what = "topology and first structure of MD" if path.name == "topology.pdb" else "structure"
    if path.name.endswith(".medoids.pdb"):
        what = "one structure per named state, the middle one at this temperature"
    return [titled(path, what), f"  {_count(len(loaded), 'model')} of {_count(loaded.n_atoms, 'atom')}: {shown}"]


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


@contextmanager
def _silent() -> Iterator[None]:
    """Standard output of C code, of mdtraj's DCD reader, goes nowhere."""
    sys.stdout.flush()
    before, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(nowhere)


def _topology(path: Path) -> Path | None:
    """The topology of a trajectory: beside it, or of any temperature of the study's MD."""
    if (beside := path.with_name("topology.pdb")).is_file():
        return beside
    root = path.parent.parent.parent.parent
    return next(iter(sorted(root.glob("simulate/T*/topology.pdb"))), None)
