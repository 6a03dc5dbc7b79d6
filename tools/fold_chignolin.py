"""Fold CLN025 (YYDPETGTWY) from the extended chain by restraints, let go, and write the structure that the package ships.

The restraints are what is published of its fold: a hairpin (strand pairs Tyr1-Tyr10, Tyr2-Trp9, Asp3-Thr8), hydrogen
bonds Asp3 N - Thr8 O and Asp3 O - Gly7 N, a turn with Gly7 left-handed, and Tyr2, Pro4 and Trp9 packed on one face
(doi:10.1021/ja8030533). No coordinates of any database enter.

    python tools/fold_chignolin.py --output src/thermolatent/systems/data/chignolin_folded.pdb
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import openmm as mm

from folding import Folding, Turn
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

    vacuum = folding("vacuum", arguments.seed)
    vacuum.context.setPositions(vacuum.starts["extended"])
    for share in np.linspace(0.0, 1.0, 60):  # from soft to stiff, hot at first
        vacuum.run(arguments.anneal / 60, min(1.0, 2 * share) ** 2, 600.0 - 300.0 * share)
    vacuum.report("in vacuum")
    solvated = folding("implicit", arguments.seed)
    solvated.context.setPositions(vacuum.positions())
    mm.LocalEnergyMinimizer.minimize(solvated.context, 10.0, 200)
    solvated.run(arguments.restrained, 1.0, 300.0)
    solvated.report("restrained")
    for _ in range(3):
        solvated.run(arguments.free / 3, 0.0, 300.0)
        solvated.report("free")
    mm.LocalEnergyMinimizer.minimize(solvated.context, 1.0, 2000)
    solvated.report("minimised")
    remarks = [
        f"CLN025 by thermolatent {__version__}, tools/fold_chignolin.py --seed {arguments.seed}",
        "from the extended chain by restraints on published contacts, in ff14SB/OBC2; then let",
        f"go for {arguments.free:g} ps at 300 K and minimised. A model, not an experiment.",
    ]
    solvated.write(arguments.output, remarks)


def folding(solvent: str, seed: int) -> Folding:
    """CLN025 with its restraints in vacuum or OBC2."""
    more = {"implicit": "obc2"} if solvent == "implicit" else {}
    peptide = Peptide(sequence="YYDPETGTWY", solvent=solvent, hydrogen_mass=3.0, **more)
    return Folding(peptide, seed, NEAR, turns())


def turns() -> Iterator[Turn]:
    for residue, (phi, psi) in TORSIONS.items():
        backbone = (f"{residue - 1} C", f"{residue} N", f"{residue} CA", f"{residue} C", f"{residue + 1} N")
        yield backbone[:4], phi
        yield backbone[1:], psi
    for residue in range(1, 10):  # peptide bonds stay trans while it is hot
        yield (f"{residue} CA", f"{residue} C", f"{residue + 1} N", f"{residue + 1} CA"), 180.0


if __name__ == "__main__":
    main()
