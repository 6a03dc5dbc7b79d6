"""Checks of a study's molecule and its features, before hours of MD."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.featurize.base import check_features, columns_on, without_topology
from thermolatent.simulate.topology import write_topology
from thermolatent.states.centers import check_angles, check_reached
from thermolatent.study.study import Study
from thermolatent.systems.topologies import load_topology


def check_molecule(study: Study) -> None:
    """Build the study's molecule and compute its features on the starting structures; raises :class:`ThermolatentError`."""
    from thermolatent.simulate.molecules import molecule_system
    from thermolatent.systems.molecule import Molecule

    for temperature in study.temperatures.simulated if isinstance(study.system, Molecule) else ():
        molecule_system(study.system, study.simulate, temperature)
    topology = _topology(study)
    check_features(study.featurize, topology)
    if not study.system.columns:
        starts = np.stack(list(study.system.starts().values()))
        columns_on(study.featurize.all_features, topology).compute(starts)
    check_angles(study.validate_.states, columns_on(study.featurize.plane, topology).periodic)


def check_files(study: Study) -> None:
    """Read what existing MD says before all frames are read, and frames spread over each file, as the import will.

    A system that is simulated has no such files. Raises :class:`ThermolatentError`.
    """
    if not study.system.existing:
        return
    from thermolatent.simulate.contents import Contents
    from thermolatent.simulate.importing import sampled_positions

    positions = {}
    for temperature in study.temperatures.simulated:
        columns = Contents.of(study.system, study.simulate, temperature).columns
        if columns is None:
            positions[temperature] = sampled_positions(study.system, temperature)
        else:
            positions[temperature] = columns.reshape(-1, columns.shape[-1])
    training = np.concatenate([positions[T] for T in study.temperatures.train])
    columns = columns_on(study.featurize.plane, _topology(study))
    check_reached(study.validate_.states, columns.compute(training), columns.periodic)


def _topology(study: Study) -> Any:
    """What features are made on: the topology as it will be written."""
    if (bare := without_topology(study.system)) is not None:
        return bare
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "topology.pdb")
        write_topology(study.system, path)
        return load_topology(path)
