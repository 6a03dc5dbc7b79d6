"""The user's existing MD: a topology, trajectory files per temperature, and energies where there are any."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from thermolatent.errors import ArtifactError, ThermolatentError, reason
from thermolatent.files.paths import in_ascii
from thermolatent.systems.existing import Column, ExistingMd, Files, Source, checked_apart
from thermolatent.systems.files import existing_file

if TYPE_CHECKING:
    import mdtraj
    import openmm.app

    from thermolatent.systems.frame_checks import Molecules

log = logging.getLogger(__name__)


class ColumnFiles(Column):
    """A column of numbers, one per frame: a file beside each trajectory file, per temperature and in the same order."""

    files: Files = Field({}, description="temperature -> files, one per trajectory file")
    skip: int | None = Field(
        None, ge=0, description="rows before the one of the first frame; needed where neither times nor steps tell"
    )
    every: int | None = Field(None, ge=1, description="rows per frame; needed where neither times nor steps tell")

    _files_exist = field_validator("files", mode="after")(checked_apart)


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

    _files_exist = field_validator("files", mode="after")(checked_apart)


class Trajectories(ExistingMd):
    """Existing trajectories. ``simulate`` says only into how many ``walkers`` of how many ``frames`` they are cut."""

    molecular: ClassVar[bool] = True

    kind: Literal["trajectories"] = "trajectories"
    topology_file: str = Field(alias="topology", description="PDB, mmCIF, gro, prmtop, psf: of all atoms in the files")
    files: Files = Field(min_length=1, description="temperature -> trajectory files: XTC, TRR, DCD, NetCDF")
    frame_interval: float = Field(gt=0, description="ps between the frames in the files")
    atoms: str | None = Field(None, description="the atoms that are kept, an mdtraj selection; default: all")
    energies: Energies | None = Field(None, description="potential energies; without them intervals are wider")
    log_weights: LogWeights | None = Field(None, description="of biased MD")

    @field_validator("topology_file", mode="after")
    @classmethod
    def _exists(cls, value: str) -> str:
        return existing_file(value)

    @property
    def sources(self) -> list[Source]:
        parts = {key: getattr(self, key) for key in ("energies", "log_weights")}
        return [Source(key, key, part) for key, part in parts.items() if part is not None and part.files]

    @property
    def has_energies(self) -> bool:
        return self.energies is not None

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

    def input_files(self, temperature: float) -> list[str]:
        computed = [self.energies.system_xml] if self.energies is not None and self.energies.system_xml else []
        return [self.topology_file, *super().input_files(temperature), *computed]


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
