"""The three-hole potential: two deep minima, a shallow one above them, exact distributions by quadrature.

One particle of mass 1 in the plane, energies in units of kT at T = 1 (arXiv:2507.03174)::

    V = 3 exp(-x^2 - (y - 1/3)^2) - 3 exp(-x^2 - (y - 5/3)^2) - 5 exp(-(x - 1)^2 - y^2) - 5 exp(-(x + 1)^2 - y^2)
        + 0.2 x^4 + 0.2 (y - 1/3)^4

z enters nowhere: x and y follow exact two-dimensional dynamics, z is a free Brownian coordinate written as 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from thermolatent.systems.base import System

if TYPE_CHECKING:
    import openmm
    import openmm.app

#: Gaussian terms: height, x and y of the centre.
_HILLS = ((3.0, 0.0, 1 / 3), (-3.0, 0.0, 5 / 3), (-5.0, 1.0, 0.0), (-5.0, -1.0, 0.0))
#: Quartic confinement: coefficient, x and y of its centre.
_QUARTIC = (0.2, 0.0, 1 / 3)
#: Square in which the quadratures are done: at T = 4 its border still lies 20 kT above the minima.
_BOX = ((-4.5, 4.5), (-4.2, 4.8))


class ThreeHole(System):
    """One particle in the three-hole potential."""

    temperature_unit: ClassVar[Literal["reduced", "kelvin"]] = "reduced"
    fastest_platform: ClassVar[str] = "Reference"
    planar: ClassVar[bool] = True

    kind: Literal["three_hole"] = "three_hole"

    @property
    def n_particles(self) -> int:
        return 1

    def topology(self) -> openmm.app.Topology:
        """A single argon atom."""
        from openmm import app

        topology = app.Topology()
        residue = topology.addResidue("HOL", topology.addChain())
        topology.addAtom("A1", app.Element.getBySymbol("Ar"), residue)
        return topology

    def build(self, walkers: int = 1) -> openmm.System:
        """One external force for all copies."""
        import openmm as mm

        hills = "+".join(f"({h})*exp(-square(x-({a}))-square(y-({b})))" for h, a, b in _HILLS)
        c, a, b = _QUARTIC
        force = mm.CustomExternalForce(f"{hills}+{c}*((x-({a}))^4+(y-({b}))^4)")
        system = mm.System()
        for particle in range(walkers):
            system.addParticle(1.0)
            force.addParticle(particle, [])
        system.addForce(force)
        return system

    def starts(self) -> dict[str, np.ndarray]:
        """The three minima."""
        minima = {"left": (-1.0481, -0.0421), "right": (1.0481, -0.0421), "top": (0.0, 1.5371)}
        return {name: np.array([[x, y, 0.0]]) for name, (x, y) in minima.items()}

    def potential_energy(self, positions: np.ndarray) -> np.ndarray:
        """Energy (kT at T = 1) of positions ``(..., 1, 3)``; always float64, z is ignored."""
        return self.plane_energy(np.asarray(positions)[..., 0, :2])

    def plane_energy(self, points: np.ndarray) -> np.ndarray:
        """V at points ``(..., 2)``, shape ``(...)``, float64."""
        x, y = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        c, a, b = _QUARTIC
        # numpy's fourth power is a general one, and slow
        energy = c * (np.square(np.square(x - a)) + np.square(np.square(y - b)))
        for height, a, b in _HILLS:
            energy = energy + height * np.exp(-((x - a) ** 2) - (y - b) ** 2)
        return energy

    def plane_energy_gradient(self, points: np.ndarray) -> np.ndarray:
        """dV/dx and dV/dy at points ``(..., 2)``, same shape, float64."""
        x, y = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        c, a, b = _QUARTIC
        dx, dy = 4 * c * (x - a) ** 3, 4 * c * (y - b) ** 3
        for height, a, b in _HILLS:
            slope = -2 * height * np.exp(-((x - a) ** 2) - (y - b) ** 2)
            dx, dy = dx + slope * (x - a), dy + slope * (y - b)
        return np.stack([dx, dy], axis=-1)

    def exact_histogram(self, edges_x: np.ndarray, edges_y: np.ndarray, temperature: float) -> np.ndarray:
        """Exact probability mass ``(nx, ny)`` of the Boltzmann distribution in each bin.

        Gauss-Legendre quadrature, at least 6 nodes per bin and per 0.2 in each direction, normalised over the whole
        plane: mass outside the edges is missing from the sum.
        """
        (x, wx), (y, wy) = _nodes(edges_x), _nodes(edges_y)
        boltzmann = self._boltzmann(x.ravel(), y.ravel(), temperature).reshape(*x.shape, *y.shape)
        return np.einsum("ia,jb,iajb->ij", wx, wy, boltzmann) / self._partition(temperature)[0]

    def exact_mean_energy(self, temperature: float) -> float:
        """Mean of V (kT at T = 1) under the Boltzmann distribution, by quadrature."""
        partition, energy = self._partition(temperature)
        return energy / partition

    def sample_exact(self, n: int, temperature: float, rng: np.random.Generator) -> np.ndarray:
        """``n`` independent points ``(n, 2)``: cells of a 0.01 grid by their midpoint's density, uniform within a cell."""
        x, y = (np.arange(low + 0.005, high, 0.01) for low, high in _BOX)
        density = self._boltzmann(x, y, temperature)
        cells = rng.choice(density.size, size=n, p=density.ravel() / density.sum())
        i, j = np.unravel_index(cells, density.shape)
        return np.stack([x[i], y[j]], axis=1) + 0.01 * (rng.random((n, 2)) - 0.5)

    def _boltzmann(self, x: np.ndarray, y: np.ndarray, temperature: float) -> np.ndarray:
        return np.exp(-self.plane_energy(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)) / self.kT(temperature))

    def _partition(self, temperature: float) -> tuple[float, float]:
        """Integrals of exp(-V/kT) and V exp(-V/kT) over the plane."""
        # the integrand vanishes at the border, where the trapezoidal rule converges faster than any power of the step
        (x, dx), (y, dy) = (np.linspace(*side, 301, retstep=True) for side in _BOX)
        energy = self.plane_energy(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1))
        density = np.exp(-energy / self.kT(temperature)) * dx * dy
        return float(density.sum()), float((density * energy).sum())


def _nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights ``(bins, nodes)`` of every bin, each bin cut into the same number of panels."""
    edges = np.asarray(edges, dtype=np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(6)
    panels = int(np.ceil(np.diff(edges).max() / 0.2))
    half = np.diff(edges) / (2 * panels)
    centres = edges[:-1, None] + half[:, None] * (2 * np.arange(panels) + 1)
    points = centres[:, :, None] + half[:, None, None] * nodes
    return points.reshape(len(half), -1), np.tile(weights, panels) * half[:, None]
