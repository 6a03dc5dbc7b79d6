"""Protonation of side chains by the residue names of a structure file, such as HIP, ASH and LYN.

OpenMM's readers give such residues their standard names, so that the pH alone would decide. Here the names are read from the
file, and OpenMM's Modeller is told which variants to build.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from thermolatent.systems.topologies import CIF

if TYPE_CHECKING:
    import openmm.app

log = logging.getLogger(__name__)

#: Names in files -> standard residue, and variant of OpenMM's Modeller.
_VARIANTS = {
    **{name: ("HIS", "HID") for name in ("HID", "HSD")},
    **{name: ("HIS", "HIE") for name in ("HIE", "HSE")},
    **{name: ("HIS", "HIP") for name in ("HIP", "HSP")},
    **{name: ("LYS", "LYN") for name in ("LYN", "LSN")},
    **{"ASH": ("ASP", "ASH"), "GLH": ("GLU", "GLH"), "CYX": ("CYS", "CYX")},
}
#: Forms that Modeller cannot build.
_UNKNOWN = {"CYM": "CYS", "TYM": "TYR", "ARN": "ARG"}

Key = tuple[str, str, str]


def standardise_names(path: str, topology: openmm.app.Topology) -> dict[Key, str]:
    """Give residues of ``topology``, read from this PDB or mmCIF file, their standard names; return the variants of those with
    other names in the file. Forms that cannot be built are logged.
    """
    names, variants = _names_in(path), {}
    for residue in topology.residues():
        name = names.get(key_of(residue), residue.name)
        if name in _VARIANTS:
            residue.name, variants[key_of(residue)] = _VARIANTS[name]
        elif name in _UNKNOWN:
            residue.name = _UNKNOWN[name]
            log.warning(
                "%s: %s %s of chain %s becomes %s: its form cannot be built, the pH decides",
                *(path, name, residue.id, residue.chain.id, residue.name),
            )
    return variants


def variants_of(topology: openmm.app.Topology, variants: dict[Key, str]) -> list[str | None]:
    """What OpenMM's ``addHydrogens`` takes: one variant per residue, None where the pH decides."""
    return [variants.get(key_of(residue)) for residue in topology.residues()]


def key_of(residue: openmm.app.topology.Residue) -> Key:
    """Chain, number and insertion code."""
    return residue.chain.id.strip(), residue.id.strip(), residue.insertionCode.strip()


def _names_in(path: str) -> dict[Key, str]:
    """Names of residues as the file has them."""
    if Path(path).suffix.lower() not in CIF:
        with open(path) as file:
            lines = [line for line in file if line.startswith(("ATOM", "HETATM"))]
        return {(line[21].strip(), line[22:26].strip(), line[26].strip()): line[17:21].strip() for line in lines}
    from mdtraj.formats.pdbx.PdbxReader import PdbxReader

    blocks: list = []
    with open(path) as file:
        PdbxReader(file).read(blocks)
    table = blocks[0].getObj("atom_site")
    wanted = ("auth_asym_id", "auth_seq_id", "pdbx_PDB_ins_code", "auth_comp_id")
    columns = [table.getAttributeIndex(name) for name in wanted]
    rows = [["" if i < 0 or row[i] in ".?" else row[i] for i in columns] for row in table.getRowList()]
    return {(chain, number, code): name for chain, number, code, name in rows}
