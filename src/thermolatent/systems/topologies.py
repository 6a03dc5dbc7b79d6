"""Topologies of files, with the residue numbers, insertion codes and chain ids that the files have.

mdtraj reads and OpenMM writes. What they leave out is added here: insertion codes (``residue.insertion_code``, one letter or
nothing), the numbers that a prmtop may hold, and chains, by backbone bonds, if a format has none.
"""

from __future__ import annotations

import gzip
import io
import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError, reason
from thermolatent.files.artifacts import replacing
from thermolatent.systems.files import structure_path

if TYPE_CHECKING:
    import mdtraj
    import openmm.app

PDB, CIF, GRO = (".pdb", ".ent"), (".cif", ".mmcif"), (".gro",)
PRMTOP, PSF = (".prmtop", ".parm7", ".prm7"), (".psf",)
#: Residues at the ends of peptide chains, which lack some of N, CA and C.
_CAPS = ("ACE", "NME", "NMA", "NH2", "FOR")
#: Residue numbers that the four columns of a PDB hold.
_LOWEST, _HIGHEST = -999, 9999


def read_structure(path: str) -> tuple[mdtraj.Topology, mdtraj.Trajectory | None]:
    """The topology of a file as it names things, and its first structure; None of a format without positions.

    Raises whatever the reader of the format raises.
    """
    import mdtraj
    from mdtraj.formats.gro import load_gro

    if not Path(path).stat().st_size:
        raise ValueError("it is empty")
    suffix = Path(path.removesuffix(".gz")).suffix.lower()
    if suffix in PRMTOP:
        topology = mdtraj.load_prmtop(path)
        _number_as_prmtop(topology, Path(path).read_text())
        return topology, None
    if suffix in PSF:
        return mdtraj.load_psf(path), None
    if suffix in CIF:
        return _read_cif(path)
    if suffix in GRO:
        first = load_gro(path)[0]
    elif suffix in PDB:
        first = mdtraj.load_pdb(path)[0]
        _number_as_pdb(first.topology, path)
    else:
        raise ValueError(f"'{suffix}' is of no format that has a topology")
    return first.topology, first


def load_native(key: str, file: str) -> mdtraj.Trajectory:
    """First structure of a PDB or mmCIF file, or of a fold that comes with the package; ``key`` of the study names it.

    Raises :class:`ThermolatentError` for a file that is missing, cannot be read or holds no positions.
    """
    path = structure_path(file)
    if not Path(path).is_file():
        raise ThermolatentError(f"{key}: there is no file {path}; write the path of a PDB or mmCIF file")
    try:
        found = read_structure(path)[1]
    except Exception as error:  # the readers raise many kinds
        raise ThermolatentError(
            f"{key}: {path} cannot be read as a structure ({reason(error)}); write a PDB or mmCIF file"
        ) from None
    if found is None:
        raise ThermolatentError(f"{key}: {path} holds no positions; write a PDB or mmCIF file")
    return found


def load_topology(path: str) -> mdtraj.Topology:
    """Topology of a PDB file of this project; its first structure ``(n_atoms, 3)`` in nm is the attribute ``start``."""
    topology, first = read_structure(path)
    topology.start = first.xyz[0]
    return topology


def _read_cif(path: str) -> tuple[mdtraj.Topology, mdtraj.Trajectory]:
    """By OpenMM; mdtraj drops atoms of residues that differ in their insertion code alone."""
    import mdtraj
    from openmm import app

    read = app.PDBxFile(path)
    topology, box = from_openmm(read.topology), read.topology.getPeriodicBoxVectors()
    first = mdtraj.Trajectory(read.getPositions(asNumpy=True)._value[None], topology)
    if box is not None:
        first.unitcell_vectors = np.array(box._value)[None]
    return topology, first


def _number_as_pdb(topology: mdtraj.Topology, path: str) -> None:
    """Set the insertion codes of a PDB, which mdtraj leaves out."""
    from mdtraj.formats.pdb.pdbstructure import PdbStructure

    with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as file:
        found = [residue for chain in PdbStructure(file, False).iter_chains() for residue in chain.iter_residues()]
    for residue, source in zip(topology.residues, found, strict=True):
        residue.insertion_code = source.insertion_code.strip()


def _number_as_prmtop(topology: mdtraj.Topology, text: str) -> None:
    """Residues of a prmtop count from 1, or as its sections RESIDUE_NUMBER and RESIDUE_ICODE (of add_pdb) say."""
    numbers, codes = (_section(text, flag) for flag in ("RESIDUE_NUMBER", "RESIDUE_ICODE"))
    for i, residue in enumerate(topology.residues):
        residue.resSeq = int(numbers[i]) if i < len(numbers) else i + 1
        residue.insertion_code = codes[i] if i < len(codes) else ""


def _section(text: str, flag: str) -> list[str]:
    """Fields of one section of a prmtop; nothing where it has none."""
    found = re.search(rf"%FLAG {flag}\s*\n(?:%COMMENT.*\n)*%FORMAT\(\d+\w(\d+)\)\s*\n((?:[^%].*\n|\n)*)", text)
    if found is None:
        return []
    width = int(found[1])
    lines = found[2].splitlines()
    return [line[i : i + width].strip() for line in lines for i in range(0, len(line), width)]


