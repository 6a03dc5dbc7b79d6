"""Structure-based model of a protein: a chain of C-alpha beads with native contacts.

After Clementi, Nymeyer and Onuchic, J. Mol. Biol. 298, 937 (2000), equation 2, with their constants. With native values r0,
theta0, phi0 and distances s_ij of the native structure::

    U = sum_bonds 100 eps/A^2 (r - r0)^2 + sum_angles 20 eps (theta - theta0)^2
      + sum_dihedrals eps [1 - cos(phi - phi0)] + eps/2 [1 - cos 3(phi - phi0)]
      + sum_native contacts eps [5 (s_ij/r)^12 - 6 (s_ij/r)^10] + sum_other pairs eps (4 A / r)^12

Pairs are at least four residues apart. Native contacts are those of :mod:`thermolatent.systems.native`: two heavy atoms within
0.45 nm. With 1 - cos the native structure is the minimum of the dihedrals. eps, the mass of a bead and 1 nm are the units.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, computed_field, field_validator

from thermolatent.systems.base import System
from thermolatent.systems.files import digest, existing_file, structure_path
from thermolatent.systems.native import SEPARATION, Native, read_native
from thermolatent.systems.topologies import to_openmm

if TYPE_CHECKING:
    import openmm
    import openmm.app

#: Constants of the paper in eps and nm: bonds 100 eps/A^2, angles 20 eps/rad^2, dihedrals by their periodicity.
BOND, ANGLE, DIHEDRALS = 1e4, 20.0, {1: 1.0, 3: 0.5}
#: cos(n x) as a polynomial of c = cos(x): one cosine a dihedral.
_COSINES = {1: "c", 3: "c*(4*c^2-3)"}
#: Distance (nm) at which two beads without a native contact repel each other with eps.
REPULSION = 0.4
#: Angle between the bonds of the extended start, radians.
_EXTENDED = np.radians(120.0)


class StructureBased(System):
    """One chain of a structure file, one bead of mass 1 per residue; starts folded and extended."""

    temperature_unit: ClassVar[Literal["reduced", "kelvin"]] = "reduced"
    fastest_platform: ClassVar[str] = "Reference"
    translation_invariant: ClassVar[bool] = True
    molecular: ClassVar[bool] = True

    kind: Literal["structure_based"] = "structure_based"
    file: str = Field(
        description="PDB or mmCIF of the native structure, or chignolin: the folded CLN025 that comes with the package"
    )
    chain: str | None = Field(None, description="which chain; needed where the file has several")

    @field_validator("file")
    @classmethod
    def _exists(cls, value: str) -> str:
        existing_file(structure_path(value))
        return value

    @computed_field
    @property
    def content(self) -> str:
        """Digest of the file."""
        return digest([structure_path(self.file)])

    @property
    def native(self) -> Native:
        """Native structure and contacts; raises :class:`ThermolatentError` for an unsuitable file."""
        return _terms(self).native

    @property
    def n_particles(self) -> int:
        return len(self.native.positions)

    def topology(self) -> openmm.app.Topology:
        """One carbon named CA per residue, with names and numbers of the file."""
        return to_openmm(self.native.topology)

    def build(self, walkers: int = 1) -> openmm.System:
        """Sums of bonds, angles, dihedrals and pairs, each within its copy: copies may overlap."""
        import openmm as mm

        terms = _terms(self)
        n, system = self.n_particles, mm.System()
        bonds, angles = mm.HarmonicBondForce(), mm.HarmonicAngleForce()
        dihedrals = mm.CustomTorsionForce(
            "+".join(f"{k}*(1-{_COSINES[m]})" for m, k in DIHEDRALS.items()) + ";c=cos(theta-turn)"
        )
        dihedrals.addPerTorsionParameter("turn")
        contacts = mm.CustomBondForce("u^5*(5*u-6);u=s/r^2")  # integer powers are products
        contacts.addPerBondParameter("s")
        repulsion = mm.CustomBondForce(f"({REPULSION**2}/r^2)^6")
        for first in range(0, walkers * n, n):
            for _ in range(n):
                system.addParticle(1.0)
            for particles, length in zip((terms.bonds + first).tolist(), terms.lengths, strict=True):
                bonds.addBond(*particles, length, 2 * BOND)
            for particles, angle in zip((terms.angles + first).tolist(), terms.bends, strict=True):
                angles.addAngle(*particles, angle, 2 * ANGLE)
            for particles, turn in zip((terms.dihedrals + first).tolist(), terms.turns, strict=True):
                dihedrals.addTorsion(*particles, [turn])
            for particles, distance in zip((terms.contacts + first).tolist(), terms.distances, strict=True):
                contacts.addBond(*particles, [distance**2])
            for particles in (terms.others + first).tolist():
                repulsion.addBond(*particles)
        for force in (bonds, angles, dihedrals, contacts, repulsion):
            system.addForce(force)
        return system

    def starts(self) -> dict[str, np.ndarray]:
        """The native structure, and a planar zigzag with the native bond lengths and angles of 120 degrees."""
        heading = np.cumsum(np.where(np.arange(self.n_particles - 1) % 2, 1, -1) * (np.pi - _EXTENDED))
        steps = _terms(self).lengths[:, None] * np.stack([np.cos(heading), np.sin(heading), 0 * heading], axis=1)
        extended = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
        return {"folded": self.native.positions.copy(), "extended": extended - extended.mean(axis=0)}

    def potential_energy(self, positions: np.ndarray) -> np.ndarray:
        """Energy (eps) of positions ``(..., n, 3)`` in nm; always float64."""
        x, terms = np.asarray(positions, dtype=np.float64), _terms(self)
        energy = BOND * np.sum((_lengths(x, terms.bonds) - terms.lengths) ** 2, axis=-1)
        energy += ANGLE * np.sum((_bends(x, terms.angles) - terms.bends) ** 2, axis=-1)
        turned = _turns(x, terms.dihedrals) - terms.turns
        for periodicity, k in DIHEDRALS.items():
            energy += k * np.sum(1 - np.cos(periodicity * turned), axis=-1)
        u = (terms.distances / _lengths(x, terms.contacts)) ** 2
        energy += np.sum(u**5 * (5 * u - 6), axis=-1)
        return energy + np.sum((REPULSION / _lengths(x, terms.others)) ** 12, axis=-1)


@dataclass(frozen=True)
class _Terms:
    """Particles of the terms of one copy, ``(terms, 2 to 4)``, and their native values ``(terms,)`` in nm and radians."""

    native: Native
    bonds: np.ndarray
    lengths: np.ndarray
    angles: np.ndarray
    bends: np.ndarray
    dihedrals: np.ndarray
    turns: np.ndarray
    contacts: np.ndarray
    distances: np.ndarray
    others: np.ndarray


@functools.lru_cache(maxsize=8)
def _terms(system: StructureBased) -> _Terms:
    native = read_native("system.file", system.file, system.chain)
    x, n = native.positions, len(native.positions)
    bonds, angles, dihedrals = (np.arange(n - k + 1)[:, None] + np.arange(k) for k in (2, 3, 4))
    pairs = np.stack(np.triu_indices(n, SEPARATION), axis=1)
    others = pairs[~np.isin(pairs @ [n, 1], native.contacts @ [n, 1])]
    return _Terms(
        native,
        *(bonds, _lengths(x, bonds), angles, _bends(x, angles), dihedrals, _turns(x, dihedrals)),
        *(native.contacts, _lengths(x, native.contacts), others),
    )


# The last axis is summed over: it is made contiguous, so that the order of summation, and the last bit of an energy, do not
# depend on how many frames come together.


def _lengths(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.linalg.norm(x[..., pairs[:, 1], :] - x[..., pairs[:, 0], :], axis=-1))


def _bends(x: np.ndarray, triples: np.ndarray) -> np.ndarray:
    a, b, c = (x[..., triples[:, k], :] for k in range(3))
    sine = np.linalg.norm(np.cross(a - b, c - b), axis=-1)
    return np.ascontiguousarray(np.arctan2(sine, np.sum((a - b) * (c - b), axis=-1)))


def _turns(x: np.ndarray, quadruples: np.ndarray) -> np.ndarray:
    a, b, c, d = (x[..., quadruples[:, k], :] for k in range(4))
    axis, before, after = c - b, np.cross(b - a, c - b), np.cross(c - b, d - c)
    sine = np.sum(np.cross(before, after) * axis, axis=-1) / np.linalg.norm(axis, axis=-1)
    return np.ascontiguousarray(np.arctan2(sine, np.sum(before * after, axis=-1)))
