"""Lennard-Jones particles in the plane: the cluster LJ7 of arXiv:2507.03174 and its smaller and larger relatives.

Energy of a copy, with s_ij the squared distance in x and y, d_i the distance in x and y to the copy's centroid::

    U = 4 sum_{i<j} (s_ij^-6 - s_ij^-3) + k/2 sum_i max(0, d_i - R)^2

in units of epsilon, sigma and m. Neither term contains z, so that x and y follow exact two-dimensional dynamics
whatever z does: OpenMM moves it as a free Brownian coordinate, and it is written as 0.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from thermolatent.systems.base import System

if TYPE_CHECKING:
    import openmm
    import openmm.app

#: Spacing of the triangular lattice from which starting structures are cut, close to 2^(1/6) sigma.
_SPACING = 1.11
#: The minima of LJ7 as fragments of that lattice, in steps along its axes (1, 0) and (1/2, sqrt(3)/2).
_MINIMA_OF_7 = {
    "hexagon": [(0, 0), (1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)],
    "tricapped": [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0)],
    "trapezoid": [(0, 0), (0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, -2)],
    "chevron": [(0, 0), (0, 1), (0, 2), (0, 3), (1, -1), (1, 0), (1, 1)],
}


class LJCluster(System):
    """Lennard-Jones particles of mass 1 in two dimensions, held together by a half-harmonic wall."""

    temperature_unit: ClassVar[Literal["reduced", "kelvin"]] = "reduced"
    fastest_platform: ClassVar[str] = "Reference"
    translation_invariant: ClassVar[bool] = True
    planar: ClassVar[bool] = True

    kind: Literal["lj_cluster"] = "lj_cluster"
    particles: int = Field(7, description="particles of the cluster, 3 to 13")
    wall: float = Field(100.0, gt=0, description="k of the wall 1/2 k (d - R)^2 on the distance d to the centroid")
    wall_radius: float = Field(2.0, gt=0, description="R of the wall")

    @field_validator("particles")
    @classmethod
    def _has_starts(cls, value: int) -> int:
        if not 3 <= value <= 13:
            raise ValueError(f"is {value}; write a number of particles from 3 to 13")
        return value

    @property
    def n_particles(self) -> int:
        return self.particles

    def topology(self) -> openmm.app.Topology:
        """One residue with one argon atom per particle."""
        from openmm import app

        topology = app.Topology()
        residue = topology.addResidue("LJC", topology.addChain())
        for i in range(self.particles):
            topology.addAtom(f"A{i + 1}", app.Element.getBySymbol("Ar"), residue)
        return topology

    def build(self, walkers: int = 1) -> openmm.System:
        """One bond per copy that holds its whole energy.

        A single expression shares the pair distances among all forces, and integer powers compile to products: about
        twice the walker-steps per second of a bond per pair (benchmarks/md_throughput.py).
        """
        import openmm as mm

        n = self.particles
        force = mm.CustomCentroidBondForce(n + 1, self._expression())
        for particle in range(walkers * n):
            force.addGroup([particle], [1.0])
        for copy in range(walkers):
            members = list(range(copy * n, (copy + 1) * n))
            centroid = force.addGroup(members, [1.0] * n)
            force.addBond([*members, centroid], [])
        system = mm.System()
        for _ in range(walkers * n):
            system.addParticle(1.0)
        system.addForce(force)
        return system

    def _expression(self) -> str:
        particles = range(1, self.particles + 1)
        centroid = self.particles + 1
        pairs = list(itertools.combinations(particles, 2))
        attraction = "+".join(f"square(u{i}_{j})-u{i}_{j}" for i, j in pairs)
        walls = "+".join(
            f"square(max(0,sqrt(square(x{i}-x{centroid})+square(y{i}-y{centroid}))-{self.wall_radius}))"
            for i in particles
        )
        powers = ";".join(f"u{i}_{j}=(square(x{i}-x{j})+square(y{i}-y{j}))^-3" for i, j in pairs)
        return f"4*({attraction})+{self.wall / 2}*({walls});{powers}"

    def potential_energy(self, positions: np.ndarray) -> np.ndarray:
        """Energy (epsilon) of positions ``(..., n, 3)`` or ``(..., n, 2)``; always float64, z is ignored."""
        x, y = (np.ascontiguousarray(np.asarray(positions)[..., axis], dtype=np.float64) for axis in (0, 1))
        first, second = np.triu_indices(self.particles, 1)
        squared = (x[..., first] - x[..., second]) ** 2 + (y[..., first] - y[..., second]) ** 2
        # contiguous, so that the order of summation, and the last bit, do not depend on how many frames come together
        inverse = 1.0 / np.ascontiguousarray(squared)
        u = inverse * inverse * inverse
        x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
        excess = np.maximum(np.sqrt(x * x + y * y) - self.wall_radius, 0.0)
        return 4.0 * np.sum(u * (u - 1.0), axis=-1) + 0.5 * self.wall * np.sum(excess * excess, axis=-1)

    def gradient(self, xy: np.ndarray) -> np.ndarray:
        """dU/dx and dU/dy (epsilon/sigma) of one copy at ``(n, 2)``, same shape."""
        difference = xy[:, None, :] - xy[None, :, :]
        s = np.sum(difference**2, axis=-1) + np.eye(len(xy))
        pair = (-24.0 * (2.0 * s**-7 - s**-4) * (1.0 - np.eye(len(xy))))[..., None] * difference
        offset = xy - xy.mean(axis=0)
        distance = np.linalg.norm(offset, axis=-1, keepdims=True)
        wall = self.wall * np.maximum(distance - self.wall_radius, 0.0) * offset / np.maximum(distance, 1e-12)
        # every particle moves the centroid by 1/n of its own displacement
        return pair.sum(axis=1) + wall - wall.mean(axis=0)

    def starts(self) -> dict[str, np.ndarray]:
        """LJ7: its four minima. Other sizes: a round fragment of the triangular lattice, and one with a hole."""
        if self.particles == 7:
            return {name: positions.copy() for name, positions in _minima_of_7(self).items()}
        sites = _lattice(itertools.product(range(-3, 4), repeat=2))
        distance, angle = np.hypot(sites[:, 0], sites[:, 1]), np.arctan2(sites[:, 1], sites[:, 0]) % (2 * np.pi)
        nearest = sites[np.lexsort((angle.round(6), distance.round(6)))]
        return {"round": nearest[: self.particles], "hollow": nearest[1 : self.particles + 1]}

    def _quench(self, positions: np.ndarray) -> np.ndarray:
        """The minimum below ``(n, 3)``, centred."""
        from scipy.optimize import minimize

        found = minimize(
            lambda flat: float(self.potential_energy(flat.reshape(-1, 2))),
            positions[:, :2].ravel(),
            jac=lambda flat: self.gradient(flat.reshape(-1, 2)).ravel(),
            method="BFGS",
            options={"gtol": 1e-8},
        )
        xy = found.x.reshape(-1, 2)
        return np.pad(xy - xy.mean(axis=0), ((0, 0), (0, 1)))


@functools.cache
def _minima_of_7(system: LJCluster) -> dict[str, np.ndarray]:
    return {name: system._quench(_lattice(steps)) for name, steps in _MINIMA_OF_7.items()}


def _lattice(steps) -> np.ndarray:
    """Positions ``(n, 3)`` of triangular-lattice sites given in steps along its two axes."""
    a, b = np.array(list(steps), dtype=np.float64).T
    return _SPACING * np.stack([a + b / 2, b * np.sqrt(3) / 2, np.zeros_like(a)], axis=1)
