"""The topology of the saved particles, and whether a study's features are for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from thermolatent.artifacts import replacing
from thermolatent.config import Study
from thermolatent.systems.base import System


def write_topology(system: System, path: str) -> None:
    """PDB of one copy at its first start."""
    from openmm import app, unit

    topology, start = system.topology(), next(iter(system.starts().values()))
    with replacing(path) as temporary, temporary.open("w") as file:
        # PDBFile.writeFile also notes the date, and same runs should give same bytes
        app.PDBFile.writeModel(topology, start * unit.nanometer, file)
        app.PDBFile.writeFooter(topology, file)


def check_molecule(study: Study) -> None:
    """Build the study's molecule and see that its features are for it, before hours of MD are spent.

    Raises :class:`ThermolatentError`. A model system's features are checked with the study.
    """
    import mdtraj

    from thermolatent.featurize.base import check_features
    from thermolatent.simulate.molecules import molecule_system
    from thermolatent.systems.molecule import Molecule

    if not study.system.molecular:
        return
    for temperature in study.temperatures.simulated if isinstance(study.system, Molecule) else ():
        molecule_system(study.system, study.simulate, temperature)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "topology.pdb")
        write_topology(study.system, path)
        check_features(study.featurize, mdtraj.load_topology(path))
