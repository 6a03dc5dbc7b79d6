"""What the features of molecules share: atoms by mdtraj's selection language, labels for plots, a native structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    import mdtraj

    from thermolatent.featurize.base import Particles

#: float32 values that a feature holds for one block of frames, at the most: 64 MB.
_BLOCK_VALUES = 2**24


def require_molecule(kind: str, topology: Particles | mdtraj.Topology) -> mdtraj.Topology:
    """The topology; raises :class:`ThermolatentError` for a model system, which has bare particles."""
    if not hasattr(topology, "residues"):
        raise ThermolatentError(f"{kind}: is for molecules, the system has bare particles; write another feature")
    return topology


def select(kind: str, key: str, topology: mdtraj.Topology, selection: str) -> np.ndarray:
    """Atoms of a selection in mdtraj's language; raises :class:`ThermolatentError` if it cannot be read or is empty."""
    try:
        atoms = topology.select(selection)
    except Exception as error:  # mdtraj's parser raises many kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ThermolatentError(
            f"{kind}.{key}: '{selection}' is no selection of mdtraj ({reason}); write e.g. 'name CA and resSeq 2 to 9'"
        ) from None
    if len(atoms) == 0:
        residues = ", ".join(residue_label(r) for r in list(topology.residues)[:6])
        raise ThermolatentError(f"{kind}.{key}: '{selection}' selects no atom; residues are {residues}, ...")
    return atoms


def residue_label(residue: mdtraj.core.topology.Residue) -> str:
    """``ALA2``; ``ALA2:B`` where there are several chains."""
    return f"{residue.name}{residue.resSeq}{_chain(residue)}"


def atom_label(atom: mdtraj.core.topology.Atom) -> str:
    """``ALA2-CA``."""
    return f"{residue_label(atom.residue)}-{atom.name}"


def numbered_label(atom: mdtraj.core.topology.Atom) -> str:
    """``CA2``: for atoms that are one per residue."""
    return f"{atom.name}{atom.residue.resSeq}{_chain(atom.residue)}"


def _chain(residue: mdtraj.core.topology.Residue) -> str:
    if residue.chain.topology.n_chains == 1:
        return ""
    return f":{getattr(residue.chain, 'chain_id', None) or chr(ord('A') + residue.chain.index % 26)}"


def in_blocks(
    compute: Callable[[mdtraj.Trajectory], np.ndarray], topology: mdtraj.Topology, values_per_frame: int = 1
) -> Callable[[np.ndarray], np.ndarray]:
    """Columns ``(frames, n)`` of positions from a function of an mdtraj Trajectory, in blocks that bound its memory."""
    import mdtraj

    block = max(1, _BLOCK_VALUES // max(1, values_per_frame))

    def columns(positions: np.ndarray) -> np.ndarray:
        positions = np.asarray(positions, dtype=np.float32)
        starts = range(0, max(1, len(positions)), block)
        parts = [compute(mdtraj.Trajectory(positions[first : first + block], topology)) for first in starts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return columns


def first_start(topology: mdtraj.Topology) -> np.ndarray | None:
    """The study's first starting structure ``(n_atoms, 3)`` in nm, known once MD has been run: see featurize/stage.py."""
    return getattr(topology, "start", None)


def load_native(kind: str, path: str) -> mdtraj.Trajectory:
    """First frame of a structure file; raises :class:`ThermolatentError`."""
    import mdtraj

    if not Path(path).is_file():
        raise ThermolatentError(f"{kind}.to: there is no file {path}; write the path of a PDB file")
    try:
        return mdtraj.load(path)[0]
    except Exception as error:  # mdtraj's readers raise many kinds
        raise ThermolatentError(
            f"{kind}.to: {path} cannot be read as a structure ({error}); write a PDB file"
        ) from None


def matching_atoms(
    kind: str, native: mdtraj.Topology, native_atoms: Iterable[int], own: mdtraj.Topology, atoms
) -> None:
    """Raise :class:`ThermolatentError` unless the two lists of atoms have the same names in the same order."""
    theirs = [native.atom(int(i)) for i in native_atoms]
    ours = [own.atom(int(i)) for i in atoms]
    for a, b in zip(ours, theirs, strict=False):
        if a.name != b.name:
            raise ThermolatentError(
                f"{kind}.to: its atom {atom_label(b)} stands where the system has {atom_label(a)}; "
                f"write a structure of this molecule, or {kind}.atoms that both have in one order"
            )
    if len(theirs) != len(ours):
        raise ThermolatentError(
            f"{kind}.to: it has {len(theirs)} of the atoms, the system has {len(ours)}; write a structure of this molecule, "
            f"or {kind}.atoms that both have"
        )
