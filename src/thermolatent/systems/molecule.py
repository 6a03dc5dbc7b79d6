"""The contract of a molecule: anything with a topology and a force field, in vacuum, implicit or explicit solvent."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from thermolatent.systems.base import System

if TYPE_CHECKING:
    import openmm
    import openmm.app

Surroundings = Literal["vacuum", "implicit", "explicit"]


@dataclass(frozen=True)
class Built:
    """One copy of a molecule, ready for OpenMM.

    Attributes
    ----------
    system: forces, masses and constraints of everything, solvent included; no barostat, no thermostat.
    topology: of everything.
    starts: named starting structures ``(n, 3)`` in nm of everything, the first one not yet minimised.
    saved: indices of the atoms whose positions are saved: the solute.
    """

    system: openmm.System
    topology: openmm.app.Topology
    starts: dict[str, np.ndarray]
    saved: np.ndarray


class Molecule(System):
    """A molecule in its surroundings. Temperatures are in kelvin; only the solute's positions are saved."""

    molecular: ClassVar[bool] = True
    translation_invariant: ClassVar[bool] = True

    @property
    def surroundings(self) -> Surroundings:
        """What is around the solute."""
        raise NotImplementedError

    def _build(self) -> Built:
        """Make it; slow. Others call :attr:`built`."""
        raise NotImplementedError

    @property
    def built(self) -> Built:
        """The molecule, built once per process; raises :class:`ThermolatentError` that says what to write."""
        return _built(self)

    @property
    def n_particles(self) -> int:
        """Atoms that are saved."""
        return len(self.built.saved)

    def topology(self) -> openmm.app.Topology:
        """Topology of the saved atoms, in the order in which they are saved."""
        from openmm import app

        built = self.built
        kept = {int(i) for i in built.saved}
        modeller = app.Modeller(built.topology, next(iter(built.starts.values())))
        modeller.delete([atom for atom in built.topology.atoms() if atom.index not in kept])
        return modeller.topology

    def starts(self) -> dict[str, np.ndarray]:
        """Named starting structures of the saved atoms ``(n_particles, 3)`` in nm."""
        return {name: positions[self.built.saved] for name, positions in self.built.starts.items()}

    def potential_energy(self, positions: np.ndarray) -> np.ndarray:
        """Potential energy (kJ/mol, float64) of each frame; positions ``(..., n_particles, 3)`` in nm.

        From a Context of one copy without cutoff on the Reference platform, in double precision. Not for explicit
        solvent, whose positions are not saved: there the energies come from the simulation itself.
        """
        raise NotImplementedError


@functools.lru_cache(maxsize=8)
def _built(molecule: Molecule) -> Built:
    return molecule._build()
