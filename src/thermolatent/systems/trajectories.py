"""The user's existing MD: a topology, trajectory files per temperature, and energies where there are any.

Nothing is simulated. The stage simulate imports the files (:mod:`thermolatent.simulate.importing`) into the layout that every
other system's MD has, and later stages work the same.
"""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from thermolatent.errors import ArtifactError, ThermolatentError, reason
from thermolatent.files.paths import in_ascii
from thermolatent.systems.base import System, check_kelvin
from thermolatent.systems.files import existing_file
from thermolatent.temperatures import format_temperature

if TYPE_CHECKING:
    import mdtraj
    import openmm.app

    from thermolatent.simulate.settings import Simulate
    from thermolatent.systems.frame_checks import Molecules

log = logging.getLogger(__name__)

Files = dict[float, list[str]]


def _checked(files: Files) -> Files:
    for paths in files.values():
        for path in paths:
            existing_file(path)
    return files


def _checked_once(files: Files) -> Files:
    """Also that no file is named twice: its frames, or its temperature, would be wrong."""
    at: dict[str, float] = {}
    for temperature, paths in _checked(files).items():
        for path in paths:
            if (other := at.setdefault(os.path.realpath(path), temperature)) != temperature:
                raise ValueError(
                    f"'{path}' is at {format_temperature(other)} and at {format_temperature(temperature)}; "
                    "write each temperature's own"
                )
        if twice := [path for path in paths if paths.count(path) > 1]:
            raise ValueError(f"'{twice[0]}' is there twice at {format_temperature(temperature)}; leave one out")
    return files


def _checked_apart(files: Files) -> Files:
    """Also that no file is at two temperatures; parts of a trajectory may share one."""
    _checked_once({temperature: list(dict.fromkeys(paths)) for temperature, paths in files.items()})
    return files


