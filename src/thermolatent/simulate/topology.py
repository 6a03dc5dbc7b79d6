"""The topology of the saved particles, and whether a study's features are for it."""

from __future__ import annotations

from thermolatent.files.artifacts import replacing
from thermolatent.systems.base import System


def write_topology(system: System, path: str) -> None:
    """PDB of one copy at its first start."""
    from openmm import app, unit

    topology, start = system.topology(), next(iter(system.starts().values()))
    with replacing(path) as temporary, temporary.open("w") as file:
        # PDBFile.writeFile also notes the date, and same runs should give same bytes
        app.PDBFile.writeModel(topology, start * unit.nanometer, file)
        app.PDBFile.writeFooter(topology, file)
