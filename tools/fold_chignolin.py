"""Fold CLN025 (YYDPETGTWY) from the extended chain by restraints, let go, and write the structure that the package ships.

The restraints are what is published of its fold: a hairpin (strand pairs Tyr1-Tyr10, Tyr2-Trp9, Asp3-Thr8), hydrogen
bonds Asp3 N - Thr8 O and Asp3 O - Gly7 N, a turn with Gly7 left-handed, and Tyr2, Pro4 and Trp9 packed on one face
(doi:10.1021/ja8030533). No coordinates of any database enter.

    python tools/fold_chignolin.py --output src/thermolatent/systems/data/chignolin_folded.pdb
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import openmm as mm
from openmm import app, unit

from thermolatent import __version__
from thermolatent.systems.peptide import Peptide

#: Atom pairs and the largest distance (nm) without penalty. HB pairs of the strands, the turn, the hydrophobic face.
NEAR = [
    ("3 N", "8 O", 0.30), ("3 O", "7 N", 0.31), ("1 N", "10 O", 0.31), ("1 O", "10 N", 0.31),
    ("1 CA", "10 CA", 0.56), ("2 CA", "9 CA", 0.50), ("3 CA", "8 CA", 0.56), ("9 CD2", "4 CG", 0.50),
    ("9 CD2", "2 CG", 0.62), ("3 OD1", "6 N", 0.31),
]  # fmt: skip
#: phi and psi (degrees) of strands and turn.
TORSIONS = {
    2: (-115, 135), 3: (-90, 110), 4: (-60, -30), 5: (-75, -25), 6: (-105, 0), 7: (85, 10), 8: (-120, 140), 9: (-115, 130),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("--anneal", type=float, default=600.0, help="ps of annealing under restraints, in vacuum")
    parser.add_argument("--restrained", type=float, default=30.0, help="ps under restraints in implicit solvent")
    parser.add_argument("--free", type=float, default=30.0, help="ps without restraints in implicit solvent")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    vacuum = Folding("vacuum", arguments.seed)
    vacuum.context.setPositions(vacuum.built.starts["extended"])
    for share in np.linspace(0.0, 1.0, 60):  # from soft to stiff, hot at first
        vacuum.run(arguments.anneal / 60, min(1.0, 2 * share) ** 2, 600.0 - 300.0 * share)
    vacuum.report("in vacuum")
    solvated = Folding("implicit", arguments.seed)
    solvated.context.setPositions(vacuum.positions())
    mm.LocalEnergyMinimizer.minimize(solvated.context, 10.0, 200)
    solvated.run(arguments.restrained, 1.0, 300.0)
    solvated.report("restrained")
    for _ in range(3):
        solvated.run(arguments.free / 3, 0.0, 300.0)
        solvated.report("free")
    mm.LocalEnergyMinimizer.minimize(solvated.context, 1.0, 2000)
    solvated.report("minimised")
    positions = solvated.positions()
    with open(arguments.output, "w") as file:
        print(
            f"REMARK   1 CLN025 by thermolatent {__version__}, tools/fold_chignolin.py --seed {arguments.seed}",
            file=file,
        )
        print(
            "REMARK   1 from the extended chain by restraints on published contacts, in ff14SB/OBC2; then let",
            file=file,
        )
        print(f"REMARK   1 go for {arguments.free:g} ps at 300 K and minimised. A model, not an experiment.", file=file)
        app.PDBFile.writeModel(solvated.built.topology, (positions - positions.mean(axis=0)) * unit.nanometer, file)
        app.PDBFile.writeFooter(solvated.built.topology, file)


class Folding:
    """CLN025 with its restraints in vacuum or OBC2."""

    def __init__(self, solvent: str, seed: int):
        more = {"implicit": "obc2"} if solvent == "implicit" else {}
        self.built = Peptide(sequence="YYDPETGTWY", solvent=solvent, hydrogen_mass=3.0, **more).built
        add_restraints(self.built.system, self.built.topology)
        self.integrator = mm.LangevinMiddleIntegrator(300.0, 2.0, 0.003)
        self.integrator.setRandomNumberSeed(seed)
        platform = mm.Platform.getPlatformByName("CPU")
        self.context = mm.Context(self.built.system, self.integrator, platform, {"Threads": "1"})

    def run(self, ps: float, stiffness: float, kelvin: float) -> None:
        self.context.setParameter("k", 5000.0 * stiffness)
        self.context.setParameter("kt", 40.0 * stiffness)
        self.integrator.setTemperature(kelvin)
        self.integrator.step(round(ps / 0.003))

    def positions(self) -> np.ndarray:
        return self.context.getState(positions=True).getPositions(asNumpy=True)._value

    def report(self, what: str) -> None:
        """Print the distances of NEAR (nm) and the energy, restraints included."""
        positions, atoms = self.positions(), by_name(self.built.topology)
        distances = [f"{a}-{b} {np.linalg.norm(positions[atoms[a]] - positions[atoms[b]]):.2f}" for a, b, _ in NEAR]
        energy = self.context.getState(energy=True).getPotentialEnergy()._value
        print(f"{what}: {energy:.0f} kJ/mol; {', '.join(distances)}", flush=True)


def add_restraints(system: mm.System, topology: app.Topology) -> None:
    """Flat-bottomed distances and periodic torsions, with stiffness parameters k and kt."""
    atoms = by_name(topology)
    near = mm.CustomBondForce("0.5*k*max(0, r - r0)^2")
    near.addGlobalParameter("k", 0.0)
    near.addPerBondParameter("r0")
    for first, second, distance in NEAR:
        near.addBond(atoms[first], atoms[second], [distance])
    turn = mm.CustomTorsionForce("kt*(1 - cos(theta - theta0))")
    turn.addGlobalParameter("kt", 0.0)
    turn.addPerTorsionParameter("theta0")
    for residue, (phi, psi) in TORSIONS.items():
        backbone = [f"{residue - 1} C", f"{residue} N", f"{residue} CA", f"{residue} C", f"{residue + 1} N"]
        turn.addTorsion(*(atoms[name] for name in backbone[:4]), [math.radians(phi)])
        turn.addTorsion(*(atoms[name] for name in backbone[1:]), [math.radians(psi)])
    for residue in range(1, 10):  # peptide bonds stay trans while it is hot
        names = (f"{residue} CA", f"{residue} C", f"{residue + 1} N", f"{residue + 1} CA")
        turn.addTorsion(*(atoms[name] for name in names), [math.pi])
    system.addForce(near)
    system.addForce(turn)


def by_name(topology: app.Topology) -> dict[str, int]:
    return {f"{atom.residue.index + 1} {atom.name}": atom.index for atom in topology.atoms()}


if __name__ == "__main__":
    main()
