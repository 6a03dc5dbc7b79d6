"""Topology files of formats that mdtraj does not write, and PDB lines with numbers of one's own."""

from __future__ import annotations

from itertools import islice


def write_prmtop(path, topology, **sections):
    """Names, elements and bonds of an mdtraj topology as Amber has them; ``sections`` are e.g. RESIDUE_NUMBER=[...]."""
    atoms, residues = list(topology.atoms), list(topology.residues)
    bonds = [(a.index, b.index) for a, b in topology.bonds]
    pointers = [0] * 31
    pointers[0], pointers[3], pointers[11] = len(atoms), len(bonds), len(residues)
    text = "%VERSION  VERSION_STAMP = V0001.000  DATE = 01/01/20  00:00:00\n"
    text += _section("TITLE", "20a4", ["x"]) + _section("POINTERS", "10I8", pointers)
    text += _section("ATOM_NAME", "20a4", [a.name for a in atoms])
    text += _section("ATOMIC_NUMBER", "10I8", [a.element.atomic_number for a in atoms])
    text += _section("RESIDUE_LABEL", "20a4", [r.name for r in residues])
    text += _section("RESIDUE_POINTER", "10I8", [next(r.atoms).index + 1 for r in residues])
    text += _section("BONDS_INC_HYDROGEN", "10I8", [])
    text += _section("BONDS_WITHOUT_HYDROGEN", "10I8", [v for i, j in bonds for v in (3 * i, 3 * j, 1)])
    for flag, values in sections.items():
        text += _section(flag, "20I4" if isinstance(values[0], int) else "20a4", values)
    path.write_text(text)
    return str(path)


def _section(flag, kind, values):
    letter = "I" if "I" in kind else "a"
    number, width = map(int, kind.split(letter))
    fields = iter(f"{v:{width}d}" if letter == "I" else f"{v:<{width}}" for v in values)
    lines = []
    while line := list(islice(fields, number)):
        lines.append("".join(line))
    return f"%FLAG {flag}\n%FORMAT({kind})\n" + "\n".join(lines) + "\n"


def write_psf(path, topology, segment="PEP"):
    """Atoms and bonds of an mdtraj topology as CHARMM has them."""
    lines = ["PSF", "", "       1 !NTITLE", " REMARKS x", "", f"{topology.n_atoms:8d} !NATOM"]
    for a in topology.atoms:
        lines.append(
            f"{a.index + 1:8d} {segment:4s} {a.residue.resSeq:<4d} {a.residue.name:4s} {a.name:4s} {a.name:4s} "
            f"{0.0:10.6f} {a.element.mass:13.4f} {0:11d}"
        )
    numbers = [i + 1 for bond in topology.bonds for i in (bond[0].index, bond[1].index)]
    lines += ["", f"{len(numbers) // 2:8d} !NBOND: bonds"]
    lines += ["".join(f"{n:8d}" for n in numbers[i : i + 8]) for i in range(0, len(numbers), 8)]
    for name in ("NTHETA: angles", "NPHI: dihedrals", "NIMPHI: impropers", "NDON: donors", "NACC: acceptors", "NNB"):
        lines += ["", f"       0 !{name}", ""]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def renumbered(text, names):
    """PDB ``text`` whose residues, in their order, are called ``(chain, number, insertion code)``."""
    lines, last, at = [], None, -1
    for line in text.splitlines(keepends=True):
        if line.startswith("TER"):
            line = "TER\n"
        elif line.startswith(("ATOM", "HETATM")):
            if line[21:27] != last:
                last, at = line[21:27], at + 1
            chain, number, code = names[at]
            line = f"{line[:21]}{chain}{number:4d}{code or ' '}{line[27:]}"
        lines.append(line)
    return "".join(lines)
