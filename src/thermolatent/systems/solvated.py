"""A molecule that the project builds: force field, surroundings, and the box of water and ions where there is one."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from thermolatent.errors import ThermolatentError
from thermolatent.systems import force_fields
from thermolatent.systems.force_fields import FORCE_FIELDS, SOLVENT_DIELECTRIC, Implicit, create_system
from thermolatent.systems.molecule import Built, Parametrised, Surroundings

if TYPE_CHECKING:
    import openmm
    import openmm.app

#: Largest cutoff as a share of the box: below the half, so that a barostat may shrink it.
_CUTOFF_SHARE = 0.45
#: Box vectors of width 1: the rhombic dodecahedron has the same distance between images with 0.71 of the volume.
_BOXES = {
    "cube": np.eye(3),
    "dodecahedron": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, math.sqrt(0.5)]]),
}
#: Least distance (nm) of the solute from its periodic images: room for one layer of water.
_IMAGE = 0.4
#: Moles of water in a litre.
_WATER_MOLARITY = 55.4
#: Models whose water box OpenMM has, by the number of sites of a molecule.
_BOX_MODELS = {3: "tip3p", 4: "tip4pew"}
_FOUR_SITES = ("opc", "tip4pew", "tip4pfb", "tip4p2005")


class Solvated(Parametrised):
    """Keys of every built molecule. Keys for another ``solvent`` are refused."""

    force_field: str = Field("amber14", description="amber14, amber19, amber99sb, amber99sb-ildn, amber03 or charmm36")
    solvent: Surroundings = Field("implicit", description="vacuum, implicit or explicit")
    implicit: Implicit = Field("gbn2", description="implicit: generalised Born model")
    water: str = Field("tip3p", description="explicit: water model")
    salt: float = Field(0.0, ge=0, le=5, description="mol/l; explicit: beside the ions that neutralise")
    cation: Literal["Na+", "K+"] = Field("Na+", description="explicit; the anion is Cl-")
    padding: float = Field(1.0, gt=0, description="explicit: nm between periodic images of the largest start")
    box: float | None = Field(
        None, gt=0, description="explicit: width of the box in nm; default: from padding and cutoff"
    )
    box_shape: Literal["cube", "dodecahedron"] = Field("cube", description="explicit")
    cutoff: float | None = Field(
        None, gt=0, description="explicit: nm, of PME's direct sum; default: 1.0, charmm36 1.2"
    )
    pH: float = Field(7.0, ge=0, le=14, description="decides which side chains are protonated")

    @field_validator("force_field")
    @classmethod
    def _known_force_field(cls, value: str) -> str:
        return force_fields.known_force_field(value)

    @model_validator(mode="after")
    def _keys_fit(self):
        entry = FORCE_FIELDS[self.force_field]
        of = {
            "implicit": {"implicit"},
            "explicit": {"water", "cation", "padding", "box", "box_shape", "cutoff"},
        }
        of["vacuum"] = set()
        allowed = of[self.solvent] | (set() if self.solvent == "vacuum" else {"salt"})
        if idle := sorted(self.model_fields_set & {"salt"}.union(*of.values()) - allowed):
            needed = "implicit" if idle[0] == "implicit" else "explicit"
            raise ValueError(
                f"{idle[0]}: means nothing with solvent: {self.solvent}; write solvent: {needed}, or remove it"
            )
        if self.solvent == "explicit" and self.water not in entry.waters:
            raise ValueError(f"water: {self.force_field} has no '{self.water}'; known: {', '.join(entry.waters)}")
        return self

    @property
    def surroundings(self) -> Surroundings:
        return self.solvent

    def _solute(self, force_field: openmm.app.ForceField) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        """Topology of the solute with its hydrogens, and its named structures ``(n, 3)`` in nm."""
        raise NotImplementedError

    def _parameters(self) -> tuple[str, ...]:
        """Force field files of the user's own."""
        return ()

    def _build(self) -> Built:
        from openmm import app, unit

        water = self.water if self.solvent == "explicit" else None
        implicit = self.implicit if self.solvent == "implicit" else None
        name, more = self.force_field, self._parameters()
        topology, starts = self._solute(force_fields.load_force_field(name, water, more=more))
        saved = np.arange(topology.getNumAtoms())
        force_field = force_fields.load_force_field(name, water, implicit, more)
        arguments = {
            "constraints": app.HBonds if self.constraints == "hbonds" else None,
            "rigidWater": True,
            "hydrogenMass": self.hydrogen_mass * unit.amu,
        }
        if self.solvent == "implicit":
            arguments |= {"solventDielectric": SOLVENT_DIELECTRIC}
            if self.salt:
                arguments |= {"implicitSolventKappa": force_fields.debye_kappa(self.salt)}
        if self.solvent == "explicit":
            create_system(force_field, topology, name)  # missing parameters are reported before water is added
            topology, starts = self._solvate(force_field, topology, starts)
            cutoff, switch = self._cutoff, FORCE_FIELDS[name].switch
            arguments |= {"nonbondedMethod": app.PME, "nonbondedCutoff": cutoff}
            arguments |= {"switchDistance": cutoff - switch} if switch else {}
        system = create_system(force_field, topology, name, **arguments)
        return Built(system, topology, starts, saved)

    @property
    def _cutoff(self) -> float:
        return self.cutoff or FORCE_FIELDS[self.force_field].cutoff

    def _box_width(self, structures: list[np.ndarray]) -> float:
        """Width (nm), rounded up to 0.1 nm: the same on every machine; raises if it cannot hold the cutoff."""
        smallest = float(np.diag(_BOXES[self.box_shape]).min())
        needed = self._cutoff / (_CUTOFF_SHARE * smallest)
        if self.box is None:
            diameter = max(2 * np.linalg.norm(s - (s.max(0) + s.min(0)) / 2, axis=1).max() for s in structures)
            return math.ceil(10 * max(diameter + self.padding, needed) - 1e-6) / 10
        if self.box < needed:
            raise ThermolatentError(
                f"system.box: {self.box:g} nm is too small for a cutoff of {self._cutoff:g} nm; write at least "
                f"{math.ceil(100 * needed) / 100:g}, or a shorter system.cutoff"
            )
        return self.box

    def _check_images(self, structures: dict[str, np.ndarray], vectors: np.ndarray) -> None:
        """Refuse a box in which a start comes near its own periodic images."""
        from scipy.spatial import cKDTree

        shifts = [np.array(s) @ vectors for s in itertools.product((-1, 0, 1), repeat=3) if any(s)]
        for name, positions in structures.items():
            tree = cKDTree(positions)
            if any(tree.query(positions + shift, distance_upper_bound=_IMAGE)[0].min() < _IMAGE for shift in shifts):
                raise ThermolatentError(
                    f"system.box: {self.box:g} nm is too small for the start '{name}', which comes within {_IMAGE:g} nm of its "
                    "own periodic image; leave box out, and system.padding decides"
                )

    def _solvate(self, force_field, topology, structures) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        """Every structure in the same box with the same number of waters and ions."""
        from openmm import Vec3, app, unit

        width = self._box_width(list(structures.values()))
        vectors = width * _BOXES[self.box_shape]
        self._check_images(structures, vectors)
        modellers = []
        for positions in structures.values():
            modeller = app.Modeller(topology, positions * unit.nanometer)
            model = _BOX_MODELS[4 if self.water in _FOUR_SITES else 3]
            modeller.addSolvent(force_field, model=model, boxVectors=[Vec3(*v) for v in vectors], neutralize=False)
            modellers.append(modeller)
        waters = min(len(_waters(m)) for m in modellers)
        charge = _net_charge(force_field, topology)
        pairs = round(self.salt * max(waters - abs(charge), 0) / _WATER_MOLARITY)
        ions = [self.cation] * (pairs + max(-charge, 0)) + ["Cl-"] * (pairs + max(charge, 0))
        for modeller in modellers:
            _replace_by_ions(modeller, topology.getNumAtoms(), waters, ions)
        solvated = {
            name: np.array(m.positions.value_in_unit(unit.nanometer))
            for name, m in zip(structures, modellers, strict=True)
        }
        return modellers[0].topology, solvated


