"""Energies of existing trajectories, recomputed with the user's System."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mdtraj
import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.systems.trajectories import Trajectories


def energy_function(system: Trajectories) -> Callable[[mdtraj.Trajectory], np.ndarray]:
    """Potential energies (kJ/mol) of frames with all atoms, by the study's System on the fastest platform."""
    import openmm as mm

    from thermolatent.systems.platforms import gpu_platform

    path = system.energies.system_xml
    try:
        made = mm.XmlSerializer.deserialize(Path(path).read_text())
    except (mm.OpenMMException, ValueError, TypeError) as error:
        raise ArtifactError(
            f"{path}: is not an OpenMM System ({error}); write the XML of XmlSerializer.serialize(system)"
        ) from None
    if not isinstance(made, mm.System) or made.getNumParticles() != system.all_atoms.n_atoms:
        count = made.getNumParticles() if isinstance(made, mm.System) else "no"
        raise ArtifactError(f"{path}: has {count} particles, system.topology has {system.all_atoms.n_atoms} atoms")
    name = gpu_platform() or ("CPU" if made.getNumParticles() > 200 else "Reference")
    platform = mm.Platform.getPlatformByName(name)
    properties = {"Precision": "double"} if "Precision" in platform.getPropertyNames() else {}
    context = mm.Context(made, mm.VerletIntegrator(0.001), platform, properties)

    def energies(part: mdtraj.Trajectory) -> np.ndarray:
        if made.usesPeriodicBoundaryConditions() and part.unitcell_vectors is None:
            raise ArtifactError(f"{path}: is periodic, the trajectories have no box; write files that have one")
        found = np.empty(len(part))
        for i in range(len(part)):
            if part.unitcell_vectors is not None:
                context.setPeriodicBoxVectors(*part.unitcell_vectors[i].astype(float))
            context.setPositions(part.xyz[i].astype(np.float64))
            found[i] = context.getState(energy=True).getPotentialEnergy()._value
        return found

    return energies
