"""Many independent copies of one molecule in one OpenMM System: they fill a GPU that one copy leaves idle.

Every pairwise force gets a cutoff above the largest possible extent of the molecule, and the copies are farther apart than
that: within a copy nothing is cut off, and copies do not interact. A harmonic restraint holds each centre of mass, which does
not change the distribution of internal coordinates.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass

import numpy as np
import openmm as mm

#: Forces that are sums over terms: name of a term, and which of its values are particles.
_TERMS = {
    "HarmonicBondForce": ("Bond", slice(0, 2)),
    "CustomBondForce": ("Bond", slice(0, 2)),
    "HarmonicAngleForce": ("Angle", slice(0, 3)),
    "CustomAngleForce": ("Angle", slice(0, 3)),
    "PeriodicTorsionForce": ("Torsion", slice(0, 4)),
    "RBTorsionForce": ("Torsion", slice(0, 4)),
    "CustomTorsionForce": ("Torsion", slice(0, 4)),
    "CMAPTorsionForce": ("Torsion", slice(1, 9)),
}
#: Forces between all pairs: name of their excluded or special pairs.
_PAIRWISE = {
    "NonbondedForce": "Exception",
    "CustomNonbondedForce": "Exclusion",
    "CustomGBForce": "Exclusion",
    "GBSAOBCForce": None,
}
#: Force constant on a centre of mass, kJ/mol/nm^2: it moves by 0.16 nm at 300 K.
_RESTRAINT = 100.0
#: Room for the motion of two centres of mass, nm.
_ROOM = 2.5


@dataclass(frozen=True)
class Copies:
    """``system`` of all copies, particles ordered copy by copy, and the places ``(copies, 3)`` of their centres in nm."""

    system: mm.System
    centers: np.ndarray


def why_not(system: mm.System) -> str | None:
    """What prevents copies of this system in one Context, or None: then :func:`make_copies` can be used."""
    for force in system.getForces():
        name = type(force).__name__
        if name not in _TERMS and name not in _PAIRWISE:
            return f"a {name}"
        if (
            name == "NonbondedForce"
            and force.getNumParticleParameterOffsets() + force.getNumExceptionParameterOffsets()
        ):
            return "parameter offsets"
        if name == "CustomNonbondedForce" and force.getNumInteractionGroups():
            return "interaction groups"
    if system.usesPeriodicBoundaryConditions():
        return "a periodic box"
    if any(system.isVirtualSite(i) for i in range(system.getNumParticles())):
        return "virtual sites"
    if not np.isfinite(longest_extent(system)):
        return "more than one molecule"
    return None


def longest_extent(system: mm.System) -> float:
    """Upper bound (nm) of the extent of any conformation: the longest of all shortest paths along bonds; inf without a path."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import shortest_path

    n = system.getNumParticles()
    bonds = list(bond_lengths(system).items())
    rows, columns = np.array([pair for pair, _ in bonds]).reshape(-1, 2).T
    graph = coo_matrix(([length for _, length in bonds], (rows, columns)), shape=(n, n))
    return float(shortest_path(graph.tocsr(), directed=False).max())


def bond_lengths(system: mm.System) -> dict[tuple[int, int], float]:
    """Length in nm of every harmonic bond and constraint, by its two particles in ascending order."""
    found = [system.getConstraintParameters(i) for i in range(system.getNumConstraints())]
    for force in system.getForces():
        if isinstance(force, mm.HarmonicBondForce):
            found += [force.getBondParameters(i)[:3] for i in range(force.getNumBonds())]
    return {(min(i, j), max(i, j)): length._value for i, j, length in found}


def make_copies(system: mm.System, copies: int) -> Copies:
    """``copies`` of a system for which :func:`why_not` gives None."""
    extent = longest_extent(system)
    cutoff = 1.05 * extent
    centers = _grid(copies) * (cutoff + 2 * extent + _ROOM)
    n = system.getNumParticles()
    result = mm.System()
    for shift in range(0, copies * n, n):
        for i in range(n):
            result.addParticle(system.getParticleMass(i))
        for i in range(system.getNumConstraints()):
            first, second, length = system.getConstraintParameters(i)
            result.addConstraint(first + shift, second + shift, length)
    for force in system.getForces():
        name, force = type(force).__name__, copy.deepcopy(force)
        if name in _TERMS:
            _copy_terms(force, *_TERMS[name], n, copies)
        else:
            _copy_particles(force, n, copies)
            if _PAIRWISE[name]:
                _copy_terms(force, _PAIRWISE[name], slice(0, 2), n, copies)
            force.setNonbondedMethod(force.CutoffNonPeriodic)
            force.setCutoffDistance(cutoff)
            if name == "NonbondedForce":
                force.setReactionFieldDielectric(1.0)  # any other changes the Coulomb force within the cutoff
        result.addForce(force)
    restraint = mm.CustomCentroidBondForce(1, f"{_RESTRAINT / 2}*((x1-x0)^2+(y1-y0)^2+(z1-z0)^2)")
    for parameter in ("x0", "y0", "z0"):
        restraint.addPerBondParameter(parameter)
    for index, center in enumerate(centers):
        restraint.addBond([restraint.addGroup(range(index * n, (index + 1) * n))], center)
    result.addForce(restraint)
    return Copies(result, centers)


def _copy_terms(force: mm.Force, term: str, particles: slice, n: int, copies: int) -> None:
    get = getattr(force, f"get{term}Particles" if term == "Exclusion" else f"get{term}Parameters")
    add = getattr(force, f"add{term}")
    terms = [list(get(i)) for i in range(getattr(force, f"getNum{term}s")())]
    for shift, values in itertools.product(range(n, copies * n, n), terms):
        add(*values[: particles.start], *(p + shift for p in values[particles]), *values[particles.stop :])


def _copy_particles(force: mm.Force, n: int, copies: int) -> None:
    custom = type(force).__name__.startswith("Custom")
    particles = [force.getParticleParameters(i) for i in range(n)]
    for _ in range(1, copies):
        for values in particles:
            force.addParticle(values) if custom else force.addParticle(*values)


def _grid(count: int) -> np.ndarray:
    """``(count, 3)`` points of the smallest cube of a unit grid that holds them, around the origin; neighbours in a row."""
    side = 1
    while side**3 < count:
        side += 1
    points = np.array(list(itertools.product(range(side), repeat=3)), dtype=float)[:count]
    return points - points.mean(axis=0)
