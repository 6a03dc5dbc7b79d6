"""The contract of a system. Importing a system needs neither OpenMM nor torch: studies are checked without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    import openmm
    import openmm.app

    from thermolatent.simulate.settings import Simulate

#: Molar gas constant, kJ/(mol K) (CODATA 2018, exact), the k in every kT of this project.
GAS_CONSTANT = 0.00831446261815324
#: Pressure of 1 bar times a volume of 1 nm^3, in kJ/mol.
BAR_NM3 = 0.0602214076
#: Temperatures (K) outside of which a molecule's temperature is surely in another unit.
_KELVIN = (50.0, 2000.0)


class System(BaseModel):
    """A system and its parameters, as a study writes them below ``system:``.

    Positions are in nm, energies in kJ/mol. A system with ``temperature_unit = "reduced"`` has kT = T kJ/mol
    (its nm, amu, ps, kJ/mol are sigma, m, sigma sqrt(m/epsilon), epsilon).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    temperature_unit: ClassVar[Literal["reduced", "kelvin"]] = "kelvin"
    #: Whether it has a topology of residues, which features are bound to. A model system with one is built like any other.
    molecular: ClassVar[bool] = False
    #: Whether its MD is done and read from files: :class:`thermolatent.systems.existing.ExistingMd`.
    existing: ClassVar[bool] = False
    #: OpenMM platform that is fastest for it, measured by ``benchmarks/md_throughput.py``.
    fastest_platform: ClassVar[str] = "CPU"
    #: Whether moving a whole copy changes nothing. Its centroid then diffuses, and is removed before frames are saved.
    translation_invariant: ClassVar[bool] = False
    #: Whether forces ignore z. OpenMM integrates it nevertheless; frames are saved with z = 0.
    planar: ClassVar[bool] = False

    kind: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that frames have in place of positions; none of a system with positions."""
        return ()

    @property
    def n_particles(self) -> int:
        """Particles of one copy."""
        raise NotImplementedError

    def topology(self) -> openmm.app.Topology:
        """Topology of one copy."""
        raise NotImplementedError

    def build(self, walkers: int = 1) -> openmm.System:
        """OpenMM System of ``walkers`` independent copies, particles ordered copy by copy."""
        raise NotImplementedError

    def starts(self) -> dict[str, np.ndarray]:
        """Named starting structures ``(n_particles, 3)`` in nm, from different minima."""
        raise NotImplementedError

    def potential_energy(self, positions: np.ndarray) -> np.ndarray:
        """Potential energy (kJ/mol, float64) of each frame; positions ``(..., n_particles, 3)`` in nm."""
        raise NotImplementedError

    def check_simulate(self, settings: Simulate, temperatures: list[float]) -> None:
        """Raise :class:`ThermolatentError` if this system cannot be simulated so; must need neither OpenMM nor a build."""

    def input_files(self, temperature: float) -> list[str]:
        """The user's files that the stage simulate reads at this temperature."""
        return []

    def plane_energy_gradient(self, points: np.ndarray) -> np.ndarray:
        """Gradient ``(n, 2)`` of the energy (kJ/mol per unit) at points ``(n, 2)`` of the fixed plane.

        Only a system whose energy is a function of that plane has one; others raise :class:`ThermolatentError`.
        """
        raise ThermolatentError(
            f"system '{self.kind}' has no energy in its fixed plane, so no basins; write validate.states.kind: nearest"
        )

    def exact_histogram(self, edges_x: np.ndarray, edges_y: np.ndarray, temperature: float) -> np.ndarray | None:
        """Exact probability mass ``(nx, ny)`` in the bins of the fixed plane, or None where it is not known."""
        return None

    def kT(self, temperature: float) -> float:
        """Thermal energy in kJ/mol."""
        return temperature if self.temperature_unit == "reduced" else GAS_CONSTANT * temperature

    def kelvin(self, temperature: float) -> float:
        """The temperature for OpenMM."""
        return self.kT(temperature) / GAS_CONSTANT


def check_kelvin(temperatures: list[float]) -> None:
    """Raise :class:`ThermolatentError` for temperatures that are not kelvin."""
    low, high = _KELVIN
    if wrong := [t for t in temperatures if not low <= t <= high]:
        raise ThermolatentError(
            f"temperatures: {wrong[0]:g} is not between {low:g} and {high:g}; temperatures are in kelvin; write e.g. 300"
        )
