"""Folding by restraints: what the tools that make the shipped structures share."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import openmm as mm
from openmm import app, unit

from thermolatent.systems.chain import discharge
from thermolatent.systems.molecule import Molecule

#: Two atoms, "3 N" being N of the third residue, and the largest distance (nm) without penalty.
Near = tuple[str, str, float]
#: Four atoms and the torsion (degrees) that they are drawn to.
Turn = tuple[tuple[str, str, str, str], float]
#: Stiffness of both at full strength, kJ/mol/nm^2 and kJ/mol.
NEAR, TURN = 5000.0, 40.0
TIME_STEP = 0.003  # ps


class Folding:
    """A molecule with flat-bottomed distances and periodic torsions, whose strength is set while it runs."""

    def __init__(self, molecule: Molecule, seed: int, near: list[Near], turns: Iterable[Turn], charged: bool = True):
        self.topology, self.starts = molecule.topology(), molecule.starts()
        system = mm.XmlSerializer.clone(molecule.built.system)
        if not charged:
            discharge(system)
        self.near, self.atoms = near, {f"{a.residue.index + 1} {a.name}": a.index for a in self.topology.atoms()}
        distances = mm.CustomBondForce("0.5*k*max(0, r - r0)^2")
        distances.addGlobalParameter("k", 0.0)
        distances.addPerBondParameter("r0")
        for first, second, distance in near:
            distances.addBond(self.atoms[first], self.atoms[second], [distance])
        torsions = mm.CustomTorsionForce("kt*(1 - cos(theta - theta0))")
        torsions.addGlobalParameter("kt", 0.0)
        torsions.addPerTorsionParameter("theta0")
        for names, degrees in turns:
            torsions.addTorsion(*(self.atoms[name] for name in names), [math.radians(degrees)])
        system.addForce(distances)
        system.addForce(torsions)
        self.integrator = mm.LangevinMiddleIntegrator(300.0, 2.0, TIME_STEP)
        self.integrator.setRandomNumberSeed(seed)
        self.context = mm.Context(system, self.integrator, mm.Platform.getPlatformByName("CPU"), {"Threads": "1"})

    def run(self, ps: float, strength: float, kelvin: float) -> None:
        """Dynamics with restraints of this strength, from 0 to 1."""
        self.context.setParameter("k", NEAR * strength)
        self.context.setParameter("kt", TURN * strength)
        self.integrator.setTemperature(kelvin)
        self.integrator.step(round(ps / TIME_STEP))

    def positions(self) -> np.ndarray:
        return self.context.getState(positions=True).getPositions(asNumpy=True)._value

    def report(self, what: str) -> None:
        """Print the restrained distances (nm) and the energy, restraints included."""
        positions = self.positions()
        distances = [
            f"{a}-{b} {np.linalg.norm(positions[self.atoms[a]] - positions[self.atoms[b]]):.2f}"
            for a, b, _ in self.near
        ]
        energy = self.context.getState(energy=True).getPotentialEnergy()._value
        print(f"{what}: {energy:.0f} kJ/mol; {', '.join(distances)}", flush=True)

    def write(self, path: str, remarks: list[str]) -> None:
        """The structure, its centre at the origin, below lines that say how it was made."""
        positions = self.positions()
        with open(path, "w") as file:
            for remark in remarks:
                print(f"REMARK   1 {remark}", file=file)
            app.PDBFile.writeModel(self.topology, (positions - positions.mean(axis=0)) * unit.nanometer, file)
            app.PDBFile.writeFooter(self.topology, file)
