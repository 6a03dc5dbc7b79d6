"""The contract of a molecule: anything with a topology and a force field, in vacuum, implicit or explicit solvent."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from thermolatent.errors import ThermolatentError
from thermolatent.systems.base import System, check_kelvin
from thermolatent.systems.platforms import gpu_platform

if TYPE_CHECKING:
    import openmm
    import openmm.app

    from thermolatent.simulate.settings import Simulate

Surroundings = Literal["vacuum", "implicit", "explicit"]

#: Longest time step (ps) of LangevinMiddleIntegrator with bonds to hydrogen constrained, at two hydrogen masses (amu);
#: linear in between. At 3 amu the fastest free motion is that of heavy atoms, and 4 fs are common practice
#: (doi:10.1021/ct5010406). Without constraints half of it is allowed.
_TIME_STEPS = {1.5: 0.002, 3.0: 0.004}
#: Atoms up to which one copy in vacuum is faster on Reference than on CPU (one thread each).
_TINY = 60


@dataclass(frozen=True)
class Built:
    """One copy of a molecule, ready for OpenMM.

    Attributes
    ----------
    system: forces, masses and constraints of everything, solvent included; no barostat, no thermostat, and nothing that
        removes the motion of the centre of mass.
    topology: of everything, with the periodic box vectors of explicit solvent.
    starts: named starting structures ``(n, 3)`` in nm of everything. The solute is minimised, its solvent is not.
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
        """Surroundings of the solute."""
        raise NotImplementedError

    def _build(self) -> Built:
        """Build it, which is slow; others use :attr:`built`."""
        raise NotImplementedError

    @property
    def built(self) -> Built:
        """The molecule, built once per process; raises :class:`ThermolatentError` with a remedy."""
        return _built(self)

    @property
    def n_particles(self) -> int:
        """Atoms that are saved."""
        return len(self.built.saved)

    @property
    def fastest_platform(self) -> str:
        """A GPU's platform where one can be started; else Reference for a tiny molecule in vacuum, else CPU."""
        tiny = self.surroundings == "vacuum" and self.n_particles <= _TINY
        return gpu_platform() or ("Reference" if tiny else "CPU")

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

        From a Context of one copy on the Reference platform, in double precision; raises :class:`ThermolatentError` in
        explicit solvent, whose positions are not saved: there the energies come from the simulation itself.
        """
        if self.surroundings == "explicit":
            raise ThermolatentError(
                f"system '{self.kind}' has explicit solvent, which is not saved: its energies come with the simulation"
            )
        positions = np.asarray(positions, dtype=np.float64)
        context = _reference_context(self)
        energies = np.empty(positions.shape[:-2])
        for index in np.ndindex(energies.shape):
            context.setPositions(positions[index])
            energies[index] = context.getState(energy=True).getPotentialEnergy()._value
        return energies

    def check_simulate(self, settings: Simulate, temperatures: list[float]) -> None:
        """Refuse temperatures that are not kelvin and a time step too long for the hydrogens."""
        check_kelvin(temperatures)
        if settings.time_step > (longest := self.longest_time_step) * (1 + 1e-9):
            hydrogens, better = self._too_fast
            raise ThermolatentError(
                f"simulate.time_step: {settings.time_step:g} ps is too long for {hydrogens}; write at most {longest:.4g}, or "
                f"{better}"
            )

    @property
    def longest_time_step(self) -> float:
        """Longest time step (ps) that the solute's hydrogens allow."""
        raise NotImplementedError

    @property
    def _too_fast(self) -> tuple[str, str]:
        """For messages: a description of the hydrogens, and a remedy."""
        raise NotImplementedError


class Parametrised(Molecule):
    """A molecule with masses and constraints of hydrogens by the study."""

    hydrogen_mass: float = Field(
        1.5, ge=1.0, le=4.0, description="amu of each hydrogen of the solute; what is added its heavy atom loses"
    )
    constraints: Literal["hbonds", "none"] = Field(
        "hbonds", description="hbonds: bonds to hydrogen are rigid; water always is"
    )

    @property
    def longest_time_step(self) -> float:
        return longest_time_step(self.hydrogen_mass, self.constraints == "hbonds")

    @property
    def _too_fast(self) -> tuple[str, str]:
        free = self.constraints == "none"
        return (
            f"hydrogens of {self.hydrogen_mass:g} amu with constraints: {self.constraints}",
            "write system.constraints: hbonds" if free else "raise system.hydrogen_mass (4 fs from 3 amu)",
        )


def longest_time_step(hydrogen_mass: float, rigid: bool) -> float:
    """Longest time step (ps) for hydrogens of this mass (amu), their bonds rigid or not."""
    longest = float(np.interp(hydrogen_mass, list(_TIME_STEPS), list(_TIME_STEPS.values())))
    return longest if rigid else longest / 2


@functools.lru_cache(maxsize=8)
def _built(molecule: Molecule) -> Built:
    return molecule._build()


@functools.lru_cache(maxsize=8)
def _reference_context(molecule: Molecule) -> openmm.Context:
    import openmm as mm

    platform = mm.Platform.getPlatformByName("Reference")
    return mm.Context(molecule.built.system, mm.VerletIntegrator(0.001), platform)