def _waters(modeller: openmm.app.Modeller) -> list[openmm.app.topology.Residue]:
    return [residue for residue in modeller.topology.residues() if residue.name == "HOH"]


def _net_charge(force_field, topology) -> int:
    """Charge of the solute in units of e."""
    import openmm as mm

    system = force_field.createSystem(topology)
    nonbonded = next(f for f in system.getForces() if isinstance(f, mm.NonbondedForce))
    charges = [nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles())]
    return round(sum(charges))


def _replace_by_ions(modeller, solute_atoms: int, waters: int, ions: list[str]) -> None:
    """Remove all but ``waters`` molecules and replace some by ions, at random (one seed), far from solute and each other."""
    from openmm import app, unit
    from scipy.spatial import cKDTree

    residues = _waters(modeller)
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    oxygens = positions[[next(residue.atoms()).index for residue in residues]]
    nearest = cKDTree(positions[:solute_atoms]).query(oxygens)[0]  # of the solute and the ions that are placed already
    order = np.random.default_rng(1).permutation(len(residues))
    places: list[int] = []
    for distance in (0.5, 0.3, 0.0):  # as far as there is room for
        for i in order:
            if len(places) < len(ions) and nearest[i] > distance:
                places.append(i)
                nearest = np.minimum(nearest, np.linalg.norm(oxygens - oxygens[i], axis=1))
    if len(places) < len(ions):
        raise ThermolatentError(
            f"system.salt: {len(ions)} ions do not fit in {waters} waters; write less, or a larger box"
        )
    surplus = [i for i in order[::-1] if i not in places][: len(residues) - waters]
    modeller.delete([residues[i] for i in [*surplus, *places]])
    if not ions:
        return
    added = app.Topology()
    chain = added.addChain()
    for ion in ions:
        element = app.Element.getBySymbol(ion[:-1])
        added.addAtom(element.symbol, element, added.addResidue(element.symbol.upper(), chain))
    modeller.add(added, oxygens[places] * unit.nanometer)
