"""Arguments of ``init`` as the sections ``system`` and ``temperatures``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.parsing import parse_one
from thermolatent.systems.base import System
from thermolatent.systems.kinds import SYSTEMS
from thermolatent.temperatures import Temperatures, format_temperature
from thermolatent.yaml_text import load_yaml

#: Systems without required parameters.
MODEL_SYSTEMS = ("aib9", "alanine_dipeptide", "chignolin", "lj_cluster", "rna_tetraloop", "three_hole")
#: A sequence of RNA; only capitals without U could be amino acids, too.
_RNA = re.compile(r"(?=.*[acguU])[ACGUacgu]{2,}")
#: Suffixes of structures that can be built, and of topologies with parameters.
_STRUCTURES, _PREPARED = (".pdb", ".cif", ".mmcif", ".ent"), (".prmtop", ".parm7", ".top", ".psf", ".gro", ".inpcrd")
#: Hydrogens of this mass (amu) allow 4 fs.
_HEAVY_HYDROGEN = 3.0
#: Salt (mol/l) in explicit water, about that of a cell.
_SALT = 0.15
#: Default number of predicted temperatures.
_PREDICTED = 3


def read_temperatures(train: list[float], predict: list[float] | None) -> dict[str, list[float]]:
    """The section ``temperatures``; raises :class:`ThermolatentError` that names the options.

    ``predict``: by default evenly spaced between the training temperatures.
    """
    if len(set(train)) < 2:
        raise ThermolatentError(
            f"--train: one temperature ({format_temperature(train[0])}) cannot say how the ensemble changes with it; write "
            "two or more, e.g. --train 340 440"
        )
    low, high = min(train), max(train)
    if predict is None:
        digits = 0 if high - low >= 10 else 3
        between = [low + (high - low) * (i + 1) / (_PREDICTED + 1) for i in range(_PREDICTED)]
        predict = [t for t in dict.fromkeys(round(t, digits) for t in between) if t not in train]
    try:
        Temperatures(train=train, predict=predict)
    except ValueError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ThermolatentError(f"--train and --predict: {message}") from None
    return {"train": train, "predict": predict}


def read_assignments(pairs: Iterable[str]) -> dict[str, Any]:
    """``["remove=[GOL]", "pH=5"]`` as keys and values, values in YAML."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ThermolatentError(f"--system {pair}: write KEY=VALUE, e.g. --system remove=[GOL]")
        try:
            found[key] = load_yaml(value)
        except yaml.YAMLError:
            raise ThermolatentError(
                f"--system {pair}: '{value}' is not a YAML value; write e.g. remove=[GOL]"
            ) from None
    return found


def system_section(given: str, solvent: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Section ``system`` of a file, a model system's name or a sequence; ``more``: further keys of it.

    Raises :class:`ThermolatentError` for anything else.
    """
    suffix = Path(given).suffix.lower()
    if suffix in _PREPARED:
        raise ThermolatentError(
            f"{given}: files with parameters of their own need 'system: {{kind: prepared, ...}}', which says what belongs "
            "together: copy a study and write that (docs/systems.md); for finished MD, give --topology and --trajectories"
        )
    if suffix in _STRUCTURES or "/" in given or Path(given).is_file():
        if not Path(given).is_file():
            raise ThermolatentError(f"{given}: there is no such file in {Path.cwd()}; write the path of a PDB or mmCIF")
        section: dict[str, Any] = {"kind": "structure", "file": given}
    elif given in MODEL_SYSTEMS:
        section = {"kind": given}
    elif _RNA.fullmatch(given):
        section = {"kind": "rna", "sequence": given}
    elif re.fullmatch(r"[A-Z]+|[A-Za-z]{3}(-[A-Za-z]{3})+", given):
        section = {"kind": "peptide", "sequence": given}
        residues = given.upper().split("-") if "-" in given else list(given)
        if len(residues) == 1 or "AIB" in residues:
            section["termini"] = "capped"
        if "AIB" in residues:
            section |= {"force_field": "charmm36", "solvent": "explicit"}  # the only one with parameters for it
    else:
        raise ThermolatentError(
            f"'{given}' is not a file, no sequence of amino acids (GYDPETGTWG) or of RNA (ggcGCAAgcc) and no model system, "
            f"{did_you_mean(given, MODEL_SYSTEMS)}"
        )
    if section["kind"] in ("lj_cluster", "three_hole"):
        if solvent is not None:
            raise ThermolatentError(f"--solvent: {section['kind']} has none; leave it out")
    else:
        section["hydrogen_mass"] = _HEAVY_HYDROGEN
    if solvent is not None:
        section["solvent"] = solvent
    return section | dict(more)


def system_of(section: Mapping[str, Any]) -> System:
    """The system of a section; raises :class:`ThermolatentError` with the key."""
    return parse_one("system", SYSTEMS, dict(section))


def with_solvent(section: dict[str, Any], nucleic: bool, amino_acids: int) -> dict[str, Any]:
    """The section with its solvent, by default chosen by the kind of molecule.

    Raises :class:`ThermolatentError` for a nucleic acid without explicit solvent.
    """
    section = dict(section)
    asked = section.get("solvent")
    if nucleic and asked not in (None, "explicit"):
        raise ThermolatentError(
            f"--solvent {asked}: nucleic acids need explicit solvent, whose ions hold them together; write --solvent explicit"
        )
    if asked is None:
        section["solvent"] = "explicit" if nucleic or amino_acids == 0 else "implicit"
    if section["solvent"] == "explicit":
        section |= {"water": "tip3p", "salt": _SALT, "box_shape": "dodecahedron"} | section
    return section


def trajectories_section(
    topology: str, files: Iterable[str], frame_interval: float | None, more: Mapping[str, Any]
) -> dict[str, Any]:
    """Section ``system`` of existing MD: ``files`` are ``["340=a.xtc,b.xtc", ...]``; raises :class:`ThermolatentError`."""
    found: dict[float, list[str]] = {}
    for entry in files:
        temperature, equals, paths = entry.partition("=")
        try:
            key = float(temperature)
        except ValueError:
            equals = ""
        if not equals or not paths:
            raise ThermolatentError(f"--trajectories {entry}: write TEMPERATURE=FILE,FILE, e.g. 340=a.xtc,b.xtc")
        found.setdefault(key, []).extend(paths.split(","))
    for path in [topology, *(path for paths in found.values() for path in paths)]:
        if not Path(path).is_file():
            raise ThermolatentError(f"{path}: there is no such file in {Path.cwd()}; write a path that is")
    section = {"kind": "trajectories", "topology": topology, "files": dict(sorted(found.items()))}
    section["frame_interval"] = frame_interval or _frame_interval(found)
    return section | dict(more)


def _frame_interval(files: Mapping[float, list[str]]) -> float:
    """ps between the frames of the first file; raises :class:`ThermolatentError` if it has no times."""
    from thermolatent.imported.frame_times import read_times

    times = read_times(next(iter(files.values()))[0])
    if times.time is None or times.frames < 2:
        raise ThermolatentError(f"{times.path}: does not say how far its frames are apart; write --frame-interval PS")
    return round(float(np.median(np.abs(np.diff(times.time)))), 6)


def study_name(name: str | None, section: Mapping[str, Any]) -> str:
    """``name``, by default from the section; raises :class:`ThermolatentError` for an invalid name."""
    if name is None:
        given = section.get("file") or section.get("topology") or section.get("sequence") or section["kind"]
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(str(given)).stem).strip("_-").lower() or "mine"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ThermolatentError(f"--name {name}: a study's name has letters, digits, _ and - only; write e.g. my_study")
    return name
