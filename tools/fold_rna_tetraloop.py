"""Fold ggcGCAAgcc from the A-form strand by restraints, let go, and write the structure that the package ships.

The restraints are what is published of hairpins with a GNRA loop: Watson-Crick pairs g1-c10, g2-c9 and c3-g8, A-form torsions
in the stem and on the 3' side of the loop, the sheared pair G4-A7 with its bond to the phosphate, the bond from the 2' OH of
G4 to N7 of A6, and C5, A6, A7 stacked on g8 (doi:10.1006/jmbi.1996.0690). No coordinates of any database enter.

    python tools/fold_rna_tetraloop.py --output src/thermolatent/systems/data/rna_tetraloop_folded.pdb
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import mdtraj
import numpy as np
import openmm as mm

from folding import Folding, Near, Turn
from thermolatent import __version__
from thermolatent.featurize.nucleic import BasePairs
from thermolatent.systems.rna import Rna

SEQUENCE = "GGCGCAAGCC"
STEM = [(1, 10), (2, 9), (3, 8)]
#: Of a pair of G and C: both ends of its three hydrogen bonds, and the sugars.
PAIR = [("N1", "N3", 0.30), ("O6", "N4", 0.30), ("N2", "O2", 0.30), ("C1'", "C1'", 1.08)]
#: Sheared pair, its phosphate, the sugar's hydroxyl.
LOOP = [("4 N2", "7 N7", 0.30), ("4 N3", "7 N6", 0.32), ("4 N2", "7 OP2", 0.32), ("4 O2'", "6 N7", 0.30)]
#: Middle of the six-membered rings (C5 stands for it) of bases that stack.
STACKED = [("3 C5", "4 C5", 0.45), ("5 C5", "6 C5", 0.48), ("6 C5", "7 C5", 0.48), ("7 C5", "8 C5", 0.52)]
#: Torsions (degrees) of the A-form that start at an atom of the residue itself.
A_FORM = {
    "beta": (("P", "O5'", "C5'", "C4'"), 175.0),
    "gamma": (("O5'", "C5'", "C4'", "C3'"), 56.0),
    "delta": (("C5'", "C4'", "C3'", "O3'"), 80.0),
    "ring": (("C1'", "C2'", "C3'", "C4'"), 36.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("--anneal", type=float, default=300.0, help="ps of annealing under restraints, without charges")
    parser.add_argument("--restrained", type=float, default=3.0, help="ps under restraints in implicit solvent")
    parser.add_argument("--free", type=float, default=6.0, help="ps without restraints in implicit solvent")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    bare = folding("vacuum", arguments.seed)  # without charges: nothing would screen the phosphates
    bare.context.setPositions(bare.starts["extended"])
    for share in np.linspace(0.0, 1.0, 60):  # from soft to stiff, hot at first
        bare.run(arguments.anneal / 60, min(1.0, 2 * share) ** 2, 500.0 - 200.0 * share)
    bare.report("without charges")
    solvated = folding("implicit", arguments.seed)
    solvated.context.setPositions(bare.positions())
    mm.LocalEnergyMinimizer.minimize(solvated.context, 10.0, 300)
    solvated.run(arguments.restrained, 1.0, 300.0)
    solvated.report("restrained")
    for _ in range(3):
        solvated.run(arguments.free / 3, 0.0, 300.0)
        solvated.report("free")
        print(pairs(solvated), flush=True)
    mm.LocalEnergyMinimizer.minimize(solvated.context, 1.0, 2000)
    solvated.report("minimised")
    if min((found := pairs(solvated)).values()) < 0.8:
        raise SystemExit(f"the stem is not formed: {found}; try another --seed")
    remarks = [
        f"GGCGCAAGCC by thermolatent {__version__}, tools/fold_rna_tetraloop.py --seed {arguments.seed}",
        "from an A-form strand by restraints on published pairs and stacks of GNRA hairpins, in OL3/GBn2",
        f"with 1 M salt; then let go for {arguments.free:g} ps at 300 K and minimised. A model, not an experiment.",
    ]
    solvated.write(arguments.output, remarks)


def folding(solvent: str, seed: int) -> Folding:
    """The strand with its restraints, without charges in vacuum or with them in GBn2 and 1 M salt."""
    more = {"salt": 1.0} if solvent == "implicit" else {}
    strand = Rna(sequence=SEQUENCE, solvent=solvent, hydrogen_mass=3.0, **more)
    return Folding(strand, seed, near(), turns(), charged=solvent == "implicit")


def near() -> list[Near]:
    paired = []
    for first, second in STEM:
        g, c = (first, second) if SEQUENCE[first - 1] == "G" else (second, first)
        paired += [(f"{g} {a}", f"{c} {b}", distance) for a, b, distance in PAIR]
    return [*paired, *LOOP, *STACKED]


def turns() -> Iterator[Turn]:
    """All but what turns the chain around between G4 and C5."""
    for residue, letter in enumerate(SEQUENCE, start=1):
        for name, (atoms, degrees) in A_FORM.items():
            if not (name == "beta" and residue in (1, 5)):
                yield tuple(f"{residue} {atom}" for atom in atoms), degrees
        nitrogen, carbon = ("N9", "C4") if letter in "AG" else ("N1", "C2")
        yield tuple(f"{residue} {atom}" for atom in ("O4'", "C1'", nitrogen, carbon)), -161.0
        if residue not in (4, len(SEQUENCE)):
            here, there = [f"{residue} {atom}" for atom in ("C4'", "C3'", "O3'")], f"{residue + 1} "
            yield (*here, there + "P"), -152.0
            yield (*here[1:], there + "P", there + "O5'"), -71.0
            yield (here[2], there + "P", there + "O5'", there + "C5'"), -66.0


def pairs(folded: Folding) -> dict[str, float]:
    """The stem's pairs as the feature ``base_pairs`` sees them, from 0 to 1."""
    columns = BasePairs(pairs=tuple(STEM)).on(mdtraj.Topology.from_openmm(folded.topology))
    values = columns.compute(folded.positions()[None])[0]
    return dict(zip(columns.names, np.round(values, 2).tolist(), strict=True))


if __name__ == "__main__":
    main()
