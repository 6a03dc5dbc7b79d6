"""Topology file of the saved particles."""

from __future__ import annotations

from thermolatent.systems.base import System
from thermolatent.systems.topologies import from_openmm, split_chains, write_pdb


def write_topology(system: System, path: str) -> None:
    """PDB of one copy at its first start, with the residue numbers, insertion codes and chain ids of the user's files."""
    start = next(iter(system.starts().values()))
    write_pdb(path, split_chains(from_openmm(system.topology())), start[None])
