"""The topology of the saved particles, and whether a study's features are for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

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
    """Build the study's molecule and compute its features on the starting structures, before hours of MD are spent.

    A model system needs no building; its features are computed all the same. Raises :class:`ThermolatentError`.
    """
    from thermolatent.featurize.base import Particles, check_features, columns_on
    from thermolatent.simulate.molecules import molecule_system
    from thermolatent.systems.molecule import Molecule

    for temperature in study.temperatures.simulated if isinstance(study.system, Molecule) else ():
        molecule_system(study.system, study.simulate, temperature)
    starts = np.stack(list(study.system.starts().values()))
    topology = Particles(study.system.n_particles)
    if study.system.molecular:
        import mdtraj

        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "topology.pdb")
            write_topology(study.system, path)
            topology = mdtraj.load_topology(path)
        topology.start = starts[0].astype(np.float32)
    check_features(study.featurize, topology)
    columns_on(study.featurize.all_features, topology).compute(starts)
