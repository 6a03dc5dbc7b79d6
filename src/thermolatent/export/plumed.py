"""A PLUMED input from values of actions (:mod:`thermolatent.featurize.plumed`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.plumed import Action, Value

_MOST_IN_PDB = 99_999


class PlumedInput:
    """The lines of an input, each action once, before its users.

    Molecules are made whole first, and periodic boundaries are then ignored for atoms of one molecule, as in the features'
    trajectories. Between molecules the nearest image counts.

    Parameters
    ----------
    numbers: number of each atom in the MD, from 1, ``(n_atoms,)``.
    molecules: atoms of each, from 0; one list of all for particles without a box.
    bonded: whether bonds are known, so that molecules can be made whole.
    stem: beginning of the names of RMSD's reference structures.

    Attributes
    ----------
    structures: content of the PDB files that it reads, by name.
    """

    def __init__(self, numbers: np.ndarray, molecules: Sequence[Sequence[int]], bonded: bool, stem: str = ""):
        self._numbers, self._bonded, self._molecules, self._stem = numbers, bonded, molecules, stem
        self.structures: dict[str, str] = {}
        self._molecule_of = {int(atom): m for m, atoms in enumerate(molecules) for atom in atoms}
        self._labels: dict[Action, str] = {}
        self._counts: Counter[str] = Counter()
        self._lines: list[str] = []
        self._used: set[int] = set()

    def name(self, value: Value, comment: str = "") -> str:
        """The name of a value in other lines; adds its action and those it needs."""
        action = value.action
        if not action.kind:
            return value.component
        if action not in self._labels:
            words = [self._reference(action)] if action.reference else []
            words += [f"{keyword}={self._listed(atoms)}" for keyword, atoms in action.atoms if not action.reference]
            if action.arguments:
                words.append(f"ARG={','.join(map(self.name, action.arguments))}")
            words += [action.options] if action.options else []
            if action.atoms and self._within_one(action):
                words.append("NOPBC")
            self._counts[action.kind] += 1
            label = self._labels[action] = f"{action.kind.lower()}{self._counts[action.kind]}"
            self._lines.append(
                f"{label}: {action.kind} {' '.join(words)}{f' # {comment}' if comment and not value.component else ''}"
            )
        label = self._labels[action]
        return label if value.component is None else f"{label}.{value.component}"

    def combine(self, label: str, names: Sequence[str], coefficients: np.ndarray, parameters: np.ndarray) -> None:
        """The sum of c_i (a_i - p_i) over values called ``names``."""
        lists = {
            "ARG": names,
            "COEFFICIENTS": map(repr, coefficients.tolist()),
            "PARAMETERS": map(repr, parameters.tolist()),
        }
        folded = (f"  {keyword}={','.join(words)}" for keyword, words in lists.items())
        self._lines += [f"{label}: COMBINE ...", *folded, "  PERIODIC=NO", "..."]

    def add(self, line: str) -> None:
        """One line as it is."""
        self._lines.append(line)

    def text(self, remarks: Sequence[str]) -> str:
        """The whole input, beginning with ``remarks``."""
        whole = []
        if self._bonded:
            entities = [self._molecules[m] for m in sorted(self._used) if len(self._molecules[m]) > 1]
            listed = (f"ENTITY{i}={self._listed(sorted(atoms))}" for i, atoms in enumerate(entities))
            whole = [f"WHOLEMOLECULES {' '.join(listed)}"] if entities else []
        return "\n".join([*(f"# {line}" for line in remarks), *whole, *self._lines, ""])

    def _within_one(self, action: Action) -> bool:
        found = {self._molecule_of[atom] for _, atoms in action.atoms for atom in atoms}
        self._used |= found
        return len(found) == 1

    def _reference(self, action: Action) -> str:
        """The keyword REFERENCE of an action, whose file joins :attr:`structures`: all atoms superposed and compared alike."""
        ((keyword, atoms),) = action.atoms
        lines = [
            f"ATOM  {self._numbers[atom]:5d}  X   ALL A   1    {10 * x:8.3f}{10 * y:8.3f}{10 * z:8.3f}  1.00  1.00"
            for atom, (x, y, z) in zip(atoms, action.reference, strict=True)
        ]
        if max(self._numbers[atom] for atom in atoms) > _MOST_IN_PDB:
            raise ThermolatentError(
                f"a PDB file has no room for atom numbers above {_MOST_IN_PDB}, which RMSD needs here"
            )
        name = f"{self._stem}.{action.kind.lower()}{len(self.structures) + 1}.pdb"
        self.structures[name] = "\n".join([*lines, "END", ""])
        return f"{keyword}={name}"

    def _listed(self, atoms: Sequence[int]) -> str:
        """Numbers of atoms, three or more that follow one another as a range."""
        numbers = [int(self._numbers[atom]) for atom in atoms]
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
        words = ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run) for run in runs)
        return ",".join(word for of_run in words for word in of_run)
