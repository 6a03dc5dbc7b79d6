"""Atoms by mdtraj's selection language, residues as people write them, and how both are written for people.

``A:4`` is residue 4 of chain A, ``A:52B`` the one with insertion code B, ``A:4-9`` are those from 4 to 9; names of
segments work like those of chains. Numbers are those of the user's file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError, reason
from thermolatent.systems.topologies import insertion_code

if TYPE_CHECKING:
    import mdtraj

    Residue = mdtraj.core.topology.Residue

#: ``A:4``, ``A:52B``, ``A:4-9``.
_NAMED = re.compile(r"(?<![\w:])(\w+):(-?\d+)([A-Za-z]?)(?:-(-?\d+)([A-Za-z]?))?(?![\w:])")
#: ``resSeq 4``, ``resSeq 4 5 6``, ``resSeq 4 to 6``, in mdtraj's language also called residue; and ``resSeq == 4``.
_NUMBERED = re.compile(r"\b(?:resSeq|residue)\s*(?:==|\beq\b|\s)\s*(-?\d+(?:(?:\s+to)?\s+-?\d+)*)")


def select(kind: str, key: str, topology: mdtraj.Topology, selection: str) -> np.ndarray:
    """Atoms of a selection in mdtraj's language, in which ``A:4`` may stand.

    Raises :class:`ThermolatentError` if it cannot be read, is empty, or has a residue number that several of the selected
    residues have.
    """
    where, numbers = f"{kind}.{key}", set()
    residues = list(topology.residues)

    def named(found: re.Match) -> str:
        return _among(r.index for r in _from_to(where, residues, *found.groups()))

    def numbered(found: re.Match) -> str:
        mine = set(_numbers(found[1]))
        numbers.update(mine)
        return _among(r.index for r in residues if r.resSeq in mine)

    text = _NUMBERED.sub(numbered, _NAMED.sub(named, selection))
    try:
        atoms = topology.select(text)
    except Exception as error:  # mdtraj's parser raises many kinds
        first = reason(error).split(" ^^^")[0]
        raise ThermolatentError(
            f"{where}: '{selection}' is not an mdtraj selection ({first}); write e.g. 'name CA and resSeq 2 to 9', or 'A:4'"
        ) from None
    if len(atoms) == 0:
        there = ", ".join(residue_label(r) for r in residues[:6])
        raise ThermolatentError(f"{where}: '{selection}' selects no atom; residues are {there}, ...")
    chosen = {topology.atom(int(i)).residue for i in atoms} if numbers else ()
    _refuse_ambiguous(where, selection, [r for r in chosen if r.resSeq in numbers], both=True)
    return atoms


def _refuse_ambiguous(where: str, selection: str, residues: list[Residue], both: bool) -> None:
    """Refuse residues of one number; a selection may mean ``both``."""
    by_number: dict[int, list[Residue]] = {}
    for residue in sorted(residues, key=lambda r: r.index):
        by_number.setdefault(residue.resSeq, []).append(residue)
    if several := next((found for found in by_number.values() if len(found) > 1), None):
        names = [residue_name(r) for r in several]
        raise ThermolatentError(
            f"{where}: '{selection}' is ambiguous: {several[0].resSeq} is the number of {len(several)} residues, "
            f"{', '.join(names[:4])}; write e.g. {names[0]}" + both * f", or ({' or '.join(names[:2])})"
        )


def find_residue(where: str, residues: Iterable[Residue], name: int | str) -> Residue:
    """The residue called ``4`` or ``A:4``; raises :class:`ThermolatentError` if there is none, or more than one."""
    residues = list(residues)
    if isinstance(name, str) and (found := _NAMED.fullmatch(name)) and not found[4]:
        return _one(where, residues, found[1], int(found[2]), found[3])
    if isinstance(name, str) and not re.fullmatch(r"-?\d+", name):
        raise ThermolatentError(
            f"{where}: '{name}' is not a residue; write a number like 4, or A:4 for that of chain A"
        )
    mine = [r for r in residues if r.resSeq == int(name)]
    _refuse_ambiguous(where, str(name), mine, both=False)
    return _only(where, str(name), residues, mine)


def _from_to(where: str, residues: list[Residue], chain: str, number: str, code: str, last: str, last_code: str):
    first = _one(where, residues, chain, int(number), code)
    if last is None:
        return [first]
    end = _one(where, residues, chain, int(last), last_code)
    mine = [r for r in residues if chain in _chain_names(r) and first.index <= r.index <= end.index]
    if not mine:
        raise ThermolatentError(f"{where}: {chain}:{number}-{last} runs backwards; write the lower residue first")
    return mine


def _one(where: str, residues: list[Residue], chain: str, number: int, code: str) -> Residue:
    of_chain = [r for r in residues if chain in _chain_names(r)]
    if not of_chain:
        known = ", ".join(dict.fromkeys(chain_name(r.chain) for r in residues))
        raise ThermolatentError(f"{where}: there is no chain '{chain}' with such residues; there are {known}")
    mine = [r for r in of_chain if r.resSeq == number and insertion_code(r).upper() == code.upper()]
    name = f"{chain}:{number}{code}"
    if len(mine) > 1:
        labels = ", ".join(map(residue_label, mine))
        raise ThermolatentError(
            f"{where}: {name} is ambiguous: it is the name of {len(mine)} residues, {labels}; write their 'resid', which counts "
            f"all residues from 0: {mine[0].index} or {mine[1].index}"
        )
    return _only(where, name, of_chain, mine)


def _only(where: str, name: str, residues: list[Residue], found: list[Residue]) -> Residue:
    if not found:
        there = ", ".join(residue_label(r) for r in residues[:6])
        more = f", ..., {residue_label(residues[-1])}" if len(residues) > 6 else ""
        raise ThermolatentError(f"{where}: there is no residue {name}; there are {there}{more}")
    return found[0]


def _numbers(text: str) -> Iterable[int]:
    """Numbers of ``4 5 6`` and ``4 to 6``."""
    found = re.fullmatch(r"(-?\d+)\s+to\s+(-?\d+)", text)
    return range(int(found[1]), int(found[2]) + 1) if found else map(int, re.findall(r"-?\d+", text))


def _among(indices: Iterable[int]) -> str:
    """Selection of residues by mdtraj's ``resid``, which counts from 0."""
    found = sorted(indices)
    if not found:
        return "(none)"
    whole = found[-1] - found[0] == len(found) - 1 > 0
    return f"(resid {found[0]} to {found[-1]})" if whole else f"(resid {' '.join(map(str, found))})"