def split_chains(topology: mdtraj.Topology) -> mdtraj.Topology:
    """The same atoms and bonds, with a chain for each piece connected by backbone bonds, and an id for each chain.

    Waters, ions and ligands stay in the chain of what is before them, and so do residues of which no bond is known. A part of a
    chain that is split keeps the chain's id, in a format that has ids; a chain without one gets the next letter that is free.
    """
    import mdtraj

    bonded = {frozenset((a.residue.index, b.residue.index)) for a, b in topology.bonds}
    known = frozenset().union(*bonded)
    ids = {chain.chain_id for chain in topology.chains}
    free = iter([letter for letter in string.ascii_uppercase + string.ascii_lowercase if letter not in ids])
    split, atoms = mdtraj.Topology(), {}
    for chain in topology.chains:
        new, last = None, None
        for residue in chain.residues:
            backbone = residue.index in known and _has_backbone(residue)
            if new is None or (backbone and last is not None and frozenset((last, residue.index)) not in bonded):
                named = (chain.chain_id or "").strip()
                new = split.add_chain(named or next(free, "-"))
            last = residue.index if backbone else last
            copied = split.add_residue(residue.name, new, residue.resSeq, residue.segment_id)
            copied.insertion_code = insertion_code(residue)
            for atom in residue.atoms:
                atoms[atom] = split.add_atom(atom.name, atom.element, copied, atom.serial, atom.formal_charge)
    for bond in topology.bonds:
        split.add_bond(atoms[bond[0]], atoms[bond[1]], bond.type, bond.order)
    return split


def _has_backbone(residue: mdtraj.core.topology.Residue) -> bool:
    names = {atom.name for atom in residue.atoms}
    return {"N", "CA", "C"} <= names or "C1'" in names or residue.name in _CAPS


def insertion_code(residue: mdtraj.core.topology.Residue) -> str:
    """One letter, or nothing."""
    return getattr(residue, "insertion_code", "")


def subset(topology: mdtraj.Topology, atoms: Iterable[int]) -> mdtraj.Topology:
    """Topology of these atoms alone, with their insertion codes."""
    atoms = np.asarray(atoms)
    part = topology.subset(atoms)
    for residue in part.residues:
        residue.insertion_code = ""
    for old, new in zip(atoms, part.atoms, strict=True):
        new.residue.insertion_code = insertion_code(topology.atom(int(old)).residue)
    return part


def from_openmm(topology: openmm.app.Topology) -> mdtraj.Topology:
    """mdtraj's topology of OpenMM's, with insertion codes, and segments where :func:`to_openmm` has put them."""
    import mdtraj

    made = mdtraj.Topology.from_openmm(topology)
    for residue, source in zip(made.residues, topology.residues(), strict=True):
        residue.insertion_code, residue.segment_id = source.insertionCode.strip(), getattr(source, "segment_id", "")
    return made


def to_openmm(topology: mdtraj.Topology) -> openmm.app.Topology:
    """OpenMM's topology of mdtraj's, with insertion codes and, for :func:`from_openmm`, segments."""
    made = topology.to_openmm()
    for residue, source in zip(made.residues(), topology.residues, strict=True):
        residue.insertionCode, residue.segment_id = insertion_code(source), source.segment_id
    return made


def write_pdb(path: str, topology: mdtraj.Topology, models: np.ndarray, remarks: Iterable[str] = ()) -> None:
    """Write structures ``(models, n_atoms, 3)`` in nm with the topology's numbers and names; same input, same bytes.

    A chain id of several letters goes into the columns of segments, beside a letter that is free, and a residue number that four
    columns do not hold is written modulo 10000.
    """
    from openmm import app, unit

    made = to_openmm(topology)
    ids = [chain.id for chain in made.chains()]
    free = iter([c for c in string.ascii_uppercase + string.ascii_lowercase + string.digits if c not in ids])
    for chain in made.chains():
        chain.id = chain.id if len(chain.id) == 1 else next(free, "-")
    for residue in made.residues():
        number = int(residue.id)
        residue.id = residue.id if _LOWEST <= number <= _HIGHEST else str(number % 10000)
    text = io.StringIO()
    for index, positions in enumerate(models, start=1):
        # PDBFile.writeFile also notes the date
        app.PDBFile.writeModel(made, positions * unit.nanometer, text, index if len(models) > 1 else None, keepIds=True)
    app.PDBFile.writeFooter(made, text)
    with replacing(path) as temporary, temporary.open("w") as file:
        file.writelines(f"{remark}\n" for remark in remarks)
        file.writelines(_with_long_names(text.getvalue().splitlines(keepends=True), topology))


def _with_long_names(lines: list[str], topology: mdtraj.Topology) -> Iterable[str]:
    """Lines of a PDB with the fourth letter of residue names, and with segments."""
    atoms = iter(())
    for line in lines:
        if not line.startswith(("ATOM", "HETATM")):
            yield line
            continue
        if (atom := next(atoms, None)) is None:  # of the first model, or of the next
            atoms = topology.atoms
            atom = next(atoms)
        chain = atom.residue.chain.chain_id
        segment = atom.segment_id or (chain if len(chain) > 1 else "")
        name = atom.residue.name[:4]
        yield f"{line[:17]}{name:>3s}{line[17 + max(3, len(name)) : 72]}{segment[:4]:4s}{line[76:]}"