class ColumnFiles(BaseModel):
    """A column of numbers, one per frame: a file beside each trajectory file, per temperature and in the same order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Files = Field({}, description="temperature -> files, one per trajectory file")
    column: str | None = Field(
        None, description="name of the column; default: the potential energy, where a format has one"
    )
    unit: Literal["kJ/mol", "kcal/mol", "kT", "eV"] | None = Field(
        None, description="of the column, where the file does not say it"
    )
    skip: int | None = Field(
        None, ge=0, description="rows before the one of the first frame; needed where neither times nor steps tell"
    )
    every: int | None = Field(None, ge=1, description="rows per frame; needed where neither times nor steps tell")

    _files_exist = field_validator("files", mode="after")(_checked_apart)


class Energies(ColumnFiles):
    """Potential energies: from files, or computed anew."""

    system_xml: str | None = Field(None, description="OpenMM System of all atoms, to compute the energies with")
    pressure: float | None = Field(
        None, ge=0, description="bar, of MD at constant pressure: pV is added; 0 where it is in the energies"
    )

    @field_validator("system_xml", mode="after")
    @classmethod
    def _exists(cls, value: str | None) -> str | None:
        return value and existing_file(value)

    @model_validator(mode="after")
    def _one_source(self):
        if bool(self.files) == bool(self.system_xml):
            raise ValueError("files: write files or system_xml, one of them; without energies leave the section out")
        return self


class LogWeights(ColumnFiles):
    """Bias of each frame: a frame counts exp(bias / kT), as after metadynamics with its final bias."""

    files: Files = Field(min_length=1, description="temperature -> files, one per trajectory file")
    column: str = Field(description="name of the column, e.g. metad.rbias of a PLUMED COLVAR file")

    _files_exist = field_validator("files", mode="after")(_checked_apart)


class Trajectories(System):
    """Existing trajectories. ``simulate`` says only into how many ``walkers`` of how many ``frames`` they are cut."""

    molecular: ClassVar[bool] = True

    kind: Literal["trajectories"] = "trajectories"
    topology_file: str = Field(alias="topology", description="PDB, mmCIF, gro, prmtop, psf: of all atoms in the files")
    files: Files = Field(min_length=1, description="temperature -> trajectory files: XTC, TRR, DCD, NetCDF")
    frame_interval: float = Field(gt=0, description="ps between the frames in the files")
    stride: int = Field(1, ge=1, description="every so many frames of the files are used")
    atoms: str | None = Field(None, description="the atoms that are kept, an mdtraj selection; default: all")
    unit: Literal["kelvin", "reduced"] = Field("kelvin", description="of temperatures; reduced: kT is the temperature")
    energies: Energies | None = Field(None, description="potential energies; without them intervals are wider")
    log_weights: LogWeights | None = Field(None, description="of biased MD")
    discontinuous: bool = Field(
        False, description="replica exchange: one file per temperature, frames of equal number are simultaneous"
    )
    exchange_interval: float | None = Field(
        None, gt=0, description="ps between attempts to exchange, from a file's first frame on; of discontinuous files"
    )

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    _files_exist = field_validator("files", mode="after")(_checked_once)

    @field_validator("topology_file", mode="after")
    @classmethod
    def _exists(cls, value: str) -> str:
        return existing_file(value)

    @model_validator(mode="after")
    def _exchanges(self):
        if self.discontinuous and self.exchange_interval is None:
            raise ValueError(
                "exchange_interval: is missing; with discontinuous: true write the ps between attempts to exchange replicas"
            )
        if not self.discontinuous and self.exchange_interval is not None:
            raise ValueError(
                "exchange_interval: is for replica exchange only; write discontinuous: true or leave it out"
            )
        several = [T for T, paths in self.files.items() if self.discontinuous and len(paths) != 1]
        if several:
            raise ValueError(
                f"files: {len(self.files[several[0]])} at {format_temperature(several[0])}; replica exchange (discontinuous: "
                "true) needs one file per temperature: join them in the order of time"
            )
        return self

    @property
    def stretch(self) -> float | None:
        """Frames that are used between two attempts to exchange; None of continuous MD."""
        return None if self.exchange_interval is None else self.exchange_interval / self.saved_interval

    @property
    def temperature_unit(self) -> str:
        return self.unit

    @property
    def saved_interval(self) -> float:
        """ps between the frames that are used."""
        return self.frame_interval * self.stride

    @property
    def n_particles(self) -> int:
        return len(self.kept)

    @property
    def all_atoms(self) -> mdtraj.Topology:
        """Topology of the files; raises :class:`ThermolatentError` if it cannot be read."""
        return _read_topology(self.topology_file, self.unit == "reduced")[0]

    @property
    def kept(self) -> np.ndarray:
        """Indices of the atoms that are kept; raises :class:`ThermolatentError` for an invalid selection."""
        return self._atoms[0]

    @property
    def read(self) -> np.ndarray:
        """Indices of all atoms of molecules that are kept, also in part: periodic images are removed for whole molecules."""
        return self._atoms[1]

    @property
    def _atoms(self) -> tuple[np.ndarray, np.ndarray, Molecules]:
        return _choose_atoms(self.topology_file, self.atoms, self.unit == "reduced")

    def checked(self, path: str, first: int, part: mdtraj.Trajectory, stride: int = 1) -> mdtraj.Trajectory:
        """Frames of the atoms that are :attr:`read`, with whole molecules: see
        :func:`thermolatent.systems.frame_checks.check_frames`."""
        from thermolatent.systems.frame_checks import check_frames

        return check_frames(self._atoms[2], path, first, part, stride)

    def topology(self) -> openmm.app.Topology:
        """Topology of the atoms that are kept."""
        from thermolatent.systems.topologies import subset, to_openmm

        return to_openmm(subset(self.all_atoms, self.kept))

    def starts(self) -> dict[str, np.ndarray]:
        """The structure in the topology file; where that has none in one piece, the first frame of the first file."""
        import mdtraj

        path, structure = self.topology_file, _read_topology(self.topology_file, self.unit == "reduced")[1]
        if structure is not None:
            try:
                structure = self.checked(path, 0, structure.atom_slice(self.read))
            except ArtifactError as error:
                log.warning("%s; the first frame of the first trajectory is the starting structure", error)
                structure = None
        if structure is None:
            path = next(iter(self.files.values()))[0]
            with in_ascii(path) as name:
                first = next(mdtraj.iterload(name, top=self.all_atoms, chunk=1, atom_indices=self.read))
            structure = self.checked(path, 0, first)
        return {"structure": structure.xyz[0, np.searchsorted(self.read, self.kept)]}

    def at(self, temperature: float, key: Literal["files", "energies", "log_weights"] = "files") -> list[str]:
        """Files of one temperature; raises :class:`ThermolatentError` if there are none, or not one per trajectory."""
        files = self.files if key == "files" else getattr(self, key).files
        where = key if key == "files" else f"{key}.files"
        if temperature not in files:
            raise ThermolatentError(
                f"system.{where}: there are none at {format_temperature(temperature)}; there are some at "
                f"{', '.join(map(format_temperature, files))}; add them, or take {format_temperature(temperature)} out of "
                "temperatures"
            )
        if not files[temperature] or len(files[temperature]) != len(self.files[temperature]):
            raise ThermolatentError(
                f"system.{where}: {len(files[temperature])} files at {format_temperature(temperature)} for "
                f"{len(self.files[temperature])} trajectories; write one for each, in the same order"
            )
        return files[temperature]

    def check_simulate(self, settings: Simulate, temperatures: list[float]) -> None:
        """Refuse temperatures that are not kelvin."""
        if self.unit == "kelvin":
            check_kelvin(temperatures)

    def input_files(self, temperature: float) -> list[str]:
        """Every file that is read for this temperature; raises :class:`ThermolatentError` where some are missing."""
        files = [self.topology_file, *self.at(temperature)]
        for source, key in ((self.energies, "energies"), (self.log_weights, "log_weights")):
            files += self.at(temperature, key) if source is not None and source.files else []
        if self.energies is not None and self.energies.system_xml:
            files.append(self.energies.system_xml)
        return files


@functools.lru_cache(maxsize=4)
def _read_topology(path: str, reduced: bool) -> tuple[mdtraj.Topology, mdtraj.Trajectory | None]:
    """The topology, with chains by bonds, and the first structure in the file, if any.

    Bonds are completed unless units are ``reduced``, in which distances say nothing of bonds.
    """
    from thermolatent.systems import topologies
    from thermolatent.systems.bonds import complete_bonds

    try:
        topology, first = topologies.read_structure(path)
    except Exception as error:  # the readers raise many kinds
        raise ThermolatentError(
            f"system.topology: {path} cannot be read ({reason(error)}); write a PDB, mmCIF, gro, prmtop or psf"
        ) from None
    if first is not None and not reduced:
        complete_bonds(path, first, has_chains=not path.lower().endswith(topologies.GRO))
    return topologies.split_chains(topology), first


@functools.lru_cache(maxsize=4)
def _choose_atoms(path: str, selection: str | None, reduced: bool) -> tuple[np.ndarray, np.ndarray, Molecules]:
    """Kept atoms, read atoms, and the molecules of the latter."""
    from thermolatent.systems.bonds import molecules_of
    from thermolatent.systems.frame_checks import Molecules
    from thermolatent.systems.selection import select
    from thermolatent.systems.topologies import subset

    topology = _read_topology(path, reduced)[0]
    kept = np.arange(topology.n_atoms) if selection is None else select("system", "atoms", topology, selection)
    number = molecules_of(topology)
    read = np.flatnonzero(np.isin(number, number[kept]))
    return kept, read, Molecules.of(subset(topology, read), reduced)
