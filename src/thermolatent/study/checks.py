"""Whether a study's molecule can be built and its features are for it, asked before hours of MD are spent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.featurize.base import Particles, check_features, columns_on

if TYPE_CHECKING:
    from thermolatent.study.study import Study


def check_molecule(study: Study) -> None:
    """Build the study's molecule and compute its features on the starting structures, before hours of MD are spent.

    A model system needs no building; its features are computed all the same. Raises :class:`ThermolatentError`.
    """
    from thermolatent.simulate.molecules import molecule_system
    from thermolatent.simulate.topology import write_topology
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
