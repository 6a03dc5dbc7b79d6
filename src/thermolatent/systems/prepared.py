"""A molecule that the user has parametrised: OpenMM System XML, Amber, GROMACS or CHARMM files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, computed_field, field_validator, model_validator

from thermolatent.errors import ThermolatentError
from thermolatent.systems.files import digest, existing_file
from thermolatent.systems.force_fields import SOLVENT_DIELECTRIC, debye_kappa
from thermolatent.systems.foreign import hydrogens, remove_controls, solute
from thermolatent.systems.molecule import Built, Parametrised, Surroundings
from thermolatent.systems.topologies import CIF, GRO, PDB, PRMTOP, insertion_code, read_structure

if TYPE_CHECKING:
    import openmm
    import openmm.app

_AMBER, _GROMACS, _CHARMM, _XML = (".prmtop", ".parm7"), (".top",), (".psf",), (".pdb", ".cif")


class Prepared(Parametrised):
    """``topology`` decides the format. Barostats and thermostats inside a System XML are left out."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["prepared"] = "prepared"
    topology_file: str = Field(
        alias="topology", description=".prmtop, .parm7, .top, .psf, or .pdb, .cif with system_xml"
    )
    positions: tuple[str, ...] = Field(
        (), description="starts: .inpcrd, .rst7, .gro, .crd, .pdb, .cif; default: the topology's"
    )
    system_xml: str = Field("", description="serialised OpenMM System")
    parameters: tuple[str, ...] = Field((), description="CHARMM .prm, .rtf, .str files")
    include: str = Field("", description="GROMACS: folder of the included force field files")
    solvent: Surroundings = Field("explicit", description="vacuum, implicit or explicit, as it was prepared")
    implicit: Literal["hct", "obc1", "obc2", "gbn", "gbn2"] = Field(
        "gbn2", description="Amber files, solvent: implicit"
    )
    salt: float = Field(0.0, ge=0, le=5, description="mol/l; Amber files, solvent: implicit")
    cutoff: float = Field(1.0, gt=0, description="explicit: nm, of PME's direct sum; a System XML has its own")
    keep: tuple[str, ...] = Field((), description="residue names to save although they look like water or ions")

    @field_validator("positions", "parameters", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("topology_file", "system_xml")
    @classmethod
    def _exists(cls, value: str) -> str:
        return existing_file(value) if value else value

    @field_validator("positions", "parameters")
    @classmethod
    def _exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(existing_file(path) for path in value)

    @model_validator(mode="after")
    def _files_fit(self):
        suffix = self._suffix
        if suffix not in (*_AMBER, *_GROMACS, *_CHARMM, *_XML):
            raise ValueError(
                f"topology: '{self.topology_file}' is of no known format; write .prmtop, .parm7, .top, .psf or .pdb"
            )
        if (suffix in _XML) != bool(self.system_xml):
            raise ValueError(
                f"system_xml: goes with a .pdb or .cif topology, not with '{suffix}' alone; write both, or neither"
            )
        if suffix not in _XML and not self.positions:
            raise ValueError("positions: is missing; write a file with coordinates, e.g. start.inpcrd or start.gro")
        if suffix in _CHARMM and not self.parameters:
            raise ValueError("parameters: is missing; write the .prm, .rtf or .str files of the .psf")
        if self.solvent == "implicit" and suffix not in (*_AMBER, *_XML):
            raise ValueError(
                "solvent: implicit needs Amber files or a System XML with its GB force; write explicit or vacuum"
            )
        stems = [Path(path).stem for path in self.positions]
        if len(set(stems)) < len(stems):
            raise ValueError("positions: two files have the same name; starts are named by their files; rename one")
        return self

    @computed_field
    @property
    def content(self) -> str:
        """Digest of the files."""
        return digest(f for f in (self.topology_file, *self.positions, self.system_xml, *self.parameters) if f)

    @property
    def surroundings(self) -> Surroundings:
        return self.solvent

    @property
    def _suffix(self) -> str:
        return Path(self.topology_file).suffix.lower()

    def _build(self) -> Built:
        try:
            system, topology = self._read()
            self._number(topology)
            starts = {Path(path).stem: _positions(path) for path in self.positions or (self.topology_file,)}
        except ThermolatentError:
            raise
        except Exception as error:  # OpenMM's parsers raise errors of any type
            shown = " ".join(str(error).split())
            raise ThermolatentError(f"system.topology: {self.topology_file} cannot be read or built: {shown}") from None
        for name, positions in starts.items():
            if len(positions) != system.getNumParticles():
                raise ThermolatentError(
                    f"system.positions: {name} has {len(positions)} atoms, the system {system.getNumParticles()}; write "
                    "coordinates of this topology"
                )
        remove_controls(system)
        saved = solute(topology, self.keep) if self.solvent == "explicit" else np.arange(topology.getNumAtoms())
        if len(saved) == 0:
            raise ThermolatentError(
                f"system.topology: {self.topology_file} holds only water and ions; write system.keep"
            )
        self._check(system, topology, saved)
        return Built(system, topology, starts, saved)

    def _read(self) -> tuple[openmm.System, openmm.app.Topology]:
        import openmm as mm
        from openmm import app, unit

        if self._suffix in _XML:
            with open(self.system_xml) as file:
                system = mm.XmlSerializer.deserialize(file.read())
            if not isinstance(system, mm.System):
                raise ThermolatentError(f"system.system_xml: {self.system_xml} is not an OpenMM System; write one")
            return system, _coordinates(self.topology_file).topology
        arguments: dict[str, Any] = {
            "nonbondedMethod": app.PME if self.solvent == "explicit" else app.NoCutoff,
            "nonbondedCutoff": self.cutoff * unit.nanometer,
            "constraints": app.HBonds if self.constraints == "hbonds" else None,
            "hydrogenMass": self.hydrogen_mass * unit.amu,
            "removeCMMotion": False,
        }
        if self._suffix in _CHARMM:
            psf = app.CharmmPsfFile(self.topology_file)
            if self.solvent == "explicit":
                psf.setBox(*_box(self.positions[0]))
            return psf.createSystem(app.CharmmParameterSet(*self.parameters), **arguments), psf.topology
        vectors = _box(self.positions[0]) if self.solvent == "explicit" else None
        if self._suffix in _GROMACS:
            top = app.GromacsTopFile(
                self.topology_file, periodicBoxVectors=vectors, **({"includeDir": self.include} if self.include else {})
            )
            return top.createSystem(**arguments), top.topology
        prmtop = app.AmberPrmtopFile(self.topology_file, periodicBoxVectors=vectors)
        if self.solvent == "implicit":
            model = {"hct": app.HCT, "obc1": app.OBC1, "obc2": app.OBC2, "gbn": app.GBn, "gbn2": app.GBn2}[
                self.implicit
            ]
            arguments |= {"implicitSolvent": model, "solventDielectric": SOLVENT_DIELECTRIC}
            arguments |= {"implicitSolventKappa": debye_kappa(self.salt)} if self.salt else {}
        return prmtop.createSystem(**arguments), prmtop.topology

    def _number(self, topology: openmm.app.Topology) -> None:
        """Give residues the numbers that Amber and GROMACS files have, which OpenMM leaves out; those have no chain ids."""
        if self._suffix not in (*_AMBER, *_GROMACS):
            return
        named = self.topology_file if self._suffix in _AMBER else self.positions[0]
        for chain in topology.chains():
            chain.id = ""
        if Path(named).suffix.lower() not in (*PRMTOP, *PDB, *CIF, *GRO):
            return
        found = list(read_structure(named)[0].residues)
        if len(found) != topology.getNumResidues():
            return  # wrong positions are reported when they are read
        for residue, source in zip(topology.residues(), found, strict=True):
            residue.id, residue.insertionCode = str(source.resSeq), insertion_code(source)

    def _check(self, system, topology, saved: np.ndarray) -> None:
        """Raise if the study contradicts the System: periodicity, box and cutoff, hydrogens of the solute."""
        import openmm as mm

        periodic = system.usesPeriodicBoundaryConditions()
        if periodic != (self.solvent == "explicit"):
            said = "explicit" if periodic else "vacuum or implicit"
            raise ThermolatentError(f"system.solvent: is {self.solvent}, but the System is {said}; write that")
        if periodic:
            smallest = min(v[i]._value for i, v in enumerate(system.getDefaultPeriodicBoxVectors()))
            methods = [f for f in system.getForces() if isinstance(f, mm.NonbondedForce)]
            cutoff = max((f.getCutoffDistance()._value for f in methods), default=0.0)
            if 2 * cutoff > smallest:
                raise ThermolatentError(
                    f"system.cutoff: {cutoff:g} nm is more than half of the box ({smallest:.3g} nm); write a shorter cutoff, or "
                    "prepare a larger box"
                )
        lightest, rigid = hydrogens(system, topology, saved)
        if lightest < self.hydrogen_mass - 0.05:
            raise ThermolatentError(
                f"system.hydrogen_mass: the System's hydrogens weigh {lightest:.4g} amu; write hydrogen_mass: {lightest:.4g}"
            )
        if self.constraints == "hbonds" and not rigid:
            raise ThermolatentError(
                "system.constraints: the System does not constrain its hydrogens; write constraints: none"
            )


def _coordinates(path: str):
    """A coordinate file by its ending."""
    from openmm import app

    readers = {
        **{".pdb": app.PDBFile, ".cif": app.PDBxFile, ".gro": app.GromacsGroFile},
        **{".inpcrd": app.AmberInpcrdFile, ".rst7": app.AmberInpcrdFile, ".crd": app.CharmmCrdFile},
    }
    if (suffix := Path(path).suffix.lower()) not in readers:
        raise ThermolatentError(f"system.positions: {path} is of no known format; write one of {', '.join(readers)}")
    return readers[suffix](path)


def _positions(path: str) -> np.ndarray:
    from openmm import unit

    return np.array(_coordinates(path).positions.value_in_unit(unit.nanometer))


def _box(path: str):
    """Box vectors of a coordinate file; raises :class:`ThermolatentError` if it has none."""
    found = _coordinates(path)
    if hasattr(found, "getPeriodicBoxVectors"):
        vectors = found.getPeriodicBoxVectors()
    elif hasattr(found, "topology"):
        vectors = found.topology.getPeriodicBoxVectors()
    else:
        vectors = getattr(found, "boxVectors", None)
    if vectors is None:
        raise ThermolatentError(f"system.positions: {path} has no box; write a file that has one, or solvent: vacuum")
    return vectors
