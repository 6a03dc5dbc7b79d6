"""Single numbers for the shape of a whole molecule: RMSD, radius of gyration, fraction of native contacts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Columns, Feature
from thermolatent.featurize.molecular import (
    between_molecules,
    first_start,
    in_blocks,
    matching_atoms,
    pair_distances,
    require_molecule,
)
from thermolatent.featurize.plumed import Action, Value, of_atoms
from thermolatent.systems.native import CUTOFF, SEPARATION, read_native
from thermolatent.systems.selection import select
from thermolatent.systems.topologies import load_native

#: Default atoms: the backbone of proteins and nucleic acids.
_BACKBONE = 'name CA or name C or name N or name P or name "O5\'" or name "C5\'" or name "C4\'" or name "C3\'"'
#: Native contacts after Best, Hummer and Eaton, PNAS 110, 17874 (2013): steepness (1/nm) and slack.
_STEEPNESS, _SLACK = 50.0, {"atoms": 1.8, "residues": 1.5}


class Rmsd(Feature):
    """Root mean square deviation (nm) after superposition, from a structure file or from the study's first start."""

    kind: Literal["rmsd"] = "rmsd"
    to: str | None = Field(None, description="structure file; default: the first starting structure")
    atoms: str = Field(_BACKBONE, description="what is superposed and compared, an mdtraj selection")

    def on(self, topology) -> Columns:
        import mdtraj

        topology = require_molecule(self.kind, topology)
        atoms = select(self.kind, "atoms", topology, self.atoms)
        if self.to is not None:
            native = load_native(f"{self.kind}.to", self.to)
            native_atoms = select(self.kind, "atoms", native.topology, self.atoms)
            matching_atoms(self.kind, native.topology, native_atoms, topology, atoms)
            target = native.atom_slice(native_atoms)
        else:
            target = _first_start(topology, atoms)

        def rmsd(trajectory):
            if target is None:
                raise ThermolatentError("rmsd.to: these files have no starting structure; write a PDB file")
            return mdtraj.rmsd(trajectory.atom_slice(atoms), target, parallel=False)[:, None]

        def plumed() -> list[Value]:
            structure = tuple(map(tuple, target.xyz[0].tolist()))
            chosen = (("REFERENCE", tuple(atoms.tolist())),)
            return [Value(Action("RMSD", chosen, options="TYPE=OPTIMAL", reference=structure))]

        columns = in_blocks(rmsd, topology, 3 * len(atoms))
        return Columns(["RMSD"], columns, plumed=None if target is None else plumed)


def _first_start(topology, atoms: np.ndarray):
    import mdtraj

    start = first_start(topology)
    return None if start is None else mdtraj.Trajectory(start[None, atoms], topology.subset(atoms))


class RadiusOfGyration(Feature):
    """Mass-weighted radius of gyration (nm)."""

    kind: Literal["radius_of_gyration"] = "radius_of_gyration"
    atoms: str = Field("all", description="an mdtraj selection")

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        atoms = select(self.kind, "atoms", topology, self.atoms)
        masses = np.array([topology.atom(i).element.mass for i in atoms])
        share = masses / masses.sum()

        def rg(trajectory):  # mdtraj.compute_rg takes masses, but measures from the centroid that has none
            x = trajectory.xyz[:, atoms].astype(np.float64)
            x -= np.einsum("a,fad->fd", share, x)[:, None]
            return np.sqrt(np.einsum("a,fad,fad->f", share, x, x))[:, None]

        def plumed() -> list[Value]:
            return [of_atoms("GYRATION", "TYPE=RADIUS MASS_WEIGHTED", ATOMS=atoms)]

        return Columns(["Rg"], in_blocks(rg, topology, 6 * len(atoms)), plumed=plumed)


