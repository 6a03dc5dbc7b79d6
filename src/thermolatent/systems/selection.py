"""Atoms by mdtraj's selection language, and how an atom is written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    import mdtraj


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


def atom_label(atom: mdtraj.core.topology.Atom) -> str:
    """``ALA2-CA``."""
    return f"{residue_label(atom.residue)}-{atom.name}"


def residue_label(residue: mdtraj.core.topology.Residue) -> str:
    """``ALA2``; ``ALA2:B`` where there are several chains."""
    return f"{residue.name}{residue.resSeq}{_chain(residue)}"


def numbered_label(atom: mdtraj.core.topology.Atom) -> str:
    """``CA2``: for atoms that are one per residue."""
    return f"{atom.name}{atom.residue.resSeq}{_chain(atom.residue)}"


def _chain(residue: mdtraj.core.topology.Residue) -> str:
    if residue.chain.topology.n_chains == 1:
        return ""
    return f":{getattr(residue.chain, 'chain_id', None) or chr(ord('A') + residue.chain.index % 26)}"
