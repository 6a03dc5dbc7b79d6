"""A protein or nucleic acid from a PDB or mmCIF file: missing atoms, hydrogens, solvent and ions are added."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, computed_field, field_validator

from thermolatent.errors import ThermolatentError, reason
from thermolatent.systems.chain import protonated, reference
from thermolatent.systems.files import digest, existing_file
from thermolatent.systems.force_fields import template_error
from thermolatent.systems.protonation import standardise_names, variants_of
from thermolatent.systems.rebuild import add_missing_atoms
from thermolatent.systems.solvated import Solvated

if TYPE_CHECKING:
    import openmm.app
    import pdbfixer

_WATERS = ("HOH", "WAT", "SOL", "DOD", "TIP3")
#: Longest C-N distance (nm) of a peptide bond, beyond which residues are missing in between.
_PEPTIDE_BOND = 0.25


class Structure(Solvated):
    """The first model of a file. Its waters are left out and its hydrogens placed anew; anything else must be known."""

    kind: Literal["structure"] = "structure"
    file: str = Field(description="PDB or mmCIF (.cif, .mmcif); relative to the working directory")
    chains: tuple[str, ...] = Field((), description="keep only these chains; default: all")
    remove: tuple[str, ...] = Field((), description="residue names to leave out, e.g. [GOL, SO4]")
    standardise: bool = Field(False, description="replace modified residues by their standard ones (MSE by MET)")
    missing_residues: Literal["refuse", "build"] = Field("refuse", description="build: model gaps inside a chain")
    parameters: tuple[str, ...] = Field((), description="OpenMM force field XML files of your own, for ligands")

    @field_validator("file")
    @classmethod
    def _exists(cls, value: str) -> str:
        return existing_file(value)

    @field_validator("parameters")
    @classmethod
    def _exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(existing_file(path) for path in value)

    @computed_field
    @property
    def content(self) -> str:
        """Digest of the files."""
        return digest([self.file, *self.parameters])

    def _parameters(self) -> tuple[str, ...]:
        return self.parameters

    def _solute(self, force_field) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        fixer, variants = self._fixed()
        try:
            topology, positions = protonated(
                fixer.topology, fixer.positions, self.pH, force_field, variants_of(fixer.topology, variants)
            )
        except ValueError as error:
            raise template_error(error, fixer.topology, self.force_field) from None
        return topology, {Path(self.file).stem: np.round(positions - positions.mean(axis=0), 4)}

    def _fixed(self) -> tuple[pdbfixer.PDBFixer, dict]:
        """The structure with all heavy atoms and no hydrogens in standard residues, and the variants of these."""
        from openmm import app

        fixer = self._read()
        variants = standardise_names(self.file, fixer.topology)
        keep = set(self.chains) or {chain.id for chain in fixer.topology.chains()}
        if unknown := sorted(keep - {chain.id for chain in fixer.topology.chains()}):
            known = ", ".join(sorted({chain.id for chain in fixer.topology.chains()}))
            raise ThermolatentError(f"system.chains: {self.file} has no chain '{unknown[0]}'; known: {known}")
        fixer.removeChains([i for i, chain in enumerate(fixer.topology.chains()) if chain.id not in keep])
        if self.standardise:
            fixer.findNonstandardResidues()
            fixer.replaceNonstandardResidues()
        modeller = app.Modeller(fixer.topology, fixer.positions)
        out = {*self.remove, *_WATERS}
        modeller.delete([residue for residue in fixer.topology.residues() if residue.name in out])
        standard = [r for r in modeller.topology.residues() if r.name in fixer.templates]
        modeller.delete([a for r in standard for a in r.atoms() if a.element == app.element.hydrogen])
        if modeller.topology.getNumAtoms() == 0:
            raise ThermolatentError(
                f"system.file: {self.file} has no atoms left; check system.chains and system.remove"
            )
        fixer.topology, fixer.positions = modeller.topology, modeller.positions
        self._check_gaps(fixer)
        add_missing_atoms(fixer)
        return fixer, variants

    def _read(self) -> pdbfixer.PDBFixer:
        import pdbfixer

        cif = Path(self.file).suffix.lower() in (".cif", ".mmcif")
        try:
            if not Path(self.file).stat().st_size:
                raise ValueError("it is empty")
            with open(self.file) as file:
                fixer = pdbfixer.PDBFixer(**{"pdbxfile" if cif else "pdbfile": file}, platform=reference())
        except Exception as error:  # the parsers raise whatever they stumble over
            kind = "mmCIF" if cif else "PDB"
            raise ThermolatentError(
                f"system.file: {self.file} is no valid {kind} file ({reason(error)}); write another"
            ) from None
        if fixer.topology.getNumAtoms() == 0:
            raise ThermolatentError(f"system.file: {self.file} holds no atoms; write a PDB or mmCIF file")
        return fixer

    def _check_gaps(self, fixer: pdbfixer.PDBFixer) -> None:
        """Leave out what is missing at the ends of chains; refuse or build what is missing inside."""
        from openmm import unit

        chains = list(fixer.topology.chains())
        fixer.findMissingResidues()
        lengths = [len(list(chain.residues())) for chain in chains]
        inside = {(c, i): names for (c, i), names in fixer.missingResidues.items() if 0 < i < lengths[c]}
        fixer.missingResidues = inside
        if self.missing_residues == "refuse" and inside:
            (chain, position), names = next(iter(inside.items()))
            after = list(chains[chain].residues())[position - 1]
            raise ThermolatentError(
                f"system.file: {self.file} lacks residues {'-'.join(names)} after {after.name} {after.id} of chain "
                f"{chains[chain].id}; write system.missing_residues: build, or a complete file"
            )
        positions = np.array(fixer.positions.value_in_unit(unit.nanometer))
        for c, chain in enumerate(chains):
            residues = list(chain.residues())
            for i, (first, second) in enumerate(itertools.pairwise(residues), start=1):
                ends = [a.index for r, n in ((first, "C"), (second, "N")) for a in r.atoms() if a.name == n]
                far = len(ends) == 2 and np.linalg.norm(positions[ends[0]] - positions[ends[1]]) > _PEPTIDE_BOND
                if far and (c, i) not in inside:
                    raise ThermolatentError(
                        f"system.file: {self.file} has a gap between {first.name} {first.id} and {second.name} {second.id} of "
                        f"chain {chain.id} and does not say what is missing; write a file with SEQRES records, a complete one, "
                        "or a TER line between two molecules"
                    )