def atom_label(atom: mdtraj.core.topology.Atom) -> str:
    """``ALA2-CA``."""
    return f"{residue_label(atom.residue)}-{atom.name}"


def residue_label(residue: Residue) -> str:
    """``ALA2``; ``ALA2:B`` where there are several chains, and ``ALA52A`` with an insertion code."""
    return f"{residue.name}{residue.resSeq}{insertion_code(residue)}{_chain(residue)}"


def residue_name(residue: Residue) -> str:
    """``A:4``, as a selection has it."""
    return f"{chain_name(residue.chain)}:{residue.resSeq}{insertion_code(residue)}"


def numbered_label(atom: mdtraj.core.topology.Atom) -> str:
    """``CA2``: for atoms that are one per residue."""
    return f"{atom.name}{atom.residue.resSeq}{insertion_code(atom.residue)}{_chain(atom.residue)}"


def chain_name(chain: mdtraj.core.topology.Chain) -> str:
    """The id of a chain; the letter of its place, where the file has none."""
    return (chain.chain_id or "").strip() or chr(ord("A") + chain.index % 26)


def _chain_names(residue: Residue) -> tuple[str, str]:
    return chain_name(residue.chain), residue.segment_id


def _chain(residue: Residue) -> str:
    return "" if residue.chain.topology.n_chains == 1 else f":{chain_name(residue.chain)}"