class NativeContacts(Feature):
    """Q, the fraction of native contacts (Best, Hummer and Eaton, PNAS 110, 17874, 2013, equation 1).

    Q = mean over native contacts of 1 / (1 + exp[50/nm (r - slack r0)]): pairs of heavy atoms more than three residues apart
    that are closer than 0.45 nm in the native structure, r0 their distance there, slack 1.8. Or of residues that have such a pair
    there, by the distance of their C-alpha atoms and with the slack of coarse-grained models, 1.5 (PLUMED's manual).
    """

    kind: Literal["native_contacts"] = "native_contacts"
    to: str = Field(description="file of the native structure")
    between: Literal["atoms", "residues"] = Field(
        "atoms", description="heavy atoms; residues: C-alpha atoms, also of a model that has no others"
    )
    atoms: str = Field("not water and element != H", description="heavy atoms that count, an mdtraj selection")
    chain: str | None = Field(None, description="chain of the file for residues; needed where it has several")

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        pairs, r0 = self._atoms(topology) if self.between == "atoms" else self._residues(topology)
        slack, between = _SLACK[self.between], between_molecules(topology, pairs)

        def fraction(trajectory):
            r = pair_distances(trajectory, pairs, between)
            with np.errstate(over="ignore"):  # exp of a far pair: its contact is 0
                return np.mean(1.0 / (1.0 + np.exp(_STEEPNESS * (r - slack * r0))), axis=1, keepdims=True)

        def plumed() -> list[Value]:
            contacts = tuple((f"ATOMS{i}", tuple(pair)) for i, pair in enumerate(pairs.tolist(), start=1))
            # its switching function Q is this one; R_0 is not in it, but must be there
            q = f"{{{{Q R_0=0.01 BETA={_STEEPNESS} LAMBDA={slack} REF={{!r}}}}}}"
            switches = " ".join(f"SWITCH{i}={q.format(r)}" for i, r in enumerate(r0.tolist(), start=1))
            return [Value(Action("CONTACTMAP", contacts, options=f"{switches} WEIGHT={1 / len(pairs)!r} SUM"))]

        return Columns(["Q"], in_blocks(fraction, topology, len(pairs)), plumed=plumed, boxed=True)

    def _atoms(self, topology) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of heavy atoms that are native, and their distances (nm)."""
        import mdtraj

        atoms = select(self.kind, "atoms", topology, self.atoms)
        native = load_native(f"{self.kind}.to", self.to)
        native_atoms = select(self.kind, "atoms", native.topology, self.atoms)
        matching_atoms(self.kind, native.topology, native_atoms, topology, atoms)
        first, second = np.triu_indices(len(atoms), 1)
        residue = np.array([topology.atom(i).residue.index for i in atoms])
        chain = np.array([topology.atom(i).residue.chain.index for i in atoms])
        apart = (residue[second] - residue[first] >= SEPARATION) | (chain[first] != chain[second])
        first, second = first[apart], second[apart]
        own = np.stack([native_atoms[first], native_atoms[second]], axis=1)
        r0 = mdtraj.compute_distances(native, own, periodic=False)[0] if len(own) else np.empty(0)
        if not (r0 < CUTOFF).any():
            raise ThermolatentError(
                f"native_contacts.to: {self.to} has no heavy atoms within {CUTOFF} nm that are at least {SEPARATION} "
                "residues apart; write a folded structure"
            )
        return np.stack([atoms[first], atoms[second]], axis=1)[r0 < CUTOFF], r0[r0 < CUTOFF]

    def _residues(self, topology) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of C-alpha atoms whose residues are in contact, and their native distances (nm)."""
        atoms = select(self.kind, "between", topology, "name CA and element C")
        native = read_native("native_contacts.to", self.to, self.chain)
        matching_atoms(self.kind, native.topology, range(native.topology.n_atoms), topology, atoms)
        first, second = native.contacts.T
        r0 = np.linalg.norm(native.positions[first] - native.positions[second], axis=1)
        return atoms[native.contacts], r0
